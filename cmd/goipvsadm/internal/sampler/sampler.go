// SPDX-License-Identifier: MIT

// Package sampler reads the IPVS table periodically and computes rates from the
// counters of two samples. The rates that the kernel reports are running
// averages, which lag behind by several seconds.
//
// The kernel updates the reported counters every two seconds, in most versions
// all at once. Rates are therefore accurate only over an even number of seconds.
package sampler

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"goipvsadm/ipvs"
)

// A Sample is the IPVS table as read at one time.
type Sample struct {
	Time     time.Time
	Total    int       // number of services in the table
	Measured *Rates    // sum over all services in the table; nil if no service has rates
	Services []Service // the first services of the table, up to the requested limit
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
	// Destinations appends the destinations of a service in ByAddress order.
	Destinations func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error)

	// Order is the sort order of the services in a sample, and DestinationOrder
	// that of the destinations of each service.
	Order, DestinationOrder Order

	// Lag selects the sample with which a new one is compared: 1 is the previous
	// sample, 2 the one before it. See LagFor.
	Lag int

	now    func() time.Time // time.Now if nil; set by tests
	number int              // number of the last sample, from 1 on
	times  [keptSamples]time.Time
	window window

	// The following fields hold the last sample in ByAddress order.
	services     []ipvs.Service
	records      recordList[ipvs.ServiceKey] // the counters of the services, at the same indices
	destinations map[int][]Destination       // by index of the service; only those that have been read
}

// LagFor returns the Lag for samples that are taken at intervals of the given number of
// seconds: 1 if it is even, otherwise 2. The time between compared samples is then an
// even number of seconds.
func LagFor(seconds uint32) int { return 1 + int(seconds%2) }

// Read reads the table and returns a sample of its first limit services, or of
// all services if limit is 0. It reads the destinations of those services only.
func (s *Sampler) Read(limit int) (*Sample, error) {
	if err := s.readServices(); err != nil {
		return nil, err
	}
	s.destinations = make(map[int][]Destination)
	return s.collect(limit, recordCounters)
}

// Reorder returns the last sample of Read with the current orders and a new limit. It
// does not read the services again. Destinations that the last sample did not include
// are read, but have no rates, and later samples are not compared with them.
func (s *Sampler) Reorder(limit int) (*Sample, error) { return s.collect(limit, discardCounters) }

// Stream is like Read, but reads the destinations of each service when the caller's
// iteration reaches it, so that only counters are kept of all destinations. A Service is
// valid until the next iteration. The returned Sample has no services.
func (s *Sampler) Stream(limit int) (*Sample, iter.Seq2[*Service, error], error) {
	if err := s.readServices(); err != nil {
		return nil, nil, err
	}
	s.destinations = nil
	return s.newSample(), func(yield func(*Service, error) bool) {
		var buffer destinationBuffer
		var measured Rates
		var service Service
		for _, i := range s.first(limit) {
			destinations, err := s.readDestinations(&buffer, i, recordCounters)
			service = Service{s.services[i], s.rates(&s.records.list[i].counterHistory, &measured), s.sortDestinations(destinations)}
			if !yield(&service, err) || err != nil {
				return
			}
		}
	}, nil
}

// readServices reads the services and records their counters.
func (s *Sampler) readServices() error {
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	at := now()
	services, err := s.Services()
	if err != nil {
		return err
	}
	s.services = services
	s.number++
	s.times[s.number%keptSamples] = at
	s.records.begin(len(services))
	for i := range services {
		s.records.at(i, services[i].ServiceKey).add(s.number, &services[i].Stats)
	}
	s.records.end(len(services))
	s.window = s.currentWindow()
	return nil
}

// newSample returns the last sample without its services.
func (s *Sampler) newSample() *Sample {
	sample := &Sample{Time: s.times[s.number%keptSamples], Total: len(s.services)}
	var rates, sum Rates
	for i := range s.records.list {
		if r := s.rates(&s.records.list[i].counterHistory, &rates); r != nil {
			sum.add(r)
			sample.Measured = &sum
		}
	}
	return sample
}

// Arguments for the parameter record.
const (
	recordCounters  = true
	discardCounters = false
)

// collect returns the last sample with its first limit services. It records the
// counters of destinations that it reads if record is set.
func (s *Sampler) collect(limit int, record bool) (*Sample, error) {
	sample := s.newSample()
	for _, i := range s.first(limit) {
		if _, ok := s.destinations[i]; !ok {
			destinations, err := s.readDestinations(new(destinationBuffer), i, record)
			if err != nil {
				return nil, err
			}
			s.destinations[i] = destinations
		}
		sample.Services = append(sample.Services,
			Service{s.services[i], s.rates(&s.records.list[i].counterHistory, new(Rates)), s.sortDestinations(s.destinations[i])})
	}
	return sample, nil
}

// first returns the indices of the first limit services in the current order, or of
// all services if limit is 0.
func (s *Sampler) first(limit int) []int {
	var measured Rates
	indices := s.Order.indices(len(s.services), func(i int) Rates {
		if r := s.rates(&s.records.list[i].counterHistory, &measured); r != nil {
			return *r
		}
		return KernelRates(&s.services[i].Stats)
	})
	if limit > 0 {
		indices = indices[:min(limit, len(indices))]
	}
	return indices
}

// sortDestinations returns the destinations of list in the current order. It does not
// modify list.
func (s *Sampler) sortDestinations(list []Destination) []Destination {
	if s.DestinationOrder == ByAddress {
		return list
	}
	sorted := make([]Destination, 0, len(list))
	for _, i := range s.DestinationOrder.indices(len(list), func(i int) Rates {
		if r := list[i].Measured; r != nil {
			return *r
		}
		return KernelRates(&list[i].Stats)
	}) {
		sorted = append(sorted, list[i])
	}
	return sorted
}

// A destinationBuffer holds the destinations of a service.
type destinationBuffer struct {
	read         []ipvs.Destination
	destinations []Destination
	rates        []Rates // Destination.Measured points to its elements
}

// readDestinations reads the destinations of the service at index i into b. It records
// their counters, and returns them with their rates, if record is set.
func (s *Sampler) readDestinations(b *destinationBuffer, i int, record bool) (_ []Destination, err error) {
	if b.read, err = s.Destinations(b.read[:0], s.services[i].ServiceKey); err != nil {
		return nil, err
	}
	n := len(b.read)
	b.destinations, b.rates = slices.Grow(b.destinations[:0], n)[:n], slices.Grow(b.rates[:0], n)[:n]
	if !record {
		for j := range b.read {
			b.destinations[j] = Destination{Destination: b.read[j]}
		}
		return b.destinations, nil
	}
	records := s.records.list[i].destinations
	if records == nil {
		records = new(recordList[netip.AddrPort])
		s.records.list[i].destinations = records
	}
	records.begin(n)
	for j := range b.read {
		d := &b.read[j]
		r := records.at(j, d.AddrPort)
		r.add(s.number, &d.Stats)
		b.destinations[j] = Destination{*d, s.rates(&r.counterHistory, &b.rates[j])}
	}
	records.end(n)
	return b.destinations, nil
}
