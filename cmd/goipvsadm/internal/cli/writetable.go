package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// rows writes the services of a table, each followed by its destinations.
type rowFormatter struct {
	service     func(b []byte, s *ipvs.Service) []byte
	destination func(b []byte, s *ipvs.Service, d *ipvs.Destination) []byte
}

// savedRows are the rules that would set the table up.
func savedRows(n tablefmt.Namer) rowFormatter {
	return rowFormatter{
		func(b []byte, s *ipvs.Service) []byte { return ruleset.AppendService(b, s, n) },
		func(b []byte, s *ipvs.Service, d *ipvs.Destination) []byte {
			return ruleset.AppendDestination(b, s, d, n)
		},
	}
}

// eachService writes services, in the order given, and their destinations,
// which it reads from the kernel one service at a time and sorts if asked to.
func (p *invocation) writeServices(services []ipvs.Service, read destinationReader, n tablefmt.Namer, sort bool, begin func(tablefmt.Namer) rowFormatter) error {
	if namer, ok := n.(*resolve.Namer); ok {
		var err error
		if read, err = p.prefetch(services, read, namer); err != nil {
			return err
		}
	}
	r := begin(n)
	var b []byte
	i := 0
	groups := readGroups(services, read)
	for g := range groups.full {
		start := 0
		for _, end := range g.ends {
			s, destinations := &services[i], g.destinations[start:end]
			if sort {
				tablefmt.SortDestinations(destinations)
			}
			b = r.service(b[:0], s)
			for j := range destinations {
				b = r.destination(b, s, &destinations[j])
			}
			p.stdout.Write(b)
			start = end
			i++
		}
		if g.err != nil {
			return g.err
		}
		groups.free <- g
	}
	return nil
}

// prefetch reads all destinations at once, so that the names of all addresses
// can be looked up side by side. It returns what reads them again.
func (p *invocation) prefetch(services []ipvs.Service, read destinationReader, n *resolve.Namer) (destinationReader, error) {
	all := make(map[ipvs.ServiceKey][]ipvs.Destination, len(services))
	var endpoints []resolve.Endpoint
	for i := range services {
		s := &services[i]
		destinations, err := read(nil, s.ServiceKey)
		if err != nil {
			return nil, err
		}
		all[s.ServiceKey] = destinations
		if s.Mark == 0 {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: s.AddrPort, Protocol: s.Protocol})
		}
		for j := range destinations {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: destinations[j].AddrPort, Protocol: s.Protocol})
		}
	}
	n.Prefetch(endpoints)
	return func(ds []ipvs.Destination, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
		return append(ds, all[key]...), nil
	}, nil
}
