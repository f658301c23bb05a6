package ruleset

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// Rules collects rules, in any order, into the table that they describe, and
// records the line number of each rule. The zero Rules is empty.
type Rules struct {
	table        reconcile.Table
	services     map[ipvs.ServiceKey]*serviceRule
	destinations map[ipvs.DestinationKey]int // line numbers
	timeouts     int                         // line number, 0 if the timeouts are not set
	daemons      map[ipvs.DaemonState]int    // line numbers
}

// A serviceRule locates a service in the table and in the ruleset.
type serviceRule struct {
	index int // index in table.Services
	line  int // line number of its rule; 0 if only rules for its servers were added so far
}

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
		r.services = make(map[ipvs.ServiceKey]*serviceRule)
		r.destinations = make(map[ipvs.DestinationKey]int)
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
func (r *Rules) service(key ipvs.ServiceKey) (*reconcile.Service, *serviceRule) {
	rule := r.services[key]
	if rule == nil {
		rule = &serviceRule{index: len(r.table.Services)}
		r.services[key] = rule
		r.table.Services = append(r.table.Services, reconcile.Service{})
	}
	return &r.table.Services[rule.index], rule
}

func (r *Rules) addService(service *ipvs.Service, line int) error {
	s, rule := r.service(service.ServiceKey)
	if rule.line != 0 {
		return fmt.Errorf("service already defined on line %d", rule.line)
	}
	s.Service, rule.line = *service, line
	return nil
}

func (r *Rules) addDestination(service *ipvs.ServiceKey, d *ipvs.Destination, line int) error {
	s, _ := r.service(*service)
	key := ipvs.DestinationKey{Service: *service, AddrPort: d.AddrPort}
	if first, ok := r.destinations[key]; ok {
		return fmt.Errorf("server already defined on line %d", first)
	}
	r.destinations[key] = line
	s.Destinations = append(s.Destinations, *d)
	return nil
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
// defines.
func (r *Rules) Table() (*reconcile.Table, []LineError) {
	var errs []LineError
	for key, line := range r.destinations {
		if r.services[key.Service].line == 0 {
			errs = append(errs, LineError{line, "service not defined"})
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
	case ipvs.OpAddService, ipvs.OpUpdateService:
		return r.services[c.Service.ServiceKey].line
	case ipvs.OpAddDestination, ipvs.OpUpdateDestination:
		return r.destinations[ipvs.DestinationKey{Service: c.Service.ServiceKey, AddrPort: c.Destination.AddrPort}]
	case ipvs.OpSetTimeouts:
		return r.timeouts
	case ipvs.OpStartDaemon, ipvs.OpStopDaemon:
		return r.daemons[c.Daemon.State]
	}
	return 0
}
