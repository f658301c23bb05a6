// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/ipvs"
)

// trafficChecks check connection states and the counters of the two samples.
var trafficChecks = []Check{
	{
		ID: "nat-no-answers", Severity: Error, run: natNoAnswers,
		Title:       "no reply traffic from server (NAT)",
		Explanation: "with NAT, the server's replies must be routed through the director",
	},
	{
		ID: "server-refuses", Severity: Error, run: serverRefuses,
		Title:       "server rejects all requests",
		Explanation: "nothing listens on the server port, or a firewall rejects the packets",
	},
	{
		ID: "server-silent", Severity: Error, run: serverSilent,
		Title:       "connections to this server never complete",
		Explanation: "the server does not reply, or its replies are lost",
	},
	{
		ID: "service-silent", Severity: Error, run: serviceSilent,
		Title:       "connections to this service never complete",
		Explanation: "the servers do not reply",
	},
	{
		ID: "director-as-client", Severity: Hint, run: directorAsClient,
		Title:       "connections from the director itself cannot complete",
		Explanation: "with direct routing and tunneling, the director's packets have the VIP as their source, which is also the server's own address, so it does not reply; other clients are not affected",
	},
	{
		ID: "estimation-off", Severity: Hint, run: estimationOff,
		Title:       "the kernel does not update its counters",
		Explanation: "silent servers can only be found by the states of TCP connections, so UDP servers are not examined",
	},
}

// describePackets describes the packets to and from a server with NAT.
func describePackets(d *Server) string {
	stats, when := &d.Stats, "since it was added"
	if d.Delta != nil && d.hasTraffic() {
		stats, when = d.Delta, "in this sample"
	}
	out := "none"
	if stats.OutPackets > 0 {
		out = humanize.Count(stats.OutPackets, "")
	}
	return fmt.Sprintf("%s to the server %s, %s from it", humanize.Count(stats.InPackets, "packet"), when, out)
}

// describeSynRecv describes how many connections of a service are in SYN_RECV, or
// in a state of SCTP that is like it.
func describeSynRecv(s *Service, n, total int) string {
	state := synRecv
	if s.Protocol == ipvs.SCTP {
		state = sctpInitAgain
	}
	return fmt.Sprintf("%s of %s in %s", humanize.Count(n, ""), humanize.Count(total, "connection"), state)
}

func natNoAnswers(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || f.isSuppressed(d) || !f.noReplies(s, d) {
			return
		}
		evidence := describePackets(d)
		if f.countersStopped() {
			evidence = "net.ipv4.vs.run_estimation is 0, so packets are not counted"
		}
		if d.Conns.SynRecv > 0 {
			evidence += "; " + describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)
		}
		x := s.serverFinding(d, evidence)
		if s.Protocol == ipvs.UDP && !s.repliesNow() {
			x.Severity = Warning // the servers may not accept the requests
		}
		x.explain(f.replyCauses(s, d, r))
		if len(x.Remedies) == 0 {
			x.Remedies = []Remedy{f.takeOut(s, d)}
		}
		report(x)
	})
}

// resetSize returns the size of the packet that resets a TCP connection, in
// bytes. It has no TCP options, unlike a packet that accepts a connection.
func resetSize(d *Server) uint64 {
	if d.AddrPort.Addr().Is4() {
		return 40
	}
	return 60
}

// onlyResets reports whether a server with NAT reset all connections between the
// samples.
func (f *Facts) onlyResets(s *Service, d *Server) bool {
	c := d.Delta
	return d.Method == ipvs.Masquerading && s.Protocol != ipvs.UDP && c != nil && c.Conns > 0 && c.OutPackets > 0 &&
		c.OutBytes == c.OutPackets*resetSize(d) && d.Conns.Completed == 0
}

// rejection returns how packets to a server with NAT were rejected between the
// samples, or nil if there were none or the server has replied to others. One
// rejection is enough if there were more packets: a host sends about one ICMP error
// per second to each destination.
func (f *Facts) rejection(s *Service, d *Server) *Rejection {
	if d.Method != ipvs.Masquerading || d.Conns.Completed > 0 || !d.hasTraffic() {
		return nil
	}
	for _, e := range endpoints(s, d) {
		r := f.Rejections[e]
		if r != nil && (r.Packets >= minUnanswered || d.Delta != nil && d.Delta.InPackets >= minSilentPackets) && f.Replies[e] == 0 {
			return r
		}
	}
	return nil
}

// endpoints returns the endpoints to which packets of a service are sent at a
// server with NAT. If the service includes several ports, it returns one of those
// that clients use by TCP or SCTP: connection states show whether others work.
func endpoints(s *Service, d *Server) []Endpoint {
	port := cmp.Or(d.AddrPort.Port(), s.AddrPort.Port())
	to := netip.AddrPortFrom(d.AddrPort.Addr(), cmp.Or(port, d.Conns.VIPPort.Port()))
	switch {
	case s.Mark != 0:
		return []Endpoint{{ipvs.TCP, to}, {ipvs.SCTP, to}}
	case port == 0 && s.Protocol == ipvs.UDP:
		return nil
	}
	return []Endpoint{{s.Protocol, to}}
}

func serverRefuses(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if f.isSuppressed(d) {
			return
		}
		r := f.rejection(s, d)
		x := s.serverFinding(d, "",
			advise("start the program that should listen on %s, or allow the packets in the server's firewall", d.AddrPort), f.takeOut(s, d))
		switch {
		case f.onlyResets(s, d):
			x.Evidence = fmt.Sprintf("%s to the server in this sample, and every reply was a packet of %d bytes: a TCP reset",
				humanize.Count(d.Delta.Conns, "connection"), resetSize(d))
		case r == nil:
			return
		case r.Reporter == d.AddrPort.Addr():
			x.Evidence = fmt.Sprintf("the server has rejected %s in this sample and replied to none", humanize.Count(r.Packets, "packet"))
		default:
			x.Evidence = fmt.Sprintf("%s reports that the server is unreachable, by ICMP, for %s in this sample", r.Reporter, humanize.Count(r.Packets, "packet"))
			x.Causes = []string{fmt.Sprintf("the server is down, or %s has no route to it or filters the packets", r.Reporter)}
			x.Remedies[0] = advise("check that %s is up, and that %s reaches it", d.AddrPort.Addr(), r.Reporter)
		}
		report(x)
	})
}

// connStateIsEvidence reports whether connection states show that a server is
// silent. With NAT, counters of replies are better evidence.
func connStateIsEvidence(s *Service, d *Server) bool {
	return s.Protocol != ipvs.UDP && (d.Method == ipvs.DirectRouting || d.Method == ipvs.Tunneling)
}

// silentFinding adds the causes for the silence of a server to a finding. The
// further remedies follow those of the causes, without duplicates.
func (f *Facts) silentFinding(s *Service, d *Server, x Finding, further ...Remedy) Finding {
	if p, ok := f.path(d); ok {
		x.Evidence += "; " + describeProbe(p, d.Conns.VIPPort)
	}
	x.explain(f.vipCauses(s, d))
	for _, r := range further {
		if !slices.ContainsFunc(x.Remedies, func(o Remedy) bool { return o.CommandLine() == r.CommandLine() }) {
			x.Remedies = append(x.Remedies, r)
		}
	}
	if len(x.Remedies) == 0 {
		x.Remedies = []Remedy{f.takeOut(s, d)}
	}
	return x
}

// pathFails reports whether a probe has confirmed that a server does not accept
// connections to the VIP, or that its replies do not reach the client.
func (f *Facts) pathFails(d *Server) bool {
	p, ok := f.Paths[&d.Destination]
	if !ok || d.Method == ipvs.Masquerading {
		return false
	}
	// A reply to the client that arrives here does not reach the client.
	return p.FromDirector.Port != netprobe.Answered || p.FromClient.Port != netprobe.Silent
}

// isSilentNow reports whether connections to the server are stuck. If earlier ones
// have completed and there is no traffic now, clients may have given up before the
// server worked again.
func (d *Server) isSilentNow() bool {
	return d.Conns.StuckSynRecv > 0 && (d.hasTraffic() || d.Conns.Established == 0)
}

func serverSilent(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		completing := 0 // number of servers whose connections complete
		for j := range s.Servers {
			if s.Servers[j].completes() {
				completing++
			}
		}
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Weight == 0 || !connStateIsEvidence(s, d) || !d.isSilentNow() || d.completes() || f.isSuppressed(d) {
				continue
			}
			x := f.silentFinding(s, d, s.serverFinding(d, describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)), f.takeOut(s, d))
			client, ok := f.stuckWorkingClient(d)
			switch {
			case f.pathFails(d) && completing > 0:
			case ok && d.Conns.StuckSynRecv >= minUnanswered:
				x.Evidence += fmt.Sprintf("; connections of %s to other servers complete", client)
			case completing > 0 && len(d.Conns.StuckClients) >= minUnanswered:
				x.Evidence += "; connections to other servers complete"
			case completing > 0 && d.Conns.StuckSynRecv >= minUnanswered && d.Conns.Established == 0:
				x.Severity = Hint
				x.Evidence += fmt.Sprintf(", all from %s", d.Conns.StuckClients[0])
				x.Causes = append([]string{"the client's own network loses the replies, or the client does not complete its handshakes"}, x.Causes...)
				x.Remedies = []Remedy{advise("test the server from another client")}
			default:
				continue
			}
			report(x)
		}
	}
}

func serviceSilent(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.completes() {
			continue
		}
		var total Conns
		var first *Server
		for j := range s.Servers {
			d := &s.Servers[j]
			total.Established += d.Conns.Established
			if d.Weight == 0 || !d.isSilentNow() || !connStateIsEvidence(s, d) || f.isSuppressed(d) {
				continue
			}
			if first == nil {
				first = d
			}
			total.Total += d.Conns.Total
			total.SynRecv += d.Conns.SynRecv
			total.StuckSynRecv += d.Conns.StuckSynRecv
			for _, a := range d.Conns.StuckClients {
				total.StuckClients = appendDistinct(total.StuckClients, a, maxClients)
			}
		}
		if first == nil {
			continue
		}
		x := f.silentFinding(s, first, s.serviceFinding(describeSynRecv(s, total.SynRecv, total.Total)))
		if _, probed := f.Paths[&first.Destination]; !probed && first.Conns.VIP.IsValid() {
			x.Causes = append(x.Causes, spoofCause(first.Conns.VIP).text)
		}
		// A retransmitted SYN shows that a client waits for a reply. Other SYNs may
		// come from a scan.
		retransmitted := s.Delta != nil && s.Delta.InPackets > s.Delta.Conns
		switch {
		case len(total.StuckClients) >= minUnanswered || f.pathFails(first):
		case retransmitted && total.Established == 0:
			x.Severity = Warning
			x.Evidence += fmt.Sprintf(", all from %s, which retransmits", total.StuckClients[0])
		case total.StuckSynRecv >= 3 && s.Stats.InPackets < 3*s.Stats.Conns: // most connections have no more than a SYN
			x.Severity = Hint
			x.Evidence += fmt.Sprintf(", all from %s, which does not retransmit", total.StuckClients[0])
			x.Causes = slices.Insert(x.Causes, min(1, len(x.Causes)), "the client scans ports, or gives up before it retransmits")
			x.Remedies = []Remedy{advise("test the service from another client")}
			if !f.Probed {
				probe := f.localCommand(f.Program, "--doctor", "--probe")
				x.Remedies = append(x.Remedies, probe)
			}
		default:
			continue
		}
		report(x)
	}
}

// directorAsClient reports connections from the director itself to a VIP whose
// servers use direct routing or tunneling.
func directorAsClient(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			d := &s.Servers[j]
			if !connStateIsEvidence(s, d) || d.Conns.FromDirector == 0 {
				continue
			}
			report(s.serviceFinding(fmt.Sprintf("%s from the director itself to %s", humanize.Count(d.Conns.FromDirector, "connection"), d.AddrPort.Addr()),
				advise("test the service from another host")))
			break
		}
	}
}

func estimationOff(f *Facts, report func(Finding)) {
	if !f.countersStopped() || len(f.Services) == 0 {
		return
	}
	report(Finding{
		Evidence: "net.ipv4.vs.run_estimation is 0",
		Remedies: []Remedy{f.sysctlRemedy(1, "net/ipv4/vs/run_estimation")},
	})
}
