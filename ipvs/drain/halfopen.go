// SPDX-License-Identifier: MIT

package drain

import (
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

// maxHalfOpen is the maximum number of active connections of a destination for which
// findHalfOpen determines whether they are half-open.
const maxHalfOpen = 1000

// readingPauseFactor is the minimum pause between two readings of the connection table,
// as a multiple of the duration of the first one.
const readingPauseFactor = 10

// findHalfOpen sets HalfOpenConns of the targets whose active connections are all
// half-open. The kernel counts a connection as active from the first SYN on, so
// connections to a server that is down are active until they time out.
func (d *drainer) findHalfOpen(targets []*target) {
	begin := time.Now()
	if begin.Before(d.nextReading) {
		return
	}
	undecided := make(map[netip.Addr][]*halfOpenCount)
	for _, t := range targets {
		if active := t.last.ActiveConns; !t.isStale && active > 0 && active <= maxHalfOpen {
			addr := t.server.Addr()
			undecided[addr] = append(undecided[addr], &halfOpenCount{target: t})
		}
	}
	if len(undecided) == 0 {
		return
	}
	defer func() {
		end := time.Now()
		d.nextReading = end.Add(readingPauseFactor * end.Sub(begin))
	}()
	for c, err := range d.connections() {
		if err != nil {
			return
		}
		addr := c.Destination.Addr()
		counts, ok := undecided[addr]
		if !ok {
			continue
		}
		if counts = countHalfOpen(counts, &c); len(counts) > 0 {
			undecided[addr] = counts
		} else if delete(undecided, addr); len(undecided) == 0 {
			return
		}
	}
	// A reading can miss connections while others end. The active connections of a target
	// count as half-open only if the reading found at least as many half-open ones.
	for _, counts := range undecided {
		for _, n := range counts {
			if n.found >= n.last.ActiveConns {
				n.last.HalfOpenConns = n.last.ActiveConns
			}
		}
	}
}

// A halfOpenCount counts the half-open connections of a target.
type halfOpenCount struct {
	*target
	found uint32
}

// countHalfOpen counts c if it is half-open, and returns counts without the targets that
// have c as an established connection.
func countHalfOpen(counts []*halfOpenCount, c *ipvs.Connection) []*halfOpenCount {
	kept := counts[:0]
	for _, n := range counts {
		if n.owns(c) {
			switch c.State {
			case "SYN_SENT", "SYN_RECV", "SYNACK":
				n.found++
			case "ESTABLISHED":
				continue
			}
		}
		kept = append(kept, n)
	}
	return kept
}

// owns reports whether c is a TCP connection of the service to the destination. If
// the service has a firewall mark, which the connection table does not show, the
// target owns the TCP connections of all services to the destination.
func (t *target) owns(c *ipvs.Connection) bool {
	key := t.config.ServiceKey
	if key.Mark == 0 && key.Protocol != ipvs.TCP {
		return false
	}
	f := ipvs.ConnectionFilter{Protocol: ipvs.TCP, VIP: key.AddrPort, Destination: t.server}
	return f.Matches(c)
}
