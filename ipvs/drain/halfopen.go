package drain

import (
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

// maxHalfOpen is the number of active connections above which it is not determined
// whether those of a destination are half-open.
const maxHalfOpen = 1000

// readingPause is how long the connection table is not read after a reading, as a
// multiple of the time that the reading took.
const readingPause = 10

// findHalfOpen sets HalfOpenConns of the targets of which no active connection is
// established. The kernel counts a connection as active from the first SYN on, so
// those to a server that is down are active until they time out.
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
		d.nextReading = end.Add(readingPause * end.Sub(begin))
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
	// A reading can miss a connection while others end, so as many must be found
	// as are active.
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

// countHalfOpen counts c and returns counts without the targets of which c is an
// established connection.
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

// owns reports whether c is a TCP connection of the service to the destination.
// For a firewall mark, which the table does not show, it is one of any service.
func (t *target) owns(c *ipvs.Connection) bool {
	if c.Protocol != ipvs.TCP || c.Destination.Addr() != t.server.Addr() || t.server.Port() != 0 && c.Destination.Port() != t.server.Port() {
		return false
	}
	key := t.config.ServiceKey
	if key.Mark != 0 {
		return true
	}
	vip := key.AddrPort
	return key.Protocol == ipvs.TCP && c.VIP.Addr() == vip.Addr() && (vip.Port() == 0 || c.VIP.Port() == vip.Port())
}
