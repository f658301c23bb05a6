// Package reading reads the table of services again and again, and computes
// from the counters of two readings what went on between them. The kernel's
// own rates are running averages that lag behind by several seconds.
package reading

import (
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

// A Reading is the table as it was at one moment.
type Reading struct {
	Time     time.Time
	Services []Service // those that were asked for
	Total    int       // how many there were
}

// A Service is a service with its destinations.
type Service struct {
	ipvs.Service
	Measured     *Figures // nil when there is nothing to compare with
	Destinations []Destination
}

// A Destination is a destination of a service.
type Destination struct {
	ipvs.Destination
	Measured *Figures // nil when there is nothing to compare with
}

// A Reader makes readings, each of which is compared with the one before it.
type Reader struct {
	// Services returns the services in the order in which to show them.
	Services func() ([]ipvs.Service, error)
	// Destinations returns the destinations of a service, in order as well.
	Destinations func(ipvs.ServiceKey) ([]ipvs.Destination, error)

	// Busiest puts the busiest services first.
	Busiest bool

	now  func() time.Time // time.Now unless a test has a clock of its own
	last *counters
}

// Counters are what a reading leaves for the next one.
type counters struct {
	time         time.Time
	services     map[ipvs.ServiceKey]ipvs.Stats
	destinations map[destinationKey]ipvs.Stats
}

type destinationKey struct {
	service ipvs.ServiceKey
	ap      netip.AddrPort
}

// Read makes a reading with the first limit services, or with all of them if
// limit is 0. Destinations are read only of the services that are in it.
func (r *Reader) Read(limit int) (*Reading, error) {
	now := time.Now
	if r.now != nil {
		now = r.now
	}
	c := &counters{now(), make(map[ipvs.ServiceKey]ipvs.Stats), make(map[destinationKey]ipvs.Stats)}
	services, err := r.Services()
	if err != nil {
		return nil, err
	}
	for i := range services {
		c.services[services[i].ServiceKey] = services[i].Stats
	}
	measured := func(s *ipvs.Service) *Figures {
		if r.last == nil {
			return nil
		}
		return compare(r.last.services, s.ServiceKey, &s.Stats, c.time.Sub(r.last.time))
	}
	if r.Busiest {
		Busiest(services, func(s *ipvs.Service) Figures {
			if m := measured(s); m != nil {
				return *m
			}
			return Estimated(s)
		})
	}
	reading := &Reading{Time: c.time, Total: len(services)}
	if limit > 0 {
		services = services[:min(limit, len(services))]
	}
	for i := range services {
		s := Service{Service: services[i], Measured: measured(&services[i])}
		if s.Destinations, err = r.destinations(s.ServiceKey, c); err != nil {
			return nil, err
		}
		reading.Services = append(reading.Services, s)
	}
	r.last = c
	return reading, nil
}

func (r *Reader) destinations(key ipvs.ServiceKey, c *counters) ([]Destination, error) {
	read, err := r.Destinations(key)
	if err != nil {
		return nil, err
	}
	var destinations []Destination
	for i := range read {
		d := Destination{Destination: read[i]}
		k := destinationKey{key, d.AddrPort}
		c.destinations[k] = d.Stats
		if r.last != nil {
			d.Measured = compare(r.last.destinations, k, &d.Stats, c.time.Sub(r.last.time))
		}
		destinations = append(destinations, d)
	}
	return destinations, nil
}
