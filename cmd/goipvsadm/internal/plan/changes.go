package plan

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// A Change is a command that brings a table nearer to another.
type Change struct {
	command.Command
	Line int // of the rule that wants it, 0 for the removal of what no rule wants
}

// Options are what a comparison passes over.
type Options struct {
	KeepWeights bool // those of destinations that exist already
}

// Compare calls each with every change that makes have of want, one after the
// other: the fewest that do. What is the same has none, and what differs is
// edited in place, so that it keeps its connections. Only a daemon must be
// stopped and started.
//
// They come in an order that is safe for traffic: first the time-outs, then
// what is added or edited, in the order of the rules, each service before its
// destinations, and then what is removed, in have's order. Daemons are last,
// since the kernel runs none beside destinations of another family than their
// service's.
func Compare(want, have *Table, o Options, each func(*Change)) {
	d := &differ{want: want, have: have, Options: o, each: each}
	d.timeouts()
	d.services()
	d.removeServices()
	d.removeDaemons()
	d.daemons()
}

// A differ compares tables.
type differ struct {
	want, have *Table
	Options
	each func(*Change)
}

func (d *differ) change(verb command.Verb, line int, c command.Command) {
	c.Verb = verb
	d.each(&Change{c, line})
}

func (d *differ) timeouts() {
	// 0 leaves a value as it is; the change names all three.
	want, have := d.want.Timeouts, d.have.Timeouts
	want.TCP = orDefault(want.TCP, have.TCP)
	want.TCPFin = orDefault(want.TCPFin, have.TCPFin)
	want.UDP = orDefault(want.UDP, have.UDP)
	if want != have {
		d.change(command.SetTimeouts, d.want.TimeoutsLine, command.Command{Timeouts: want})
	}
}

// services adds and edits services, and what is in them.
func (d *differ) services() {
	existing := d.have.services()
	for i := range d.want.Services {
		want := &d.want.Services[i]
		have := existing[want.ServiceKey]
		c := command.Command{Service: want.Service}
		switch {
		case have == nil:
			d.change(command.AddService, want.Line, c)
		case !sameService(&want.Service, &have.Service):
			d.change(command.EditService, want.Line, c)
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
		if have != nil && d.KeepWeights {
			wanted.Weight = have.Weight
		}
		c := command.Command{Service: want.Service, Destination: wanted.Destination}
		switch {
		case have == nil:
			d.change(command.AddServer, wanted.Line, c)
		case !sameDestination(&wanted.Destination, &have.Destination):
			d.change(command.EditServer, wanted.Line, c)
		}
	}
}

// removeServices removes services, and destinations from those that stay.
func (d *differ) removeServices() {
	wanted := d.want.services()
	for i := range d.have.Services {
		have := &d.have.Services[i]
		c := command.Command{Service: ipvs.Service{ServiceKey: have.ServiceKey}}
		want := wanted[have.ServiceKey]
		if want == nil {
			// Its destinations go with it.
			d.change(command.DeleteService, 0, c)
			continue
		}
		wanted := want.destinations()
		for j := range have.Destinations {
			c.Destination.AddrPort = have.Destinations[j].AddrPort
			if wanted[c.Destination.AddrPort] == nil {
				d.change(command.DeleteServer, 0, c)
			}
		}
	}
}

// removeDaemons stops daemons. Where no daemon has a rule, the rules are not
// about daemons.
func (d *differ) removeDaemons() {
	for i := range d.have.Daemons {
		state := d.have.Daemons[i].State
		if len(d.want.Daemons) > 0 && d.want.daemon(state) == nil {
			d.change(command.StopDaemon, 0, command.Command{Daemon: ipvs.Daemon{State: state}})
		}
	}
}

// daemons starts daemons, and stops those first that run in another way.
func (d *differ) daemons() {
	for i := range d.want.Daemons {
		want := &d.want.Daemons[i]
		have := d.have.daemon(want.State)
		if have != nil && sameDaemon(&want.Daemon, &have.Daemon) {
			continue
		}
		c := command.Command{Daemon: want.Daemon}
		if have != nil {
			d.change(command.StopDaemon, want.Line, c)
		}
		d.change(command.StartDaemon, want.Line, c)
	}
}
