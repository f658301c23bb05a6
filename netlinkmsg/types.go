// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Family is an address family (AF_INET or AF_INET6).
type Family uint16

// The address families.
const (
	IPv4 Family = 2  // AF_INET
	IPv6 Family = 10 // AF_INET6 on Linux
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

// Protocol is a transport protocol (IPPROTO_*). It is 0 in services with a
// firewall mark.
type Protocol uint16

// The protocols of virtual services.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String returns "TCP", "UDP" or "SCTP".
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

// Version is the version of IPVS: 0x010201 is 1.2.1.
type Version uint32

// String returns the version in dotted form, such as "1.2.1".
func (v Version) String() string {
	b := strconv.AppendUint(nil, uint64(v>>16&0xff), 10)
	b = strconv.AppendUint(append(b, '.'), uint64(v>>8&0xff), 10)
	return string(strconv.AppendUint(append(b, '.'), uint64(v&0xff), 10))
}

// ServiceFlags are the flags of a virtual service (IP_VS_SVC_F_*).
type ServiceFlags uint32

// The flags of a virtual service. The meaning of Sched1 to Sched3 depends on the
// scheduler; package sched has their names.
const (
	Persistent          ServiceFlags = 1 << iota // all connections of a client go to the same destination
	Hashed                                       // the service is in the kernel's hash table; set by the kernel
	OnePacketScheduling                          // each UDP datagram is scheduled separately
	Sched1
	Sched2
	Sched3
)

// SchedFlags is the mask of the scheduler flags.
const SchedFlags = Sched1 | Sched2 | Sched3

// String returns the names of the flags that are set, such as "Persistent|Sched1".
func (f ServiceFlags) String() string {
	return flagNames(uint32(f), "Persistent", "Hashed", "OnePacketScheduling", "Sched1", "Sched2", "Sched3")
}

// flagNames joins the names of the bits that are set, lowest bit first, and
// appends bits without a name as one hexadecimal number.
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

// ForwardingMethod is the method by which packets are forwarded to a destination
// (IP_VS_CONN_F_FWD_MASK).
type ForwardingMethod uint32

// The forwarding methods. Some kernels report Local for a destination on the
// director itself, whichever method was requested.
const (
	Masquerading  ForwardingMethod = iota // NAT (IP_VS_CONN_F_MASQ)
	Local                                 // delivery to a local process (IP_VS_CONN_F_LOCALNODE)
	Tunneling                             // encapsulation, see Tunnel (IP_VS_CONN_F_TUNNEL)
	DirectRouting                         // rewriting of the link-layer address (IP_VS_CONN_F_DROUTE)
	Bypass                                // forwarding to the original destination address (IP_VS_CONN_F_BYPASS)
)

// forwardingMask is IP_VS_CONN_F_FWD_MASK. The higher bits of the attribute are
// other connection flags.
const forwardingMask = 0x7

// String returns the name used in ipvsadm's listings, such as "Masq".
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

// TunnelType is the encapsulation used by Tunneling.
type TunnelType uint8

// The tunnel types (IP_VS_CONN_F_TUNNEL_TYPE_*).
const (
	IPIP TunnelType = iota // IP in IP
	GUE                    // generic UDP encapsulation, since Linux 5.2
	GRE                    // generic routing encapsulation, since Linux 5.3
)

// String returns the name used by ipvsadm: "ipip", "gue" or "gre".
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
// (IP_VS_TUNNEL_ENCAP_FLAG_*). 0 means no checksum.
type TunnelFlags uint16

// The checksum options of a tunnel.
const (
	TunnelChecksum       TunnelFlags = 1 << iota // checksum in the outer header
	TunnelRemoteChecksum                         // remote checksum offload, GUE only
)

// String returns the names of the options that are set, such as
// "TunnelChecksum|TunnelRemoteChecksum".
func (f TunnelFlags) String() string {
	return flagNames(uint32(f), "TunnelChecksum", "TunnelRemoteChecksum")
}

// DaemonState is the role of a connection synchronization daemon
// (IP_VS_STATE_*).
type DaemonState uint32

// The roles of a connection synchronization daemon.
const (
	Master DaemonState = 1 // sends the connections of this director
	Backup DaemonState = 2 // receives the connections of another director
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
