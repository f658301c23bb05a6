// SPDX-License-Identifier: MIT

package doctor

import (
	"errors"

	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// readTable reads the services and their servers, sorted as in listings. The
// error is ErrNoService if the requested service does not exist.
func (c *Collector) readTable(f *Facts) ([]Service, error) {
	if c.Client == nil {
		f.noteUnavailable("the table", c.ClientError)
		f.TableUnreadable = true
		return nil, nil
	}
	services, err := c.readServices()
	if errors.Is(err, ipvs.ErrNoService) {
		return nil, err
	}
	if err != nil {
		f.noteUnavailable("the table", c.ErrorText(err))
		f.TableUnreadable = true
		return nil, nil
	}
	tablefmt.SortServices(services)
	table := make([]Service, 0, len(services))
	var destinations []ipvs.Destination
	for i := range services {
		s := Service{Service: services[i]}
		if destinations, err = c.Client.AppendDestinationsConsistent(destinations[:0], s.ServiceKey); err != nil {
			f.noteUnavailable("servers", c.ErrorText(err))
			return table, nil
		}
		tablefmt.SortDestinations(destinations)
		s.Servers = make([]Server, len(destinations))
		for j := range destinations {
			s.Servers[j].Destination = destinations[j]
		}
		table = append(table, s)
	}
	return table, nil
}

// readServices reads the requested service, or all services.
func (c *Collector) readServices() ([]ipvs.Service, error) {
	if c.Service == nil {
		return c.Client.ServicesConsistent()
	}
	s, err := c.Client.Service(*c.Service)
	return []ipvs.Service{s}, err
}

// setDeltas sets each Delta of after to the increase of the counters since
// before. Delta remains nil for services and servers that are new or whose
// counters were zeroed.
func setDeltas(before, after []Service) {
	old := make(map[ipvs.DestinationKey]ipvs.Stats) // the zero AddrPort stands for the service itself
	for i := range before {
		s := &before[i]
		old[ipvs.DestinationKey{Service: s.ServiceKey}] = s.Stats
		for j := range s.Servers {
			old[ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: s.Servers[j].AddrPort}] = s.Servers[j].Stats
		}
	}
	delta := func(key ipvs.DestinationKey, now ipvs.Stats) *ipvs.Stats {
		if then, ok := old[key]; ok {
			if d, ok := now.Since(then); ok {
				return &d
			}
		}
		return nil
	}
	for i := range after {
		s := &after[i]
		s.Delta = delta(ipvs.DestinationKey{Service: s.ServiceKey}, s.Stats)
		for j := range s.Servers {
			d := &s.Servers[j]
			d.Delta = delta(s.key(d), d.Stats)
		}
	}
}

func (c *Collector) readTimeouts(f *Facts) {
	if c.Client == nil {
		return
	}
	var err error
	if f.Timeouts, err = c.Client.Timeouts(); err != nil {
		f.noteUnavailable("timeouts", c.ErrorText(err))
	}
}

func (c *Collector) readDaemons(f *Facts) {
	if c.Client == nil {
		return
	}
	var err error
	if f.Daemons, err = c.Client.Daemons(); err != nil {
		f.noteUnavailable("sync daemons", c.ErrorText(err))
	}
}
