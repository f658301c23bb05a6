package doctor

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
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
		Explanation: "other servers work: no listener, or the VIP is not configured on this server",
	},
	{
		ID: "service-silent", Severity: Error, run: serviceSilent,
		Title:       "connections to this service never complete",
		Explanation: "no listener on the servers' ports, or the VIP is not configured on the servers",
	},
}

// describePackets describes the packets to and from a server with NAT.
func describePackets(d *Server) string {
	stats, when := &d.Stats, "since it was added"
	if d.hasTraffic() {
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
		addr := d.AddrPort.Addr()
		r, ok := f.routeTo(d)
		if !ok || f.isSuppressed(d) || !noReplies(s, d) {
			return
		}
		evidence := describePackets(d)
		if d.Conns.SynRecv > 0 {
			evidence += "; " + describeSynRecv(d.Conns.SynRecv, d.Conns.Total)
		}
		host := addr.String()
		if r.Gateway.IsValid() {
			host += " and on the routers between it and the director"
		}
		remedies := []Remedy{remoteCommand(host, "ip", "route", "replace", "default", "via", r.Source.String())}
		if f.ConntrackInvalid > 0 && f.sysctlIs("net/ipv4/vs/conntrack", 0) {
			remedies = append(remedies, f.sysctlRemedy(1, "net/ipv4/vs/conntrack"))
		}
		report(s.serverFinding(d, evidence, remedies...))
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

func serverRefuses(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		c := d.Delta
		if d.Method != ipvs.Masquerading || s.Protocol == ipvs.UDP || c == nil || c.Conns == 0 || c.OutPackets == 0 ||
			c.OutBytes != c.OutPackets*resetSize(d) || d.Conns.Established > 0 || f.isSuppressed(d) {
			return
		}
		report(s.serverFinding(d, fmt.Sprintf("%s to the server in this sample, and every reply was a packet of %d bytes: a TCP reset",
			humanize.Count(c.Conns, "connection"), resetSize(d)), f.drain(s, d), f.remove(s, d)))
	})
}

// connStateIsEvidence reports whether connection states show that a server is
// silent. With NAT, counters of replies are better evidence.
func connStateIsEvidence(s *Service, d *Server) bool {
	return s.Protocol != ipvs.UDP && (d.Method == ipvs.DirectRouting || d.Method == ipvs.Tunneling)
}

// acceptVIPRemedies returns the commands that make a server accept packets to
// the VIP or, failing that, drain the server.
func (f *Facts) acceptVIPRemedies(s *Service, d *Server) []Remedy {
	var remedies []Remedy
	switch addr := d.AddrPort.Addr(); {
	case !d.Conns.VIP.IsValid():
	case d.Method == ipvs.DirectRouting:
		remedies = append(remedies, remoteCommands(addr, acceptVIPCommands(d.Conns.VIP)...))
	case d.Tunnel.Type == ipvs.IPIP && d.Conns.VIP.Is4() == addr.Is4():
		remedies = append(remedies, remoteCommands(addr, acceptTunnelCommands(d.Conns.VIP)...))
	}
	return append(remedies, f.drain(s, d))
}

func serverSilent(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if !s.hasEstablished() || !connStateIsEvidence(s, d) || d.Conns.StuckSynRecv == 0 || d.hasEstablished() || f.isSuppressed(d) {
			return
		}
		report(s.serverFinding(d, describeSynRecv(d.Conns.SynRecv, d.Conns.Total)+"; connections to other servers complete",
			f.acceptVIPRemedies(s, d)...))
	})
}

func serviceSilent(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.hasEstablished() {
			continue
		}
		total, synRecv, stuck := 0, 0, 0
		var first *Server
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Weight == 0 || d.Conns.StuckSynRecv == 0 || !connStateIsEvidence(s, d) || f.isSuppressed(d) {
				continue
			}
			if first == nil {
				first = d
			}
			total, synRecv, stuck = total+d.Conns.Total, synRecv+d.Conns.SynRecv, stuck+d.Conns.StuckSynRecv
		}
		// A retransmitted SYN shows that a client waits for a reply. Other SYNs may
		// come from a scan: they count only if there are several and the service
		// has never had other packets.
		retransmitted := s.Delta != nil && s.Delta.InPackets > s.Delta.Conns
		onlySYNs := stuck >= 3 && s.Stats.InPackets < 3*s.Stats.Conns
		if first == nil || !retransmitted && !onlySYNs {
			continue
		}
		report(s.serviceFinding(describeSynRecv(synRecv, total), f.acceptVIPRemedies(s, first)...))
	}
}
