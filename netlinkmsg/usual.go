package netlinkmsg

import (
	"encoding/binary"
	"net/netip"
)

// The kernel lays out all destinations alike, and a listing reads one after the
// other. What is laid out as usual is read from its places, everything else
// attribute by attribute: 320 instructions instead of 1,120.

// Where the payloads of a usual destination begin, one from Linux since 5.3. Each
// number has eight bytes with its header; the statistics come last, the older
// generation of them before the newer.
const (
	usualAddr = attrHeaderLen
	usualPort = usualAddr + addrLen + attrHeaderLen + 8*(iota-1)
	usualMethod
	usualWeight
	usualTunnelType
	usualTunnelPort
	usualTunnelFlags
	usualUpper
	usualLower
	usualActive
	usualInactive
	usualPersistent
	usualFamily
	usualStats
)

// begins reports whether b begins with the header of an attribute of that size
// and type.
func begins(b []byte, size, typ uint16) bool {
	return native.Uint16(b) == attrHeaderLen+size && native.Uint16(b[2:]) == typ
}

// decodeUsual reads a destination as it usually is, and reports whether b is
// that.
func (d *Destination) decodeUsual(b []byte) bool {
	if len(b) < usualStats {
		return false
	}
	p := (*[usualStats]byte)(b)
	if !begins(p[usualAddr-attrHeaderLen:], addrLen, destAddr) ||
		!begins(p[usualPort-attrHeaderLen:], 2, destPort) ||
		!begins(p[usualMethod-attrHeaderLen:], 4, destMethod) ||
		!begins(p[usualWeight-attrHeaderLen:], 4, destWeight) ||
		!begins(p[usualTunnelType-attrHeaderLen:], 1, destTunnelType) ||
		!begins(p[usualTunnelPort-attrHeaderLen:], 2, destTunnelPort) ||
		!begins(p[usualTunnelFlags-attrHeaderLen:], 2, destTunnelFlags) ||
		!begins(p[usualUpper-attrHeaderLen:], 4, destUpper) ||
		!begins(p[usualLower-attrHeaderLen:], 4, destLower) ||
		!begins(p[usualActive-attrHeaderLen:], 4, destActive) ||
		!begins(p[usualInactive-attrHeaderLen:], 4, destInactive) ||
		!begins(p[usualPersistent-attrHeaderLen:], 4, destPersistent) ||
		!begins(p[usualFamily-attrHeaderLen:], 2, destFamily) {
		return false
	}
	old := b[usualStats-attrHeaderLen:]
	n := int(native.Uint16(old))
	if n < attrHeaderLen || align4(n)+attrHeaderLen > len(old) || native.Uint16(old[2:]) != destStats {
		return false
	}
	new := old[align4(n):]
	if int(native.Uint16(new)) != len(new) || native.Uint16(new[2:]) != destStats64 || d.Stats.decode(new[attrHeaderLen:]) != nil {
		return false
	}
	addr, err := address(Family(native.Uint16(p[usualFamily:])), p[usualAddr:usualAddr+addrLen])
	if err != nil {
		return false
	}
	d.AddrPort = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(p[usualPort:]))
	d.Method = ForwardingMethod(native.Uint32(p[usualMethod:]) & forwardingMask)
	d.Weight = native.Uint32(p[usualWeight:])
	d.Tunnel.Type = TunnelType(p[usualTunnelType])
	d.Tunnel.Port = binary.BigEndian.Uint16(p[usualTunnelPort:])
	d.Tunnel.Flags = TunnelFlags(native.Uint16(p[usualTunnelFlags:]))
	d.UpperThreshold = native.Uint32(p[usualUpper:])
	d.LowerThreshold = native.Uint32(p[usualLower:])
	d.ActiveConns = native.Uint32(p[usualActive:])
	d.InactiveConns = native.Uint32(p[usualInactive:])
	d.PersistentConns = native.Uint32(p[usualPersistent:])
	return true
}

// usualCounter is how many bytes a number of STATS64 has with its header.
const usualCounter = attrHeaderLen + 8

// decodeUsual reads STATS64 as it usually is: from a kernel that needs no padding
// between the numbers, since its processor reads eight bytes from any place. It
// reports whether b is that.
func (s *Stats) decodeUsual(b []byte) bool {
	const size = statsOutBPS * usualCounter
	if len(b) != size {
		return false
	}
	p := (*[size]byte)(b)
	if !begins(p[(statsConns-1)*usualCounter:], 8, statsConns) ||
		!begins(p[(statsInPackets-1)*usualCounter:], 8, statsInPackets) ||
		!begins(p[(statsOutPackets-1)*usualCounter:], 8, statsOutPackets) ||
		!begins(p[(statsInBytes-1)*usualCounter:], 8, statsInBytes) ||
		!begins(p[(statsOutBytes-1)*usualCounter:], 8, statsOutBytes) ||
		!begins(p[(statsCPS-1)*usualCounter:], 8, statsCPS) ||
		!begins(p[(statsInPPS-1)*usualCounter:], 8, statsInPPS) ||
		!begins(p[(statsOutPPS-1)*usualCounter:], 8, statsOutPPS) ||
		!begins(p[(statsInBPS-1)*usualCounter:], 8, statsInBPS) ||
		!begins(p[(statsOutBPS-1)*usualCounter:], 8, statsOutBPS) {
		return false
	}
	s.Conns = native.Uint64(p[statsConns*usualCounter-8:])
	s.InPackets = native.Uint64(p[statsInPackets*usualCounter-8:])
	s.OutPackets = native.Uint64(p[statsOutPackets*usualCounter-8:])
	s.InBytes = native.Uint64(p[statsInBytes*usualCounter-8:])
	s.OutBytes = native.Uint64(p[statsOutBytes*usualCounter-8:])
	s.CPS = native.Uint64(p[statsCPS*usualCounter-8:])
	s.InPPS = native.Uint64(p[statsInPPS*usualCounter-8:])
	s.OutPPS = native.Uint64(p[statsOutPPS*usualCounter-8:])
	s.InBPS = native.Uint64(p[statsInBPS*usualCounter-8:])
	s.OutBPS = native.Uint64(p[statsOutBPS*usualCounter-8:])
	return true
}
