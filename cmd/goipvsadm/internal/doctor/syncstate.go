// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"

	"golang.org/x/sys/unix"
)

// syncStateChecks check whether a backup director can use the sync messages of
// the master.
var syncStateChecks = []Check{
	{
		ID: "sync-id-mismatch", Severity: Error, run: syncIDMismatch,
		Title:       "sync messages have a different sync ID or group",
		Explanation: "a backup daemon only accepts messages to its group with its own sync ID",
	},
	{
		ID: "sync-wrong-interface", Severity: Error, run: syncWrongInterface,
		Title:       "sync messages arrive on another interface",
		Explanation: "a backup daemon only receives messages on its own interface",
	},
	{
		ID: "sync-blocked", Severity: Error, run: syncBlocked,
		Title:       "director's firewall drops sync messages",
		Explanation: "the backup daemon does not receive the connections of the master",
	},
	{
		ID: "sync-no-service", Severity: Hint, run: syncNoService,
		Title:       "backup director lacks services of the master",
		Explanation: "connections are synchronized, but services are not: this director could not take over",
	},
}

// defaultSyncGroup returns the multicast group of sync messages unless another one
// is set.
func defaultSyncGroup() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 81}) }

// groupOf returns the multicast group and port of a daemon.
func groupOf(d *ipvs.Daemon) netip.AddrPort {
	group, port := d.Group, d.Port
	if !group.IsValid() || group.IsUnspecified() {
		group = defaultSyncGroup()
	}
	if port == 0 {
		port = defaultSyncPort
	}
	return netip.AddrPortFrom(group, port)
}

// eachBackup calls do for each backup daemon on whose interface messages were received,
// with these messages.
func (f *Facts) eachBackup(do func(d *ipvs.Daemon, received []netprobe.SyncMessage)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if d.State != ipvs.Backup || l == nil {
			return
		}
		var received []netprobe.SyncMessage
		for _, m := range f.SyncMessages {
			if m.Link == l.Index && !m.Outgoing {
				received = append(received, m)
			}
		}
		if len(received) > 0 {
			do(d, received)
		}
	})
}

// acceptsSync reports whether a backup daemon accepts a sync message.
func acceptsSync(d *ipvs.Daemon, m netprobe.SyncMessage) bool {
	return m.Group == groupOf(d) && (d.SyncID == 0 || uint32(m.SyncID) == d.SyncID)
}

func syncIDMismatch(f *Facts, report func(Finding)) {
	f.eachBackup(func(d *ipvs.Daemon, received []netprobe.SyncMessage) {
		if slices.ContainsFunc(received, func(m netprobe.SyncMessage) bool { return acceptsSync(d, m) }) {
			return
		}
		m := received[0]
		stop := f.selfCommand(&command.Command{Verb: command.StopDaemon, Daemon: *d})
		changed := *d
		changed.SyncID, changed.Group, changed.Port = uint32(m.SyncID), m.Group.Addr(), m.Group.Port()
		start := f.selfCommand(&command.Command{Verb: command.StartDaemon, Daemon: changed})
		report(Finding{
			Evidence: fmt.Sprintf("%s sends messages to %s with sync ID %d; the backup daemon on %s accepts messages to %s with sync ID %d",
				m.Source, m.Group, m.SyncID, d.Interface, groupOf(d), d.SyncID),
			Causes: []string{
				"the master and this director are configured differently",
				"the master is down, and the messages belong to another pair of directors",
			},
			Remedies: []Remedy{{Commands: append(stop.Commands, start.Commands...)}},
		})
	})
}

func syncWrongInterface(f *Facts, report func(Finding)) {
	f.eachDaemon(func(d *ipvs.Daemon, l *netstate.Link) {
		if d.State != ipvs.Backup || l == nil {
			return
		}
		other := -1
		for i, m := range f.SyncMessages {
			switch {
			case m.Outgoing || !acceptsSync(d, m):
			case m.Link == l.Index:
				return
			default:
				other = i
			}
		}
		if other < 0 {
			return
		}
		m := f.SyncMessages[other]
		moved := *d
		moved.Interface = f.link(m.Link).Name
		stop := f.selfCommand(&command.Command{Verb: command.StopDaemon, Daemon: *d})
		start := f.selfCommand(&command.Command{Verb: command.StartDaemon, Daemon: moved})
		report(Finding{
			Evidence: fmt.Sprintf("messages of %s arrive on %s, none on %s, which the backup daemon uses", m.Source, moved.Interface, d.Interface),
			Remedies: []Remedy{{Commands: append(stop.Commands, start.Commands...)}},
		})
	})
}

func syncBlocked(f *Facts, report func(Finding)) {
	f.eachBackup(func(d *ipvs.Daemon, received []netprobe.SyncMessage) {
		i := slices.IndexFunc(received, func(m netprobe.SyncMessage) bool { return acceptsSync(d, m) })
		if i < 0 {
			return
		}
		m := received[i]
		o, hook := f.dropOutcome(&netstate.Packet{Protocol: unix.IPPROTO_UDP, Source: netip.AddrPortFrom(m.Source, 0), Destination: m.Group,
			InLink: d.Interface, State: "NEW"}, "prerouting", "input")
		if o == nil {
			return
		}
		report(Finding{
			Evidence: fmt.Sprintf("messages from %s to %s arrive on %s; %s", m.Source, m.Group, d.Interface, describeOutcome(o)),
			Remedies: []Remedy{f.acceptRequests(f.baseChain(o.Chain, hook), ipvs.UDP, m.Group)},
		})
	})
}

func syncNoService(f *Facts, report func(Finding)) {
	hasMarks := hasMarks(f.Services)
	vips := f.addrs().vips
	count := make(map[netip.AddrPort]int)
	var order []netip.AddrPort
	for _, vip := range f.UnmatchedConns {
		// Connections of fwmark services and FTP data connections have no service with
		// their own VIP and port.
		if hasMarks || vips[vip.Addr()] {
			continue
		}
		if count[vip] == 0 {
			order = append(order, vip)
		}
		count[vip]++
	}
	for _, vip := range order {
		report(Finding{
			Evidence: fmt.Sprintf("%s to %s, for which the table has no service", humanize.Count(count[vip], "synchronized connection"), vip),
			Remedies: []Remedy{advise("save the rules of the master with %s -S -n, and restore them on this director with %s -R", f.Program, f.Program)},
			Group:    "unmatched",
		})
	}
}
