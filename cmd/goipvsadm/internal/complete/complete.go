// Package complete proposes words with which a command line that is being
// typed could go on, for completion in a shell.
package complete

import (
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/cmd/goipvsadm/internal/quote"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Proposal is a word, and what to say of it in a menu.
type Proposal struct{ Word, Note string }

// A System is what proposals are taken from. What it cannot tell is empty.
type System struct {
	Services     func(netns string) []ipvs.Service
	Destinations func(netns string, key ipvs.ServiceKey) []ipvs.Destination
	Interfaces   func() []string
	NetNS        func() []string // names that --netns takes
}

// Words returns proposals for the next word of u.
func (s *System) Words(u *command.Unfinished) []Proposal {
	if u.Value == "" {
		return flags(u)
	}
	propose, ok := values()[u.Value]
	if !ok {
		return nil
	}
	proposals := slices.DeleteFunc(propose(s, u), func(p Proposal) bool { return !strings.HasPrefix(p.Word, u.Typed) })
	for i := range proposals {
		proposals[i].Word = u.Fixed + proposals[i].Word
	}
	return proposals
}

// flags proposes commands or options: the long ones, and the short ones where
// they may be meant.
func flags(u *command.Unfinished) []Proposal {
	var proposals []Proposal
	summaries := help.Summaries()
	for _, spellings := range u.Next() {
		note := summaries[spellings[0]]
		for _, word := range spellings {
			short := !strings.HasPrefix(word, "--")
			if strings.HasPrefix(word, u.Typed) && (u.Typed != "" || !short) {
				proposals = append(proposals, Proposal{word, note})
			}
		}
	}
	return proposals
}

// A proposer proposes values for what u ends in.
type proposer func(s *System, u *command.Unfinished) []Proposal

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
		"mcast-interface": func(s *System, _ *command.Unfinished) []Proposal { return quoted(s.Interfaces()) },
		"netns": func(s *System, _ *command.Unfinished) []Proposal {
			return plain(slices.DeleteFunc(s.NetNS(), quote.AnyHidden))
		},
	}
}

func words(list ...string) proposer {
	return func(*System, *command.Unfinished) []Proposal { return plain(list) }
}

// quoted proposes names of interfaces so that they can be seen. The names of
// namespaces have no such form.
func quoted(list []string) []Proposal {
	proposals := plain(list)
	for i := range proposals {
		proposals[i].Word = quote.Word(proposals[i].Word)
	}
	return proposals
}

func plain(list []string) []Proposal {
	proposals := make([]Proposal, len(list))
	for i, word := range list {
		proposals[i].Word = word
	}
	return proposals
}

// services proposes the services of a protocol that there are; the protocol 0
// stands for firewall marks. A service that is to be added is none of them.
func services(protocol ipvs.Protocol) proposer {
	return func(s *System, u *command.Unfinished) []Proposal {
		if u.Verb == command.AddService {
			return nil
		}
		all := s.Services(u.NetNS)
		listing.SortServices(all)
		var proposals []Proposal
		for _, service := range all {
			switch {
			case service.Mark != 0 && protocol == 0:
				note := service.Scheduler + ", " + service.Family.String()
				proposals = append(proposals, Proposal{strconv.FormatUint(uint64(service.Mark), 10), note})
			case service.Mark == 0 && service.Protocol == protocol:
				proposals = append(proposals, Proposal{string(names.AppendNumeric(nil, service.AddrPort)), service.Scheduler})
			}
		}
		return proposals
	}
}

// servers proposes the servers of the service that the line names. A server
// that is to be added is none of them.
func servers(s *System, u *command.Unfinished) []Proposal {
	if u.Verb == command.AddServer || !u.Options.Has(command.ServiceAddress) {
		return nil
	}
	all := s.Destinations(u.NetNS, u.Service.ServiceKey)
	listing.SortDestinations(all)
	var proposals []Proposal
	for _, d := range all {
		note := d.Method.String() + ", weight " + strconv.FormatUint(uint64(d.Weight), 10)
		proposals = append(proposals, Proposal{string(names.AppendNumeric(nil, d.AddrPort)), note})
	}
	return proposals
}

func schedulers(*System, *command.Unfinished) []Proposal {
	var proposals []Proposal
	for _, s := range sched.All {
		proposals = append(proposals, Proposal{s.Name, s.Summary})
	}
	return proposals
}

// schedFlags proposes a list of flags with one more at its end.
func schedFlags(_ *System, u *command.Unfinished) []Proposal {
	list := u.Typed[:strings.LastIndexByte(u.Typed, ',')+1]
	var proposals []Proposal
	for _, f := range sched.Flags {
		if f.Belongs(u.Service.Scheduler) && !slices.Contains(strings.Split(list, ","), f.Name) {
			proposals = append(proposals, Proposal{list + f.Name, ""})
		}
	}
	return proposals
}
