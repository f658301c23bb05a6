package plan

import (
	"fmt"
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// Rules gathers commands into the table that they describe. Their order does
// not matter.
type Rules struct {
	table        Table
	services     map[ipvs.ServiceKey]int // places in table
	destinations map[destinationKey]int  // lines
}

type destinationKey struct {
	service int // its place in the table
	server  netip.AddrPort
}

// A Mistake is a rule that cannot be part of a table.
type Mistake struct {
	Line int
	Text string
}

// Add adds the command of a line. It returns what is wrong with it, or "".
func (r *Rules) Add(c *command.Command, line int) string {
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
func (r *Rules) service(key ipvs.ServiceKey) (s *Service, place int) {
	place, ok := r.services[key]
	if !ok {
		if r.services == nil {
			r.services = make(map[ipvs.ServiceKey]int)
			r.destinations = make(map[destinationKey]int)
		}
		place = len(r.table.Services)
		r.services[key] = place
		r.table.Services = append(r.table.Services, Service{})
	}
	return &r.table.Services[place], place
}

func (r *Rules) addService(wanted *ipvs.Service, line int) string {
	s, _ := r.service(wanted.ServiceKey)
	if s.Line != 0 {
		return fmt.Sprintf("Service already defined in line %d", s.Line)
	}
	s.Service, s.Line = *wanted, line
	return ""
}

func (r *Rules) addDestination(key *ipvs.ServiceKey, wanted *ipvs.Destination, line int) string {
	s, place := r.service(*key)
	dkey := destinationKey{place, wanted.AddrPort}
	if first, ok := r.destinations[dkey]; ok {
		return fmt.Sprintf("Destination already defined in line %d", first)
	}
	r.destinations[dkey] = line
	s.Destinations = append(s.Destinations, Destination{*wanted, line})
	return ""
}

func (r *Rules) setTimeouts(t ipvs.Timeouts, line int) string {
	if r.table.TimeoutsLine != 0 {
		return fmt.Sprintf("Timeouts already set in line %d", r.table.TimeoutsLine)
	}
	r.table.Timeouts, r.table.TimeoutsLine = t, line
	return ""
}

func (r *Rules) addDaemon(wanted *ipvs.Daemon, line int) string {
	if first := r.table.daemon(wanted.State); first != nil {
		return fmt.Sprintf("Daemon already defined in line %d", first.Line)
	}
	r.table.Daemons = append(r.table.Daemons, Daemon{*wanted, line})
	return ""
}

// Table returns the table, and the rules for servers of services that have
// none.
func (r *Rules) Table() (*Table, []Mistake) {
	var mistakes []Mistake
	for i := range r.table.Services {
		s := &r.table.Services[i]
		for j := range s.Destinations {
			if s.Line == 0 {
				mistakes = append(mistakes, Mistake{s.Destinations[j].Line, "Service not defined"})
			}
		}
	}
	table := r.table // what else r holds may go
	return &table, mistakes
}
