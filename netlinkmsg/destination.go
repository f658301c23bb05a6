package netlinkmsg

import "net/netip"

// A Tunnel says how packets for a tunneling destination are wrapped.
type Tunnel struct {
	Type  TunnelType
	Port  uint16 // UDP destination port of GUE; 0 for the others
	Flags TunnelFlags
}

// A Destination is a real server of a virtual service, with its configuration
// and what the kernel counted for it. Within a service its address and port
// identify it.
type Destination struct {
	// AddrPort may have port 0 for a service that has: a firewall mark, or
	// any port of an address.
	AddrPort netip.AddrPort

	Method ForwardingMethod
	Weight uint32 // 0: no new connections
	Tunnel Tunnel // of the method Tunneling

	// A destination with more connections than UpperThreshold gets no new
	// ones until it has fewer than LowerThreshold. 0 means no limit.
	UpperThreshold uint32
	LowerThreshold uint32

	// From the kernel only.
	ActiveConns     uint32
	InactiveConns   uint32
	PersistentConns uint32
	Stats           Stats
}

// Attributes of a nested destination (IPVS_DEST_ATTR_*).
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

// append appends the nested destination attribute, with the configuration or
// only the key.
func (d *Destination) append(b []byte, whole bool) []byte {
	start := len(b)
	b = beginNested(b, cmdDestination)
	// The family lets an IPv4 service have IPv6 servers (since 3.18); older
	// kernels skip it and take the service's.
	b = appendUint16(b, destFamily, uint16(FamilyOf(d.AddrPort.Addr())))
	b = appendAddr(b, destAddr, d.AddrPort.Addr())
	b = appendPort(b, destPort, d.AddrPort.Port())
	if whole {
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

// decode reads the attributes of a destination into d, which keeps nothing of
// what it held. family is the service's: kernels before 3.18 do not tell the
// destination's own.
func (d *Destination) decode(b []byte, family Family) error {
	*d = Destination{}
	var (
		raw, stats, stats64 []byte
		port                uint16
	)
	it := attributes{rest: b}
	for it.next() {
		switch it.typ {
		case destAddr:
			raw = it.data
		case destPort:
			port = it.port()
		case destMethod:
			d.Method = ForwardingMethod(it.uint32() & forwardingMask)
		case destWeight:
			d.Weight = it.uint32()
		case destUpper:
			d.UpperThreshold = it.uint32()
		case destLower:
			d.LowerThreshold = it.uint32()
		case destActive:
			d.ActiveConns = it.uint32()
		case destInactive:
			d.InactiveConns = it.uint32()
		case destPersistent:
			d.PersistentConns = it.uint32()
		case destStats:
			stats = it.data
		case destFamily:
			family = Family(it.uint16())
		case destStats64:
			stats64 = it.data
		case destTunnelType:
			d.Tunnel.Type = TunnelType(it.uint8())
		case destTunnelPort:
			d.Tunnel.Port = it.port()
		case destTunnelFlags:
			d.Tunnel.Flags = TunnelFlags(it.uint16())
		}
	}
	if it.err != nil {
		return it.err
	}
	if err := d.Stats.decodeEither(stats, stats64); err != nil {
		return err
	}
	addr, err := address(family, raw)
	if err != nil {
		return err
	}
	d.AddrPort = netip.AddrPortFrom(addr, port)
	return nil
}
