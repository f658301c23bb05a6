package doctor

import (
	"fmt"
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
		Title:       "server resets all connections",
		Explanation: "no listener on the server port",
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

// describeSynRecv describes how many connections are in SYN_RECV.
func describeSynRecv(synRecv, total int) string {
	return fmt.Sprintf("%s of %s in SYN_RECV", humanize.Count(synRecv, ""), humanize.Count(total, "connection"))
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
			evidence += "; " + describeSynRecv(d.Conns.SynRecv, d.Conns.Total)
		}
		x := s.serverFinding(d, evidence)
		x.explain(f.replyCauses(s, d, r))
		if len(x.Remedies) == 0 {
			x.Remedies = []Remedy{f.drain(s, d)}
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

func serverRefuses(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		c := d.Delta
		if !f.onlyResets(s, d) || f.isSuppressed(d) {
			return
		}
		report(s.serverFinding(d, fmt.Sprintf("%s to the server in this sample, and every reply was a packet of %d bytes: a TCP reset",
			humanize.Count(c.Conns, "connection"), resetSize(d)),
			advise("start the program that should listen on %s, or allow the packets in the server's firewall", d.AddrPort), f.drain(s, d)))
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
	if p, ok := f.Paths[&d.Destination]; ok {
		x.Evidence += "; " + describeProbe(p, d.Conns.VIPPort)
	}
	x.explain(f.vipCauses(s, d))
	for _, r := range further {
		if !slices.ContainsFunc(x.Remedies, func(o Remedy) bool { return o.CommandLine() == r.CommandLine() }) {
			x.Remedies = append(x.Remedies, r)
		}
	}
	if len(x.Remedies) == 0 {
		x.Remedies = []Remedy{f.drain(s, d)}
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
	return p.FromDirector.TCP != netprobe.Answered || p.FromClient.TCP != netprobe.Silent
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
			if d.Weight == 0 || !connStateIsEvidence(s, d) || d.Conns.StuckSynRecv == 0 || d.completes() || f.isSuppressed(d) {
				continue
			}
			x := f.silentFinding(s, d, s.serverFinding(d, describeSynRecv(d.Conns.SynRecv, d.Conns.Total)), f.drain(s, d))
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
			if d.Weight == 0 || d.Conns.StuckSynRecv == 0 || !connStateIsEvidence(s, d) || f.isSuppressed(d) {
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
		x := f.silentFinding(s, first, s.serviceFinding(describeSynRecv(total.SynRecv, total.Total)))
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
			x.Causes = append([]string{"the client scans ports, or its own network loses the replies"}, x.Causes...)
			x.Remedies = []Remedy{advise("test the service from another client")}
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
