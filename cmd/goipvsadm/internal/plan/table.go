// Package plan says what separates the table that rules describe from the one
// that the kernel has: the changes, in order, that make the one of the other.
// It neither reads nor changes anything by itself.
package plan

import (
	"net/netip"

	"goipvsadm/ipvs"
)

// A Table is the state of the kernel, as it is or as it is wanted.
type Table struct {
	Services []Service

	Timeouts     ipvs.Timeouts // wanted: 0 for what may stay
	TimeoutsLine int           // of their rule, 0 if there is none

	Daemons []Daemon // wanted: nil if all may stay as they are
}

// A Service is a virtual service with its destinations.
type Service struct {
	ipvs.Service
	Line         int // of its rule, from 1; 0 for the kernel's own
	Destinations []Destination
}

// A Destination is a destination with the line of its rule.
type Destination struct {
	ipvs.Destination
	Line int
}

// A Daemon is a synchronisation daemon with the line of its rule.
type Daemon struct {
	ipvs.Daemon
	Line int
}

// services returns the services by their keys.
func (t *Table) services() map[ipvs.ServiceKey]*Service {
	m := make(map[ipvs.ServiceKey]*Service, len(t.Services))
	for i := range t.Services {
		m[t.Services[i].ServiceKey] = &t.Services[i]
	}
	return m
}

// destinations returns the destinations of s, if there is such a service, by their
// addresses.
func (s *Service) destinations() map[netip.AddrPort]*Destination {
	if s == nil {
		return nil
	}
	m := make(map[netip.AddrPort]*Destination, len(s.Destinations))
	for i := range s.Destinations {
		m[s.Destinations[i].AddrPort] = &s.Destinations[i]
	}
	return m
}

// daemon returns the daemon of a role, or nil.
func (t *Table) daemon(state ipvs.DaemonState) *Daemon {
	for i := range t.Daemons {
		if t.Daemons[i].State == state {
			return &t.Daemons[i]
		}
	}
	return nil
}
