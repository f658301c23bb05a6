// SPDX-License-Identifier: MIT

package doctor

import (
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
		Explanation: "the servers do not reply, or their replies are lost",
	},
	{
		ID: "director-as-client", Severity: Hint, run: directorAsClient,
		Title:       "connections from the director itself cannot complete",
		Explanation: "with direct routing and tunneling, the source of the director's packets is the VIP, which is also the server's own address, so the server does not reply; other clients are not affected",
	},
	{
		ID: "estimation-off", Severity: Hint, run: estimationOff,
		Title:       "the kernel does not update its counters",
		Explanation: "without counters, only the states of TCP connections show silent servers, and UDP servers are not examined",
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

// describeSynRecv describes how many connections of a service are in SYN_RECV, or in
// the corresponding state of SCTP.
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
		if !ok || f.isSuppressed(d) || !f.sendsNoReplies(s, d) {
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
			x.Severity = Warning // the application protocol may have no replies
		}
		x.explain(f.replyCauses(s, d, r))
		if len(x.Remedies) == 0 {
			x.Remedies = []Remedy{f.takeOutOfRotation(s, d)}
		}
		f.doubtRejection(&x, d)
		report(x)
	})
}

// doubtRejection changes the severity of a finding to a hint if the only affected client
// is one that the server may reject intentionally, unless a probe has failed as well.
func (f *Facts) doubtRejection(x *Finding, d *Server) {
	client, ok := f.rejectedClient(d)
	if p, probed := f.Paths[&d.Destination]; !ok || probed && p.FromDirector.Port != netprobe.Answered {
		return
	}
	x.Severity, x.Group = Hint, ""
	x.Evidence += fmt.Sprintf("; all from %s, while other clients have completed connections to the server", client)
	x.Causes = append([]string{"the server rejects this client, for example by fail2ban, or the client's own network loses the replies"}, x.Causes...)
	x.Remedies = []Remedy{advise("test the server from another client")}
	if !f.Probed {
		x.Remedies = append(x.Remedies, f.localCommand(f.Program, "--doctor", "--probe"))
	}
}

// resetSize returns the size in bytes of a packet from a server that resets a TCP
// connection. Unlike a packet that accepts one, it has no TCP options.
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

// rejection returns the rejection of packets to a server with NAT between the samples,
// or nil if there was none or the server replied to others. One rejection is enough if
// minSilentPackets packets were sent, because a host limits its ICMP errors to about one
// per second and destination.
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

// endpoints returns the endpoints at which a server with NAT receives the packets of a
// service. If neither of them has a port, it returns only the port of one connection. For
// TCP and SCTP, this is enough: if another port works, Conns.Completed shows it. UDP
// connections never count as completed, so UDP endpoints are then omitted. For a firewall
// mark, they are always omitted.
func endpoints(s *Service, d *Server) []Endpoint {
	to := netip.AddrPortFrom(d.AddrPort.Addr(), s.serverPort(d))
	switch {
	case s.Mark != 0:
		return []Endpoint{{ipvs.TCP, to}, {ipvs.SCTP, to}}
	case d.AddrPort.Port() == 0 && s.AddrPort.Port() == 0 && s.Protocol == ipvs.UDP:
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
			advise("start the program that should listen on %s, or allow the packets in the server's firewall", d.AddrPort), f.takeOutOfRotation(s, d))
		switch {
		case f.onlyResets(s, d):
			x.Evidence = fmt.Sprintf("%s to the server in this sample, and every reply was a packet of %d bytes: a TCP reset",
				humanize.Count(d.Delta.Conns, "connection"), resetSize(d))
		case r == nil:
			return
		case r.Reporter == d.AddrPort.Addr():
			x.Evidence = fmt.Sprintf("the server has rejected %s in this sample and replied to none", humanize.Count(r.Packets, "packet"))
		default:
			x.Evidence = fmt.Sprintf("%s replied to %s in this sample that the server is unreachable (ICMP)", r.Reporter, humanize.Count(r.Packets, "packet"))
			x.Causes = []string{fmt.Sprintf("the server is down, or %s has no route to it or filters the packets", r.Reporter)}
			x.Remedies[0] = advise("check that %s is up, and that %s can reach it", d.AddrPort.Addr(), r.Reporter)
		}
		f.doubtRejection(&x, d)
		report(x)
	})
}

// connStateIsEvidence reports whether connection states are the evidence that a server
// is silent. With NAT, the counters of replies are better evidence.
func connStateIsEvidence(s *Service, d *Server) bool {
	return s.Protocol != ipvs.UDP && (d.Method == ipvs.DirectRouting || d.Method == ipvs.Tunneling)
}

// silentFinding adds the causes for the silence of a server, and their remedies, to a
// finding. Further remedies follow unless a cause has the same remedy.
func (f *Facts) silentFinding(s *Service, d *Server, x Finding, further ...Remedy) Finding {
	if p, ok := f.pathResult(d); ok {
		x.Evidence += "; " + describeProbe(p, s.vip(d))
	}
	x.explain(f.vipCauses(s, d))
	for _, r := range further {
		if !slices.ContainsFunc(x.Remedies, func(o Remedy) bool { return o.CommandLine() == r.CommandLine() }) {
			x.Remedies = append(x.Remedies, r)
		}
	}
	if len(x.Remedies) == 0 {
		x.Remedies = []Remedy{f.takeOutOfRotation(s, d)}
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
	// A reply to the client that arrives at the director does not reach the client.
	return p.FromDirector.Port != netprobe.Answered || p.FromClient.Port != netprobe.Silent
}

// isSilentNow reports whether connections to the server are stuck. If there is no
// traffic now and earlier connections have completed, clients may have given up before
// the server worked again. If connections had at most two packets on average, monitors
// may have reset them after the SYN: in IPVS, such connections stay in SYN_RECV.
func (d *Server) isSilentNow() bool {
	return d.Conns.StuckSynRecv > 0 && (d.hasTraffic() || d.Conns.Established == 0 && d.Stats.InPackets > 2*d.Stats.Conns)
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
			x := f.silentFinding(s, d, s.serverFinding(d, describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)), f.takeOutOfRotation(s, d))
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
			x.Causes = append(x.Causes, spoofCause(first.Conns.VIP.Addr()).text)
		}
		// A retransmitted SYN shows that a client waits for a reply. Other SYNs may
		// come from a scan.
		retransmitted := s.Delta != nil && s.Delta.InPackets > s.Delta.Conns
		switch {
		case len(total.StuckClients) >= minUnanswered || f.pathFails(first):
		case retransmitted && total.Established == 0:
			x.Severity = Warning
			x.Evidence += fmt.Sprintf(", all from %s, which retransmits", total.StuckClients[0])
		case total.StuckSynRecv >= 3 && s.Stats.InPackets < 3*s.Stats.Conns: // too few packets for completed connections
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
			// Without the VIP, the director's packets have another source.
			if !connStateIsEvidence(s, d) || d.Conns.FromDirector == 0 || len(f.linksWithAddr(d.Conns.VIP.Addr())) == 0 {
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
