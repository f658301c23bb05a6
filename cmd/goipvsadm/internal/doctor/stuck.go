// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/ipvs"
)

// stuckChecks check servers of weight 0, which still receive the packets of their
// clients.
var stuckChecks = []Check{
	{
		ID: "dead-server-clients", Severity: Error, run: deadServerClients,
		Title:       "clients stick to a server that does not reply",
		Explanation: "weight 0 keeps only new clients away: the server still receives packets of existing connections, and connections of persistent clients",
	},
}

func deadServerClients(f *Facts, report func(Finding)) {
	for s, d := range allServers(f.Services) {
		if evidence, severity := f.deadEvidence(s, d); evidence != "" {
			x := s.serverFinding(d, "the weight is 0; "+evidence)
			x.Severity = severity
			x.explain(f.stuckCauses(s, d))
			report(x)
		}
	}
}

// hasStuckClients reports whether a server of weight 0 still receives packets, or will
// receive some. Handshakes that began before the weight was 0 do not count.
func (f *Facts) hasStuckClients(s *Service, d *Server) bool {
	if s.Protocol == ipvs.UDP {
		return d.hasClientTraffic()
	}
	return d.Conns.Open > 0 || d.Conns.New > 0 || f.sysctlIs(connReusePath, 0) && d.hasClientTraffic()
}

// deadEvidence returns the evidence that a server of weight 0 does not reply to its
// clients, or "".
func (f *Facts) deadEvidence(s *Service, d *Server) (evidence string, severity Severity) {
	if d.Weight > 0 || !f.hasStuckClients(s, d) {
		return "", 0
	}
	traffic := humanize.Count(d.Conns.Total, "connection")
	if d.Delta != nil && d.Delta.InPackets > 0 {
		traffic = humanize.Count(d.Delta.InPackets, "packet") + " to the server in this sample"
	}
	switch r := f.rejection(s, d); {
	case d.completes():
		return "", 0
	case r != nil:
		return traffic + ", which it rejects", Error
	case d.Method == ipvs.Masquerading && d.Delta != nil && d.Delta.OutPackets > 0:
		return "", 0
	}
	route, routed := f.routeTo(d)
	nextHop := cmp.Or(route.Gateway, d.AddrPort.Addr())
	// On a backup director, connections may have been received from the master.
	hasTraffic := d.hasClientTraffic()
	if hasTraffic || !f.mayBeStandby() {
		severity = Error
		if !hasTraffic {
			severity = Warning // the next packet of a client is lost
			traffic = humanize.Count(d.Conns.Open, "connection") + " in ESTABLISHED"
		}
		if problem := f.neighborProblem(route.Link, nextHop, false, hasTraffic); routed && f.link(route.Link).NeedsNeigh && problem != "" {
			return fmt.Sprintf("%s; %s %s on %s", traffic, nextHop, problem, f.link(route.Link).Name), severity
		}
		if f.isProbedSilent(s, d) {
			return traffic + "; it does not reply to a probe", severity
		}
	}
	switch {
	case d.Conns.StuckSynRecv > 0 && s.Protocol != ipvs.UDP:
		evidence = traffic + "; " + describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)
		if _, ok := f.stuckWorkingClient(d); ok || len(d.Conns.StuckClients) >= minUnanswered {
			return evidence, Error
		}
		if d.Conns.StuckSynRecv >= minUnanswered {
			return evidence, Warning
		}
	case d.Method == ipvs.Masquerading && d.Delta != nil && d.Delta.InPackets >= minSilentPackets && (s.Protocol != ipvs.UDP || f.sendsNoReplies(s, d)):
		return traffic + ", none from it", Error
	}
	return "", 0
}

// isProbedSilent reports whether a server has replied neither to a TCP probe nor, with
// direct routing, to a probe of the VIP. Firewalls may drop echo requests, and servers
// with tunnels may listen on the VIP only.
func (f *Facts) isProbedSilent(s *Service, d *Server) bool {
	t := probeTarget(s, d)
	if t.ICMP || f.probesWith(netprobe.Silent)[t] == nil {
		return false
	}
	return d.Method == ipvs.Masquerading || d.Method == ipvs.DirectRouting && f.hasVIPOutcome(s, d, netprobe.Silent)
}

// stuckCauses returns the causes that keep clients on a server of weight 0, with remedies
// that send the clients to other servers.
func (f *Facts) stuckCauses(s *Service, d *Server) []replyCause {
	var causes []replyCause
	add := func(text string, remedy Remedy) {
		causes = append(causes, replyCause{text: text, remedies: []Remedy{remedy}})
	}
	if s.Flags&ipvs.Persistent != 0 && d.PersistentConns > 0 && !f.sysctlIs(expireQuiescentPath, 1) {
		add("persistence sends the new connections of known clients to it (expire_quiescent_template is 0)", f.sysctlRemedy(1, expireQuiescentPath))
	}
	if s.Protocol != ipvs.UDP && f.sysctlIs(connReusePath, 0) && (d.Conns.Reused > 0 || d.Conns.StuckSynRecv > 0) {
		// expire_nodest_conn includes connections whose handshake has begun.
		add("a client that reuses a source port is sent to the server of the old connection (conn_reuse_mode is 0)",
			f.sysctlRemedy(1, connReusePath, expireNodestPath))
	}
	if s.Protocol == ipvs.UDP || len(causes) == 0 || d.Conns.Open > 0 {
		text := "its open connections are kept until they time out, such as those of connection pools"
		if s.Protocol == ipvs.UDP {
			text = "a UDP client that keeps its source port stays on the server, because each packet restarts the timeout"
		}
		add(text, f.withSysctl(expireNodestPath, f.removeServer(s, d)))
	}
	return causes
}
