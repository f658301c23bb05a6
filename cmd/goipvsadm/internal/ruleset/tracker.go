// SPDX-License-Identifier: MIT

package ruleset

import (
	"fmt"
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// A Tracker follows the effect of rules on a table, to find the rules that the
// kernel will reject because of the rules before them. For the zero Tracker, the
// contents of the table before the first rule are unknown.
type Tracker struct {
	// Empty is set while the table has only the services that the rules added.
	Empty bool

	services map[ipvs.ServiceKey]*trackedService
	daemons  map[ipvs.DaemonState]presence
}

// A trackedService is the state of a service, as far as it follows from the rules.
type trackedService struct {
	presence
	complete bool // the service has only the servers that the rules added
	servers  map[netip.AddrPort]presence
}

// A presence records whether an entry exists, and the line of the rule that added
// or removed it. If the line is 0, it is unknown whether the entry exists.
type presence struct {
	exists bool
	line   int
}

// A RejectedError reports a rule that the kernel will reject.
type RejectedError struct {
	Text string

	// Redundant is set if the rule has no effect on the table: it adds an entry
	// that exists or removes one that does not.
	Redundant bool
}

func (e *RejectedError) Error() string { return e.Text }

// Add follows the rule on a line. It returns a *RejectedError if the kernel will
// reject the rule, because it is invalid or because of the rules before it.
func (t *Tracker) Add(c *command.Command, line int) error {
	if t.services == nil {
		t.services = make(map[ipvs.ServiceKey]*trackedService)
		t.daemons = make(map[ipvs.DaemonState]presence)
	}
	// Follow an invalid rule as well, so that it causes no errors in later rules.
	err := t.follow(c, line)
	if invalid := Validate(c); invalid != nil {
		return &RejectedError{Text: invalid.Error()}
	}
	if err == nil {
		return nil // returning err would yield a non-nil error
	}
	return err
}

func (t *Tracker) follow(c *command.Command, line int) *RejectedError {
	switch c.Verb {
	case command.Flush:
		clear(t.services)
		t.Empty = true
	case command.AddService, command.EditService, command.DeleteService:
		return t.followService(c, line)
	case command.Zero, command.List:
		if c.Options.Has(command.ServiceAddress) {
			return t.require(t.service(c.Service.ServiceKey), c.Verb)
		}
	case command.AddServer, command.EditServer, command.DeleteServer:
		if c.Options.Has(command.AllServices) {
			return t.followAllServices(c, line)
		}
		return t.followServer(c, line)
	case command.StartDaemon, command.StopDaemon:
		return t.followDaemon(c, line)
	}
	return nil
}

// service returns the state of a service.
func (t *Tracker) service(key ipvs.ServiceKey) *trackedService {
	s := t.services[key]
	if s == nil {
		s = &trackedService{servers: make(map[netip.AddrPort]presence)}
		t.services[key] = s
	}
	return s
}

// isAbsent reports whether a service certainly does not exist.
func (t *Tracker) isAbsent(s *trackedService) bool {
	return !s.exists && (t.Empty || s.line != 0)
}

// require returns an error if the service of a command does not exist.
func (t *Tracker) require(s *trackedService, v command.Verb) *RejectedError {
	if t.isAbsent(s) {
		return absentError("service", s.presence, v)
	}
	return nil
}

func (t *Tracker) followService(c *command.Command, line int) *RejectedError {
	s := t.service(c.Service.ServiceKey)
	switch c.Verb {
	case command.EditService:
		return t.require(s, c.Verb)
	case command.DeleteService:
		if err := t.require(s, c.Verb); err != nil {
			return err
		}
		*s = trackedService{presence: presence{line: line}, servers: s.servers}
		clear(s.servers)
		return nil
	}
	if s.exists {
		return existsError("service", s.presence)
	}
	s.complete = t.isAbsent(s)
	s.presence = presence{exists: true, line: line}
	return nil
}

func (t *Tracker) followServer(c *command.Command, line int) *RejectedError {
	s := t.service(c.Service.ServiceKey)
	if err := t.require(s, c.Verb); err != nil {
		return err
	}
	server := s.servers[c.Destination.AddrPort]
	if isAbsent := !server.exists && (s.complete || server.line != 0); isAbsent && c.Verb != command.AddServer {
		return absentError("server", server, c.Verb)
	}
	if c.Verb == command.AddServer && server.exists {
		return existsError("server", server)
	}
	if c.Verb != command.EditServer {
		s.servers[c.Destination.AddrPort] = presence{exists: c.Verb == command.AddServer, line: line}
	}
	return nil
}

// followAllServices follows a rule for a server in all services, which fails if none
// has it. After -d, none has it.
func (t *Tracker) followAllServices(c *command.Command, line int) *RejectedError {
	found, removes := false, c.Verb == command.DeleteServer
	for _, s := range t.services {
		for server, p := range s.servers {
			isGiven := server == c.Destination.AddrPort || c.AnyPort && server.Addr() == c.Destination.AddrPort.Addr()
			if !isGiven {
				continue
			}
			found = found || p.exists
			if removes {
				s.servers[server] = presence{line: line}
			}
		}
	}
	if !found && t.Empty {
		return &RejectedError{Text: "no service has the server", Redundant: removes}
	}
	return nil
}

func (t *Tracker) followDaemon(c *command.Command, line int) *RejectedError {
	d, starts := t.daemons[c.Daemon.State], c.Verb == command.StartDaemon
	kind := c.Daemon.State.String() + " daemon"
	switch {
	case d.line == 0:
	case starts && d.exists:
		return existsError(kind, d)
	case !starts && !d.exists:
		return absentError(kind, d, c.Verb)
	}
	t.daemons[c.Daemon.State] = presence{exists: starts, line: line}
	return nil
}

// existsError returns the error of a rule that adds an entry that exists.
func existsError(kind string, p presence) *RejectedError {
	return &RejectedError{Text: fmt.Sprintf("%s already defined on line %d", kind, p.line), Redundant: true}
}

// absentError returns the error of a command for an entry that does not exist.
func absentError(kind string, p presence, v command.Verb) *RejectedError {
	text := kind + " not defined"
	if p.line != 0 {
		text = fmt.Sprintf("%s removed on line %d", kind, p.line)
	}
	removes := v == command.DeleteService || v == command.DeleteServer || v == command.StopDaemon
	return &RejectedError{Text: text, Redundant: removes}
}
