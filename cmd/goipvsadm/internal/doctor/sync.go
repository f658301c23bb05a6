// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// syncChecks check the sync daemons.
var syncChecks = []Check{
	{
		ID: "sync-interface-gone", Severity: Error, run: syncInterfaceGone,
		Title:       "interface of a sync daemon does not exist",
		Explanation: "it was removed after the daemon started; no sync messages are sent or received",
	},
	{
		ID: "sync-interface-down", Severity: Error, run: syncInterfaceDown,
		Title:       "interface of a sync daemon is down",
		Explanation: "sync messages cannot be sent or received",
	},
	{
		ID: "sync-no-multicast", Severity: Error, run: syncNoMulticast,
		Title:       "interface of a sync daemon has multicast disabled",
		Explanation: "sync messages are sent to a multicast group",
	},
	{
		ID: "sync-no-address", Severity: Error, run: syncNoAddress,
		Title:       "interface of the master sync daemon has no address",
		Explanation: "sync messages need a source address",
	},
}

// eachDaemon calls do for each daemon with its link, or nil if the link does
// not exist.
func (f *Facts) eachDaemon(do func(d *ipvs.Daemon, l *netstate.Link)) {
	if len(f.Links) == 0 {
		return // the links are unknown
	}
	for i := range f.Daemons {
		d := &f.Daemons[i]
		do(d, f.linkNamed(d.Interface))
	}
}

// restartDaemon returns the command that restarts a daemon on another, suitable
// interface or, if there is none, stops it.
func (f *Facts) restartDaemon(d *ipvs.Daemon) Remedy {
	stop := f.selfCommand(&command.Command{Verb: command.StopDaemon, Daemon: *d})
	for i := range f.Links {
		l := &f.Links[i]
		if l.Name == d.Interface || l.Loopback || !l.Up || !l.Multicast || !f.hasSyncAddress(l, d) {
			continue
		}
		moved := *d
		moved.Interface = l.Name
		start := f.selfCommand(&command.Command{Verb: command.StartDaemon, Daemon: moved})
		return Remedy{Commands: append(stop.Commands, start.Commands...)}
	}
	return stop
}

// hasSyncAddress reports whether a link has an address of the family of a
// daemon's multicast group.
func (f *Facts) hasSyncAddress(l *netstate.Link, d *ipvs.Daemon) bool {
	for _, a := range f.Addresses {
		if a.Link == l.Index && a.Prefix.Addr().Is4() == (d.Group.Is4() || !d.Group.IsValid()) {
			return true
		}
	}
	return false
}

func syncInterfaceGone(f *Facts, report func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if l == nil {
			report(Finding{
				Evidence: fmt.Sprintf("the %s daemon uses %s, which does not exist", d.State, d.Interface),
				Remedies: []Remedy{f.restartDaemon(d)},
			})
		}
	})
}

func syncInterfaceDown(f *Facts, report func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		switch {
		case l == nil || l.Up && l.LowerUp:
		case l.Up:
			report(Finding{
				Evidence: fmt.Sprintf("the %s daemon uses %s, which has no carrier", d.State, l.Name),
				// Not restartDaemon: the other director would remain on its interface.
				Remedies: []Remedy{advise("check the cable of %s and the device at its other end", l.Name)},
			})
		default:
			report(Finding{
				Evidence: fmt.Sprintf("the %s daemon uses %s, which is administratively down", d.State, l.Name),
				Remedies: []Remedy{f.localCommand("ip", "link", "set", "dev", l.Name, "up")},
			})
		}
	})
}

func syncNoMulticast(f *Facts, report func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		// A link without neighbor resolution, such as a tunnel, sends multicast
		// packets to its other end even without the flag.
		if l != nil && l.Up && !l.Multicast && l.NeedsNeigh {
			report(Finding{
				Evidence: fmt.Sprintf("the %s daemon uses %s, which does not have the flag MULTICAST", d.State, l.Name),
				Remedies: []Remedy{f.localCommand("ip", "link", "set", "dev", l.Name, "multicast", "on")},
			})
		}
	})
}

func syncNoAddress(f *Facts, report func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if l == nil || !l.Up || d.State != ipvs.Master || f.hasSyncAddress(l, d) {
			return
		}
		family := ipvs.IPv4
		if d.Group.Is6() {
			family = ipvs.IPv6
		}
		report(Finding{
			Evidence: fmt.Sprintf("%s has no %s address", l.Name, family),
			Remedies: []Remedy{f.restartDaemon(d)},
		})
	})
}
