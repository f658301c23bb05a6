// SPDX-License-Identifier: MIT

package reconcile

import (
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// Undo returns the table that results if changes which Execute made are undone.
// before is the table before the changes and now the table that the kernel has, both
// complete. Applying the result with Options.StopDaemons undoes the changes.
//
// Only these changes are undone: entries that other programs have added, edited or
// removed since stay as they are. If another program has changed only the weight of
// a destination, that weight is kept, and the other fields are restored. kept lists
// the changes that are therefore not undone, or only in part.
//
// With o.KeepWeights, the weights of destinations that exist are not changed.
func Undo(made []Change, before, now *Table, o Options) (want *Table, kept []Change) {
	u := undoer{before: before.Configuration(), want: now.Configuration(), keepWeights: o.KeepWeights}
	u.old, u.current = u.before.servicesByKey(), u.want.servicesByKey()
	u.removed = make(map[*Service]bool)
	for i := len(made) - 1; i >= 0; i-- {
		if !u.undo(&made[i]) {
			kept = append(kept, made[i])
		}
	}
	return u.table(), kept
}

// An undoer undoes changes in a table.
type undoer struct {
	before, want *Table
	keepWeights  bool

	old, current map[ipvs.ServiceKey]*Service // services of before and want
	removed      map[*Service]bool            // services of want to leave out
	added        []*Service                   // services of before to add to want
}

// undo undoes c. It returns false if c is not undone, or only in part, because of a
// change by another program.
func (u *undoer) undo(c *Change) bool {
	key := c.Service.ServiceKey
	old, s := u.old[key], u.current[key]
	switch c.Op {
	case ipvs.OpSetTimeouts:
		return u.undoTimeouts(&c.Timeouts)
	case ipvs.OpStartDaemon:
		return u.undoStart(&c.Daemon)
	case ipvs.OpStopDaemon:
		return u.undoStop(c.Daemon.State)
	case ipvs.OpRemoveService:
		if s != nil || old == nil {
			return false
		}
		u.current[key] = old
		u.added = append(u.added, old)
		return true
	}
	if s == nil {
		return true // another program has removed the service
	}
	switch c.Op {
	case ipvs.OpAddService:
		delete(u.current, key)
		u.removed[s] = true
	case ipvs.OpUpdateService:
		if old == nil || !ipvs.SameEffect(&c.Service, &s.Service) {
			return false
		}
		s.Service = old.Service
	default:
		return u.undoDestination(c, old, s)
	}
	return true
}

// undoDestination undoes a change of a destination of s. old is the service before
// the changes, or nil if it did not exist.
func (u *undoer) undoDestination(c *Change, old, s *Service) bool {
	was, i := old.find(c.Destination.AddrPort), s.index(c.Destination.AddrPort)
	switch c.Op {
	case ipvs.OpAddDestination:
		if i >= 0 {
			s.Destinations = slices.Delete(s.Destinations, i, i+1)
		}
		return true
	case ipvs.OpRemoveDestination:
		if i >= 0 || was == nil {
			return false
		}
		s.Destinations = append(s.Destinations, *was)
		return true
	}
	if i < 0 {
		return true // another program has removed it
	}
	if was == nil {
		return false
	}
	d := &s.Destinations[i]
	weight := d.Weight
	sameWeight := u.keepWeights || weight == c.Destination.Weight
	if !u.keepWeights && sameWeight {
		weight = was.Weight
	}
	if d.Weight = c.Destination.Weight; !destinationEqual(&c.Destination, d) {
		d.Weight = weight
		return false
	}
	*d = *was
	d.Weight = weight
	return sameWeight
}

func (u *undoer) undoTimeouts(set *ipvs.Timeouts) bool {
	old, now := &u.before.Timeouts, &u.want.Timeouts
	undone := true
	for _, t := range []struct {
		now      *uint32
		set, old uint32
	}{{&now.TCP, set.TCP, old.TCP}, {&now.TCPFin, set.TCPFin, old.TCPFin}, {&now.UDP, set.UDP, old.UDP}} {
		switch {
		case t.set == t.old: // not changed
		case *t.now == t.set:
			*t.now = t.old
		default:
			undone = false
		}
	}
	return undone
}

// undoStart undoes the start of a sync daemon.
func (u *undoer) undoStart(started *ipvs.Daemon) bool {
	d := u.want.daemon(started.State)
	if d != nil && !daemonEqual(started, d) {
		return false
	}
	u.want.Daemons = slices.DeleteFunc(u.want.Daemons, func(d ipvs.Daemon) bool { return d.State == started.State })
	return true
}

// undoStop undoes the stop of a sync daemon.
func (u *undoer) undoStop(state ipvs.DaemonState) bool {
	old := u.before.daemon(state)
	if old == nil || u.want.daemon(state) != nil {
		return false
	}
	u.want.Daemons = append(u.want.Daemons, *old)
	return true
}

// table returns the resulting table.
func (u *undoer) table() *Table {
	t := &Table{Timeouts: u.want.Timeouts, Daemons: u.want.Daemons}
	for i := range u.want.Services {
		if s := &u.want.Services[i]; !u.removed[s] {
			t.Services = append(t.Services, *s)
		}
	}
	for _, s := range slices.Backward(u.added) {
		t.Services = append(t.Services, *s)
	}
	return t
}

// index returns the index of a destination of s, or -1.
func (s *Service) index(ap netip.AddrPort) int {
	return slices.IndexFunc(s.Destinations, func(d ipvs.Destination) bool { return d.AddrPort == ap })
}

// find returns a destination of s, or nil. s may be nil.
func (s *Service) find(ap netip.AddrPort) *ipvs.Destination {
	if s == nil {
		return nil
	}
	if i := s.index(ap); i >= 0 {
		return &s.Destinations[i]
	}
	return nil
}
