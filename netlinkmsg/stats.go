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

// Since returns what was counted between old and s; its rates are 0. It reports
// false if a counter fell: the counters were zeroed, or belong to a service or
// destination that was removed and added again.
func (s Stats) Since(old Stats) (Stats, bool) {
	if s.Conns < old.Conns || s.InPackets < old.InPackets || s.OutPackets < old.OutPackets ||
		s.InBytes < old.InBytes || s.OutBytes < old.OutBytes {
		return Stats{}, false
	}
	return Stats{
		Conns:      s.Conns - old.Conns,
		InPackets:  s.InPackets - old.InPackets,
		OutPackets: s.OutPackets - old.OutPackets,
		InBytes:    s.InBytes - old.InBytes,
		OutBytes:   s.OutBytes - old.OutBytes,
	}, true
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

var statsSizes = minLens{
	statsConns: 4, statsInPackets: 4, statsOutPackets: 4, statsInBytes: 4, statsOutBytes: 4,
	statsCPS: 4, statsInPPS: 4, statsOutPPS: 4, statsInBPS: 4, statsOutBPS: 4,
}

// fields are the places of the attributes in s.
func (s *Stats) fields() [statsOutBPS + 1]*uint64 {
	return [...]*uint64{
		statsConns:      &s.Conns,
		statsInPackets:  &s.InPackets,
		statsOutPackets: &s.OutPackets,
		statsInBytes:    &s.InBytes,
		statsOutBytes:   &s.OutBytes,
		statsCPS:        &s.CPS,
		statsInPPS:      &s.InPPS,
		statsOutPPS:     &s.OutPPS,
		statsInBPS:      &s.InBPS,
		statsOutBPS:     &s.OutBPS,
	}
}

// decode reads either generation of statistics: in STATS64 all numbers have
// eight bytes, in the older STATS only the two byte counters have.
func (s *Stats) decode(b []byte) error {
	if s.decodeUsual(b) {
		return nil
	}
	return s.decodeAny(b)
}

// decodeAny reads statistics number by number.
func (s *Stats) decodeAny(b []byte) error {
	var a attributes
	if err := a.parse(b, &statsSizes); err != nil {
		return err
	}
	for typ, field := range s.fields() {
		if field == nil {
			continue
		}
		switch data := a.data(typ); {
		case len(data) >= 8:
			*field = native.Uint64(data)
		case len(data) >= 4:
			*field = uint64(native.Uint32(data))
		default:
			*field = 0
		}
	}
	return nil
}

// decodeEither reads the newer generation if there is one. Kernels that have
// it send both.
func (s *Stats) decodePreferred64(old, new []byte) error {
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
	for t, field := range s.fields() {
		if field != nil {
			b = appendUint64(b, uint16(t), *field)
		}
	}
	endNested(b, start)
	return b
}
