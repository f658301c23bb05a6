package doctor

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/ipvs"
)

// counterChecks look at connections, and at what was counted between the two
// readings.
var counterChecks = []Check{
	{"nat-no-answers", Error, "answers do not come back through the director",
		"with NAT the director must be the server's way to its clients",
		natNoAnswers},
	{"server-refuses", Error, "the server refuses all connections",
		"nothing listens on its port",
		serverRefuses},
	{"server-silent", Error, "no connection to this server is ever established",
		"others' are: nothing listens on its port, or it does not take the virtual address for its own",
		serverSilent},
	{"service-silent", Error, "no connection is ever established",
		"nothing listens on the servers' ports, or they do not take the virtual address for their own",
		serviceSilent},
}

// packets says what was counted of a server with NAT.
func describePackets(d *Server) string {
	stats, when := &d.Stats, "since it was added"
	if d.Counted != nil && d.Counted.InPackets > 0 {
		stats, when = d.Counted, "in this reading"
	}
	if stats.OutPackets == 0 {
		return fmt.Sprintf("%s to the server %s, none from it", humanize.Count(stats.InPackets, "packet"), when)
	}
	return fmt.Sprintf("%s to the server %s, %s from it", humanize.Count(stats.InPackets, "packet"), when, humanize.Count(stats.OutPackets, ""))
}

// waiting says how many connections of a server wait for its answer.
func waiting(d *Server) string {
	return fmt.Sprintf("%s of its %s wait in SYN_RECV", humanize.Count(d.Conns.SynRecv, ""), humanize.Count(d.Conns.Total, "connection"))
}

func natNoAnswers(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		addr := d.AddrPort.Addr()
		r, ok := f.routeTo(d)
		if !ok || f.isSuppressed(addr) || !noReplies(s, d) {
			return
		}
		seen := describePackets(d)
		if d.Conns.SynRecv > 0 {
			seen += "; " + waiting(d)
		}
		on := addr.String()
		if r.Gateway.IsValid() {
			on += ", and on the routers up to here"
		}
		do := []Remedy{remoteCommand(on, "ip route replace default via %s", r.Source)}
		if f.Invalid > 0 && f.sysctl("net/ipv4/vs/conntrack", 0) {
			do = append(do, f.sysctlRemedy(1, "net/ipv4/vs/conntrack"))
		}
		found(s.serverFinding(d, seen, do...))
	})
}

// resetSize is the size of a packet that refuses a TCP connection, in bytes:
// it has no options, which every one that accepts a connection has.
func resetSize(d *Server) uint64 {
	if d.AddrPort.Addr().Is4() {
		return 40
	}
	return 60
}

func serverRefuses(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		c := d.Counted
		if d.Method != ipvs.Masquerading || s.Protocol == ipvs.UDP || c == nil || c.Conns == 0 || c.OutPackets == 0 ||
			c.OutBytes != c.OutPackets*resetSize(d) || d.Conns.Established > 0 || f.isSuppressed(d.AddrPort.Addr()) {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("%s to the server in this reading, and each answer was a bare %d bytes: a reset",
			humanize.Count(c.Conns, "connection"), resetSize(d)), f.drain(s, d), f.remove(s, d)))
	})
}

// sees reports whether connections of a server can tell anything here: with
// NAT, answers are counted, and tell more.
func connStateIsEvidence(s *Service, d *Server) bool {
	return s.Protocol != ipvs.UDP && (d.Method == ipvs.DirectRouting || d.Method == ipvs.Tunneling)
}

// accept returns what makes a server take packets to the virtual address.
func (f *Facts) acceptVIPRemedies(s *Service, d *Server) []Remedy {
	var do []Remedy
	switch addr := d.AddrPort.Addr(); {
	case !d.Conns.Virtual.IsValid():
	case d.Method == ipvs.DirectRouting:
		do = append(do, remoteCommand(addr, "%s", acceptVIPCommand(d.Conns.Virtual)))
	case d.Tunnel.Type == ipvs.IPIP && d.Conns.Virtual.Is4() == addr.Is4():
		do = append(do, remoteCommand(addr, "%s", acceptTunnelCommand(d.Conns.Virtual)))
	}
	return append(do, f.drain(s, d))
}

func serverSilent(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if !s.hasEstablished() || !connStateIsEvidence(s, d) || d.Conns.StuckSynRecv == 0 || d.established() || f.isSuppressed(d.AddrPort.Addr()) {
			return
		}
		found(s.serverFinding(d, waiting(d)+"; other servers have some that got further", f.acceptVIPRemedies(s, d)...))
	})
}

func serviceSilent(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.hasEstablished() {
			continue
		}
		total, syns, waits := 0, 0, 0
		var first *Server
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Weight == 0 || d.Conns.StuckSynRecv == 0 || !connStateIsEvidence(s, d) || f.isSuppressed(d.AddrPort.Addr()) {
				continue
			}
			if first == nil {
				first = d
			}
			total, syns, waits = total+d.Conns.Total, syns+d.Conns.SynRecv, waits+d.Conns.StuckSynRecv
		}
		// Whoever asks again waits for an answer. First packets alone may be
		// anything, unless there are some and there was never more.
		again := s.Counted != nil && s.Counted.InPackets > s.Counted.Conns
		never := waits >= 3 && s.Stats.InPackets < 3*s.Stats.Conns
		if first == nil || !again && !never {
			continue
		}
		found(s.serviceFinding(fmt.Sprintf("%s of its %s wait in SYN_RECV", humanize.Count(syns, ""), humanize.Count(total, "connection")), f.acceptVIPRemedies(s, first)...))
	}
}
