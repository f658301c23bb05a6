// SPDX-License-Identifier: MIT

package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A rowFormatter formats the rows of a table: each service followed by its
// destinations.
type rowFormatter struct {
	service     func(b []byte, s *ipvs.Service) []byte
	destination func(b []byte, s *ipvs.Service, d *ipvs.Destination) []byte
}

// ruleFormatter formats rows as rules that add them.
func ruleFormatter(n tablefmt.Namer) rowFormatter {
	var key []byte // key of the last service, as a rule prints it
	return rowFormatter{
		func(b []byte, s *ipvs.Service) []byte {
			key = ruleset.AppendServiceKey(key[:0], &s.ServiceKey, n)
			return ruleset.AppendService(b, s, n)
		},
		func(b []byte, s *ipvs.Service, d *ipvs.Destination) []byte {
			return ruleset.AppendDestination(b, key, s.Protocol, d, n)
		},
	}
}

// writeServices writes services in the given order, each followed by its
// destinations, which it sorts with sort unless sort is nil. It calls newFormatter when
// all names are resolved, before the first row.
func (inv *invocation) writeServices(services []ipvs.Service, read destinationReader, n tablefmt.Namer, sort func([]ipvs.Destination), newFormatter func(tablefmt.Namer) rowFormatter) error {
	if namer, ok := n.(*resolve.Namer); ok {
		var err error
		if read, err = resolveNames(services, read, namer); err != nil {
			return err
		}
	}
	format := newFormatter(n)
	var b []byte
	i := 0
	pipeline := startDestPipeline(services, read)
	for batch := range pipeline.full {
		start := 0
		for _, end := range batch.ends {
			s, destinations := &services[i], batch.destinations[start:end]
			if sort != nil {
				sort(destinations)
			}
			b = format.service(b[:0], s)
			for j := range destinations {
				b = format.destination(b, s, &destinations[j])
			}
			inv.stdout.Write(b)
			start = end
			i++
		}
		if batch.err != nil {
			return batch.err
		}
		pipeline.free <- batch
	}
	return nil
}

// resolveNames reads all destinations and looks up the names of all addresses in
// parallel. It returns a reader of the destinations that were read.
func resolveNames(services []ipvs.Service, read destinationReader, n *resolve.Namer) (destinationReader, error) {
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
