package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// wayChecks look at the way to a server, and at what a server is given.
var wayChecks = []Check{
	{"server-no-route", Error, "there is no way to the server",
		"the director has no route to it, or one that leads nowhere",
		serverNoRoute},
	{"dr-through-gateway", Error, "the server is behind a gateway",
		"direct routing puts packets for the virtual address on the server's own link; a gateway would send them back",
		drThroughGateway},
	{"nat-same-network", Error, "the server answers clients directly",
		"client and server are in one network: the answer does not pass through the director, and the client does not know its sender",
		natSameNetwork},
	{"neighbour-failed", Error, "nobody answers at the server's address",
		"its link-layer address is asked for and not told: it is off, not on this link, or has another address",
		neighbourFailed},
	{"local-not-listening", Error, "nothing listens on the director",
		"the server is the director itself",
		localNotListening},
	{"tunnel-mtu", Warning, "full-sized packets do not fit into the tunnel",
		"with net.ipv4.vs.pmtu_disc off nobody tells the clients so, and each is sent on in two fragments",
		tunnelMTU},
	{"over-threshold", Warning, "the server is over its upper threshold",
		"it gets no new connections until it has fewer",
		overThreshold},
	{"threshold-unreachable", Hint, "the upper threshold can never be reached",
		"a server is counted as full by connections that the director remembers",
		thresholdUnreachable},
}

func serverNoRoute(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		addr := d.AddrPort.Addr()
		r, ok := f.Routes[addr]
		if !ok {
			return
		}
		switch r.Type {
		case netstate.None:
			found(s.serverFinding(d, "no route to "+addr.String(), f.localCommand("ip route replace %s via GATEWAY", hostPrefix(addr)), f.remove(s, d)))
		case netstate.Unreachable, netstate.Blackhole, netstate.Prohibit:
			name := map[netstate.RouteType]string{netstate.Unreachable: "unreachable", netstate.Blackhole: "blackhole", netstate.Prohibit: "prohibit"}[r.Type]
			found(s.serverFinding(d, fmt.Sprintf("the route to %s is of the type %s", addr, name),
				f.localCommand("ip route replace %s via GATEWAY", hostPrefix(addr)), f.remove(s, d)))
		}
	})
}

func drThroughGateway(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.DirectRouting || !r.Gateway.IsValid() {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("%s is reached by %s on %s", d.AddrPort.Addr(), r.Gateway, f.link(r.Link).Name),
			f.edit(s, d, func(d *ipvs.Destination) { d.Method = ipvs.Tunneling })))
	})
}

// oneWay reports whether packets go to a server with NAT and none come back.
// Many protocols of UDP are not answered: there, other servers must be.
func noReplies(s *Service, d *Server) bool {
	if d.Method != ipvs.Masquerading {
		return false
	}
	lately := d.Counted != nil && d.Counted.InPackets > 0
	silent := lately && d.Counted.OutPackets == 0 ||
		!lately && d.Stats.InPackets > 0 && d.Stats.OutPackets == 0
	if s.Protocol == ipvs.UDP {
		return silent && slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Counted != nil && d.Counted.OutPackets > 0 })
	}
	return silent && d.Conns.StuckSynRecv > 0 && !d.established()
}

func natSameNetwork(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		addr := d.AddrPort.Addr()
		if !ok || r.Gateway.IsValid() || f.isSuppressed(addr) || !noReplies(s, d) {
			return
		}
		own, ok := f.network(r.Link, addr)
		client := slices.IndexFunc(d.Conns.Clients, func(a netip.Addr) bool { return ok && own.Contains(a) && a != addr })
		if client < 0 {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("the client %s and the server are in %s; %s", d.Conns.Clients[client], own.Masked(), describePackets(d)),
			remoteCommand(addr, "ip route replace %s via %s", own.Masked(), r.Source),
			f.edit(s, d, func(d *ipvs.Destination) { d.Method = ipvs.DirectRouting })))
	})
}

func neighbourFailed(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || !f.link(r.Link).NeedsNeigh {
			return
		}
		addr, who := d.AddrPort.Addr(), "the server"
		if r.Gateway.IsValid() {
			addr, who = r.Gateway, fmt.Sprintf("the gateway %s", r.Gateway)
		}
		link := f.link(r.Link).Name
		sent := d.Counted != nil && d.Counted.InPackets > 0
		key := neighbourKey{r.Link, addr}
		before, was := f.NeighboursBefore[key]
		now, is := f.Neighbours[key]
		state := ""
		switch _, ours := f.network(r.Link, addr); {
		case !is && !was && sent && ours:
			state = "has no neighbour entry"
		case !is:
		case now == netstate.Failed,
			// For a moment, this is the state of everybody.
			now == netstate.Incomplete && was && (before == netstate.Incomplete || before == netstate.Failed):
			state = "has the neighbour entry " + now.String()
		}
		if state == "" {
			return
		}
		seen := fmt.Sprintf("%s %s on %s", who, state, link)
		if sent {
			seen += fmt.Sprintf("; %s to the server in this reading", humanize.Count(d.Counted.InPackets, "packet"))
		}
		found(s.serverFinding(d, seen, f.drain(s, d), f.remove(s, d)))
	})
}

func localNotListening(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if !f.Listened || !f.isLocal(d.AddrPort.Addr()) || s.Protocol == ipvs.SCTP || d.established() {
			return
		}
		// Only NAT changes where a packet goes.
		at := s.AddrPort
		if d.Method == ipvs.Masquerading {
			at = d.AddrPort
		}
		if at.Port() == 0 || !at.IsValid() || slices.ContainsFunc(f.Listening, func(l netstate.Socket) bool { return listensOn(l, s.Protocol, at) }) {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("no socket for %s %s", s.Protocol, at), f.drain(s, d), f.remove(s, d)))
	})
}

// serves reports whether a socket gets what goes to an address. One on :: gets
// what goes to IPv4 as well, unless it was told otherwise.
func listensOn(l netstate.Socket, p ipvs.Protocol, at netip.AddrPort) bool {
	if p != 0 && l.Protocol != uint16(p) || l.AddrPort.Port() != at.Port() {
		return false
	}
	addr := l.AddrPort.Addr()
	return addr.Unmap() == at.Addr() || addr == netip.IPv6Unspecified() || addr.IsUnspecified() && at.Addr().Is4()
}

// overhead returns how many bytes a tunnel adds to a packet.
func overhead(d *ipvs.Destination) int {
	n := 20 // of the outer header
	if !d.AddrPort.Addr().Is4() {
		n = 40
	}
	switch d.Tunnel.Type {
	case ipvs.GUE:
		n += 8 + 4
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

// usual is the size up to which clients send packets, in bytes.
const maxClientPacket = 1500

func tunnelMTU(f *Facts, found func(Finding)) {
	const path = "net/ipv4/vs/pmtu_disc"
	if !f.sysctl(path, 0) {
		return
	}
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Tunneling {
			return
		}
		l, n := f.link(r.Link), overhead(&d.Destination)
		if l.MTU == 0 || l.MTU-n >= maxClientPacket {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("%s takes %d bytes, less %d of the tunnel, and clients send up to %d", l.Name, l.MTU, n, maxClientPacket),
			f.sysctlRemedy(1, path), f.localCommand("ip link set %s mtu %d", l.Name, maxClientPacket+n)))
	})
}

func overThreshold(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		conns := d.ActiveConns + d.InactiveConns
		if d.UpperThreshold == 0 || conns < d.UpperThreshold {
			return
		}
		found(s.serverFinding(d, fmt.Sprintf("%s, and the threshold is %s", humanize.Count(conns, "connection"), humanize.Count(d.UpperThreshold, "")),
			f.edit(s, d, func(d *ipvs.Destination) { d.UpperThreshold = 2 * conns })))
	})
}

// connectionSize is what the kernel needs for a connection at least, in bytes.
const connectionSize = 256

func thresholdUnreachable(f *Facts, found func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if d.UpperThreshold == 0 {
			return
		}
		seen := ""
		switch room := f.Memory / connectionSize; {
		case s.Flags&ipvs.OnePacket != 0:
			seen = "the service is scheduled packet by packet, without connections"
		case room > 0 && uint64(d.UpperThreshold) > room:
			seen = fmt.Sprintf("the threshold is %s, and the memory has room for %s",
				humanize.Count(d.UpperThreshold, "connection"), humanize.Count(room, ""))
		default:
			return
		}
		found(s.serverFinding(d, seen, f.edit(s, d, func(d *ipvs.Destination) { d.UpperThreshold, d.LowerThreshold = 0, 0 })))
	})
}
