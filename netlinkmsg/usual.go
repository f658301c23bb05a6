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
	offAddr   = attrHeaderLen
	usualPort = offAddr + addrLen + attrHeaderLen + 8*(iota-1)
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
func isAttr(b []byte, size, typ uint16) bool {
	return native.Uint16(b) == attrHeaderLen+size && native.Uint16(b[2:]) == typ
}

// decodeUsual reads a destination as it usually is, and reports whether b is
// that.
func (d *Destination) decodeFast(b []byte) bool {
	if len(b) < usualStats {
		return false
	}
	p := (*[usualStats]byte)(b)
	if !isAttr(p[offAddr-attrHeaderLen:], addrLen, destAddr) ||
		!isAttr(p[usualPort-attrHeaderLen:], 2, destPort) ||
		!isAttr(p[usualMethod-attrHeaderLen:], 4, destMethod) ||
		!isAttr(p[usualWeight-attrHeaderLen:], 4, destWeight) ||
		!isAttr(p[usualTunnelType-attrHeaderLen:], 1, destTunnelType) ||
		!isAttr(p[usualTunnelPort-attrHeaderLen:], 2, destTunnelPort) ||
		!isAttr(p[usualTunnelFlags-attrHeaderLen:], 2, destTunnelFlags) ||
		!isAttr(p[usualUpper-attrHeaderLen:], 4, destUpper) ||
		!isAttr(p[usualLower-attrHeaderLen:], 4, destLower) ||
		!isAttr(p[usualActive-attrHeaderLen:], 4, destActive) ||
		!isAttr(p[usualInactive-attrHeaderLen:], 4, destInactive) ||
		!isAttr(p[usualPersistent-attrHeaderLen:], 4, destPersistent) ||
		!isAttr(p[usualFamily-attrHeaderLen:], 2, destFamily) {
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
	addr, err := address(Family(native.Uint16(p[usualFamily:])), p[offAddr:offAddr+addrLen])
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
const statAttrLen = attrHeaderLen + 8

// decodeUsual reads STATS64 as it usually is: from a kernel that needs no padding
// between the numbers, since its processor reads eight bytes from any place. It
// reports whether b is that.
func (s *Stats) decodeUsual(b []byte) bool {
	const size = statsOutBPS * statAttrLen
	if len(b) != size {
		return false
	}
	p := (*[size]byte)(b)
	if !isAttr(p[(statsConns-1)*statAttrLen:], 8, statsConns) ||
		!isAttr(p[(statsInPackets-1)*statAttrLen:], 8, statsInPackets) ||
		!isAttr(p[(statsOutPackets-1)*statAttrLen:], 8, statsOutPackets) ||
		!isAttr(p[(statsInBytes-1)*statAttrLen:], 8, statsInBytes) ||
		!isAttr(p[(statsOutBytes-1)*statAttrLen:], 8, statsOutBytes) ||
		!isAttr(p[(statsCPS-1)*statAttrLen:], 8, statsCPS) ||
		!isAttr(p[(statsInPPS-1)*statAttrLen:], 8, statsInPPS) ||
		!isAttr(p[(statsOutPPS-1)*statAttrLen:], 8, statsOutPPS) ||
		!isAttr(p[(statsInBPS-1)*statAttrLen:], 8, statsInBPS) ||
		!isAttr(p[(statsOutBPS-1)*statAttrLen:], 8, statsOutBPS) {
		return false
	}
	s.Conns = native.Uint64(p[statsConns*statAttrLen-8:])
	s.InPackets = native.Uint64(p[statsInPackets*statAttrLen-8:])
	s.OutPackets = native.Uint64(p[statsOutPackets*statAttrLen-8:])
	s.InBytes = native.Uint64(p[statsInBytes*statAttrLen-8:])
	s.OutBytes = native.Uint64(p[statsOutBytes*statAttrLen-8:])
	s.CPS = native.Uint64(p[statsCPS*statAttrLen-8:])
	s.InPPS = native.Uint64(p[statsInPPS*statAttrLen-8:])
	s.OutPPS = native.Uint64(p[statsOutPPS*statAttrLen-8:])
	s.InBPS = native.Uint64(p[statsInBPS*statAttrLen-8:])
	s.OutBPS = native.Uint64(p[statsOutBPS*statAttrLen-8:])
	return true
}
