// Package sampler reads the table of services again and again, and computes
// from the counters of two readings what went on between them. The kernel's
// own rates are running averages that lag behind by several seconds.
//
// The kernel brings the counters that it tells up to date every other second,
// all at once in most versions. Figures are right, therefore, over an even
// number of seconds.
package sampler

import (
	"slices"
	"time"

	"goipvsadm/ipvs"
)

// A Reading is the table as it was at one moment.
type Sample struct {
	Time     time.Time
	Services []Service // those that were asked for
	Total    int       // how many there were
}

// A Service is a service with its destinations.
type Service struct {
	ipvs.Service
	Measured     *Rates // nil when there is nothing to compare with
	Destinations []Destination
}

// A Destination is a destination of a service.
type Destination struct {
	ipvs.Destination
	Measured *Rates // nil when there is nothing to compare with
}

// A Reader makes readings, each of which is compared with an earlier one.
type Sampler struct {
	// Services returns the services in the order in which to show them.
	Services func() ([]ipvs.Service, error)
	// Destinations returns the destinations of a service, in order as well.
	Destinations func(ipvs.ServiceKey) ([]ipvs.Destination, error)

	// Order is that of the services in a reading.
	Order Order

	// Span says with which reading one is compared: that before it if it is 1.
	Lag int

	now     func() time.Time   // time.Now unless a test has a clock of its own
	history []*counterSnapshot // the last of them last, no more than are needed
	last    snapshot
}

// A snapshot is what the last reading was made of.
type snapshot struct {
	time         time.Time
	services     []ipvs.Service
	window       window
	destinations map[ipvs.ServiceKey][]Destination // as far as they were read
}

// SpanFor returns the span for readings that are so many seconds apart: an
// even number of seconds in all.
func SpanFor(seconds uint32) int { return 1 + int(seconds%2) }

// A snapshot is what a reading leaves for later ones.
type counterSnapshot struct {
	time         time.Time
	services     map[ipvs.ServiceKey]ipvs.Stats
	destinations map[ipvs.DestinationKey]ipvs.Stats
}

// Read makes a reading with the first limit services, or with all of them if
// limit is 0. Destinations are read only of the services that are in it.
func (r *Sampler) Read(limit int) (*Sample, error) {
	now := time.Now
	if r.now != nil {
		now = r.now
	}
	c := &counterSnapshot{now(), make(map[ipvs.ServiceKey]ipvs.Stats), make(map[ipvs.DestinationKey]ipvs.Stats)}
	services, err := r.Services()
	if err != nil {
		return nil, err
	}
	for i := range services {
		c.services[services[i].ServiceKey] = services[i].Stats
	}
	r.last = snapshot{c.time, services, r.window(c), make(map[ipvs.ServiceKey][]Destination)}
	reading, err := r.show(limit, c)
	if err != nil {
		return nil, err
	}
	r.history = append(r.history, c)
	r.history = slices.Delete(r.history, 0, max(0, len(r.history)-r.Lag-1))
	return reading, nil
}

// Again makes of what was read last another reading, after Order or the limit
// has changed. Destinations that were not read then are read now, and are
// nothing to compare with later.
func (r *Sampler) Resort(limit int) (*Sample, error) { return r.show(limit, nil) }

// show returns the first services of the last reading, in order. Destinations
// that are read for it are counted by c, if that is not nil.
func (r *Sampler) show(limit int, c *counterSnapshot) (*Sample, error) {
	services := slices.Clone(r.last.services)
	r.Order.sort(services, func(s *ipvs.Service) Rates {
		if m := r.last.window.service(s.ServiceKey); m != nil {
			return *m
		}
		return KernelRates(s)
	})
	reading := &Sample{Time: r.last.time, Total: len(services)}
	if limit > 0 {
		services = services[:min(limit, len(services))]
	}
	for i := range services {
		key := services[i].ServiceKey
		destinations, err := r.destinations(key, c)
		if err != nil {
			return nil, err
		}
		reading.Services = append(reading.Services, Service{services[i], r.last.window.service(key), destinations})
	}
	return reading, nil
}

// destinations returns the destinations of a service in the last reading.
func (r *Sampler) destinations(key ipvs.ServiceKey, c *counterSnapshot) ([]Destination, error) {
	if destinations, read := r.last.destinations[key]; read {
		return destinations, nil
	}
	all, err := r.Destinations(key)
	if err != nil {
		return nil, err
	}
	var destinations []Destination
	for _, d := range all {
		k := ipvs.DestinationKey{Service: key, AddrPort: d.AddrPort}
		if c != nil {
			c.destinations[k] = d.Stats
		}
		destinations = append(destinations, Destination{d, r.last.window.destination(k)})
	}
	r.last.destinations[key] = destinations
	return destinations, nil
}

// A window is the time from one reading to another.
type window struct{ from, to *counterSnapshot }

// window returns the window that ends with c. If nothing at all was counted in
// it, the kernel may have been a moment late, and it is the window before.
func (r *Sampler) window(c *counterSnapshot) window {
	n := len(r.history)
	if n < r.Lag {
		return window{}
	}
	w := window{r.history[n-r.Lag], c}
	if n > r.Lag && w.unchanged() {
		return window{r.history[n-r.Lag-1], r.history[n-1]}
	}
	return w
}

// quiet reports whether no counter has moved.
func (w window) unchanged() bool {
	for key, stats := range w.to.services {
		if d, ok := stats.Since(w.from.services[key]); !ok || d != (ipvs.Stats{}) {
			return false
		}
	}
	return true
}

func (w window) service(key ipvs.ServiceKey) *Rates {
	if w.from == nil {
		return nil
	}
	return compare(w.from.services, w.to.services, key, w.to.time.Sub(w.from.time))
}

func (w window) destination(key ipvs.DestinationKey) *Rates {
	if w.from == nil {
		return nil
	}
	return compare(w.from.destinations, w.to.destinations, key, w.to.time.Sub(w.from.time))
}
