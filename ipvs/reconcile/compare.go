package reconcile

import (
	"iter"
	"net/netip"

	"goipvsadm/ipvs"
)

// Options are what a comparison passes over, and what Apply is allowed to do.
type Options struct {
	// KeepWeights leaves the weights of destinations that exist as they are,
	// as is right where a health checker sets them.
	KeepWeights bool

	// AllowEmpty lets Apply remove all services where none is wanted.
	AllowEmpty bool

	// Done, if it is not nil, is told by Apply of each change that was made.
	OnChange func(*Change)
}

// Compare iterates over the changes that make have of want: the fewest that
// do. What is the same has none, and what differs is edited in place, so that
// it keeps its connections; only a daemon must be stopped and started. Zeros
// in want's services stand for what ipvs.Complete says.
//
// They come in an order that is safe for traffic: first the time-outs, then
// what is added or edited, in want's order, each service before its
// destinations, and then what is removed, in have's order. Daemons are last,
// since the kernel runs none beside destinations of another family than their
// service's. A Change is only good until the next one.
func Compare(want, have *Table, o Options) iter.Seq[*Change] {
	return func(yield func(*Change) bool) {
		d := &differ{want: want.complete(), have: have, keepWeights: o.KeepWeights, yield: yield}
		d.timeouts()
		d.services()
		d.removeServices()
		d.removeDaemons()
		d.daemons()
	}
}

// A differ compares tables.
type differ struct {
	want, have  *Table
	keepWeights bool
	yield       func(*Change) bool
	stopped     bool
}

func (d *differ) change(op ipvs.Operation, c Change) {
	if !d.stopped {
		c.Op = op
		d.stopped = !d.yield(&c)
	}
}

func (d *differ) timeouts() {
	// 0 leaves a value as it is; the change names all three.
	want, have := d.want.Timeouts, d.have.Timeouts
	want.TCP = orDefault(want.TCP, have.TCP)
	want.TCPFin = orDefault(want.TCPFin, have.TCPFin)
	want.UDP = orDefault(want.UDP, have.UDP)
	if want != have {
		d.change(ipvs.OpSetTimeouts, Change{Change: ipvs.Change{Timeouts: want}})
	}
}

// services adds and edits services, and what is in them.
func (d *differ) services() {
	existing := d.have.services()
	for i := range d.want.Services {
		want := &d.want.Services[i]
		have := existing[want.ServiceKey]
		c := Change{Change: ipvs.Change{Service: want.Service}}
		switch {
		case have == nil:
			d.change(ipvs.OpAddService, c)
		case !serviceEqual(&want.Service, &have.Service):
			d.change(ipvs.OpUpdateService, c)
		}
		d.destinations(want, have)
	}
}

// destinations adds and edits the destinations of a service, which need not
// exist yet.
func (d *differ) destinations(want, have *Service) {
	existing := have.destinations()
	for _, wanted := range want.Destinations {
		have := existing[wanted.AddrPort]
		if have != nil && d.keepWeights {
			wanted.Weight = have.Weight
		}
		c := Change{Change: ipvs.Change{Service: want.Service, Destination: wanted}}
		switch {
		case have == nil:
			d.change(ipvs.OpAddDestination, c)
		case !sameDestination(&wanted, have):
			d.change(ipvs.OpUpdateDestination, c)
		}
	}
}

// removeServices removes services, and destinations from those that stay.
func (d *differ) removeServices() {
	wanted := d.want.services()
	for i := range d.have.Services {
		have := &d.have.Services[i]
		c := Change{Change: ipvs.Change{Service: ipvs.Service{ServiceKey: have.ServiceKey}}, Prune: true}
		want := wanted[have.ServiceKey]
		if want == nil {
			// Its destinations go with it.
			d.change(ipvs.OpRemoveService, c)
			continue
		}
		wanted := want.destinations()
		for j := range have.Destinations {
			c.Destination.AddrPort = have.Destinations[j].AddrPort
			if wanted[c.Destination.AddrPort] == nil {
				d.change(ipvs.OpRemoveDestination, c)
			}
		}
	}
}

// removeDaemons stops daemons. Where no daemon is wanted, the table is not
// about daemons.
func (d *differ) removeDaemons() {
	for i := range d.have.Daemons {
		state := d.have.Daemons[i].State
		if len(d.want.Daemons) > 0 && d.want.daemon(state) == nil {
			d.change(ipvs.OpStopDaemon, Change{Change: ipvs.Change{Daemon: ipvs.Daemon{State: state}}, Prune: true})
		}
	}
}

// daemons starts daemons, and stops those first that run in another way.
func (d *differ) daemons() {
	for i := range d.want.Daemons {
		want := &d.want.Daemons[i]
		have := d.have.daemon(want.State)
		if have != nil && sameDaemon(want, have) {
			continue
		}
		c := Change{Change: ipvs.Change{Daemon: *want}}
		if have != nil {
			d.change(ipvs.OpStopDaemon, c)
		}
		d.change(ipvs.OpStartDaemon, c)
	}
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
func (s *Service) destinations() map[netip.AddrPort]*ipvs.Destination {
	if s == nil {
		return nil
	}
	m := make(map[netip.AddrPort]*ipvs.Destination, len(s.Destinations))
	for i := range s.Destinations {
		m[s.Destinations[i].AddrPort] = &s.Destinations[i]
	}
	return m
}

// daemon returns the daemon of a role, or nil.
func (t *Table) daemon(state ipvs.DaemonState) *ipvs.Daemon {
	for i := range t.Daemons {
		if t.Daemons[i].State == state {
			return &t.Daemons[i]
		}
	}
	return nil
}
