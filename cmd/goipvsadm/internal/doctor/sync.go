package doctor

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// syncChecks look at the synchronisation daemons.
var syncChecks = []Check{
	{"sync-interface-gone", Error, "a synchronisation daemon has no interface",
		"the interface that it was started on is gone, and the other director hears nothing",
		syncInterfaceGone},
	{"sync-interface-down", Error, "the interface of a synchronisation daemon is down",
		"its messages go nowhere",
		syncInterfaceDown},
	{"sync-no-multicast", Error, "the interface of a synchronisation daemon has no multicast",
		"its messages go to a multicast group",
		syncNoMulticast},
	{"sync-no-address", Error, "the interface of the master synchronisation daemon has no address",
		"its messages have no source to come from",
		syncNoAddress},
}

// eachDaemon calls do for each daemon with its interface, nil if that is gone.
func (f *Facts) eachDaemon(do func(d *ipvs.Daemon, l *netstate.Link)) {
	if len(f.Links) == 0 {
		return
	}
	for i := range f.Daemons {
		d := &f.Daemons[i]
		do(d, f.linkNamed(d.Interface))
	}
}

// restart returns the command that starts a daemon on an interface that will
// do or, if there is none, the one that stops it.
func (f *Facts) restart(d *ipvs.Daemon) Remedy {
	stop := f.selfCommand(&command.Command{Verb: command.StopDaemon, Daemon: *d})
	for i := range f.Links {
		l := &f.Links[i]
		if l.Name == d.Interface || l.Loopback || !l.Up || !l.Multicast || !f.hasAddress(l, d) {
			continue
		}
		again := *d
		again.Interface = l.Name
		start := f.selfCommand(&command.Command{Verb: command.StartDaemon, Daemon: again})
		return Remedy{Command: stop.Command + " && " + start.Command}
	}
	return stop
}

// hasAddress reports whether a link has an address of the family of a daemon's
// group.
func (f *Facts) hasAddress(l *netstate.Link, d *ipvs.Daemon) bool {
	for _, a := range f.Addresses {
		if a.Link == l.Index && a.Prefix.Addr().Is4() == (d.Group.Is4() || !d.Group.IsValid()) {
			return true
		}
	}
	return false
}

func syncInterfaceGone(f *Facts, found func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if l == nil {
			found(Finding{Evidence: fmt.Sprintf("the %s uses %s, which does not exist", d.State, d.Interface), Remedies: []Remedy{f.restart(d)}})
		}
	})
}

func syncInterfaceDown(f *Facts, found func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		switch {
		case l == nil || l.Up && l.LowerUp:
		case l.Up:
			found(Finding{
				Evidence: fmt.Sprintf("the %s uses %s, which has no carrier", d.State, l.Name),
				Remedies: []Remedy{f.restart(d)},
			})
		default:
			found(Finding{
				Evidence: fmt.Sprintf("the %s uses %s, which is switched off", d.State, l.Name),
				Remedies: []Remedy{f.localCommand("ip link set %s up", l.Name)},
			})
		}
	})
}

func syncNoMulticast(f *Facts, found func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if l != nil && l.Up && !l.Multicast && !l.Loopback {
			found(Finding{
				Evidence: fmt.Sprintf("the %s uses %s, which is not for multicast", d.State, l.Name),
				Remedies: []Remedy{f.localCommand("ip link set %s multicast on", l.Name)},
			})
		}
	})
}

func syncNoAddress(f *Facts, found func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if l == nil || !l.Up || d.State != ipvs.Master || f.hasAddress(l, d) {
			return
		}
		family := ipvs.IPv4
		if d.Group.Is6() {
			family = ipvs.IPv6
		}
		found(Finding{Evidence: fmt.Sprintf("%s has no %s address", l.Name, family), Remedies: []Remedy{f.restart(d)}})
	})
}
