// SPDX-License-Identifier: MIT

// Package reconcile changes the kernel's table of virtual services to match a
// wanted table. It makes as few changes as possible: entries in both tables
// are updated in place and keep their connections, counters and persistence
// templates. Changes are ordered so that traffic is not disrupted.
//
// Apply does this in one call. Validate, Read, Compare and Execute are its steps,
// for programs that show the changes first or make only some of them.
package reconcile

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A Table is the state of the kernel's IPVS, or the wanted state.
type Table struct {
	Services []Service

	// Timeouts are the connection timeouts. In a wanted table, a value of 0
	// keeps the kernel's.
	Timeouts ipvs.Timeouts

	// Daemons are the sync daemons. A wanted table without daemons does not
	// change those that are running, unless Options.StopDaemons is set.
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

// Read reads the part of the kernel's table that Compare needs for want: all
// services, the destinations of the services in want, and timeouts and daemons
// if want has any. If want is nil, Read reads everything.
//
// Reading takes many requests, so the result is not atomic if other programs change
// the table meanwhile. It has no duplicates and all services and destinations that
// exist during the whole call, with the exception that
// ipvs.Client.ServicesConsistent describes.
func Read(c *ipvs.Client, want *Table) (*Table, error) {
	services, err := c.ServicesConsistent()
	if err != nil {
		return nil, err
	}
	have := &Table{Services: make([]Service, len(services))}
	for i := range services {
		have.Services[i].Service = services[i]
	}
	if err := have.readDestinations(c, want); err != nil {
		return nil, err
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

// readDestinations reads the destinations of the services that want has too, or of
// all if want is nil.
func (t *Table) readDestinations(c *ipvs.Client, want *Table) (err error) {
	var wanted map[ipvs.ServiceKey]bool
	if want != nil {
		wanted = make(map[ipvs.ServiceKey]bool, len(want.Services))
		for i := range want.Services {
			wanted[ipvs.WithDefaults(want.Services[i].Service).ServiceKey] = true
		}
	}
	var buf []ipvs.Destination
	for i := range t.Services {
		s := &t.Services[i]
		if want != nil && !wanted[s.ServiceKey] {
			continue
		}
		if buf, err = c.AppendDestinationsConsistent(buf[:0], s.ServiceKey); err != nil {
			return err
		}
		s.Destinations = append([]ipvs.Destination(nil), buf...) // at its size, nil if empty
	}
	return nil
}

// Configuration returns a copy of t as a wanted table, without what only the kernel
// sets, such as counters. The method ipvs.Local, which the kernel reports for a
// destination on the director itself, becomes ipvs.DirectRouting.
func (t *Table) Configuration() *Table {
	c := &Table{Services: slices.Clone(t.Services), Timeouts: t.Timeouts, Daemons: slices.Clone(t.Daemons)}
	for i := range c.Services {
		s := &c.Services[i]
		s.Service = s.Configuration()
		s.Destinations = slices.Clone(s.Destinations)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			*d = d.Configuration()
			if d.Method == ipvs.Local {
				d.Method = ipvs.DirectRouting
			}
		}
	}
	return c
}

// maxReads bounds the readings of ReadStable.
const maxReads = 10

// ReadStable reads like Read, repeatedly, until two successive readings have the
// same entries, ignoring counters: a change that takes many requests, such as a
// restart of the daemon that manages the table, is then complete. If the table
// never stops changing, ReadStable returns the tenth reading.
//
// last, which may be nil, is an earlier reading. If the first reading has the same
// entries, ReadStable returns last.
func ReadStable(c *ipvs.Client, want, last *Table) (*Table, error) {
	for range maxReads {
		t, err := Read(c, want)
		if err != nil {
			return nil, err
		}
		if last != nil && sameEntries(last, t) {
			break
		}
		last = t
	}
	return last, nil
}

// sameEntries reports whether two tables that were read have the same entries.
func sameEntries(a, b *Table) bool {
	for range Compare(b, a, Options{StopDaemons: true}) {
		return false
	}
	return true
}

// Validate returns an error if t has a duplicate service, destination or sync
// daemon, or an IPv4-mapped address of a destination or sync group, which the kernel
// rejects.
func (t *Table) Validate() error {
	t = t.withDefaults()
	services := make(map[ipvs.ServiceKey]bool, len(t.Services))
	for i := range t.Services {
		s := &t.Services[i]
		if services[s.ServiceKey] {
			return fmt.Errorf("reconcile: duplicate service %s", s.ServiceKey)
		}
		services[s.ServiceKey] = true
		destinations := make(map[netip.AddrPort]bool, len(s.Destinations))
		for j := range s.Destinations {
			ap := s.Destinations[j].AddrPort
			if destinations[ap] {
				return fmt.Errorf("reconcile: duplicate destination %s of %s", ap, s.ServiceKey)
			}
			if ap.Addr().Is4In6() {
				return fmt.Errorf("reconcile: destination %s of %s is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)", ap, s.ServiceKey)
			}
			destinations[ap] = true
		}
	}
	for i := range t.Daemons {
		if t.daemon(t.Daemons[i].State) != &t.Daemons[i] {
			return fmt.Errorf("reconcile: duplicate %s daemon", t.Daemons[i].State)
		}
		if group := t.Daemons[i].Group; group.Is4In6() {
			return fmt.Errorf("reconcile: sync group %s is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)", group)
		}
	}
	return nil
}

// withDefaults returns t with the defaults of its services filled in. It shares the
// services with t if they have no unset fields, and the destinations and sync daemons.
func (t *Table) withDefaults() *Table {
	c := &Table{Services: t.Services, Timeouts: t.Timeouts, Daemons: t.Daemons}
	if slices.ContainsFunc(t.Services, func(s Service) bool { return s.Service != ipvs.WithDefaults(s.Service) }) {
		c.Services = slices.Clone(t.Services)
		for i := range c.Services {
			c.Services[i].Service = ipvs.WithDefaults(c.Services[i].Service)
		}
	}
	return c
}
