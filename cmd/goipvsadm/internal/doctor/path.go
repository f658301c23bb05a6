// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// pathChecks check the path to a server and the server's limits.
var pathChecks = []Check{
	{
		ID: "server-no-route", Severity: Error, WholeHost: true, run: serverNoRoute,
		Title:       "no route to server",
		Explanation: "the director's routing table has no usable route to the server's address",
	},
	{
		ID: "dr-through-gateway", Severity: Error, run: drThroughGateway,
		Title:       "server is behind a gateway",
		Explanation: "direct routing requires that the server is on the same layer-2 segment: a gateway routes packets for the VIP back to the director",
	},
	{
		ID: "nat-same-network", Severity: Error, run: natSameNetwork,
		Title:       "server replies to clients directly",
		Explanation: "client and server share a subnet, so replies bypass the director and are dropped by the client",
	},
	{
		ID: "neighbour-failed", Severity: Error, WholeHost: true, run: neighborFailed,
		Title:       "neighbor resolution failed",
		Explanation: "no reply to ARP or neighbor discovery: the host is down, on another segment or has another address",
	},
	{
		ID: "local-not-listening", Severity: Error, run: localNotListening,
		Title:       "no listener on the director",
		Explanation: "the server is the director itself, and nothing listens on its port",
	},
	{
		ID: "tunnel-mtu", Severity: Hint, run: tunnelMTU,
		Title:       "tunnel MTU is too small",
		Explanation: "with pmtu_disc=0, the director does not notify clients of the smaller MTU, and full-sized packets are fragmented unless the servers announce a smaller MSS",
	},
	{
		ID: "over-threshold", Severity: Error, run: overThreshold,
		Title:       "server has reached its upper threshold",
		Explanation: "it gets no new connections until its number of connections has dropped below the lower threshold (by default, 3/4 of the upper one)",
	},
	{
		ID: "threshold-unreachable", Severity: Hint, run: thresholdUnreachable,
		Title:       "upper threshold can never be reached",
		Explanation: "the threshold applies to the server's entries in the connection table, and there can never be that many",
	},
}

func serverNoRoute(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		addr := d.AddrPort.Addr()
		r, ok := f.Routes[addr]
		if !ok {
			return
		}
		evidence := ""
		switch r.Type {
		case netstate.None:
			evidence = fmt.Sprintf("no route to %s", addr)
		case netstate.Unreachable:
			evidence = fmt.Sprintf("the route to %s has the type unreachable", addr)
		case netstate.Blackhole:
			evidence = fmt.Sprintf("the route to %s has the type blackhole", addr)
		case netstate.Prohibit:
			evidence = fmt.Sprintf("the route to %s has the type prohibit", addr)
		default:
			return
		}
		words := []string{"ip", "route", "replace", hostPrefix(addr)}
		if _, onLink := f.subnetOf(addr, 0); onLink {
			words = append(words, "dev", f.likelyInterface(addr))
		} else {
			words = append(words, "via", "GATEWAY")
		}
		report(s.serverFinding(d, evidence, f.localCommand(words...), f.removeServer(s, d)))
	})
}

func drThroughGateway(f *Facts, report func(Finding)) {
	// A gateway to several destinations is a router. A gateway to one destination
	// may be the server itself, with its real address on its loopback interface.
	destinations := make(map[netip.Addr]int)
	for _, r := range f.Routes {
		destinations[r.Gateway]++
	}
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.DirectRouting || !r.Gateway.IsValid() || d.Conns.Completed > 0 || f.hasVIPOutcome(s, d, netprobe.Answered) {
			return
		}
		x := s.serverFinding(d, fmt.Sprintf("%s is reached through the gateway %s on %s", d.AddrPort.Addr(), r.Gateway, f.link(r.Link).Name),
			f.editServer(s, d, func(d *ipvs.Destination) { d.Method = ipvs.Tunneling }))
		switch {
		case d.Conns.StuckSynRecv > 0:
			x.Evidence += "; " + describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total)
		case destinations[r.Gateway] > 1:
			x.Severity = Warning
		default:
			x.Severity = Hint
			x.Causes = []string{"there is no problem if the gateway is an address of the server itself"}
		}
		report(x)
	})
}

// minSilentPackets is the number of unanswered packets in one sample that is enough to
// call a server silent if connection states are not available.
const minSilentPackets = 3

// portsWithReplies are the UDP ports of protocols in which servers reply to each
// request.
var portsWithReplies = []uint16{53, 123} // DNS, NTP

// expectsReplies reports whether the servers of a UDP service are expected to reply:
// many UDP protocols have no replies.
func expectsReplies(s *Service) bool {
	return s.repliesNow() || slices.Contains(portsWithReplies, s.AddrPort.Port()) || 4*s.Stats.OutPackets > s.Stats.InPackets
}

// repliesNow reports whether a server of the service with NAT has sent packets
// between the samples.
func (s *Service) repliesNow() bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Delta != nil && d.Delta.OutPackets > 0 })
}

// sendsNoReplies reports whether a server with NAT gets packets but sends no replies. For
// a UDP service, it returns false if expectsReplies does, or with one-packet scheduling,
// for which the kernel does not count replies.
func (f *Facts) sendsNoReplies(s *Service, d *Server) bool {
	if d.Method != ipvs.Masquerading {
		return false
	}
	if f.countersStopped() {
		return s.Protocol != ipvs.UDP && f.stateProvesSilence(d)
	}
	if s.Protocol == ipvs.UDP {
		return d.Delta != nil && d.Delta.InPackets >= minSilentPackets && d.Delta.OutPackets == 0 &&
			s.Flags&ipvs.OnePacketScheduling == 0 && expectsReplies(s)
	}
	if d.Delta != nil && d.Delta.InPackets > 0 {
		// If only part of the connection table was read, it may lack the server's
		// connections.
		return d.Delta.OutPackets == 0 && (d.Conns.StuckSynRecv > 0 || d.Conns.Partial && d.Delta.InPackets >= minSilentPackets)
	}
	return d.Stats.InPackets > 0 && d.Stats.OutPackets == 0 && d.Conns.StuckSynRecv > 0
}

// stateProvesSilence reports whether connection states prove that a server is silent: its
// connections do not complete, and their clients are not the cause.
func (f *Facts) stateProvesSilence(d *Server) bool {
	if d.Conns.StuckSynRecv == 0 || d.completes() {
		return false
	}
	_, ok := f.stuckWorkingClient(d)
	return ok && d.Conns.StuckSynRecv >= minUnanswered || len(d.Conns.StuckClients) >= minUnanswered
}

func natSameNetwork(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		addr := d.AddrPort.Addr()
		if !ok || d.Method != ipvs.Masquerading || r.Gateway.IsValid() || f.isSuppressed(d) {
			return
		}
		own, ok := f.subnetOf(addr, r.Link)
		if !ok {
			return
		}
		client := slices.IndexFunc(d.Conns.StuckClients, func(a netip.Addr) bool {
			return own.Contains(a) && a != addr && !f.mayReplyThroughDirector(s, d, a)
		})
		if client < 0 {
			return
		}
		a := d.Conns.StuckClients[client]
		x := s.serverFinding(d, fmt.Sprintf("client %s and the server are both in %s, and the client's connections stay in SYN_RECV; %s", a, own.Masked(), describePackets(d)))
		if causes := f.replyCauses(s, d, r); causes[0].onDirector {
			x.explain(causes)
		} else {
			x.Remedies = []Remedy{remoteCommand(addr, "ip", "route", "replace", own.Masked().String(), "via", r.Source.String()),
				f.masquerade(own.Masked(), s, d)}
		}
		report(x)
	})
}

// mayReplyThroughDirector reports whether a server may send its replies to a client in
// its own network through the director. It may if connections between them complete or
// if the director masquerades packets of the client. If the firewall rules are unknown,
// a client with connections to any server is assumed to be masqueraded.
func (f *Facts) mayReplyThroughDirector(s *Service, d *Server, client netip.Addr) bool {
	if f.Completing[ClientServer{client, &d.Destination}] {
		return true
	}
	if f.Firewall == nil || f.FirewallIncomplete {
		return len(f.WorkingClients[client]) > 0
	}
	return f.sysctlIs(conntrackPath, 1) && len(f.sourceNATRules(s, d, client)) > 0
}

func neighborFailed(f *Facts, report func(Finding)) {
	silent := f.probesWith(netprobe.Silent)
	vips := f.addrs().vips
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || !f.link(r.Link).NeedsNeigh || f.isSuppressed(d) {
			return
		}
		nextHop, name := d.AddrPort.Addr(), "the server"
		if r.Gateway.IsValid() {
			nextHop, name = r.Gateway, fmt.Sprintf("the gateway %s", r.Gateway)
		}
		probeFailed := silent[probeTarget(s, d)] != nil && f.probeFiltered(d) == nil
		problem := f.neighborProblem(r.Link, nextHop, probeFailed, d.hasClientTraffic())
		if problem == "" {
			return
		}
		link := f.link(r.Link).Name
		x := s.serverFinding(d, fmt.Sprintf("%s %s on %s", name, problem, link),
			advise("check that %s is up and on the network of %s", nextHop, link))
		switch {
		case d.hasClientTraffic():
			if d.Delta != nil && d.Delta.InPackets > 0 {
				x.Evidence += fmt.Sprintf("; %s to the server in this sample", humanize.Count(d.Delta.InPackets, "packet"))
			}
		case probeFailed:
			x.Severity = Warning
			x.Evidence += "; it does not reply to probes"
			f.suppressHost(d.AddrPort.Addr())
		default:
			return // the entry may be outdated
		}
		if r.Gateway.IsValid() {
			x.Group = fmt.Sprintf("gateway %s on %s", r.Gateway, link)
		} else if vips[r.Source] && d.Method != ipvs.Masquerading && !f.probeSource(r.Link, nextHop).IsValid() {
			// A server with the VIP does not reply to requests from the VIP.
			x.Causes = []string{fmt.Sprintf("the director sends its ARP requests from the VIP %s, its only address on %s, and the server, which has the VIP too, does not reply", r.Source, link)}
			x.Remedies = []Remedy{
				advise("give %s a primary address in the same network: add that address first, then the VIP", link),
				f.localCommand("ip", "neigh", "replace", nextHop.String(), "lladdr", "HARDWARE-ADDRESS", "dev", link),
			}
		} else {
			x.Remedies = append(x.Remedies, f.takeOutOfRotation(s, d))
			f.explainNetmasks(&x, s, d, r)
		}
		report(x)
	})
}

// neighborCause returns the cause that a server, or the gateway to it, has another
// hardware address than its permanent neighbor entry, or nil if there is no such entry.
func (f *Facts) neighborCause(d *Server) *replyCause {
	r, ok := f.routeTo(d)
	k := neighborKey{r.Link, d.AddrPort.Addr()}
	if r.Gateway.IsValid() {
		k.addr = r.Gateway
	}
	used := f.HardwareAddrs[k]
	if !ok || used == nil || f.Neighbors[k] != netstate.Permanent {
		return nil
	}
	return &replyCause{
		text:     fmt.Sprintf("%s has another hardware address than its permanent neighbor entry, %s", k.addr, used),
		remedies: []Remedy{f.localCommand("ip", "neigh", "del", k.addr.String(), "dev", f.link(r.Link).Name)},
	}
}

// explainNetmasks adds wrong netmasks of the VIP to the causes for a server that does
// not reply to ARP requests. On the director, too short a prefix makes a server behind
// a gateway appear to be on the link. On the server's lo, it makes the director's
// address one of the server's own.
func (f *Facts) explainNetmasks(x *Finding, s *Service, d *Server, r netstate.Route) {
	addr := d.AddrPort.Addr()
	own, ok := f.subnetOf(addr, r.Link)
	if !ok || !addr.Is4() {
		return
	}
	link, vips := f.link(r.Link).Name, f.addrs().vips
	// Another address of the link shows the network's own prefix length.
	narrower := func(a netstate.Address) bool {
		return a.Link == r.Link && own.Contains(a.Prefix.Addr()) && a.Prefix.Bits() > own.Bits() && !vips[a.Prefix.Addr()]
	}
	switch {
	case vips[own.Addr()] && slices.ContainsFunc(f.addrs().subnets, narrower):
		x.Causes = []string{
			fmt.Sprintf("the VIP %s has a netmask that includes the server, which is behind a gateway", own),
			"the host is down or has another address",
		}
		x.Remedies = append([]Remedy{f.localCommands(
			[]string{"ip", "address", "del", own.String(), "dev", link}, addAddress(own.Addr(), link))}, x.Remedies...)
		x.Group = "netmask " + own.String()
	default:
		if narrow, ok := f.narrowNetmask(s, d); ok {
			x.Causes = []string{"the host is down or has another address", wideNetmaskText}
			x.Remedies = append(x.Remedies, narrow)
		}
	}
}

// neighborProblem describes a neighbor entry which shows that an address cannot be
// resolved, or returns "".
func (f *Facts) neighborProblem(link int, addr netip.Addr, probeFailed, hasTraffic bool) string {
	key := neighborKey{link, addr}
	before, existed := f.NeighborsBefore[key]
	now, exists := f.Neighbors[key]
	_, onLink := f.subnetOf(addr, link)
	switch {
	case !exists && !existed && (hasTraffic || probeFailed) && onLink:
		return "has no neighbor entry"
	case !exists:
		return ""
	case now == netstate.Failed,
		// A single INCOMPLETE is normal while an address is being resolved.
		now == netstate.Incomplete && (probeFailed || existed && (before == netstate.Incomplete || before == netstate.Failed)):
		return "is " + now.String() + " in the neighbor table"
	}
	return ""
}

func localNotListening(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if !f.ListeningRead || !f.isLocal(d.AddrPort.Addr()) || s.Protocol == ipvs.SCTP || d.completes() {
			return
		}
		// Only NAT changes the destination of a packet.
		to := s.AddrPort
		if d.Method == ipvs.Masquerading {
			to = d.AddrPort
		}
		if to.Port() == 0 || !to.IsValid() ||
			slices.ContainsFunc(f.Listening, func(l netstate.Socket) bool { return accepts(l, s.Protocol, to) }) {
			return
		}
		x := s.serverFinding(d, fmt.Sprintf("no %s socket listens on %s", s.Protocol, to),
			advise("start the program that should listen on %s", to), f.takeOutOfRotation(s, d))
		if !d.hasTraffic() {
			x.Severity = Warning // a firewall rule may redirect the packets to another port
			f.suppressServer(&d.Destination)
		}
		report(x)
	})
}

// accepts reports whether a socket receives packets to an address; protocol 0
// stands for any protocol. A socket bound to :: receives IPv4 as well, unless
// IPV6_V6ONLY is set, which /proc/net does not show.
func accepts(l netstate.Socket, p ipvs.Protocol, to netip.AddrPort) bool {
	if p != 0 && l.Protocol != uint16(p) || l.AddrPort.Port() != to.Port() {
		return false
	}
	addr := l.AddrPort.Addr()
	return addr.Unmap() == to.Addr() || addr == netip.IPv6Unspecified() || addr.IsUnspecified() && to.Addr().Is4()
}

// tunnelOverhead returns the size in bytes of the headers that the tunnel to a
// server adds.
func tunnelOverhead(d *ipvs.Destination) int {
	n := 20 // outer IPv4 header
	if !d.AddrPort.Addr().Is4() {
		n = 40
	}
	switch d.Tunnel.Type {
	case ipvs.GUE:
		n += 8 + 4 // UDP and GUE headers
		if d.Tunnel.Flags&ipvs.TunnelRemoteChecksum != 0 {
			n += 8
		}
	case ipvs.GRE:
		n += 4
		if d.Tunnel.Flags&ipvs.TunnelChecksum != 0 {
			n += 4
		}
	}
	return n
}

// maxClientPacket is the size of full-sized packets from clients, in bytes.
const maxClientPacket = 1500

func tunnelMTU(f *Facts, report func(Finding)) {
	const path = "net/ipv4/vs/pmtu_disc"
	if !f.sysctlIs(path, 0) {
		return
	}
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Tunneling {
			return
		}
		l, overhead := f.link(r.Link), tunnelOverhead(&d.Destination)
		if l.MTU == 0 || l.MTU-overhead >= maxClientPacket {
			return
		}
		report(s.serverFinding(d, fmt.Sprintf("%s has an MTU of %d bytes and the tunnel adds %d to packets of up to %d",
			l.Name, l.MTU, overhead, maxClientPacket),
			f.sysctlRemedy(1, path), f.localCommand("ip", "link", "set", "dev", l.Name, "mtu", strconv.Itoa(maxClientPacket+overhead))))
	})
}

// minConnSize is a lower bound of the kernel memory per connection, in bytes.
const minConnSize = 256

func thresholdUnreachable(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if d.UpperThreshold == 0 {
			return
		}
		evidence := ""
		switch maxConns := f.Memory / minConnSize; {
		case s.Flags&ipvs.OnePacketScheduling != 0:
			evidence = "with one-packet scheduling, the connection table has no entries for the server"
		case maxConns > 0 && uint64(d.UpperThreshold) > maxConns:
			evidence = fmt.Sprintf("the threshold is %s, but memory holds at most %s",
				humanize.Count(d.UpperThreshold, ""), humanize.Count(maxConns, "connection"))
		default:
			return
		}
		report(s.serverFinding(d, evidence, f.editServer(s, d, func(d *ipvs.Destination) { d.UpperThreshold, d.LowerThreshold = 0, 0 })))
	})
}
