// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// firewallChecks check the director's packet filter.
var firewallChecks = []Check{
	{
		ID: "firewall-drops", Severity: Error, run: firewallDrops,
		Title:       "director's firewall drops requests",
		Explanation: "packets to the service are dropped before IPVS receives them",
	},
	{
		ID: "firewall-drops-forwarded", Severity: Error, run: firewallDropsForwarded,
		Title:       "director's firewall drops packets to the server",
		Explanation: "the packets that IPVS forwards to servers pass OUTPUT and POSTROUTING, where they are dropped",
	},
	{
		ID: "client-filtered", Severity: Hint, run: clientFiltered,
		Title:       "director's firewall drops requests of a client",
		Explanation: "the rule may be intentional: programs such as fail2ban add such rules",
	},
	{
		ID: "dnat-before-ipvs", Severity: Error, run: dnatBeforeIPVS,
		Title:       "requests are redirected before IPVS receives them",
		Explanation: "DNAT and REDIRECT change the destination in PREROUTING, so the service does not match",
	},
	{
		ID: "packets-not-seen", Severity: Error, run: packetsNotSeen,
		Title:       "packets for the service do not reach IPVS",
		Explanation: "the kernel drops or redirects them first",
	},
}

// requestPacket returns the first packet of a client to a service, without its source.
func (f *Facts) requestPacket(s *Service) *netstate.Packet {
	p := &netstate.Packet{Protocol: uint16(s.Protocol), Destination: s.AddrPort, State: "NEW", Local: true}
	if a := f.Arrivals[s.ServiceKey]; a != nil && !a.OtherLinks {
		p.InLink = f.link(a.Link).Name
	}
	return p
}

// forwardedPacket returns a client's packet as IPVS sends it to a server. It returns false
// if its destination is unknown.
func (f *Facts) forwardedPacket(s *Service, d *Server) (p *netstate.Packet, ok bool) {
	r, ok := f.routeTo(d)
	to := s.vip(d)
	p = &netstate.Packet{Protocol: uint16(s.Protocol), Destination: to, OutLink: f.link(r.Link).Name}
	if len(d.Conns.Clients) > 0 {
		p.Source = netip.AddrPortFrom(d.Conns.Clients[0], 0)
	}
	switch d.Method {
	case ipvs.Masquerading:
		p.Destination = netip.AddrPortFrom(d.AddrPort.Addr(), s.serverPort(d))
	case ipvs.Tunneling:
		e := tunnelEndpoint(&d.Destination, to.Addr())
		p.Protocol, p.Destination, p.Source = uint16(e.Protocol), e.AddrPort, netip.AddrPortFrom(r.Source, 0)
	}
	return p, ok && to.Addr().IsValid()
}

// mayBeFiltered reports whether the firewall may drop or redirect all packets
// for a service: IPVS has received none between the samples, and no other check
// has explained why.
func (f *Facts) mayBeFiltered(s *Service) bool {
	return f.Firewall != nil && s.Mark == 0 && len(s.Servers) > 0 && !s.hasTraffic() && !f.explained[s.ServiceKey] && s.mayHaveClients(f)
}

// filterSeverity returns the severity of a finding that a rule or policy drops or
// redirects packets for a service: an error if the rule has matched packets, or if
// packets for the service have arrived. The counter of a policy proves nothing,
// since it also counts unrelated packets.
func (f *Facts) filterSeverity(s *Service, o *netstate.Outcome) Severity {
	a := f.Arrivals[s.ServiceKey]
	if o.Rule != nil && o.Rule.Packets > 0 || a != nil && a.Packets >= minUnanswered {
		return Error
	}
	return Warning
}

// countedPackets returns the number of packets that the rule or policy of an outcome has
// counted between the samples.
func countedPackets(o *netstate.Outcome) uint64 {
	if o.Rule != nil {
		return o.Rule.Packets
	}
	return o.Chain.PolicyPackets
}

// describeOutcome describes the rule or policy of an outcome, and the number of packets
// that it has counted between the samples.
func describeOutcome(o *netstate.Outcome) string {
	where := fmt.Sprintf("%s, table %s", o.Chain.Tool, o.Chain.Table)
	text := ""
	if o.Rule == nil {
		text = fmt.Sprintf("the policy of %s is %s (%s)", o.Chain.Name, dropName(o.Chain), where)
	} else {
		text = fmt.Sprintf("rule in %s: %s (%s)", o.Chain.Name, o.Rule.Text, where)
	}
	if n := countedPackets(o); n > 0 {
		text += fmt.Sprintf("; %s in this sample", humanize.Count(n, "packet"))
	}
	return text
}

// dropName returns the name of the dropping policy in the syntax of the chain's
// tool.
func dropName(c *netstate.Chain) string {
	if c.Tool == "nft" {
		return "drop"
	}
	return "DROP"
}

// acceptRemedy returns the command that inserts, at the beginning of a chain, a
// rule that accepts packets from (direction "-s") or to ("-d") addresses and a
// port. Port 0 means all ports, and protocol 0, that of fwmark services, all packets.
func (f *Facts) acceptRemedy(c *netstate.Chain, protocol ipvs.Protocol, direction string, addrs netip.Prefix, port uint16) Remedy {
	name := protocolName(protocol)
	if c.Tool == "nft" {
		family, field, portField := "ip", "daddr", "dport"
		if addrs.Addr().Is6() {
			family = "ip6"
		}
		if direction == "-s" {
			field, portField = "saddr", "sport"
		}
		words := []string{"nft", "insert", "rule", c.Family, c.Table, c.Name, family, field, addrs.String()}
		if protocol != 0 && port != 0 {
			words = append(words, name, portField, strconv.Itoa(int(port)))
		}
		return f.localCommand(append(words, "accept")...)
	}
	words := []string{c.Tool}
	if c.Table != "filter" {
		words = append(words, "-t", c.Table)
	}
	words = append(words, "-I", c.Name, direction, addrs.String())
	if protocol != 0 {
		words = append(words, "-p", name)
	}
	if protocol != 0 && port != 0 {
		words = append(words, map[string]string{"-d": "--dport", "-s": "--sport"}[direction], strconv.Itoa(int(port)))
	}
	return f.localCommand(append(words, "-j", "ACCEPT")...)
}

// protocolName returns the name of a protocol in rules, or its number if IPVS has no
// services of the protocol.
func protocolName(p ipvs.Protocol) string {
	switch p {
	case ipvs.TCP, ipvs.UDP, ipvs.SCTP:
		return strings.ToLower(p.String())
	}
	return strconv.Itoa(int(p))
}

// acceptRequests returns the command that makes a chain accept packets to an
// address and port.
func (f *Facts) acceptRequests(c *netstate.Chain, protocol ipvs.Protocol, to netip.AddrPort) Remedy {
	return f.acceptRemedy(c, protocol, "-d", netip.PrefixFrom(to.Addr(), to.Addr().BitLen()), to.Port())
}

// dropOutcome evaluates the hooks, which are in the order in which the packet passes
// them. It returns the first outcome that certainly drops the packet, and its hook. The
// outcome is nil if there is none.
func (f *Facts) dropOutcome(p *netstate.Packet, hooks ...string) (o *netstate.Outcome, hook string) {
	if f.Firewall == nil {
		return nil, ""
	}
	for _, hook := range hooks {
		outcomes := f.Firewall.Evaluate(hook, p)
		i := slices.IndexFunc(outcomes, func(o netstate.Outcome) bool {
			return o.Certain && (o.Verdict == netstate.Drop || o.Verdict == netstate.Reject)
		})
		if i >= 0 {
			return &outcomes[i], hook
		}
	}
	return nil, ""
}

func firewallDrops(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if !f.mayBeFiltered(s) {
			continue
		}
		o, hook := f.dropOutcome(f.requestPacket(s), "prerouting", "input")
		if o == nil {
			continue
		}
		x := s.serviceFinding(describeOutcome(o), f.acceptRequests(f.baseChain(o.Chain, hook), s.Protocol, s.AddrPort))
		x.Severity = f.filterSeverity(s, o)
		x.Group = describeOutcome(o)
		f.explained[s.ServiceKey] = true
		report(x)
	}
}

// firewallDropsForwarded reports servers whose packets the director's firewall drops
// after IPVS has forwarded them.
func firewallDropsForwarded(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		p, ok := f.forwardedPacket(s, d)
		if !ok || f.isLocal(d.AddrPort.Addr()) || f.hasReplied(s, d) {
			return
		}
		o, hook := f.dropOutcome(p, "output", "postrouting")
		if o == nil {
			return
		}
		to := netip.PrefixFrom(p.Destination.Addr(), p.Destination.Addr().BitLen())
		if d.Method != ipvs.DirectRouting {
			to = f.networkOf(d)
		}
		x := s.serverFinding(d, describeOutcome(o),
			f.acceptRemedy(f.baseChain(o.Chain, hook), ipvs.Protocol(p.Protocol), "-d", to, p.Destination.Port()))
		if !d.hasClientTraffic() || countedPackets(o) == 0 && d.Conns.StuckSynRecv == 0 {
			x.Severity = Warning
		}
		x.Group = describeOutcome(o) + x.Remedies[0].CommandLine()
		report(x)
	})
}

// clientFiltered reports clients whose packets a rule drops, while IPVS receives other
// packets for the service. If IPVS receives none, firewallDrops or packetsNotSeen reports
// the loss.
func clientFiltered(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		a := f.Arrivals[s.ServiceKey]
		if f.Firewall == nil || a == nil || s.Mark != 0 || f.explained[s.ServiceKey] || !s.hasTraffic() {
			continue
		}
		var rules []string
		for _, client := range a.Clients {
			p := f.requestPacket(s)
			p.Source = netip.AddrPortFrom(client, 0)
			o, _ := f.dropOutcome(p, "prerouting", "input")
			if o == nil || o.Rule == nil || slices.Contains(rules, o.Rule.Text) {
				continue
			}
			rules = append(rules, o.Rule.Text)
			report(s.serviceFinding(fmt.Sprintf("requests from %s are dropped: %s", client, describeOutcome(o)),
				advise("if the client should have access, remove the rule, or unblock the client in the program that added the rule")))
		}
	}
}

// describePossibleDrop describes a rule or policy that may drop or redirect packets of a
// client to a service and has counted packets between the samples. It returns "" if there
// is none.
func (f *Facts) describePossibleDrop(s *Service, client netip.Addr) string {
	if f.Firewall == nil {
		return ""
	}
	p := f.requestPacket(s)
	p.Source = netip.AddrPortFrom(client, 0)
	for _, hook := range []string{"prerouting", "input"} {
		for _, o := range f.Firewall.Evaluate(hook, p) {
			if o.Verdict != netstate.SetMark && countedPackets(&o) > 0 {
				return describeOutcome(&o)
			}
		}
	}
	return ""
}

func dnatBeforeIPVS(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if !f.mayBeFiltered(s) {
			continue
		}
		outcomes := f.Firewall.Evaluate("prerouting", f.requestPacket(s))
		j := slices.IndexFunc(outcomes, func(o netstate.Outcome) bool { return o.Certain && o.Verdict == netstate.Translate })
		if j < 0 {
			continue
		}
		o := &outcomes[j]
		base := f.baseChain(o.Chain, "prerouting")
		x := s.serviceFinding(describeOutcome(o), f.acceptRequests(base, s.Protocol, s.AddrPort))
		x.Severity = f.filterSeverity(s, o)
		f.explained[s.ServiceKey] = true
		report(x)
	}
}

// baseChain returns the base chain of a hook in the table of c, or c if there is none.
func (f *Facts) baseChain(c *netstate.Chain, hook string) *netstate.Chain {
	for i := range f.Firewall.Chains {
		if b := &f.Firewall.Chains[i]; b.Hook == hook && b.Table == c.Table && b.Family == c.Family && b.Tool == c.Tool {
			return b
		}
	}
	return c
}

// markSetByRules returns the firewall mark that rules set on packets to an address. It
// returns false if the rules are unknown or set no mark, or if it is uncertain whether a
// rule that sets a mark matches.
func (f *Facts) markSetByRules(protocol ipvs.Protocol, to netip.AddrPort) (uint32, bool) {
	if f.Firewall == nil {
		return 0, false
	}
	mark := uint32(0)
	outcomes := f.Firewall.Evaluate("prerouting", &netstate.Packet{Protocol: uint16(protocol), Destination: to, State: "NEW", Local: true})
	for _, o := range outcomes {
		switch {
		case o.Verdict != netstate.SetMark:
		case !o.Certain:
			return 0, false
		default:
			mark = mark&^o.Rule.Mask ^ o.Rule.Mark
		}
	}
	return mark, mark != 0
}

// markRules returns the rules that set the given firewall mark, and the marks that
// other rules set.
func (f *Facts) markRules(mark uint32, family ipvs.Family) (setters []netstate.Outcome, others []uint32) {
	if f.Firewall == nil {
		return nil, nil
	}
	for _, o := range f.Firewall.Find(netstate.SetMark, &netstate.Packet{}) {
		isFamily := o.Chain.Family == "inet" || (o.Chain.Family == "ip6") == (family == ipvs.IPv6)
		switch {
		case !isFamily:
		case mark&o.Rule.Mask == o.Rule.Mark && o.Rule.Mark != 0:
			setters = append(setters, o)
		case o.Rule.Mark != 0 && !slices.Contains(others, o.Rule.Mark):
			others = append(others, o.Rule.Mark)
		}
	}
	return setters, others
}

// iptablesProgram returns the name of the iptables program for a family: the legacy
// program if Firewall.Legacy is set.
func (f *Facts) iptablesProgram(family ipvs.Family) string {
	name := "iptables"
	if family == ipvs.IPv6 {
		name = "ip6tables"
	}
	if f.Firewall != nil && f.Firewall.Legacy {
		return name + "-legacy"
	}
	return name
}
