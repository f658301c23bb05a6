package sampler

import (
	"time"

	"goipvsadm/ipvs"
)

// Figures say how much there was of each in a second.
type Rates struct {
	Conns      float64
	InPackets  float64
	OutPackets float64
	InBytes    float64
	OutBytes   float64
}

// Estimated returns the kernel's own rates.
func KernelRates(s *ipvs.Service) Rates {
	return Rates{
		Conns:      float64(s.Stats.CPS),
		InPackets:  float64(s.Stats.InPPS),
		OutPackets: float64(s.Stats.OutPPS),
		InBytes:    float64(s.Stats.InBPS),
		OutBytes:   float64(s.Stats.OutBPS),
	}
}

// compare returns the figures of what key stands for: nil if it was not there
// before, elapsed ago, or if its counters have been set to zero since, by -Z or
// because it was removed and added again.
func compare[K comparable](before, after map[K]ipvs.Stats, key K, elapsed time.Duration) *Rates {
	from, there := before[key]
	to, still := after[key]
	if !there || !still || elapsed <= 0 {
		return nil
	}
	d, ok := to.Since(from)
	if !ok {
		return nil
	}
	seconds := elapsed.Seconds()
	return &Rates{
		Conns:      float64(d.Conns) / seconds,
		InPackets:  float64(d.InPackets) / seconds,
		OutPackets: float64(d.OutPackets) / seconds,
		InBytes:    float64(d.InBytes) / seconds,
		OutBytes:   float64(d.OutBytes) / seconds,
	}
}
