package netlinkmsg

import (
	"encoding/binary"
	"net/netip"
)

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

var destSizes = sizes{
	destPort: 2, destMethod: 4, destWeight: 4, destUpper: 4, destLower: 4,
	destActive: 4, destInactive: 4, destPersistent: 4, destFamily: 2,
	destTunnelType: 1, destTunnelPort: 2, destTunnelFlags: 2,
}

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
	var err error
	for typ, data := range attributes(b, destSizes, &err) {
		switch typ {
		case destAddr:
			raw = data
		case destPort:
			port = binary.BigEndian.Uint16(data)
		case destMethod:
			d.Method = ForwardingMethod(native.Uint32(data) & forwardingMask)
		case destWeight:
			d.Weight = native.Uint32(data)
		case destUpper:
			d.UpperThreshold = native.Uint32(data)
		case destLower:
			d.LowerThreshold = native.Uint32(data)
		case destActive:
			d.ActiveConns = native.Uint32(data)
		case destInactive:
			d.InactiveConns = native.Uint32(data)
		case destPersistent:
			d.PersistentConns = native.Uint32(data)
		case destStats:
			stats = data
		case destFamily:
			family = Family(native.Uint16(data))
		case destStats64:
			stats64 = data
		case destTunnelType:
			d.Tunnel.Type = TunnelType(data[0])
		case destTunnelPort:
			d.Tunnel.Port = binary.BigEndian.Uint16(data)
		case destTunnelFlags:
			d.Tunnel.Flags = TunnelFlags(native.Uint16(data))
		}
	}
	if err != nil {
		return err
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
