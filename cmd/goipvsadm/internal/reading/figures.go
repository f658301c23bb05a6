package reading

import (
	"cmp"
	"slices"
	"time"

	"goipvsadm/ipvs"
)

// Figures say how much there was of each in a second.
type Figures struct {
	Conns      float64
	InPackets  float64
	OutPackets float64
	InBytes    float64
	OutBytes   float64
}

// Estimated returns the kernel's own rates.
func Estimated(s *ipvs.Service) Figures {
	return Figures{
		Conns:      float64(s.Stats.CPS),
		InPackets:  float64(s.Stats.InPPS),
		OutPackets: float64(s.Stats.OutPPS),
		InBytes:    float64(s.Stats.InBPS),
		OutBytes:   float64(s.Stats.OutBPS),
	}
}

// compare returns the figures of what key stands for, whose counters are now
// stats: nil if it was not there elapsed ago, or if its counters have been set
// to zero since, by -Z or because it was removed and added again.
func compare[K comparable](before map[K]ipvs.Stats, key K, stats *ipvs.Stats, elapsed time.Duration) *Figures {
	old, ok := before[key]
	if !ok || elapsed <= 0 {
		return nil
	}
	f := new(Figures)
	for _, v := range []struct {
		figure   *float64
		old, new uint64
	}{
		{&f.Conns, old.Conns, stats.Conns},
		{&f.InPackets, old.InPackets, stats.InPackets},
		{&f.OutPackets, old.OutPackets, stats.OutPackets},
		{&f.InBytes, old.InBytes, stats.InBytes},
		{&f.OutBytes, old.OutBytes, stats.OutBytes},
	} {
		if v.new < v.old {
			return nil
		}
		*v.figure = float64(v.new-v.old) / elapsed.Seconds()
	}
	return f
}

// Busiest sorts services by load, the busiest first: by the packets that come
// in, which the director sees whatever the forwarding method, and then by new
// connections. Services with the same load keep their order.
func Busiest(services []ipvs.Service, load func(*ipvs.Service) Figures) {
	loads := make(map[ipvs.ServiceKey]Figures, len(services))
	for i := range services {
		loads[services[i].ServiceKey] = load(&services[i])
	}
	slices.SortStableFunc(services, func(a, b ipvs.Service) int {
		x, y := loads[a.ServiceKey], loads[b.ServiceKey]
		return cmp.Or(cmp.Compare(y.InPackets, x.InPackets), cmp.Compare(y.Conns, x.Conns))
	})
}
