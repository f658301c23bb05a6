// SPDX-License-Identifier: MIT

package ruleset

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// Rules collects rules, in any order, into the table that they describe, and
// records the line number of each rule. The zero Rules is empty.
type Rules struct {
	table    reconcile.Table
	services map[ipvs.ServiceKey]int32 // index of each service in table.Services and in lines
	lines    []serviceLines
	timeouts int                      // line number, 0 if the timeouts are not set
	daemons  map[ipvs.DaemonState]int // line numbers
}

// serviceLines are the line numbers of a service and its servers.
type serviceLines struct {
	service int32   // 0 if only rules for its servers were added so far
	servers []int32 // in the order of the service's destinations in the table

	// index holds the position of each server in servers. It is nil for up to
	// maxUnindexed servers, because a map for every service would take as much
	// memory as the table.
	index map[netip.AddrPort]int32
}

// maxUnindexed is the maximum number of servers of a service without an index.
const maxUnindexed = 16

// A LineError is an error in a line of a ruleset.
type LineError struct {
	Line int
	Text string
}

// Add adds the rule on a line. It returns an error if the rule does not define a
// service, a server, the timeouts or a sync daemon, or if an earlier rule has already
// defined the same entry.
func (r *Rules) Add(c *command.Command, line int) error {
	if r.services == nil {
		r.services = make(map[ipvs.ServiceKey]int32)
		r.daemons = make(map[ipvs.DaemonState]int)
	}
	switch c.Verb {
	case command.AddService:
		return r.addService(&c.Service, line)
	case command.AddServer:
		if err := ValidateServerAddr(c.Destination.AddrPort.Addr()); err != nil {
			return err
		}
		return r.addDestination(&c.Service.ServiceKey, &c.Destination, line)
	case command.SetTimeouts:
		return r.setTimeouts(c.Timeouts, line)
	case command.StartDaemon:
		return r.addDaemon(&c.Daemon, line)
	}
	return fmt.Errorf("command '%s' does not describe a table (use only -A, -a, --set and --start-daemon)", c.Verb)
}

// Empty reports whether no rule was added.
func (r *Rules) Empty() bool { return r.services == nil }

// service returns the service with the key. If the table has no such service,
// service adds one without a configuration.
func (r *Rules) service(key ipvs.ServiceKey) (*reconcile.Service, *serviceLines) {
	i, ok := r.services[key]
	if !ok {
		i = int32(len(r.lines))
		r.services[key] = i
		r.table.Services = append(r.table.Services, reconcile.Service{})
		r.lines = append(r.lines, serviceLines{})
	}
	return &r.table.Services[i], &r.lines[i]
}

func (r *Rules) addService(service *ipvs.Service, line int) error {
	s, lines := r.service(service.ServiceKey)
	if lines.service != 0 {
		return fmt.Errorf("service already defined on line %d", lines.service)
	}
	s.Service, lines.service = *service, int32(line)
	return nil
}

func (r *Rules) addDestination(service *ipvs.ServiceKey, d *ipvs.Destination, line int) error {
	s, lines := r.service(*service)
	if i := lines.find(s, d.AddrPort); i >= 0 {
		return fmt.Errorf("server already defined on line %d", lines.servers[i])
	}
	s.Destinations = append(s.Destinations, *d)
	lines.servers = append(lines.servers, int32(line))
	lines.addToIndex(s)
	return nil
}

// find returns the position of a server of the service s, or -1 if s does not have
// it.
func (l *serviceLines) find(s *reconcile.Service, ap netip.AddrPort) int {
	if l.index == nil {
		return slices.IndexFunc(s.Destinations, func(d ipvs.Destination) bool { return d.AddrPort == ap })
	}
	if i, ok := l.index[ap]; ok {
		return int(i)
	}
	return -1
}

// addToIndex adds the last server of the service s to the index. It creates the index
// when s has more than maxUnindexed servers.
func (l *serviceLines) addToIndex(s *reconcile.Service) {
	first := len(s.Destinations) - 1
	if first < maxUnindexed {
		return
	}
	if l.index == nil {
		l.index = make(map[netip.AddrPort]int32, 2*maxUnindexed)
		first = 0
	}
	for i := first; i < len(s.Destinations); i++ {
		l.index[s.Destinations[i].AddrPort] = int32(i)
	}
}

func (r *Rules) setTimeouts(t ipvs.Timeouts, line int) error {
	if r.timeouts != 0 {
		return fmt.Errorf("timeouts already set on line %d", r.timeouts)
	}
	r.table.Timeouts, r.timeouts = t, line
	return nil
}

func (r *Rules) addDaemon(d *ipvs.Daemon, line int) error {
	if first, ok := r.daemons[d.State]; ok {
		return fmt.Errorf("%s daemon already defined on line %d", d.State, first)
	}
	r.daemons[d.State] = line
	r.table.Daemons = append(r.table.Daemons, *d)
	return nil
}

// Table returns the table and an error for each server whose service no rule
// defines. It frees the memory that append reserved for further servers.
func (r *Rules) Table() (*reconcile.Table, []LineError) {
	var errs []LineError
	for i := range r.lines {
		s, lines := &r.table.Services[i], &r.lines[i]
		if lines.service == 0 {
			for _, line := range lines.servers {
				errs = append(errs, LineError{int(line), "service not defined"})
			}
		}
		if len(s.Destinations) < cap(s.Destinations) {
			s.Destinations = slices.Clone(s.Destinations)
			lines.servers = slices.Clone(lines.servers)
		}
	}
	return &r.table, errs
}

// Line returns the line of the rule that requires the change c, or 0 if c
// removes an entry that no rule describes.
func (r *Rules) Line(c *reconcile.Change) int {
	if c.Prune {
		return 0
	}
	switch c.Op {
	case ipvs.OpAddService, ipvs.OpUpdateService, ipvs.OpAddDestination, ipvs.OpUpdateDestination:
		return r.entryLine(c)
	case ipvs.OpSetTimeouts:
		return r.timeouts
	case ipvs.OpStartDaemon, ipvs.OpStopDaemon:
		return r.daemons[c.Daemon.State]
	}
	return 0
}

// entryLine is Line for a change of a service or server.
func (r *Rules) entryLine(c *reconcile.Change) int {
	i, ok := r.services[c.Service.ServiceKey]
	if !ok {
		return 0
	}
	lines := &r.lines[i]
	if c.Op == ipvs.OpAddService || c.Op == ipvs.OpUpdateService {
		return int(lines.service)
	}
	if j := lines.find(&r.table.Services[i], c.Destination.AddrPort); j >= 0 {
		return int(lines.servers[j])
	}
	return 0
}
