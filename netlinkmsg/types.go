package netlinkmsg

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Family is an address family as the ABI numbers it.
type Family uint16

// The families IPVS balances.
const (
	IPv4 Family = unix.AF_INET
	IPv6 Family = unix.AF_INET6
)

// FamilyOf returns the family of a. An IPv4-mapped IPv6 address is IPv6.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// String returns "IPv4" or "IPv6".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "IPv4"
	case IPv6:
		return "IPv6"
	}
	return fmt.Sprintf("Family(%d)", uint16(f))
}

// A Protocol is a transport protocol by its IP protocol number. The zero
// Protocol belongs to firewall-mark services.
type Protocol uint16

// The protocols of virtual services.
const (
	TCP  Protocol = unix.IPPROTO_TCP
	UDP  Protocol = unix.IPPROTO_UDP
	SCTP Protocol = unix.IPPROTO_SCTP
)

// String returns the protocol's name in capitals, as listings show it.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("Protocol(%d)", uint16(p))
}

// A Version is that of the kernel's IPVS: 0x010201 is 1.2.1.
type Version uint32

// String returns the version as the dotted number that it is.
func (v Version) String() string {
	b := strconv.AppendUint(nil, uint64(v>>16&0xff), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(v>>8&0xff), 10)
	return string(strconv.AppendUint(append(b, '.'), uint64(v&0xff), 10))
}

// ServiceFlags are a virtual service's flags (IP_VS_SVC_F_*).
type ServiceFlags uint32

// The flags of a service. The meaning of the three scheduler flags is the
// scheduler's own; package sched names them.
const (
	Persistent          ServiceFlags = 1 << iota // connections of one client stay on one server
	Hashed                                       // in the kernel's table; set by the kernel
	OnePacketScheduling                          // each datagram is scheduled by itself
	Sched1
	Sched2
	Sched3
)

// SchedFlags is the mask of the flags that belong to the scheduler.
const SchedFlags = Sched1 | Sched2 | Sched3

// String returns the flags that are set, such as "Persistent|Sched1".
func (f ServiceFlags) String() string {
	return flagNames(uint32(f), "Persistent", "Hashed", "OnePacket", "Sched1", "Sched2", "Sched3")
}

// flagNames joins the names of the bits that are set, the lowest first, and a
// number for those that have no name.
func flagNames(bits uint32, names ...string) string {
	if bits == 0 {
		return "0"
	}
	var set []string
	for i, name := range names {
		if bits&(1<<i) != 0 {
			set = append(set, name)
		}
	}
	if rest := bits >> len(names) << len(names); rest != 0 {
		set = append(set, "0x"+strconv.FormatUint(uint64(rest), 16))
	}
	return strings.Join(set, "|")
}

// A ForwardingMethod says how packets reach a destination
// (IP_VS_CONN_F_FWD_MASK).
type ForwardingMethod uint32

// The forwarding methods. Local is never asked for: the kernel reports it for
// a destination that is an address of the director itself.
const (
	Masquerading ForwardingMethod = iota // LVS-NAT
	Local
	Tunneling     // LVS-TUN
	DirectRouting // LVS-DR
	Bypass
)

// forwardingMask is IP_VS_CONN_F_FWD_MASK: the attribute may carry other
// connection flags above it.
const forwardingMask = 0x7

// String returns the method's name as listings show it.
func (m ForwardingMethod) String() string {
	switch m {
	case Masquerading:
		return "Masq"
	case Local:
		return "Local"
	case Tunneling:
		return "Tunnel"
	case DirectRouting:
		return "Route"
	case Bypass:
		return "Bypass"
	}
	return fmt.Sprintf("ForwardingMethod(%d)", uint32(m))
}

// A TunnelType is the encapsulation of a tunneling destination.
type TunnelType uint8

// The tunnel types (IP_VS_CONN_F_TUNNEL_TYPE_*). Kernels before 5.2 know IPIP
// only, GUE came with 5.2 and GRE with 5.3.
const (
	IPIP TunnelType = iota
	GUE
	GRE
)

// String returns the type's name as options and listings spell it.
func (t TunnelType) String() string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return fmt.Sprintf("TunnelType(%d)", uint8(t))
}

// TunnelFlags are the checksum options of a GUE or GRE tunnel
// (IP_VS_TUNNEL_ENCAP_FLAG_*). Zero means no checksum.
type TunnelFlags uint16

// The checksum options.
const (
	TunnelChecksum       TunnelFlags = 1 << iota
	TunnelRemoteChecksum             // remote checksum offload, GUE only
)

// String returns the options that are set, such as "TunnelChecksum".
func (f TunnelFlags) String() string {
	return flagNames(uint32(f), "TunnelChecksum", "TunnelRemoteChecksum")
}

// A DaemonState is the role of a connection synchronisation daemon.
type DaemonState uint32

// The roles (IP_VS_STATE_*).
const (
	Master DaemonState = 1 // sends the director's connections
	Backup DaemonState = 2 // receives another director's connections
)

// String returns "master" or "backup".
func (s DaemonState) String() string {
	switch s {
	case Master:
		return "master"
	case Backup:
		return "backup"
	}
	return fmt.Sprintf("DaemonState(%d)", uint32(s))
}
