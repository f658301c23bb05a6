// SPDX-License-Identifier: MIT

package sampler

import "goipvsadm/ipvs"

// Rates holds the rates of a service or destination, per second.
type Rates struct {
	Conns      float64
	InPackets  float64
	OutPackets float64
	InBytes    float64
	OutBytes   float64
}

// add adds other to r.
func (r *Rates) add(other *Rates) {
	r.Conns += other.Conns
	r.InPackets += other.InPackets
	r.OutPackets += other.OutPackets
	r.InBytes += other.InBytes
	r.OutBytes += other.OutBytes
}

// KernelRates returns the rates that the kernel's estimator computed.
func KernelRates(s *ipvs.Stats) Rates {
	return Rates{
		Conns:      float64(s.CPS),
		InPackets:  float64(s.InPPS),
		OutPackets: float64(s.OutPPS),
		InBytes:    float64(s.InBPS),
		OutBytes:   float64(s.OutBPS),
	}
}

const (
	maxLag = 2 // the largest value of Sampler.Lag

	// keptSamples is the number of samples whose counters are kept: the last one, and
	// those back to the start of the previous window.
	keptSamples = maxLag + 2
)

// A window is the time between two samples, identified by their numbers, whose counters
// are compared.
type window struct{ from, to int }

// currentWindow returns the window that ends with the last sample. If no counter
// changed in that window, the kernel has probably not updated its counters yet, and
// currentWindow returns the previous window instead.
func (s *Sampler) currentWindow() window {
	w := window{s.number - s.Lag, s.number}
	if w.from > 1 && s.unchanged(w) {
		return window{w.from - 1, w.to - 1}
	}
	return w
}

// unchanged reports whether all services have the same counters in both samples of w.
func (s *Sampler) unchanged(w window) bool {
	for i := range s.records.list {
		h := &s.records.list[i].counterHistory
		var before counters
		if c, ok := h.at(w.from); ok {
			before = *c
		}
		if h.counters[w.to%keptSamples] != before {
			return false
		}
	}
	return true
}

// rates sets r to the rates of h in the current window, and returns r. It returns nil if h
// has no counters for the start of the window, or if they were zeroed in the window.
func (s *Sampler) rates(h *counterHistory, r *Rates) *Rates {
	start, ok := h.at(s.window.from)
	seconds := s.times[s.window.to%keptSamples].Sub(s.times[max(0, s.window.from)%keptSamples]).Seconds()
	if !ok || seconds <= 0 {
		return nil
	}
	d, ok := h.counters[s.window.to%keptSamples].stats().Since(start.stats())
	if !ok {
		return nil
	}
	*r = Rates{
		Conns:      float64(d.Conns) / seconds,
		InPackets:  float64(d.InPackets) / seconds,
		OutPackets: float64(d.OutPackets) / seconds,
		InBytes:    float64(d.InBytes) / seconds,
		OutBytes:   float64(d.OutBytes) / seconds,
	}
	return r
}
