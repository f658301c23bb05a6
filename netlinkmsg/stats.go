package netlinkmsg

import "fmt"

// Stats are the counters and the estimated rates of a service or destination.
type Stats struct {
	Conns      uint64 // connections scheduled
	InPackets  uint64 // packets from clients
	OutPackets uint64 // packets to clients; only seen with masquerading
	InBytes    uint64
	OutBytes   uint64

	// The kernel's running estimates, per second.
	CPS    uint64 // connections
	InPPS  uint64 // packets
	OutPPS uint64
	InBPS  uint64 // bytes
	OutBPS uint64
}

// Attributes of a nest of statistics (IPVS_STATS_ATTR_*).
const (
	statsConns = iota + 1
	statsInPackets
	statsOutPackets
	statsInBytes
	statsOutBytes
	statsCPS
	statsInPPS
	statsOutPPS
	statsInBPS
	statsOutBPS
)

// field returns the place of an attribute in s, or nil for one that has none.
func (s *Stats) field(typ uint16) *uint64 {
	switch typ {
	case statsConns:
		return &s.Conns
	case statsInPackets:
		return &s.InPackets
	case statsOutPackets:
		return &s.OutPackets
	case statsInBytes:
		return &s.InBytes
	case statsOutBytes:
		return &s.OutBytes
	case statsCPS:
		return &s.CPS
	case statsInPPS:
		return &s.InPPS
	case statsOutPPS:
		return &s.OutPPS
	case statsInBPS:
		return &s.InBPS
	case statsOutBPS:
		return &s.OutBPS
	}
	return nil
}

// decode reads either generation of statistics: in STATS64 all numbers have
// eight bytes, in the older STATS only the two byte counters have.
// It is most of a listing's decoding, so it keeps to local variables.
func (s *Stats) decode(b []byte) error {
	for len(b) > 0 {
		n, ok := attrLen(b)
		if !ok {
			return badAttr(b)
		}
		typ, data := attrType(b), b[attrHeaderLen:n]
		switch p := s.field(typ); {
		case p == nil: // padding, or a counter of a later kernel
		case len(data) >= 8:
			*p = native.Uint64(data)
		case len(data) == 4:
			*p = uint64(native.Uint32(data))
		default:
			return shortAttr(typ, len(data), 8)
		}
		b = behind(b, n)
	}
	return nil
}

// decodeEither reads the newer generation if there is one. Kernels that have
// it send both.
func (s *Stats) decodeEither(old, new []byte) error {
	which := new
	if which == nil {
		which = old
	}
	if err := s.decode(which); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	return nil
}

// append appends s as a nest of the newer generation.
func (s *Stats) append(b []byte, typ uint16) []byte {
	start := len(b)
	b = beginNested(b, typ)
	for t := uint16(statsConns); t <= statsOutBPS; t++ {
		b = appendUint64(b, t, *s.field(t))
	}
	endNested(b, start)
	return b
}
