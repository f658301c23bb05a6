package sampler

import (
	"time"

	"goipvsadm/ipvs"
)

// Rates holds the rates of a service or destination, per second.
type Rates struct {
	Conns      float64
	InPackets  float64
	OutPackets float64
	InBytes    float64
	OutBytes   float64
}

// KernelRates returns the rates of s that the kernel's estimator computed.
func KernelRates(s *ipvs.Service) Rates {
	return Rates{
		Conns:      float64(s.Stats.CPS),
		InPackets:  float64(s.Stats.InPPS),
		OutPackets: float64(s.Stats.OutPPS),
		InBytes:    float64(s.Stats.InBPS),
		OutBytes:   float64(s.Stats.OutBPS),
	}
}

// computeRates returns the rates of key in the time elapsed between two
// snapshots. It returns nil if a snapshot lacks key, or if the counters were
// reset between the snapshots, by -Z or by removing and re-adding key.
func computeRates[K comparable](before, after map[K]ipvs.Stats, key K, elapsed time.Duration) *Rates {
	start, inBefore := before[key]
	end, inAfter := after[key]
	if !inBefore || !inAfter || elapsed <= 0 {
		return nil
	}
	d, ok := end.Since(start)
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
