package ruleset

import (
	"fmt"
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// Rules gathers commands into the table that they describe, and remembers in
// which lines they were. Their order does not matter.
type Rules struct {
	table        reconcile.Table
	services     map[ipvs.ServiceKey]*serviceRule
	destinations map[ipvs.DestinationKey]int // lines
	timeouts     int                         // line, 0 for none
	daemons      map[ipvs.DaemonState]int
}

// A serviceRule is where a service is: in the table, and in the rules, where it
// may come later than its servers.
type serviceRule struct{ index, line int }

// A Mistake is a rule that cannot be part of a table.
type Mistake struct {
	Line int
	Text string
}

// Add adds the command of a line. It returns what is wrong with it, or "".
func (r *Rules) Add(c *command.Command, line int) string {
	if r.services == nil {
		r.services = make(map[ipvs.ServiceKey]*serviceRule)
		r.destinations = make(map[ipvs.DestinationKey]int)
		r.daemons = make(map[ipvs.DaemonState]int)
	}
	switch c.Verb {
	case command.AddService:
		return r.addService(&c.Service, line)
	case command.AddServer:
		return r.addDestination(&c.Service.ServiceKey, &c.Destination, line)
	case command.SetTimeouts:
		return r.setTimeouts(c.Timeouts, line)
	case command.StartDaemon:
		return r.addDaemon(&c.Daemon, line)
	}
	return fmt.Sprintf("Illegal '%s' command in the rules of a table", c.Verb)
}

// service returns the service of key, which may get its rule later.
func (r *Rules) service(key ipvs.ServiceKey) (*reconcile.Service, *serviceRule) {
	rule := r.services[key]
	if rule == nil {
		rule = &serviceRule{index: len(r.table.Services)}
		r.services[key] = rule
		r.table.Services = append(r.table.Services, reconcile.Service{})
	}
	return &r.table.Services[rule.index], rule
}

func (r *Rules) addService(wanted *ipvs.Service, line int) string {
	s, rule := r.service(wanted.ServiceKey)
	if rule.line != 0 {
		return fmt.Sprintf("Service already defined in line %d", rule.line)
	}
	s.Service, rule.line = *wanted, line
	return ""
}

func (r *Rules) addDestination(key *ipvs.ServiceKey, wanted *ipvs.Destination, line int) string {
	s, _ := r.service(*key)
	dkey := keyOf(key, wanted)
	if first, ok := r.destinations[dkey]; ok {
		return fmt.Sprintf("Destination already defined in line %d", first)
	}
	r.destinations[dkey] = line
	s.Destinations = append(s.Destinations, *wanted)
	return ""
}

// keyOf returns the key of a destination. In a plan, an IPv4-mapped address is
// what it maps to.
func keyOf(service *ipvs.ServiceKey, d *ipvs.Destination) ipvs.DestinationKey {
	return ipvs.DestinationKey{Service: *service, AddrPort: netip.AddrPortFrom(d.AddrPort.Addr().Unmap(), d.AddrPort.Port())}
}

func (r *Rules) setTimeouts(t ipvs.Timeouts, line int) string {
	if r.timeouts != 0 {
		return fmt.Sprintf("Timeouts already set in line %d", r.timeouts)
	}
	r.table.Timeouts, r.timeouts = t, line
	return ""
}

func (r *Rules) addDaemon(wanted *ipvs.Daemon, line int) string {
	if first, ok := r.daemons[wanted.State]; ok {
		return fmt.Sprintf("Daemon already defined in line %d", first)
	}
	r.daemons[wanted.State] = line
	r.table.Daemons = append(r.table.Daemons, *wanted)
	return ""
}

// Table returns the table, and the rules for servers of services that have
// none.
func (r *Rules) Table() (*reconcile.Table, []Mistake) {
	var mistakes []Mistake
	for key, line := range r.destinations {
		if r.services[key.Service].line == 0 {
			mistakes = append(mistakes, Mistake{line, "Service not defined"})
		}
	}
	return &r.table, mistakes
}

// Line returns the line of the rule that wants c, or 0 for the removal of what
// no rule wants.
func (r *Rules) Line(c *reconcile.Change) int {
	if c.Prune {
		return 0
	}
	switch c.Op {
	case ipvs.OpAddService, ipvs.OpUpdateService:
		return r.services[c.Service.ServiceKey].line
	case ipvs.OpAddDestination, ipvs.OpUpdateDestination:
		return r.destinations[keyOf(&c.Service.ServiceKey, &c.Destination)]
	case ipvs.OpSetTimeouts:
		return r.timeouts
	case ipvs.OpStartDaemon, ipvs.OpStopDaemon:
		return r.daemons[c.Daemon.State]
	}
	return 0
}
