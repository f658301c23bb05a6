// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// serviceChecks check the configuration of services.
var serviceChecks = []Check{
	{
		ID: "no-servers", Severity: Error, run: noServers,
		Title:       "service has no servers",
		Explanation: "new connections are rejected",
	},
	{
		ID: "all-weights-zero", Severity: Error, run: allWeightsZero,
		Title:       "all servers have weight 0",
		Explanation: "a server with weight 0 keeps its connections but gets no new ones",
	},
	{
		ID: "scheduler-none", Severity: Error, run: schedulerNone,
		Title:       "service has no scheduler",
		Explanation: "no server is selected for new connections",
	},
	{
		ID: "weights-ignored", Severity: Hint, run: weightsIgnored,
		Title:       "scheduler ignores weights",
		Explanation: "this scheduler only distinguishes weight 0 from other weights",
	},
	{
		ID: "failover-equal", Severity: Warning, run: failoverEqual,
		Title:       "two servers have the same weight",
		Explanation: "the scheduler prefers the highest weight; the order of servers with equal weights is undefined",
	},
	{
		ID: "mark-never-seen", Severity: Warning, run: markNeverSeen,
		Title:       "no packet has had this firewall mark",
		Explanation: "packets must be marked in PREROUTING and routed locally",
	},
	{
		ID: "mark-incomplete", Severity: Warning, run: markIncomplete,
		Title:       "packets of clients lack the firewall mark",
		Explanation: "packets without the mark do not reach the service",
	},
	{
		ID: "other-protocol", Severity: Warning, run: otherProtocol,
		Title:       "clients use another protocol than the service",
		Explanation: "a service is for TCP or for UDP: clients that use both need two services",
	},
	{
		ID: "persistence-netmask-zero", Severity: Warning, run: persistenceNetmaskZero,
		Title:       "persistence netmask is 0",
		Explanation: "all clients belong to the same network, so persistence sends all of them to one server",
	},
	{
		ID: "expire-quiescent-template", Severity: Hint, run: expireQuiescentTemplate,
		Title:       "persistent clients stick to a server of weight 0",
		Explanation: "persistence sends new connections of known clients to this server; with expire_quiescent_template=1, they go to another one",
	},
}

// clusterPrograms are programs that keep services without servers in the table, for
// example while a deployment is scaled to zero.
var clusterPrograms = []string{"kube-proxy", "kube-router", "kube-vip", "dockerd"}

func noServers(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if len(s.Servers) > 0 {
			continue
		}
		x := s.serviceFinding("no servers in the table", f.addServer(s, "SERVER"), f.removeService(s))
		if f.isRunning(clusterPrograms...) {
			x.Remedies = []Remedy{advise("check that the cluster runs the containers of the service")}
			if a := f.Arrivals[s.ServiceKey]; a == nil {
				x.Severity = Hint
				x.Causes = []string{"the cluster intentionally runs no containers for the service"}
			} else {
				x.Evidence += fmt.Sprintf("; %s for the service arrived in this sample", humanize.Count(a.Packets, "packet"))
			}
		}
		report(x)
	}
}

func allWeightsZero(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if len(s.Servers) == 0 || slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 }) {
			continue
		}
		report(s.serviceFinding(humanize.Count(len(s.Servers), "server")+" with weight 0, none with a higher weight",
			f.editServer(s, &s.Servers[0], func(d *ipvs.Destination) { d.Weight = 1 })))
	}
}

func schedulerNone(f *Facts, report func(Finding)) {
	for i := range f.Services {
		if s := &f.Services[i]; s.Scheduler == "none" || s.Scheduler == "" {
			report(s.serviceFinding("the scheduler is none", f.editService(s, func(s *ipvs.Service) { s.Scheduler = "wlc" })))
		}
	}
}

// weightedVariant returns the scheduler that works like the given one and
// respects weights, or "" if there is none.
func weightedVariant(scheduler string) string {
	switch scheduler {
	case "rr":
		return "wrr"
	case "lc":
		return "wlc"
	case "dh":
		return "lblc"
	}
	return ""
}

func weightsIgnored(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		weighted := weightedVariant(s.Scheduler)
		if weighted == "" {
			continue
		}
		var weights []uint32
		for _, d := range s.Servers {
			if d.Weight > 0 && len(weights) < 2 && !slices.Contains(weights, d.Weight) {
				weights = append(weights, d.Weight)
			}
		}
		if len(weights) > 1 {
			report(s.serviceFinding(fmt.Sprintf("the scheduler is %s, but servers have different weights, such as %d and %d",
				s.Scheduler, weights[0], weights[1]),
				f.editService(s, func(s *ipvs.Service) { s.Scheduler = weighted })))
		}
	}
}

func failoverEqual(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Scheduler != "fo" { // ovf is meant to fill servers of equal weight one after the other
			continue
		}
		byWeight := make(map[uint32]*Server)
		highest := uint32(0)
		for j := range s.Servers {
			highest = max(highest, s.Servers[j].Weight)
		}
		for j := range s.Servers {
			d := &s.Servers[j]
			other := byWeight[d.Weight]
			if d.Weight == 0 || other == nil {
				byWeight[d.Weight] = d
				continue
			}
			report(s.serviceFinding(fmt.Sprintf("%s and %s have weight %d", other.AddrPort, d.AddrPort, d.Weight),
				f.editServer(s, other, func(d *ipvs.Destination) { d.Weight = highest + 1 })))
			break
		}
	}
}

func markNeverSeen(f *Facts, report func(Finding)) {
	if f.countersStopped() {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark == 0 || s.Stats.InPackets+s.Stats.Conns > 0 || s.hasTraffic() || len(s.Servers) == 0 {
			continue
		}
		setters, others := f.markRules(s.Mark, s.Family)
		rulesKnown := f.Firewall != nil && !f.FirewallIncomplete
		if f.RulesOnly && (len(setters) > 0 || !rulesKnown) {
			continue
		}
		x := s.serviceFinding("")
		x.Severity = Hint
		var evidence []string
		if !f.RulesOnly {
			evidence = append(evidence, "no packet has been counted since the service was added")
		}
		address, port := "ADDRESS", "PORT"
		target := f.unmatchedTarget(func(t *UnmatchedTarget) bool {
			return t.Protocol == ipvs.TCP && t.Target.Addr().Is4() == (s.Family == ipvs.IPv4)
		})
		if target != nil {
			x.Severity = Warning
			evidence = append(evidence, target.describe())
			address, port = target.Target.Addr().String(), strconv.Itoa(int(target.Target.Port()))
		}
		switch {
		case len(setters) > 0:
			evidence = append(evidence, describeOutcome(&setters[0]))
			x.Causes = []string{
				"no client has used the service yet",
				"the rule that sets the mark does not match, or an earlier rule accepts the packets",
			}
		case rulesKnown:
			text := fmt.Sprintf("no firewall rule sets mark %d", s.Mark)
			if len(others) > 0 {
				text += "; the rules set " + formatMarks(others)
			}
			evidence = append(evidence, text)
			switch {
			case len(others) > 0 && !f.HasIngressFilter:
				x.Severity = Warning
			case target == nil:
				x.Causes = []string{"the rule that sets the mark is missing", "tc or eBPF, which are not examined, set the mark, and no client has used the service yet"}
			}
		}
		if len(setters) == 0 || target != nil {
			x.Remedies = append(x.Remedies, f.setMark(s, ipvs.TCP, address, port))
		}
		remove := f.removeService(s)
		switch {
		case len(setters) > 0: // the service may be idle
			x.Remedies = append(x.Remedies, checkMarkRules)
		case f.HasIngressFilter:
			x.Remedies = append(x.Remedies, advise("if tc does not set the mark either: %s", remove.CommandLine()))
		default:
			x.Remedies = append(x.Remedies, remove)
		}
		x.Evidence = strings.Join(evidence, "; ")
		report(x)
	}
}

// formatMarks returns a list of up to three marks, in decimal and hexadecimal.
func formatMarks(marks []uint32) string {
	var texts []string
	for _, m := range marks[:min(3, len(marks))] {
		texts = append(texts, fmt.Sprintf("%d (0x%x)", m, m))
	}
	text := strings.Join(texts, ", ")
	if len(marks) > 3 {
		text += ", …"
	}
	return text
}

// checkMarkRules is the advice to find out which of the rules that set marks match packets.
var checkMarkRules = Remedy{Advice: "check with iptables-save -c or nft list ruleset whether the rules that set the mark count packets"}

// minUnmatched is the number of packets of a client to the same port that distinguish
// the client from a port scan.
const minUnmatched = 3

// unmatchedTarget returns a target without a listener to which a client has
// repeatedly sent packets without creating a connection, or nil.
func (f *Facts) unmatchedTarget(matches func(*UnmatchedTarget) bool) *UnmatchedTarget {
	for i := range f.UnmatchedTargets {
		t := &f.UnmatchedTargets[i]
		if t.Packets >= minUnmatched && f.ListeningRead && matches(t) &&
			!slices.ContainsFunc(f.Listening, func(l netstate.Socket) bool { return accepts(l, t.Protocol, t.Target) }) {
			return t
		}
	}
	return nil
}

// describe describes the packets to a target.
func (t *UnmatchedTarget) describe() string {
	unit := "SYN"
	if t.Protocol == ipvs.UDP {
		unit = "UDP packet"
	}
	return fmt.Sprintf("%s from %s to %s in this sample; that port has neither a service nor a listener", humanize.Count(t.Packets, unit), t.Client, t.Target)
}

// lacksMark reports whether packets to a target should have had the mark of a service. TCP
// packets should if their client uses the service at the same address. UDP packets should
// if clients of the service use the same port by TCP.
func (f *Facts) lacksMark(s *Service, t *UnmatchedTarget) bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool {
		if d.Conns.VIP.Addr() != t.Target.Addr() {
			return false
		}
		if t.Protocol == ipvs.UDP {
			mark, ok := f.markSetByRules(ipvs.TCP, t.Target)
			return d.Conns.VIP == t.Target || ok && mark == s.Mark
		}
		return slices.ContainsFunc(f.WorkingClients[t.Client], func(o *ipvs.Destination) bool { return o.AddrPort == d.AddrPort })
	})
}

// markIncomplete reports fwmark services whose clients also send packets without the
// mark, such as packets to another port, or UDP packets.
func markIncomplete(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark == 0 {
			continue
		}
		t := f.unmatchedTarget(func(t *UnmatchedTarget) bool { return f.lacksMark(s, t) })
		if t == nil {
			continue
		}
		evidence := "the client has connections with this mark; "
		if t.Protocol == ipvs.UDP {
			evidence = "clients have connections with this mark; "
		}
		x := s.serviceFinding(evidence + t.describe())
		if mark, ok := f.markSetByRules(t.Protocol, t.Target); ok && mark == s.Mark {
			x.Causes = []string{"the rule that sets the mark does not match all packets of the client"}
			x.Remedies = []Remedy{checkMarkRules}
		} else {
			x.Causes = []string{
				fmt.Sprintf("the rule that sets the mark does not include %s port %d", t.Protocol, t.Target.Port()),
				"the client uses a port that the service does not offer",
			}
			x.Remedies = []Remedy{f.setMark(s, t.Protocol, t.Target.Addr().String(), strconv.Itoa(int(t.Target.Port())))}
		}
		if t.Protocol == ipvs.UDP && !slices.Contains(tcpAndUDPPorts, t.Target.Port()) {
			x.Severity = Hint // clients may try UDP first, for example for HTTP/3
		}
		report(x)
	}
}

// setMark returns the command that sets the mark of a service on packets to an address
// and port.
func (f *Facts) setMark(s *Service, protocol ipvs.Protocol, address, port string) Remedy {
	return f.localCommand(f.iptablesProgram(s.Family), "-t", "mangle", "-A", "PREROUTING", "-d", address,
		"-p", strings.ToLower(protocol.String()), "--dport", port, "-j", "MARK", "--set-mark", strconv.Itoa(int(s.Mark)))
}

// tcpAndUDPPorts are the ports of protocols that use TCP and UDP. Clients of other
// protocols, such as HTTP/3, may try both.
var tcpAndUDPPorts = []uint16{53, 88, 5060} // DNS, Kerberos, SIP

// otherProtocol reports clients that send UDP packets to a TCP service, or vice versa.
func otherProtocol(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark != 0 || s.Protocol != ipvs.TCP && s.Protocol != ipvs.UDP {
			continue
		}
		t := f.unmatchedTarget(func(t *UnmatchedTarget) bool { return t.Target == s.AddrPort && t.Protocol != s.Protocol })
		if t == nil {
			continue
		}
		other := s.Service
		other.Protocol = t.Protocol
		x := s.serviceFinding(t.describe(), f.selfCommand(&command.Command{Verb: command.AddService, Service: other}))
		for j := range s.Servers {
			add := f.selfCommand(&command.Command{Verb: command.AddServer, Service: other, Destination: s.Servers[j].Destination})
			x.Remedies[0].Commands = append(x.Remedies[0].Commands, add.Commands...)
		}
		if !slices.Contains(tcpAndUDPPorts, t.Target.Port()) {
			x.Severity = Hint
			x.Causes = []string{"the servers accept this protocol, but the table has no service for it", "the clients try both protocols, or scan ports"}
		}
		report(x)
	}
}

func persistenceNetmaskZero(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		available := 0 // servers that get new connections
		conns := 0
		for _, d := range s.Servers {
			conns += d.Conns.Total
			if d.Weight > 0 {
				available++
			}
		}
		if s.Flags&ipvs.Persistent == 0 || s.Netmask != ipvs.ZeroNetmask || available < 2 {
			continue
		}
		busiest := slices.MaxFunc(s.Servers, func(a, b Server) int { return a.Conns.Total - b.Conns.Total })
		report(s.serviceFinding(fmt.Sprintf("%s of %s are to %s",
			humanize.Count(busiest.Conns.Total, ""), humanize.Count(conns, "connection"), busiest.AddrPort.Addr()),
			f.editService(s, func(s *ipvs.Service) { s.Netmask = ipvs.HostNetmask(s.Family) })))
	}
}

func expireQuiescentTemplate(f *Facts, report func(Finding)) {
	const path = expireQuiescentPath
	if !f.sysctlIs(path, 0) {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		if s.Flags&ipvs.Persistent == 0 {
			continue
		}
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Weight > 0 || d.PersistentConns == 0 {
				continue
			}
			// Clients of a server that does not reply are reported by another check.
			if evidence, _ := f.deadEvidence(s, d); evidence == "" {
				report(s.serverFinding(d, "the weight is 0; "+humanize.Count(d.PersistentConns, "persistence template"),
					f.sysctlRemedy(1, path)))
			}
		}
	}
}
