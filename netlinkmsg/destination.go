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

var destSizes = minLens{
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
	if d.decodeFast(b) {
		return nil
	}
	return d.decodeGeneric(b, family)
}

// decodeAny reads a destination attribute by attribute.
func (d *Destination) decodeGeneric(b []byte, family Family) error {
	var a attributes
	if err := a.parse(b, &destSizes); err != nil {
		return err
	}
	if a.has(destFamily) {
		family = Family(a.uint16(destFamily))
	}
	addr, err := address(family, a.data(destAddr))
	if err != nil {
		return err
	}
	*d = Destination{
		AddrPort: netip.AddrPortFrom(addr, a.port(destPort)),
		Method:   ForwardingMethod(a.uint32(destMethod) & forwardingMask),
		Weight:   a.uint32(destWeight),
		Tunnel: Tunnel{
			Type:  TunnelType(a.uint8(destTunnelType)),
			Port:  a.port(destTunnelPort),
			Flags: TunnelFlags(a.uint16(destTunnelFlags)),
		},
		UpperThreshold:  a.uint32(destUpper),
		LowerThreshold:  a.uint32(destLower),
		ActiveConns:     a.uint32(destActive),
		InactiveConns:   a.uint32(destInactive),
		PersistentConns: a.uint32(destPersistent),
	}
	return d.Stats.decodePreferred64(a.data(destStats), a.data(destStats64))
}
