// Package sampler reads the IPVS table periodically and computes rates from the
// counters of two samples. The rates that the kernel reports are running
// averages, which lag behind by several seconds.
//
// The kernel updates the reported counters every two seconds, in most versions
// all at once. Rates are therefore accurate only over an even number of seconds.
package sampler

import (
	"slices"
	"time"

	"goipvsadm/ipvs"
)

// A Sample is the IPVS table as read at one time.
type Sample struct {
	Time     time.Time
	Services []Service // the first services of the table, up to the requested limit
	Total    int       // number of services in the table
}

// A Service is a service with its rates and destinations.
type Service struct {
	ipvs.Service
	Measured     *Rates // nil if there is no earlier sample to compare with
	Destinations []Destination
}

// A Destination is a destination with its rates.
type Destination struct {
	ipvs.Destination
	Measured *Rates // nil if there is no earlier sample to compare with
}

// A Sampler reads samples and compares each with an earlier one.
type Sampler struct {
	// Services returns the services in ByAddress order.
	Services func() ([]ipvs.Service, error)
	// Destinations returns the destinations of a service in display order.
	Destinations func(ipvs.ServiceKey) ([]ipvs.Destination, error)

	// Order is the sort order of the services in a sample.
	Order Order

	// Lag selects the earlier sample with which a new one is compared: 1 is the
	// previous sample, 2 the one before it. See LagFor.
	Lag int

	now     func() time.Time   // time.Now if nil; set by tests
	history []*counterSnapshot // oldest first; at most Lag+1
	last    tableSnapshot
}

// A tableSnapshot holds the table as read by the last call of Read.
type tableSnapshot struct {
	time         time.Time
	services     []ipvs.Service
	window       window
	destinations map[ipvs.ServiceKey][]Destination // only of services that a sample included
}

// A counterSnapshot holds the counters of one sample, for comparison with later
// samples.
type counterSnapshot struct {
	time         time.Time
	services     map[ipvs.ServiceKey]ipvs.Stats
	destinations map[ipvs.DestinationKey]ipvs.Stats
}

// LagFor returns the Lag for samples that are taken at an interval of seconds:
// 1 or 2, so that the time between compared samples is an even number of seconds.
func LagFor(seconds uint32) int { return 1 + int(seconds%2) }

// Read reads the table and returns a sample of its first limit services, or of
// all services if limit is 0. It reads the destinations of those services only.
func (s *Sampler) Read(limit int) (*Sample, error) {
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	counters := &counterSnapshot{
		time:         now(),
		services:     make(map[ipvs.ServiceKey]ipvs.Stats),
		destinations: make(map[ipvs.DestinationKey]ipvs.Stats),
	}
	services, err := s.Services()
	if err != nil {
		return nil, err
	}
	for i := range services {
		counters.services[services[i].ServiceKey] = services[i].Stats
	}
	s.last = tableSnapshot{
		time:         counters.time,
		services:     services,
		window:       s.window(counters),
		destinations: make(map[ipvs.ServiceKey][]Destination),
	}
	sample, err := s.buildSample(limit, counters)
	if err != nil {
		return nil, err
	}
	s.history = append(s.history, counters)
	s.history = slices.Delete(s.history, 0, max(0, len(s.history)-s.Lag-1))
	return sample, nil
}

// Reorder returns the last sample with the current Order and a new limit. It does
// not read the services again. It reads the destinations that the last sample
// lacked; later samples are not compared with them.
func (s *Sampler) Reorder(limit int) (*Sample, error) { return s.buildSample(limit, nil) }

// buildSample returns a sample of the first services of the last snapshot, sorted
// by Order. It records the counters of destinations that it reads in counters,
// unless that is nil.
func (s *Sampler) buildSample(limit int, counters *counterSnapshot) (*Sample, error) {
	services := slices.Clone(s.last.services)
	s.Order.sort(services, func(service *ipvs.Service) Rates {
		if r := s.last.window.serviceRates(service.ServiceKey); r != nil {
			return *r
		}
		return KernelRates(service)
	})
	sample := &Sample{Time: s.last.time, Total: len(services)}
	if limit > 0 {
		services = services[:min(limit, len(services))]
	}
	for i := range services {
		key := services[i].ServiceKey
		destinations, err := s.destinations(key, counters)
		if err != nil {
			return nil, err
		}
		sample.Services = append(sample.Services, Service{
			Service:      services[i],
			Measured:     s.last.window.serviceRates(key),
			Destinations: destinations,
		})
	}
	return sample, nil
}

// destinations returns the destinations of a service, from the last snapshot if
// it has them. It records their counters in counters, unless that is nil.
func (s *Sampler) destinations(key ipvs.ServiceKey, counters *counterSnapshot) ([]Destination, error) {
	if destinations, ok := s.last.destinations[key]; ok {
		return destinations, nil
	}
	read, err := s.Destinations(key)
	if err != nil {
		return nil, err
	}
	var destinations []Destination
	for _, d := range read {
		k := ipvs.DestinationKey{Service: key, AddrPort: d.AddrPort}
		if counters != nil {
			counters.destinations[k] = d.Stats
		}
		destinations = append(destinations, Destination{d, s.last.window.destinationRates(k)})
	}
	s.last.destinations[key] = destinations
	return destinations, nil
}

// A window is a pair of snapshots to compare. The zero window has no rates.
type window struct{ from, to *counterSnapshot }

// window returns the window that ends with counters. If no counter changed in
// that window, the kernel has probably not updated its counters yet, and window
// returns the previous window instead.
func (s *Sampler) window(counters *counterSnapshot) window {
	n := len(s.history)
	if n < s.Lag {
		return window{}
	}
	w := window{s.history[n-s.Lag], counters}
	if n > s.Lag && w.unchanged() {
		return window{s.history[n-s.Lag-1], s.history[n-1]}
	}
	return w
}

// unchanged reports whether all services of w.to have the same counters in w.from.
func (w window) unchanged() bool {
	for key, stats := range w.to.services {
		if d, ok := stats.Since(w.from.services[key]); !ok || d != (ipvs.Stats{}) {
			return false
		}
	}
	return true
}

func (w window) serviceRates(key ipvs.ServiceKey) *Rates {
	if w.from == nil {
		return nil
	}
	return computeRates(w.from.services, w.to.services, key, w.to.time.Sub(w.from.time))
}

func (w window) destinationRates(key ipvs.DestinationKey) *Rates {
	if w.from == nil {
		return nil
	}
	return computeRates(w.from.destinations, w.to.destinations, key, w.to.time.Sub(w.from.time))
}
