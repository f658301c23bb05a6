// SPDX-License-Identifier: MIT

package netlinkmsg

import "net/netip"

// Tunnel is the encapsulation of packets to a destination with the method
// Tunneling.
type Tunnel struct {
	Type  TunnelType  // encapsulation; the zero value is IPIP
	Port  uint16      // UDP destination port of GUE, which requires one; 0 for IPIP and GRE
	Flags TunnelFlags // checksum options of GUE and GRE; 0 for none
}

// Destination is a real server of a virtual service: its configuration, its
// connection counts and its statistics. AddrPort identifies it within the
// service.
type Destination struct {
	// AddrPort is the address and port of the server. Port 0 keeps the port that
	// the client connected to, for services with a firewall mark or port 0.
	AddrPort netip.AddrPort

	Method ForwardingMethod // packet forwarding method; the zero value is Masquerading
	Weight uint32           // share of new connections, at most 2147483647; 0 for none
	Tunnel Tunnel           // encapsulation, used by Tunneling

	// Scheduling to a destination stops when it has UpperThreshold connections,
	// and resumes when it has fewer than LowerThreshold. An UpperThreshold of 0
	// means no limit, a LowerThreshold of 0 three quarters of UpperThreshold.
	UpperThreshold uint32
	LowerThreshold uint32

	// The following fields are set by the kernel.

	ActiveConns     uint32 // TCP and SCTP connections that are established or being established
	InactiveConns   uint32 // all other connections, including those of UDP
	PersistentConns uint32 // persistence templates, one for each client bound to the destination
	Stats           Stats  // traffic counters and rates
}

// Configuration returns d without the fields that the kernel sets.
func (d Destination) Configuration() Destination {
	d.ActiveConns, d.InactiveConns, d.PersistentConns = 0, 0, 0
	d.Stats = Stats{}
	return d
}

// The attributes of a destination (IPVS_DEST_ATTR_*).
const (
	destAddr = iota + 1
	destPort
	destMethod
	destWeight
	destUpper
	destLower
	destActive
	destInactive
	destPersistent
	destStats
	destFamily
	destStats64
	destTunnelType
	destTunnelPort
	destTunnelFlags
)

// append appends d as a nested attribute: its address and port and, if full is
// set, its configuration.
func (d *Destination) append(b []byte, full bool) []byte {
	start := len(b)
	b = beginNested(b, cmdDestination)
	// Since Linux 3.18, the family may differ from that of the service. Older
	// kernels ignore the attribute and assume the family of the service.
	b = appendUint16(b, destFamily, uint16(FamilyOf(d.AddrPort.Addr())))
	b = appendAddr(b, destAddr, d.AddrPort.Addr())
	b = appendPort(b, destPort, d.AddrPort.Port())
	if full {
		b = appendUint32(b, destMethod, uint32(d.Method))
		b = appendUint32(b, destWeight, d.Weight)
		b = appendUint8(b, destTunnelType, uint8(d.Tunnel.Type))
		b = appendPort(b, destTunnelPort, d.Tunnel.Port)
		b = appendUint16(b, destTunnelFlags, uint16(d.Tunnel.Flags))
		b = appendUint32(b, destUpper, d.UpperThreshold)
		b = appendUint32(b, destLower, d.LowerThreshold)
		if d.ActiveConns|d.InactiveConns|d.PersistentConns != 0 {
			b = appendUint32(b, destActive, d.ActiveConns)
			b = appendUint32(b, destInactive, d.InactiveConns)
			b = appendUint32(b, destPersistent, d.PersistentConns)
		}
		if d.Stats != (Stats{}) {
			b = d.Stats.append(b, destStats64)
		}
	}
	endNested(b, start)
	return b
}

// decode sets *d to the destination with the attributes b. family is the family of
// its service; it is used for kernels before 3.18, which do not send the family of
// destinations.
func (d *Destination) decode(b []byte, family Family) error {
	*d = Destination{}
	// Fields of a struct instead of variables: the compiler keeps them in memory and
	// leaves the registers to the loop.
	var raw struct {
		addr, stats, stats64 []byte
		family               Family
		port                 uint16
	}
	raw.family = family
	var tooShort attributes
	a := attributes(b)
	for ; a.valid(); a = a.next() {
		switch a.typ() {
		case destAddr:
			raw.addr = a.payload()
		case destPort:
			raw.port = a.port(&tooShort)
		case destMethod:
			d.Method = ForwardingMethod(a.uint32(&tooShort) & forwardingMask)
		case destWeight:
			d.Weight = a.uint32(&tooShort)
		case destUpper:
			d.UpperThreshold = a.uint32(&tooShort)
		case destLower:
			d.LowerThreshold = a.uint32(&tooShort)
		case destActive:
			d.ActiveConns = a.uint32(&tooShort)
		case destInactive:
			d.InactiveConns = a.uint32(&tooShort)
		case destPersistent:
			d.PersistentConns = a.uint32(&tooShort)
		case destStats:
			raw.stats = a.payload()
		case destFamily:
			raw.family = Family(a.uint16(&tooShort))
		case destStats64:
			raw.stats64 = a.payload()
		case destTunnelType:
			d.Tunnel.Type = TunnelType(a.uint8(&tooShort))
		case destTunnelPort:
			d.Tunnel.Port = a.port(&tooShort)
		case destTunnelFlags:
			d.Tunnel.Flags = TunnelFlags(a.uint16(&tooShort))
		}
	}
	if err := a.err(tooShort); err != nil {
		return err
	}
	addr, err := address(raw.family, raw.addr)
	if err != nil {
		return err
	}
	d.AddrPort = netip.AddrPortFrom(addr, raw.port)
	return d.Stats.decode(raw.stats, raw.stats64)
}
