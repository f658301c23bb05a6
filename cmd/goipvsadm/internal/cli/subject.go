// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A subject is the service, server or daemon that an error of the kernel concerns.
// It is much smaller than an ipvs.Change: -R keeps one for each rule of a batch.
type subject struct {
	service           ipvs.ServiceKey
	server            netip.AddrPort
	scheduler, engine string
	daemon            ipvs.DaemonState
	netInterface      string
}

// subjectOf returns the subject of a command. It is zero under the name ipvsadm,
// whose messages have no subject.
func (inv *invocation) subjectOf(c *command.Command) subject {
	if !inv.isGoipvsadm {
		return subject{}
	}
	s := subject{service: c.Service.ServiceKey, server: c.Destination.AddrPort}
	switch c.Verb {
	case command.AddService, command.EditService:
		s.scheduler, s.engine = c.Service.Scheduler, c.Service.PEName
	case command.StartDaemon:
		s.netInterface = c.Daemon.Interface
		fallthrough
	case command.StopDaemon:
		s.daemon = c.Daemon.State
	}
	return s
}

// subjectOfServer returns a server as a subject.
func subjectOfServer(key ipvs.DestinationKey) subject {
	return subject{service: key.Service, server: key.AddrPort}
}

// serverName returns a server with its service, as messages name it.
func serverName(key ipvs.DestinationKey) string {
	s := subjectOfServer(key)
	return s.String()
}

// String returns the subject in words, such as "server 198.51.100.1:80 of TCP
// 192.0.2.1:80", or "" if s is empty, as for -C.
func (s *subject) String() string {
	switch {
	case s.server.IsValid():
		return "server " + s.server.String() + " of " + s.service.String()
	case s.service != ipvs.ServiceKey{}:
		return "service " + s.service.String()
	case s.netInterface != "":
		return s.daemon.String() + " daemon on " + s.netInterface
	case s.daemon != 0:
		return s.daemon.String() + " daemon"
	}
	return ""
}

// subjectMessage returns the message for the kernel's error on a command: the
// subject and the error. Under the name ipvsadm, it is ipvsadm's message.
func (inv *invocation) subjectMessage(verb command.Verb, s subject, err error) string {
	if !inv.isGoipvsadm {
		return kernelMessage(verb, err)
	}
	text := s.message(verb, err)
	if name := s.String(); name != "" {
		text = name + ": " + text
	}
	return text
}

// message returns ipvsadm's message for an error, or a more precise one.
func (s *subject) message(verb command.Verb, err error) string {
	text := kernelMessage(verb, err)
	e := new(ipvs.Error)
	if !errors.As(err, &e) || e.AckLost {
		return text
	}
	switch {
	case e.Err == ipvs.ErrNoScheduler:
		text += ": " + withHint(s.scheduler, sched.SimilarSchedulers(s.scheduler))
		if s.engine != "" {
			text += ", " + withHint(s.engine, sched.SimilarEngines(s.engine))
		}
	case e.Err != nil && text == errnoText(e.Errno): // ipvsadm's message lacks the reason
		text = e.Err.Error()
		if mapped := ruleset.ValidateServerAddr(s.server.Addr()); mapped != nil {
			text = mapped.Error()
		}
	}
	if e.Message != "" {
		text += " (" + e.Message + ")"
	}
	return text
}

// withHint returns name, with a hint if it may be a misspelling of a similar name.
func withHint(name string, similar []string) string {
	if len(similar) == 0 || slices.Contains(similar, name) {
		return name
	}
	return name + " (did you mean " + strings.Join(similar, " or ") + "?)"
}
