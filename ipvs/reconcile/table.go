// Package reconcile finds and makes the changes that lead from the table of virtual
// services that the kernel has to another one: the fewest, edited in place
// where something is the same, so that connections, counters and persistence
// survive, and in an order that is safe for traffic.
//
// Apply does all of it. Read, Compare and Change.Queue are its parts, for a
// program that wants to show the changes first, or to make only some of them.
package reconcile

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A Table is the state of the kernel, as it is or as it is wanted.
type Table struct {
	Services []Service

	// Timeouts, where they are wanted: 0 is one that may stay as it is.
	Timeouts ipvs.Timeouts

	// Daemons are the synchronisation daemons. None wanted means that all may
	// stay as they are.
	Daemons []ipvs.Daemon
}

// A Service is a virtual service with its destinations.
type Service struct {
	ipvs.Service
	Destinations []ipvs.Destination
}

// String returns the service and its destinations with all their fields.
func (s Service) String() string {
	return fmt.Sprintf("{Service:%v Destinations:%+v}", s.Service, s.Destinations)
}

// Read reads from the kernel what want is to be compared with: all services,
// and of the others as much as want speaks of. It reads no destinations of a
// service that want does not have, for they go with it. A nil want is everything.
//
// It takes many questions, and is not one moment's picture of a table that is
// being changed; but no service and no destination is in it twice.
func Read(c *ipvs.Client, want *Table) (*Table, error) {
	services, err := c.ServicesConsistent()
	if err != nil {
		return nil, err
	}
	wanted := make(map[ipvs.ServiceKey]bool)
	if want != nil {
		for i := range want.Services {
			wanted[ipvs.WithDefaults(want.Services[i].Service).ServiceKey] = true
		}
	}
	have := &Table{Services: make([]Service, len(services))}
	for i := range services {
		s := &have.Services[i]
		s.Service = services[i]
		if want != nil && !wanted[s.ServiceKey] {
			continue
		}
		if s.Destinations, err = c.AppendDestinationsConsistent(nil, s.ServiceKey); err != nil {
			return nil, err
		}
	}
	if want == nil || want.Timeouts != (ipvs.Timeouts{}) {
		if have.Timeouts, err = c.Timeouts(); err != nil {
			return nil, err
		}
	}
	if want == nil || len(want.Daemons) > 0 {
		if have.Daemons, err = c.Daemons(); err != nil {
			return nil, err
		}
	}
	return have, nil
}

// Check returns an error if t has a service, a destination or a daemon twice.
// Such a table cannot be wanted.
func (t *Table) Validate() error {
	t = t.complete()
	services := make(map[ipvs.ServiceKey]bool, len(t.Services))
	for i := range t.Services {
		s := &t.Services[i]
		if services[s.ServiceKey] {
			return fmt.Errorf("plan: service %s is there twice", s.ServiceKey)
		}
		services[s.ServiceKey] = true
		destinations := make(map[netip.AddrPort]bool, len(s.Destinations))
		for j := range s.Destinations {
			ap := s.Destinations[j].AddrPort
			if destinations[ap] {
				return fmt.Errorf("plan: destination %s of %s is there twice", ap, s.ServiceKey)
			}
			destinations[ap] = true
		}
	}
	for i := range t.Daemons {
		if t.daemon(t.Daemons[i].State) != &t.Daemons[i] {
			return fmt.Errorf("plan: the %s daemon is there twice", t.Daemons[i].State)
		}
	}
	return nil
}

// complete returns t with all that stands for something else replaced by it,
// as the kernel will tell it.
func (t *Table) complete() *Table {
	c := &Table{Services: slices.Clone(t.Services), Timeouts: t.Timeouts, Daemons: slices.Clone(t.Daemons)}
	for i := range c.Services {
		s := &c.Services[i]
		s.Service = ipvs.WithDefaults(s.Service)
		mapped := func(d ipvs.Destination) bool { return d.AddrPort.Addr().Is4In6() }
		if !slices.ContainsFunc(s.Destinations, mapped) {
			continue // it can stay where it is
		}
		s.Destinations = slices.Clone(s.Destinations)
		for j := range s.Destinations {
			ap := &s.Destinations[j].AddrPort
			*ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
		}
	}
	for i := range c.Daemons {
		c.Daemons[i].Group = c.Daemons[i].Group.Unmap()
	}
	return c
}
