// Package completion proposes words with which a command line that is being
// typed could go on, for completion in a shell.
package completion

import (
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Proposal is a word, and what to say of it in a menu.
type Candidate struct{ Word, Note string }

// A System is what proposals are taken from. What it cannot tell is empty.
type Source struct {
	Services     func(netns string) []ipvs.Service
	Destinations func(netns string, key ipvs.ServiceKey) []ipvs.Destination
	Interfaces   func() []string
	NetNS        func() []string // names that --netns takes
}

// Words returns proposals for the next word of u.
func (s *Source) Candidates(u *command.Partial) []Candidate {
	if u.Value == "" {
		return flags(u)
	}
	propose, ok := values()[u.Value]
	if !ok {
		return nil
	}
	proposals := slices.DeleteFunc(propose(s, u), func(p Candidate) bool { return !strings.HasPrefix(p.Word, u.Word) })
	for i := range proposals {
		proposals[i].Word = u.Prefix + proposals[i].Word
	}
	return proposals
}

// flags proposes commands or options: the long ones, and the short ones where
// they may be meant.
func flags(u *command.Partial) []Candidate {
	var proposals []Candidate
	summaries := help.Summaries()
	for _, spellings := range u.Candidates() {
		note := summaries[spellings[0]]
		for _, word := range spellings {
			short := !strings.HasPrefix(word, "--")
			if strings.HasPrefix(word, u.Word) && (u.Word != "" || !short) {
				proposals = append(proposals, Candidate{word, note})
			}
		}
	}
	return proposals
}

// A proposer proposes values for what u ends in.
type proposer func(s *Source, u *command.Partial) []Candidate

// values returns the proposers of the values of flags, by their long names.
func values() map[string]proposer {
	return map[string]proposer{
		"tcp-service":     services(ipvs.TCP),
		"udp-service":     services(ipvs.UDP),
		"sctp-service":    services(ipvs.SCTP),
		"fwmark-service":  services(0),
		"real-server":     servers,
		"scheduler":       schedulers,
		"sched-flags":     schedFlags,
		"pe":              words("sip"),
		"tun-type":        words("ipip", "gue", "gre"),
		"metrics":         words("prometheus", "openmetrics"),
		"start-daemon":    words("master", "backup"),
		"stop-daemon":     words("master", "backup"),
		"mcast-interface": func(s *Source, _ *command.Partial) []Candidate { return quoted(s.Interfaces()) },
		"netns": func(s *Source, _ *command.Partial) []Candidate {
			return plain(slices.DeleteFunc(s.NetNS(), termsafe.HasControl))
		},
	}
}

func words(list ...string) proposer {
	return func(*Source, *command.Partial) []Candidate { return plain(list) }
}

// quoted proposes names of interfaces so that they can be seen. The names of
// namespaces have no such form.
func quoted(list []string) []Candidate {
	proposals := plain(list)
	for i := range proposals {
		proposals[i].Word = termsafe.Quote(proposals[i].Word)
	}
	return proposals
}

func plain(list []string) []Candidate {
	proposals := make([]Candidate, len(list))
	for i, word := range list {
		proposals[i].Word = word
	}
	return proposals
}

// services proposes the services of a protocol that there are; the protocol 0
// stands for firewall marks. A service that is to be added is none of them.
func services(protocol ipvs.Protocol) proposer {
	return func(s *Source, u *command.Partial) []Candidate {
		if u.Verb == command.AddService {
			return nil
		}
		all := s.Services(u.NetNS)
		tablefmt.SortServices(all)
		var proposals []Candidate
		for _, service := range all {
			switch {
			case service.Mark != 0 && protocol == 0:
				note := service.Scheduler + ", " + service.Family.String()
				proposals = append(proposals, Candidate{strconv.FormatUint(uint64(service.Mark), 10), note})
			case service.Mark == 0 && service.Protocol == protocol:
				proposals = append(proposals, Candidate{string(resolve.AppendNumeric(nil, service.AddrPort)), service.Scheduler})
			}
		}
		return proposals
	}
}

// servers proposes the servers of the service that the line names. A server
// that is to be added is none of them.
func servers(s *Source, u *command.Partial) []Candidate {
	if u.Verb == command.AddServer || !u.Options.Has(command.ServiceAddress) {
		return nil
	}
	all := s.Destinations(u.NetNS, u.Service.ServiceKey)
	tablefmt.SortDestinations(all)
	var proposals []Candidate
	for _, d := range all {
		note := d.Method.String() + ", weight " + strconv.FormatUint(uint64(d.Weight), 10)
		proposals = append(proposals, Candidate{string(resolve.AppendNumeric(nil, d.AddrPort)), note})
	}
	return proposals
}

func schedulers(*Source, *command.Partial) []Candidate {
	var proposals []Candidate
	for _, s := range sched.All {
		proposals = append(proposals, Candidate{s.Name, s.Summary})
	}
	return proposals
}

// schedFlags proposes a list of flags with one more at its end.
func schedFlags(_ *Source, u *command.Partial) []Candidate {
	list := u.Word[:strings.LastIndexByte(u.Word, ',')+1]
	var proposals []Candidate
	for _, f := range sched.Flags {
		if f.AppliesTo(u.Service.Scheduler) && !slices.Contains(strings.Split(list, ","), f.Name) {
			proposals = append(proposals, Candidate{list + f.Name, ""})
		}
	}
	return proposals
}
