// SPDX-License-Identifier: MIT

package reconcile

import (
	"cmp"
	"iter"
	"net/netip"

	"goipvsadm/ipvs"
)

// Options configure Compare, Execute, Apply and Undo.
type Options struct {
	// KeepWeights keeps the weights of existing destinations, for tables whose
	// weights are set by a health checker.
	KeepWeights bool

	// AllowEmpty lets Apply remove all services if the wanted table has none.
	AllowEmpty bool

	// StopDaemons stops running sync daemons if the wanted table has none.
	StopDaemons bool

	// OnChange, if set, is called for each change that was made. The Change is
	// valid only during the call.
	OnChange func(*Change)

	// OnError, if set, is called for each change that failed. The text of the
	// error names the change. With errors.Is, the error matches an errno or an
	// Err value of package ipvs. The Change is valid only during the call.
	OnError func(*Change, error)
}

// Compare iterates over the changes that turn have into want. Equal entries
// need no change. Services and destinations that differ are updated in place and
// keep their connections; sync daemons are restarted. Unset fields of want's
// services have the defaults of ipvs.WithDefaults. Each Change is valid only until
// the next iteration.
//
// The order is safe for traffic, because capacity is added before it is removed:
//
//  1. the timeouts;
//  2. additions and raised weights, in want's order, each service before its
//     destinations;
//  3. other updates;
//  4. lowered weights, those lowered to 0 last;
//  5. removals of services and destinations, in have's order;
//  6. sync daemons: those that are not running are started, those with other
//     settings are restarted, and those that are not wanted are stopped. They are
//     last because the kernel rejects a daemon while the address family of a
//     destination differs from that of its service.
func Compare(want, have *Table, o Options) iter.Seq[*Change] {
	return func(yield func(*Change) bool) {
		d := &differ{want: want.withDefaults(), have: have, options: o, yield: yield}
		d.setTimeouts()
		d.addAndRaise()
		d.emitDeferred(d.updates, false)
		d.emitDeferred(d.lowered, false)
		d.emitDeferred(d.disabled, true)
		d.remove()
		d.startDaemons()
		d.stopDaemons()
	}
}

// A differ compares tables.
type differ struct {
	want, have *Table
	options    Options
	yield      func(*Change) bool
	stopped    bool // yield returned false
	current    Change

	// Updates that are made later, in want's order.
	updates  []deferredUpdate // the weight does not change
	lowered  []deferredUpdate // the weight is lowered
	disabled []deferredUpdate // the weight is lowered to 0
}

// A deferredUpdate refers to an update of a service or destination.
type deferredUpdate struct {
	service     int32  // index in want.Services
	destination int32  // index in the service's Destinations; -1 for the service itself
	weight      uint32 // weight to set
}

// emit yields c with the operation op.
func (d *differ) emit(op ipvs.Operation, c Change) {
	if !d.stopped {
		d.current = c
		d.current.Op = op
		d.stopped = !d.yield(&d.current)
	}
}

func (d *differ) setTimeouts() {
	// A wanted timeout of 0 keeps the kernel's. The change has all three.
	want, have := d.want.Timeouts, d.have.Timeouts
	want.TCP = cmp.Or(want.TCP, have.TCP)
	want.TCPFin = cmp.Or(want.TCPFin, have.TCPFin)
	want.UDP = cmp.Or(want.UDP, have.UDP)
	if want != have {
		d.emit(ipvs.OpSetTimeouts, Change{Change: ipvs.Change{Timeouts: want}})
	}
}

// addAndRaise adds services and destinations and raises weights. It defers all
// other updates.
func (d *differ) addAndRaise() {
	existing := d.have.servicesByKey()
	for i := range d.want.Services {
		want := &d.want.Services[i]
		have := existing[want.ServiceKey]
		switch {
		case have == nil:
			d.emit(ipvs.OpAddService, Change{Change: ipvs.Change{Service: want.Service}})
		case !ipvs.SameEffect(&want.Service, &have.Service):
			d.updates = append(d.updates, deferredUpdate{service: int32(i), destination: -1})
		}
		d.addAndRaiseDestinations(i, have)
	}
}

// addAndRaiseDestinations adds destinations of want's service i and raises their
// weights. have is the kernel's service, or nil if it does not exist.
func (d *differ) addAndRaiseDestinations(i int, have *Service) {
	want := &d.want.Services[i]
	existing := have.destinationsByAddr()
	for j, wanted := range want.Destinations {
		have := existing[wanted.AddrPort]
		if have != nil && d.options.KeepWeights {
			wanted.Weight = have.Weight
		}
		c := Change{Change: ipvs.Change{Service: want.Service, Destination: wanted}}
		later := deferredUpdate{service: int32(i), destination: int32(j), weight: wanted.Weight}
		switch {
		case have == nil:
			d.emit(ipvs.OpAddDestination, c)
		case destinationEqual(&wanted, have):
		case wanted.Weight > have.Weight:
			d.emit(ipvs.OpUpdateDestination, c)
		case wanted.Weight == have.Weight:
			d.updates = append(d.updates, later)
		case wanted.Weight > 0:
			d.lowered = append(d.lowered, later)
		default:
			d.disabled = append(d.disabled, later)
		}
	}
}

// emitDeferred yields updates that were deferred. disable is set if they lower a
// weight to 0.
func (d *differ) emitDeferred(updates []deferredUpdate, disable bool) {
	for _, u := range updates {
		want := &d.want.Services[u.service]
		c := Change{Change: ipvs.Change{Service: want.Service}}
		if u.destination < 0 {
			d.emit(ipvs.OpUpdateService, c)
			continue
		}
		c.Destination = want.Destinations[u.destination]
		c.Destination.Weight = u.weight
		c.Disable = disable
		d.emit(ipvs.OpUpdateDestination, c)
	}
}

// remove removes services, and destinations of the remaining services.
func (d *differ) remove() {
	wantedServices := d.want.servicesByKey()
	for i := range d.have.Services {
		have := &d.have.Services[i]
		c := Change{Change: ipvs.Change{Service: ipvs.Service{ServiceKey: have.ServiceKey}}, Prune: true}
		want := wantedServices[have.ServiceKey]
		if want == nil {
			// The kernel removes its destinations with it.
			d.emit(ipvs.OpRemoveService, c)
			continue
		}
		wanted := want.destinationsByAddr()
		for j := range have.Destinations {
			c.Destination.AddrPort = have.Destinations[j].AddrPort
			if wanted[c.Destination.AddrPort] == nil {
				d.emit(ipvs.OpRemoveDestination, c)
			}
		}
	}
}

// stopDaemons stops the sync daemons that are not wanted. A wanted table without
// daemons leaves all of them running, unless Options.StopDaemons is set.
func (d *differ) stopDaemons() {
	if len(d.want.Daemons) == 0 && !d.options.StopDaemons {
		return
	}
	for i := range d.have.Daemons {
		if state := d.have.Daemons[i].State; d.want.daemon(state) == nil {
			d.emit(ipvs.OpStopDaemon, Change{Change: ipvs.Change{Daemon: ipvs.Daemon{State: state}}, Prune: true})
		}
	}
}

// startDaemons starts the wanted sync daemons. A daemon that runs with other
// settings is stopped first.
func (d *differ) startDaemons() {
	for i := range d.want.Daemons {
		want := &d.want.Daemons[i]
		have := d.have.daemon(want.State)
		if have != nil && daemonEqual(want, have) {
			continue
		}
		if have != nil {
			d.emit(ipvs.OpStopDaemon, Change{Change: ipvs.Change{Daemon: *have}})
		}
		d.emit(ipvs.OpStartDaemon, Change{Change: ipvs.Change{Daemon: *want}})
	}
}

func (t *Table) servicesByKey() map[ipvs.ServiceKey]*Service {
	m := make(map[ipvs.ServiceKey]*Service, len(t.Services))
	for i := range t.Services {
		m[t.Services[i].ServiceKey] = &t.Services[i]
	}
	return m
}

// destinationsByAddr returns the destinations of s by address and port. If s is
// nil, there are none.
func (s *Service) destinationsByAddr() map[netip.AddrPort]*ipvs.Destination {
	if s == nil {
		return nil
	}
	m := make(map[netip.AddrPort]*ipvs.Destination, len(s.Destinations))
	for i := range s.Destinations {
		m[s.Destinations[i].AddrPort] = &s.Destinations[i]
	}
	return m
}

// daemon returns the sync daemon of a role, or nil.
func (t *Table) daemon(state ipvs.DaemonState) *ipvs.Daemon {
	for i := range t.Daemons {
		if t.Daemons[i].State == state {
			return &t.Daemons[i]
		}
	}
	return nil
}
