// SPDX-License-Identifier: MIT

// Package completion completes a command line that is being typed, for the
// completion scripts of shells.
package completion

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Candidate is a word that may come next, and its description.
type Candidate struct{ Word, Description string }

// A Source returns the names that exist on the host. Its functions return
// nothing after an error.
type Source struct {
	Services     func(netns string) []ipvs.Service
	Destinations func(netns string, service ipvs.ServiceKey) []ipvs.Destination
	Clients      func(netns string, filter ipvs.ConnectionFilter) []netip.Addr // clients of the selected connections
	Interfaces   func() []string
	NetNS        func() []string // network namespaces by name
}

// Candidates returns the candidates for the next word of line that begin with what
// has been typed.
func (s *Source) Candidates(line *command.Partial) []Candidate {
	if line.ValueOf == "" {
		return flags(line)
	}
	complete, ok := completers()[line.ValueOf]
	if !ok {
		return nil
	}
	candidates := slices.DeleteFunc(complete(s, line), func(c Candidate) bool { return !strings.HasPrefix(c.Word, line.Word) })
	for i := range candidates {
		candidates[i].Word = line.Prefix + candidates[i].Word
	}
	return candidates
}

// flags returns the flags that may come next: the long ones and, after a dash,
// also the short ones. It returns none for an empty word if that may be the name
// of a file, which the shell completes.
func flags(line *command.Partial) []Candidate {
	if line.Verb.ReadsFile() && line.Word == "" {
		return nil
	}
	var candidates []Candidate
	summaries := help.Summaries()
	for _, spellings := range line.NextFlags() {
		summary := summaries[spellings[0]]
		for _, word := range spellings {
			isLong := strings.HasPrefix(word, "--")
			if strings.HasPrefix(word, line.Word) && (line.Word != "" || isLong) {
				candidates = append(candidates, Candidate{word, summary})
			}
		}
	}
	return candidates
}

// A completer returns the candidates for the value of a flag. The caller removes
// those that do not begin with what has been typed.
type completer func(s *Source, line *command.Partial) []Candidate

// completers returns the completers of values by the long name of the flag.
func completers() map[string]completer {
	return map[string]completer{
		"tcp-service":     services(ipvs.TCP),
		"udp-service":     services(ipvs.UDP),
		"sctp-service":    services(ipvs.SCTP),
		"fwmark-service":  fwmarks,
		"real-server":     servers,
		"server":          anyServers,
		"vip":             virtualAddresses,
		"client":          clients,
		"state":           states,
		"scheduler":       schedulers,
		"sched-flags":     schedFlags,
		"pe":              keywords("sip"),
		"tun-type":        keywords("ipip", "gue", "gre"),
		"metrics":         keywords("prometheus", "openmetrics"),
		"start-daemon":    keywords("master", "backup"),
		"stop-daemon":     keywords("master", "backup"),
		"mcast-interface": interfaces,
		"netns":           namespaces,
		"help":            topics,
	}
}

// keywords completes a value that is one of words.
func keywords(words ...string) completer {
	return func(*Source, *command.Partial) []Candidate { return undescribed(words) }
}

// undescribed returns candidates without descriptions.
func undescribed(words []string) []Candidate {
	candidates := make([]Candidate, len(words))
	for i, word := range words {
		candidates[i].Word = word
	}
	return candidates
}

// topics completes the topic of --help: a flag, with or without its dashes, or all.
func topics(_ *Source, line *command.Partial) []Candidate {
	dashes := ""
	candidates := []Candidate{{"all", "all commands and options"}}
	if strings.HasPrefix(line.Word, "-") {
		dashes, candidates = "--", nil
	}
	summaries := help.Summaries()
	for _, topic := range command.HelpTopics() {
		if topic != "all" || dashes != "" {
			candidates = append(candidates, Candidate{dashes + topic, summaries["--"+topic]})
		}
	}
	return candidates
}

// interfaces completes the name of a network interface. It quotes a name that
// contains control characters; --mcast-interface accepts the quoted form.
func interfaces(s *Source, _ *command.Partial) []Candidate {
	candidates := undescribed(s.Interfaces())
	for i := range candidates {
		candidates[i].Word = termsafe.Quote(candidates[i].Word)
	}
	return candidates
}

// namespaces completes the name of a network namespace. It omits names that
// contain control characters, since --netns accepts no quoted form.
func namespaces(s *Source, _ *command.Partial) []Candidate {
	return undescribed(slices.DeleteFunc(s.NetNS(), termsafe.HasControl))
}

// services completes the address of an existing service with the protocol.
func services(protocol ipvs.Protocol) completer {
	return func(s *Source, line *command.Partial) []Candidate {
		var candidates []Candidate
		for _, service := range s.existingServices(line) {
			if service.Mark == 0 && service.Protocol == protocol {
				address := string(resolve.AppendNumeric(nil, service.AddrPort))
				candidates = append(candidates, Candidate{address, service.Scheduler})
			}
		}
		return candidates
	}
}

// fwmarks completes the firewall mark of an existing service.
func fwmarks(s *Source, line *command.Partial) []Candidate {
	var candidates []Candidate
	for _, service := range s.existingServices(line) {
		if service.Mark != 0 {
			mark := strconv.FormatUint(uint64(service.Mark), 10)
			candidates = append(candidates, Candidate{mark, service.Scheduler + ", " + service.Family.String()})
		}
	}
	return candidates
}

// existingServices returns the services in the order of a listing, or none if line
// adds a service.
func (s *Source) existingServices(line *command.Partial) []ipvs.Service {
	if line.Verb == command.AddService {
		return nil
	}
	services := s.Services(line.NetNS)
	tablefmt.SortServices(services)
	return services
}

// servers completes the address of an existing server of the service that was
// given. Without a service, it completes servers of any service if the command supports
// --all-services.
func servers(s *Source, line *command.Partial) []Candidate {
	switch {
	case line.Verb == command.AddServer:
		return nil
	case !line.Options.Has(command.ServiceAddress):
		if line.Options.Has(command.AllServices) || line.Supports(command.AllServices) {
			return s.serversOfAllServices(line)
		}
		return nil
	}
	destinations := s.Destinations(line.NetNS, line.Service.ServiceKey)
	tablefmt.SortDestinations(destinations)
	var candidates []Candidate
	for _, d := range destinations {
		description := d.Method.String() + ", weight " + strconv.FormatUint(uint64(d.Weight), 10)
		candidates = append(candidates, Candidate{string(resolve.AppendNumeric(nil, d.AddrPort)), description})
	}
	return candidates
}

// serversOfAllServices completes the address of a server of any service, without and
// with a port.
func (s *Source) serversOfAllServices(line *command.Partial) []Candidate {
	services := make(map[string]int) // number of services by server
	for _, service := range s.Services(line.NetNS) {
		seen := make(map[string]bool)
		for _, d := range s.Destinations(line.NetNS, service.ServiceKey) {
			seen[string(resolve.AppendNumeric(nil, d.AddrPort))] = true
			seen[string(resolve.AppendAddr(nil, d.AddrPort.Addr()))] = true
		}
		for server := range seen {
			services[server]++
		}
	}
	var candidates []Candidate
	for _, server := range slices.Sorted(maps.Keys(services)) {
		candidates = append(candidates, Candidate{server, humanize.Count(services[server], "service")})
	}
	return candidates
}

// anyServers completes the address of a server of the service that the line names,
// or of any service.
func anyServers(s *Source, line *command.Partial) []Candidate {
	if line.Options.Has(command.ServiceAddress) {
		return servers(s, line)
	}
	return s.serversOfAllServices(line)
}

// virtualAddresses completes the address of a service of any protocol.
func virtualAddresses(s *Source, line *command.Partial) []Candidate {
	var all []netip.AddrPort
	for _, service := range s.Services(line.NetNS) {
		if service.Mark == 0 {
			all = append(all, service.AddrPort)
		}
	}
	return addresses(all)
}

// addresses returns all, sorted and without duplicates, as candidates.
func addresses(all []netip.AddrPort) []Candidate {
	slices.SortFunc(all, netip.AddrPort.Compare)
	var words []string
	for _, ap := range slices.Compact(all) {
		words = append(words, string(resolve.AppendNumeric(nil, ap)))
	}
	return undescribed(words)
}

// clients completes the address of a client that has connections.
func clients(s *Source, line *command.Partial) []Candidate {
	all := s.Clients(line.NetNS, line.Filter)
	slices.SortFunc(all, netip.Addr.Compare)
	var words []string
	for _, a := range slices.Compact(all) {
		words = append(words, a.String())
	}
	return undescribed(words)
}

// states completes the name of a connection state, in lower case if the beginning that
// has been typed has lower-case letters.
func states(_ *Source, line *command.Partial) []Candidate {
	candidates := undescribed(ipvs.ConnectionStates[:])
	if line.Word != strings.ToUpper(line.Word) {
		for i := range candidates {
			candidates[i].Word = strings.ToLower(candidates[i].Word)
		}
	}
	return candidates
}

func schedulers(*Source, *command.Partial) []Candidate {
	var candidates []Candidate
	for _, s := range sched.All {
		candidates = append(candidates, Candidate{s.Name, s.Summary})
	}
	return candidates
}

// schedFlags completes the last element of a list of scheduler flags with the
// flags that the list lacks.
func schedFlags(_ *Source, line *command.Partial) []Candidate {
	list := line.Word[:strings.LastIndexByte(line.Word, ',')+1]
	var candidates []Candidate
	for _, f := range sched.Flags {
		if f.AppliesTo(line.Service.Scheduler) && !slices.Contains(strings.Split(list, ","), f.Name) {
			candidates = append(candidates, Candidate{list + f.Name, ""})
		}
	}
	return candidates
}
