package doctor

import (
	"fmt"
	"slices"

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
		Explanation: "weight 0 only keeps new clients away from a server",
	},
}

func deadServerClients(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			d := &s.Servers[j]
			if evidence, severity := f.deadEvidence(s, d); evidence != "" {
				x := s.serverFinding(d, "the weight is 0; "+evidence)
				x.Severity = severity
				x.explain(f.stuckCauses(s, d))
				report(x)
			}
		}
	}
}

// hasStuckClients reports whether a server of weight 0 still gets packets, or will
// get them: not only those of handshakes that began before the weight was 0.
func (f *Facts) hasStuckClients(s *Service, d *Server) bool {
	if s.Protocol == ipvs.UDP {
		return d.hasClientTraffic()
	}
	return d.Conns.Open > 0 || d.Conns.New > 0 || f.sysctlIs(connReusePath, 0) && d.hasClientTraffic()
}

// deadEvidence returns how the traffic of a server of weight 0 shows that it does
// not reply, or "".
func (f *Facts) deadEvidence(s *Service, d *Server) (evidence string, severity Severity) {
	if d.Weight > 0 || !f.hasStuckClients(s, d) {
		return "", 0
	}
	packets := humanize.Count(d.Conns.Total, "connection")
	if d.Delta != nil && d.Delta.InPackets > 0 {
		packets = humanize.Count(d.Delta.InPackets, "packet") + " to the server in this sample"
	}
	switch r := f.rejection(s, d); {
	case d.completes():
		return "", 0
	case r != nil:
		return packets + ", which it rejects", Error
	case d.Method == ipvs.Masquerading && d.Delta != nil && d.Delta.OutPackets > 0:
		return "", 0
	}
	route, routed := f.routeTo(d)
	nextHop := d.AddrPort.Addr()
	if route.Gateway.IsValid() {
		nextHop = route.Gateway
	}
	hasTraffic := d.hasClientTraffic()
	if hasTraffic || !f.isBackupDirector() {
		severity = Error
		if !hasTraffic {
			severity = Warning // the next packet of a client is lost
			packets = humanize.Count(d.Conns.Open, "connection") + " in ESTABLISHED"
		}
		if problem := f.neighborProblem(route.Link, nextHop, false, hasTraffic); routed && f.link(route.Link).NeedsNeigh && problem != "" {
			return fmt.Sprintf("%s; %s %s on %s", packets, nextHop, problem, f.link(route.Link).Name), severity
		}
		if f.probeOutcomes(netprobe.Silent)[probeTarget(s, d)] != nil && !f.vipAnswers(s, d) {
			return packets + "; it does not reply to a probe", severity
		}
	}
	switch {
	case d.Conns.StuckSynRecv > 0 && s.Protocol != ipvs.UDP:
		evidence = packets + "; " + describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)
		if _, ok := f.stuckWorkingClient(d); ok || len(d.Conns.StuckClients) >= minUnanswered {
			return evidence, Error
		}
		if d.Conns.StuckSynRecv >= minUnanswered {
			return evidence, Warning
		}
	case d.Method == ipvs.Masquerading && d.Delta != nil && d.Delta.InPackets >= minSilentPackets && (s.Protocol != ipvs.UDP || f.noReplies(s, d)):
		return packets + ", none from it", Error
	}
	return "", 0
}

// vipAnswers reports whether a server with direct routing has answered the probe of
// the VIP.
func (f *Facts) vipAnswers(s *Service, d *Server) bool {
	key := frameKey{s.ServiceKey, d.AddrPort}
	return f.frameOutcomes(netprobe.Answered)[key]
}

// stuckCauses returns why clients are still sent to a server of weight 0, and what
// sends them to others.
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
		add("a client that uses a port again is sent to the server of the old connection (conn_reuse_mode is 0)",
			f.sysctlRemedy(1, connReusePath, expireNodestPath))
	}
	if s.Protocol == ipvs.UDP || len(causes) == 0 || d.Conns.Open > 0 {
		text := "its open connections are kept until they time out, such as those of connection pools"
		if s.Protocol == ipvs.UDP {
			text = "the packets of clients that keep their UDP port belong to an old connection, which each of them prolongs"
		}
		add(text, f.withSysctl(expireNodestPath, f.remove(s, d)))
	}
	return causes
}

// overloadState is what is known about a server's connections and its thresholds.
type overloadState uint8

const (
	belowThresholds overloadState = iota
	// A server that has reached its upper threshold gets no new connections until
	// it is below the lower one, by default three quarters of the upper one.
	betweenThresholds
	overloaded
)

// overload returns the state of a server.
func (d *Server) overload() overloadState {
	conns := d.ActiveConns + d.InactiveConns
	switch {
	case d.UpperThreshold == 0:
		return belowThresholds
	case conns >= d.UpperThreshold:
		return overloaded
	case d.LowerThreshold > 0 && conns >= d.LowerThreshold, d.LowerThreshold == 0 && uint64(conns)*4 >= uint64(d.UpperThreshold)*3:
		return betweenThresholds
	}
	return belowThresholds
}

// isAvoided reports whether a server gets no new connections although others of its
// service do, and the scheduler would select it.
func (s *Service) isAvoided(d *Server) bool {
	if s.Scheduler != "rr" && s.Scheduler != "wrr" || s.Flags&ipvs.Persistent != 0 || s.Delta == nil || d.Delta == nil || d.Delta.Conns > 0 {
		return false
	}
	weights := uint64(0)
	for i := range s.Servers {
		if w := uint64(s.Servers[i].Weight); w > 0 && s.Scheduler == "rr" {
			weights++
		} else {
			weights += w
		}
	}
	share := uint64(1)
	if s.Scheduler == "wrr" {
		share = uint64(d.Weight)
	}
	return s.Delta.Conns*share >= 3*weights
}

// rejectsClients reports whether a service gets no new connections because its
// servers have reached their thresholds.
func (f *Facts) rejectsClients(s *Service) bool {
	a := f.Arrivals[s.ServiceKey]
	return a != nil && a.Packets >= minUnanswered && s.Protocol != ipvs.UDP && s.Delta != nil && s.Delta.Conns == 0 &&
		slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 }) &&
		!slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Weight > 0 && d.overload() == belowThresholds })
}

func overThreshold(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		conns := d.ActiveConns + d.InactiveConns
		state, rejects := d.overload(), f.rejectsClients(s)
		evidence := fmt.Sprintf("%s, upper threshold %s", humanize.Count(conns, "connection"), humanize.Count(d.UpperThreshold, ""))
		switch {
		case state == overloaded:
		case state == betweenThresholds && (rejects || s.isAvoided(d)):
			lower := "three quarters of it"
			if d.LowerThreshold > 0 {
				lower = humanize.Count(d.LowerThreshold, "")
			}
			evidence += fmt.Sprintf(", lower threshold %s; no new connections in this sample", lower)
		default:
			return
		}
		x := s.serverFinding(d, evidence, f.edit(s, d, func(d *ipvs.Destination) { d.UpperThreshold = 2 * max(conns, d.UpperThreshold) }))
		if x.Severity = Warning; rejects {
			x.Severity = Error
			x.Evidence += fmt.Sprintf("; %s for the service arrived in this sample, and no server is available", humanize.Count(f.Arrivals[s.ServiceKey].Packets, "packet"))
		}
		report(x)
	})
}
