// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// replyChecks find out why replies of servers with NAT do not reach clients.
var replyChecks = []Check{
	{
		ID: "client-no-route", Severity: Error, run: clientNoRoute,
		Title:       "no route to clients",
		Explanation: "replies of servers with NAT pass the director, which has no route to the client",
	},
	{
		ID: "nat-loopback", Severity: Error, run: natLoopback,
		Title:       "server with NAT has a loopback address",
		Explanation: "the kernel drops packets from the network to a loopback address; direct routing delivers them locally",
	},
	{
		ID: "nat-hairpin", Severity: Error, run: natHairpin,
		Title:       "server is a client of its own service",
		Explanation: "with NAT, a server's connections to the VIP keep the server's address as their source, so the selected server replies to it directly instead of through the director",
	},
	{
		ID: "nat-replies-lost", Severity: Error, run: natRepliesLost,
		Title:       "replies do not reach the clients",
		Explanation: "the server replies through the director, but no connection completes",
	},
}

const conntrackPath = "net/ipv4/vs/conntrack"

func clientNoRoute(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if d.Method != ipvs.Masquerading || f.isSuppressed(d) || d.Conns.StuckSynRecv == 0 && !f.sendsNoReplies(s, d) {
			return
		}
		clients := d.Conns.StuckClients
		if len(clients) == 0 {
			clients = d.Conns.Clients
		}
		i := slices.IndexFunc(clients, func(a netip.Addr) bool {
			r, ok := f.Routes[a]
			return ok && r.Type != netstate.Unicast && r.Type != netstate.Local
		})
		if i < 0 {
			return
		}
		client := clients[i]
		to := "default"
		if r, ok := f.Routes[internetAddr(client)]; ok && r.Type == netstate.Unicast {
			to = hostPrefix(client)
		}
		x := s.serverFinding(d, fmt.Sprintf("no route to the client %s; %s", client, describePackets(d)),
			f.localCommand("ip", "route", "replace", to, "via", "GATEWAY"))
		x.Group = client.String()
		report(x)
	})
}

func natLoopback(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		if d.Method != ipvs.Masquerading || !d.AddrPort.Addr().IsLoopback() {
			return
		}
		// Clients on the director itself reach a loopback address.
		x := s.serverFinding(d, fmt.Sprintf("packets are forwarded to %s by NAT", d.AddrPort))
		if !d.hasClientTraffic() || d.completes() {
			x.Severity = Warning
		}
		if s.Mark == 0 && s.AddrPort.Port() == d.AddrPort.Port() {
			x.Remedies = []Remedy{f.editServer(s, d, func(d *ipvs.Destination) { d.Method = ipvs.DirectRouting })}
		} else {
			x.Remedies = []Remedy{advise("use an address of the director on another interface, or direct routing with the port of the service")}
		}
		report(x)
	})
}

// isServer reports whether an address is a server of the service.
func (s *Service) isServer(a netip.Addr) bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return d.AddrPort.Addr() == a })
}

func natHairpin(f *Facts, report func(Finding)) {
	f.eachServer(func(s *Service, d *Server) {
		addr := d.AddrPort.Addr()
		if d.Method != ipvs.Masquerading || d.Conns.StuckSynRecv == 0 {
			return
		}
		i := slices.IndexFunc(d.Conns.StuckClients, func(a netip.Addr) bool {
			return s.isServer(a) && !f.Completing[ClientServer{a, &d.Destination}]
		})
		if i < 0 {
			return
		}
		// If all clients without replies are servers, this check explains everything.
		onlyServers := !slices.ContainsFunc(d.Conns.StuckClients, func(a netip.Addr) bool { return !s.isServer(a) })
		if onlyServers {
			f.suppressServer(&d.Destination)
		}
		if !d.hasTraffic() {
			return // the stuck connections may be a minute old
		}
		client := d.Conns.StuckClients[i]
		evidence := fmt.Sprintf("%s is also a server of this service, and its connections to %s never complete", client, d.Conns.VIP.Addr())
		if client == addr {
			evidence = fmt.Sprintf("%s is its own client: its connections to %s are sent back to it and never complete", addr, d.Conns.VIP.Addr())
		}
		x := s.serverFinding(d, evidence)
		x.Group = "hairpin " + s.String()
		if s.Mark == 0 && s.AddrPort.Port() == d.AddrPort.Port() {
			// A server that has the VIP serves its own requests.
			x.Remedies = append(x.Remedies, remoteCommands(client, acceptVIPCommands(d.Conns.VIP.Addr())...))
		}
		x.Remedies = append(x.Remedies, f.masquerade(netip.PrefixFrom(client, client.BitLen()), s, d))
		report(x)
		if !onlyServers {
			// Let later checks find out why the other clients get no reply.
			delete(f.suppressedServers, &d.Destination)
		}
	})
}

func natRepliesLost(f *Facts, report func(Finding)) {
	servers := serverAddrs(f.Services)
	nextHop, found := f.failedNeighbor(func(a netip.Addr) bool { return !servers[a] })
	f.eachServer(func(s *Service, d *Server) {
		// A retransmitted SYN shows that a client waits for a reply. Other SYNs may
		// come from a scan.
		if d.Method != ipvs.Masquerading || d.Delta == nil || d.Delta.OutPackets == 0 || d.Delta.InPackets <= d.Delta.Conns ||
			d.Conns.StuckSynRecv < minUnanswered || s.completes() || f.onlyResets(s, d) || f.isSuppressed(d) {
			return
		}
		x := s.serverFinding(d, describePackets(d)+"; "+describeSynRecv(s, d.Conns.SynRecv, d.Conns.Total))
		p := f.replyPacket(s, d, f.sysctlIs(conntrackPath, 1))
		p.Source = d.Conns.VIP
		if o, hook := f.dropOutcome(p, "postrouting"); o != nil {
			vip := netip.PrefixFrom(p.Source.Addr(), p.Source.Addr().BitLen())
			x.explain([]replyCause{{
				text:       "the director drops the replies in POSTROUTING: " + describeOutcome(o),
				remedies:   []Remedy{f.acceptRemedy(f.baseChain(o.Chain, hook), s.Protocol, "-s", vip, p.Source.Port())},
				certain:    true,
				onDirector: true,
			}})
			report(x)
			return
		}
		link := f.link(nextHop.link).Name
		x.Causes = []string{"the director routes the replies, which are from the VIP to the client, to the wrong next hop, for example because of a routing rule (ip rule)", "a firewall beyond the director drops the replies"}
		x.Remedies = []Remedy{f.localCommand("ip", "route", "get", d.Conns.StuckClients[0].String(), "from", d.Conns.VIP.Addr().String())}
		switch {
		case found:
			x.Causes[0] = fmt.Sprintf("the director routes the replies to %s on %s, which does not reply to ARP or neighbor discovery: it is down, or the route or a routing rule (ip rule) for packets from the VIP is wrong", nextHop.addr, link)
			x.Group = "next hop " + nextHop.addr.String()
		case len(d.Conns.StuckClients) < minUnanswered:
			return // the client's own network may lose the replies
		default:
			x.Severity = Warning
		}
		report(x)
	})
}

// failedNeighbor returns the first neighbor, in the order of addresses, that matches
// and was unresolved in both samples.
func (f *Facts) failedNeighbor(matches func(netip.Addr) bool) (first neighborKey, ok bool) {
	failed := func(n Neighbors, k neighborKey) bool { return n[k] == netstate.Failed || n[k] == netstate.Incomplete }
	for k := range f.Neighbors {
		if failed(f.Neighbors, k) && failed(f.NeighborsBefore, k) && matches(k.addr) && (!ok || k.addr.Less(first.addr)) {
			first, ok = k, true
		}
	}
	return first, ok
}

// masquerade returns the commands that masquerade packets to the servers of a service,
// so that the servers reply to the director regardless of their routes. If from is
// valid, only packets of clients in that network are masqueraded.
func (f *Facts) masquerade(from netip.Prefix, s *Service, d *Server) Remedy {
	words := []string{f.iptablesProgram(s.Family), "-t", "nat", "-A", "POSTROUTING"}
	if from.IsValid() {
		words = append(words, "-s", from.String())
	}
	if vip := s.vip(d).Addr(); vip.IsValid() {
		words = append(words, "-m", "ipvs", "--vaddr", hostPrefix(vip))
	} else {
		words = append(words, "-d", hostPrefix(d.AddrPort.Addr()))
	}
	return f.localCommands(sysctlCommand(1, conntrackPath), append(words, "-j", "MASQUERADE"))
}

// A replyCause is a cause for missing replies of a server.
type replyCause struct {
	text     string
	remedies []Remedy
	certain  bool // whether it is proven rather than likely

	onDirector bool // whether the director is at fault, which affects other servers too
}

// replyHooks are the hooks that a server's replies pass before IPVS restores their
// source.
var replyHooks = []string{"prerouting", "forward"}

// replyPacket returns a server's reply to a client as it passes the replyHooks. If
// tracked is set, netfilter tracks the connections of IPVS.
func (f *Facts) replyPacket(s *Service, d *Server, tracked bool) *netstate.Packet {
	p := &netstate.Packet{Protocol: uint16(s.Protocol), Source: d.AddrPort}
	if r, ok := f.routeTo(d); ok {
		p.InLink = f.link(r.Link).Name
	}
	if len(d.Conns.Clients) > 0 {
		client := d.Conns.Clients[0]
		if len(d.Conns.StuckClients) > 0 {
			client = d.Conns.StuckClients[0]
		}
		p.Destination = netip.AddrPortFrom(client, 0)
		if r, ok := f.Routes[client]; ok && r.Type == netstate.Unicast {
			p.OutLink = f.link(r.Link).Name
		}
	}
	switch {
	case tracked:
		p.State = "ESTABLISHED"
	case s.Protocol == ipvs.TCP:
		p.State = "INVALID" // a SYN-ACK without a SYN
	case s.Protocol == ipvs.UDP:
		p.State = "NEW"
	}
	return p
}

// replyCauses returns the causes for the missing replies of a server with NAT,
// the most likely first.
func (f *Facts) replyCauses(s *Service, d *Server, r netstate.Route) []replyCause {
	tracked := f.sysctlIs(conntrackPath, 1)
	if o, hook := f.dropOutcome(f.replyPacket(s, d, tracked), replyHooks...); o != nil {
		where := "the director drops the replies in " + strings.ToUpper(hook)
		c := replyCause{text: where + ": " + describeOutcome(o), certain: true, onDirector: true}
		if tracking, _ := f.dropOutcome(f.replyPacket(s, d, true), replyHooks...); !tracked && tracking == nil {
			c.text = where + " as untracked, because net.ipv4.vs.conntrack is 0: " + describeOutcome(o)
			c.remedies = append(c.remedies, f.sysctlRemedy(1, conntrackPath))
		}
		c.remedies = append(c.remedies, f.acceptReplies(f.baseChain(o.Chain, hook), s, d))
		return []replyCause{c}
	}
	if f.Firewall != nil && !tracked {
		client := netip.Addr{}
		if len(d.Conns.Clients) > 0 {
			client = d.Conns.Clients[0]
		}
		if rules := f.sourceNATRules(s, d, client); len(rules) > 0 {
			return []replyCause{{
				text:     "packets to the server should be masqueraded, but the rule has no effect while net.ipv4.vs.conntrack is 0: " + describeOutcome(&rules[0]),
				remedies: []Remedy{f.sysctlRemedy(1, conntrackPath)},
				certain:  true, onDirector: true,
			}}
		}
	}
	return f.pathCauses(s, d, r)
}

// sourceNATRules returns the rules that change the source of a client's packets to a
// server.
func (f *Facts) sourceNATRules(s *Service, d *Server, client netip.Addr) []netstate.Outcome {
	r, _ := f.routeTo(d)
	request := &netstate.Packet{Protocol: uint16(s.Protocol), Destination: d.AddrPort, OutLink: f.link(r.Link).Name}
	if client.IsValid() {
		request.Source = netip.AddrPortFrom(client, 0)
	}
	return f.Firewall.Find(netstate.SourceNAT, request)
}

// acceptReplies returns the command that makes a chain accept the replies of a server
// with NAT and of the other servers in its network.
func (f *Facts) acceptReplies(c *netstate.Chain, s *Service, d *Server) Remedy {
	return f.acceptRemedy(c, s.Protocol, "-s", f.networkOf(d), d.AddrPort.Port())
}

// networkOf returns the network of a server if it is directly connected, or otherwise
// its address.
func (f *Facts) networkOf(d *Server) netip.Prefix {
	if r, ok := f.routeTo(d); ok && !r.Gateway.IsValid() {
		if own, ok := f.subnetOf(d.AddrPort.Addr(), r.Link); ok {
			return own.Masked()
		}
	}
	return netip.PrefixFrom(d.AddrPort.Addr(), d.AddrPort.Addr().BitLen())
}

// acceptInput returns the command that makes a server's firewall accept packets of a
// service. Clients of a fwmark service are assumed to use TCP.
func acceptInput(s *Service, server netip.Addr, port uint16) []string {
	program, protocol := "iptables", ipvs.TCP
	if !server.Is4() {
		program = "ip6tables"
	}
	if s.Mark == 0 {
		protocol = s.Protocol
	}
	return []string{program, "-I", "INPUT", "-p", strings.ToLower(protocol.String()), "--dport", fmt.Sprint(port), "-j", "ACCEPT"}
}

// pathCauses returns the causes for the missing replies of a server with NAT that are not
// on the director.
func (f *Facts) pathCauses(s *Service, d *Server, r netstate.Route) []replyCause {
	addr := d.AddrPort.Addr()
	server := addr.String()
	route := replyCause{
		text:     fmt.Sprintf("the server's route to the clients does not lead through the director (%s)", r.Source),
		remedies: []Remedy{remoteCommand(server, "ip", "route", "replace", "default", "via", r.Source.String())},
	}
	switch {
	case r.Gateway.IsValid():
		route = replyCause{
			text:     fmt.Sprintf("the gateway %s does not route the server's replies through the director", r.Gateway),
			remedies: []Remedy{f.masquerade(netip.Prefix{}, s, d)},
		}
		if s.Mark == 0 && s.AddrPort.Port() == d.AddrPort.Port() {
			route.remedies = append(route.remedies, advise("use tunneling (-i): replies need not pass the director"))
		}
	case f.isOneArmed(d, r):
		route.remedies = append(route.remedies, f.masquerade(netip.Prefix{}, s, d))
	}
	port := s.serverPort(d)
	filter := replyCause{
		text:     "the server's firewall drops packets from clients",
		remedies: []Remedy{remoteCommand(server, acceptInput(s, addr, port)...)},
	}
	listener := replyCause{
		text:     fmt.Sprintf("nothing listens on port %d of the server", port),
		remedies: []Remedy{f.takeOutOfRotation(s, d)},
	}
	probe, probed := f.Paths[&d.Destination]
	switch {
	case probed && probe.FromClient.Port != netprobe.Silent:
		return []replyCause{{text: fmt.Sprintf("the problem is temporary, or depends on what the client sends: the server replied through the director to a probe from the address of the client %s", probe.Client)}, filter}
	case probed && probe.FromClient.Echo && probe.FromDirector.Port == netprobe.Silent:
		filter.text = fmt.Sprintf("the server's firewall drops packets to port %d: it replies to echo requests from the client %s through the director", port, probe.Client)
		if !s.mayUseTCP() {
			filter.certain = true
			return []replyCause{filter}
		}
		return []replyCause{filter, f.hungCause(s, d, port)}
	case probed && probe.FromClient.Echo:
		filter.text = fmt.Sprintf("the server's firewall drops packets from clients to port %d: it replies to the director, and to echo requests from the client %s", port, probe.Client)
		filter.certain = true
		return []replyCause{filter}
	case probed && (probe.FromDirector.Echo || probe.FromDirector.Port != netprobe.Silent):
		route.text += fmt.Sprintf(": the server replies to the director, but not to packets from the client %s", probe.Client)
		if !r.Gateway.IsValid() {
			route.remedies = append(route.remedies, advise("check the routing rules of %s (ip rule) if it has this route already", server))
		}
		return []replyCause{route}
	case f.addrs().replying[addr]: // from another port
		return []replyCause{filter, listener}
	}
	down := downCause(addr)
	if r.Gateway.IsValid() {
		down.text = fmt.Sprintf("the server or the gateway %s is down", r.Gateway)
	}
	filter.remedies = nil
	neighbor := f.neighborCause(d)
	if probed {
		down.text += ": the server replies neither to clients nor to the director"
		down.remedies = append(down.remedies, f.takeOutOfRotation(s, d))
		filter.text = "a firewall drops all packets to the server"
		return appendCauses(nil, neighbor, &down, &filter)
	}
	if !f.Probed {
		// The server's default route may be right.
		if !r.Gateway.IsValid() {
			route.remedies = nil
		}
		probe := f.localCommand(f.Program, "--doctor", "--probe")
		filter.remedies = []Remedy{advise("run %s to find out which of these causes it is", probe.CommandLine())}
	}
	causes := []replyCause{route, filter}
	if d.Stats.OutPackets > 0 || d.Conns.Established > 0 {
		down.text += ": it has replied before"
		causes = append([]replyCause{down}, causes...)
	}
	return append(appendCauses(nil, neighbor), causes...)
}

// isOneArmed reports whether a client of a server is reached through the interface
// through which the server is reached, but is not in the server's network.
func (f *Facts) isOneArmed(d *Server, r netstate.Route) bool {
	own, ok := f.subnetOf(d.AddrPort.Addr(), r.Link)
	return ok && slices.ContainsFunc(d.Conns.Clients, func(a netip.Addr) bool {
		to, known := f.Routes[a]
		return known && to.Type == netstate.Unicast && to.Link == r.Link && !own.Contains(a)
	})
}

// explain adds causes and their remedies to a finding, in the given order. Findings with
// the same certain cause on the director are merged.
func (x *Finding) explain(causes []replyCause) {
	if len(causes) == 1 && causes[0].certain && causes[0].onDirector {
		x.Group = causes[0].text + causes[0].remedies[len(causes[0].remedies)-1].CommandLine()
	}
	for _, c := range causes {
		x.Causes = append(x.Causes, c.text)
		x.Remedies = append(x.Remedies, c.remedies...)
	}
}

// describeProbe describes the result of the path probes of a server with direct
// routing or a tunnel.
func describeProbe(p PathResult, to netip.AddrPort) string {
	switch {
	case p.FromDirector.Port == netprobe.Answered:
		return fmt.Sprintf("the server accepts connections from the director to %s", to)
	case p.FromDirector.Port == netprobe.Refused:
		return fmt.Sprintf("the server refuses connections to %s", to)
	case p.FromDirector.Echo:
		return fmt.Sprintf("the server replies to echo requests to %s, but not to connection attempts to port %d", to.Addr(), to.Port())
	}
	return fmt.Sprintf("the server does not reply to packets to %s", to)
}

// pathResult returns the result of the path probes of a server. For a UDP or SCTP server
// without NAT, only FromDirector is set.
func (f *Facts) pathResult(d *Server) (p PathResult, ok bool) {
	if p, ok = f.Paths[&d.Destination]; !ok && d.Method != ipvs.Masquerading {
		p.FromDirector, ok = f.Datagrams[&d.Destination]
	}
	return p, ok
}

// vipCauses returns the causes for missing replies of a server with direct
// routing or a tunnel, the most likely first.
func (f *Facts) vipCauses(s *Service, d *Server) []replyCause {
	addr := d.AddrPort.Addr()
	to := s.vip(d)
	if to.Port() == 0 {
		return []replyCause{{text: "the server does not accept packets to the VIP, or nothing listens on its port", remedies: []Remedy{f.takeOutOfRotation(s, d)}}}
	}
	accept := f.notAcceptedCause(s, d, to.Addr())
	listener := replyCause{
		text:     fmt.Sprintf("nothing on the server listens on port %d of the VIP (direct routing and tunneling change neither address nor port)", to.Port()),
		remedies: []Remedy{f.takeOutOfRotation(s, d)},
	}
	if d.Method == ipvs.Tunneling {
		if r := f.Rejections[tunnelEndpoint(&d.Destination, to.Addr())]; r != nil && r.Reporter == addr {
			accept.text += fmt.Sprintf(": it has rejected %s in this sample", humanize.Count(r.Packets, "packet"))
			return []replyCause{accept}
		}
	}
	gateway, reverse := f.replyGatewayCause(d), f.reversePathCause(d)
	filter := replyCause{text: fmt.Sprintf("the server's firewall drops packets to port %d", to.Port())}
	if d.Method == ipvs.Tunneling {
		filter.text = "a firewall drops the packets of the tunnel"
	}
	mixed := f.mixedCause(s, d)
	probe, probed := f.pathResult(d)
	switch {
	case probed && probe.FromClient.Port != netprobe.Silent || probed && probe.FromClient.Echo:
		return []replyCause{{
			text: fmt.Sprintf("the server's default gateway is the director, which drops the replies as martian because their source is its own VIP: replies to the client %s arrive here", probe.Client),
			remedies: []Remedy{
				remoteCommand(addr, "ip", "route", "replace", "default", "via", f.likelyGateway(d)),
				f.editServer(s, d, func(d *ipvs.Destination) { d.Method = ipvs.Masquerading }),
			},
		}}
	case probed && probe.FromDirector.Port == netprobe.Answered:
		filter.text = "the server's firewall drops packets from clients"
		return appendCauses(nil, gateway, reverse, &filter)
	case probed && probe.FromDirector.Port == netprobe.Refused:
		return []replyCause{listener}
	case probed && probe.FromDirector.Echo:
		return []replyCause{filter, f.hungCause(s, d, to.Port())}
	case probed:
		spoof := spoofCause(to.Addr())
		causes := appendCauses(nil, f.neighborCause(d), mixed, &accept, &spoof)
		if d.Method == ipvs.Tunneling {
			causes = append(causes, filter)
		}
		return causes
	}
	const hangs = ", or its program hangs"
	causes := appendCauses(nil, f.neighborCause(d), mixed)
	down := downCause(addr)
	worked := d.Conns.Established > 0
	switch {
	case s.Protocol != ipvs.SCTP && d.notRetransmitted():
		listener.text += ": clients do not retransmit, as if their connections were rejected"
		listener.remedies = append([]Remedy{advise("start the program that should listen on %s at %s", to, addr)}, listener.remedies...)
		causes = append(causes, listener)
		if worked {
			causes = append(causes, down)
		}
		causes = append(causes, accept)
	case worked:
		listener.text += hangs
		causes = append(causes, down, listener, accept)
	default:
		listener.text += hangs
		causes = append(causes, accept, listener)
	}
	return appendCauses(causes, gateway, reverse)
}

// notAcceptedCause returns the cause that a server with direct routing or a tunnel does
// not accept packets to the VIP, or does not decapsulate them.
func (f *Facts) notAcceptedCause(s *Service, d *Server, vip netip.Addr) replyCause {
	addr := d.AddrPort.Addr()
	c := replyCause{text: fmt.Sprintf("the VIP %s is not configured on the server", vip)}
	switch {
	case d.Method == ipvs.DirectRouting:
		c.remedies = []Remedy{remoteCommands(addr, acceptVIPCommands(vip)...)}
		if narrow, ok := f.narrowNetmask(s, d); ok {
			c.text += ", or " + wideNetmaskText
			c.remedies = []Remedy{narrow}
		}
	case d.Tunnel.Type == ipvs.IPIP && vip.Is4() == addr.Is4():
		c.text = fmt.Sprintf("the server does not decapsulate IPIP: no IPIP interface is up, its tunnel has another type, rp_filter drops the packets, or the VIP %s is not configured", vip)
		c.remedies = []Remedy{remoteCommands(addr, acceptTunnelCommands(vip)...)}
	case d.Tunnel.Type == ipvs.GUE && addr.Is4():
		c.text = fmt.Sprintf("the server does not decapsulate GUE on port %d", d.Tunnel.Port)
		c.remedies = []Remedy{remoteCommands(addr, []string{"modprobe", "fou"},
			[]string{"ip", "fou", "add", "port", fmt.Sprint(d.Tunnel.Port), "gue"})}
	case d.Tunnel.Type == ipvs.GRE && addr.Is4():
		c.text = "the server does not decapsulate GRE: no GRE interface is up, its tunnel has another type, or the VIP is not configured"
		c.remedies = []Remedy{
			f.editServer(s, d, func(d *ipvs.Destination) { d.Tunnel = ipvs.Tunnel{} }),
			remoteCommands(addr, []string{"ip", "link", "add", "gre-ipvs", "type", "gre", "local", addr.String(), "remote", f.Routes[addr].Source.String()},
				[]string{"ip", "link", "set", "dev", "gre-ipvs", "up"}, addAddress(vip, "lo")),
		}
	default:
		c.text = "the server does not decapsulate the tunnel, or the VIP is not configured on it"
	}
	return c
}

// notRetransmitted reports whether the clients of a server retransmitted no packets
// between the samples. A client that gets no reply retransmits after a second; a
// client whose connection is rejected does not. With direct routing and tunnels, the
// director does not see the rejection itself.
func (d *Server) notRetransmitted() bool {
	return d.Delta != nil && d.Delta.Conns >= minSilentPackets && d.Delta.InPackets <= d.Delta.Conns
}

// downCause returns the cause that a server or its link is down.
func downCause(server netip.Addr) replyCause {
	return replyCause{text: "the server or its link is down", remedies: []Remedy{advise("check that %s is up", server)}}
}

// appendCauses appends the causes that are not nil.
func appendCauses(causes []replyCause, more ...*replyCause) []replyCause {
	for _, c := range more {
		if c != nil {
			causes = append(causes, *c)
		}
	}
	return causes
}

// hungCause returns the cause that the program that listens on a port of the server
// does not accept connections, so the server's kernel drops new ones.
func (f *Facts) hungCause(s *Service, d *Server, port uint16) replyCause {
	return replyCause{
		text:     fmt.Sprintf("the program that listens on port %d hangs or is overloaded, and its accept queue is full", port),
		remedies: []Remedy{remoteCommand(d.AddrPort.Addr(), "ss", "-ltn", "sport", "=", fmt.Sprintf(":%d", port)), f.takeOutOfRotation(s, d)},
	}
}

// spoofCause returns the cause that the network drops replies whose source is a VIP.
func spoofCause(vip netip.Addr) replyCause {
	return replyCause{text: fmt.Sprintf("the network drops the replies because their source is %s: virtual switches and clouds allow a port only its own addresses (anti-spoofing, port security)", vip)}
}

// reversePathCause returns the cause that a server's rp_filter drops packets of
// clients, or nil if all clients are in its network.
func (f *Facts) reversePathCause(d *Server) *replyCause {
	if !d.AddrPort.Addr().Is4() || f.replyGatewayCause(d) == nil {
		return nil
	}
	return &replyCause{
		text: "the server's rp_filter drops packets of clients, because its route to them uses another interface",
		// The kernel applies the maximum of conf/all and conf/LINK; 2 accepts a route
		// through any interface.
		remedies: []Remedy{remoteCommand(d.AddrPort.Addr(), sysctlCommand(2, "net/ipv4/conf/all/rp_filter")...)},
	}
}

// wideNetmaskText is the text of the cause that a server has the VIP with too short a prefix,
// so that all addresses in its network are local to it.
const wideNetmaskText = "the VIP on the server's lo has the netmask of the network instead of /32, so the server sends its replies to itself"

// narrowNetmask returns the commands that configure the VIP as a /32 address on lo of a
// server with direct routing, in place of one with another netmask. It returns false
// if the netmask cannot be the cause of the server's silence.
func (f *Facts) narrowNetmask(s *Service, d *Server) (Remedy, bool) {
	vip := s.vip(d).Addr()
	own, ok := f.ownLinkAddr(d)
	if !ok || d.Method != ipvs.DirectRouting || !vip.Is4() || !own.Contains(vip) {
		return Remedy{}, false
	}
	flush := []string{"ip", "address", "flush", "dev", "lo", "to", hostPrefix(vip)}
	return remoteCommands(d.AddrPort.Addr(), append([][]string{flush}, acceptVIPCommands(vip)...)...), true
}

// ownLinkAddr returns the director's address, with its prefix length, on the
// network of a server.
func (f *Facts) ownLinkAddr(d *Server) (netip.Prefix, bool) {
	r, _ := f.routeTo(d)
	return f.subnetOf(d.AddrPort.Addr(), r.Link)
}

// likelyGateway returns the gateway through which the director reaches the clients of
// a server, if it is on the server's link, so that the server can use it as well.
// Otherwise, it returns the placeholder GATEWAY.
func (f *Facts) likelyGateway(d *Server) string {
	r, _ := f.routeTo(d)
	for _, client := range append(slices.Clone(d.Conns.StuckClients), d.Conns.Clients...) {
		if to, ok := f.Routes[client]; ok && to.Gateway.IsValid() && to.Link == r.Link {
			return to.Gateway.String()
		}
	}
	return "GATEWAY"
}

// replyGatewayCause returns the cause that a server's replies do not reach the
// clients, or nil if the clients are in its network.
func (f *Facts) replyGatewayCause(d *Server) *replyCause {
	own, ok := f.ownLinkAddr(d)
	clients := d.Conns.StuckClients
	if len(clients) == 0 {
		clients = d.Conns.Clients
	}
	i := slices.IndexFunc(clients, func(a netip.Addr) bool { return !ok || !own.Contains(a) })
	if i < 0 {
		return nil
	}
	c := &replyCause{text: fmt.Sprintf("the replies to the client %s are lost: the server's default route is missing, or its gateway drops them", clients[i])}
	if !ok {
		return c
	}
	c.remedies = []Remedy{remoteCommand(d.AddrPort.Addr(), "ip", "route", "replace", "default", "via", f.likelyGateway(d))}
	c.text += "; the director, if it is the gateway, drops them because their source is its own VIP"
	if n := f.Counters.MartianSources; n > 0 {
		c.text += fmt.Sprintf(" (%s with a martian source in this sample)", humanize.Count(n, "packet"))
	}
	return c
}

// mixedCause returns the cause that the forwarding method of a server was changed to
// direct routing unintentionally. It returns nil if otherMethod finds no server with
// another method, or if direct routing works for a server of the service.
func (f *Facts) mixedCause(s *Service, d *Server) *replyCause {
	o := f.otherMethod(s, d)
	works := slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.DirectRouting && d.Conns.Completed > 0 })
	if o == nil || works {
		return nil
	}
	return &replyCause{
		text:     fmt.Sprintf("the server uses direct routing, while other servers use %s: -e without %s sets direct routing", methodName(o), methodOption(o)),
		remedies: []Remedy{f.useMethodOf(s, d, o)},
	}
}

// otherMethod returns a server of the service with another forwarding method than
// a server with direct routing, or nil.
func (f *Facts) otherMethod(s *Service, d *Server) *Server {
	if d.Method != ipvs.DirectRouting {
		return nil
	}
	for i := range s.Servers {
		if o := &s.Servers[i]; (o.Method == ipvs.Masquerading || o.Method == ipvs.Tunneling) && !f.isLocal(o.AddrPort.Addr()) {
			return o
		}
	}
	return nil
}

// methodName returns how texts name the forwarding method of a server with NAT or
// a tunnel.
func methodName(d *Server) string {
	if d.Method == ipvs.Tunneling {
		return "tunneling"
	}
	return "NAT"
}

// methodOption returns the option for the forwarding method of a server with NAT
// or a tunnel.
func methodOption(d *Server) string {
	if d.Method == ipvs.Tunneling {
		return "-i"
	}
	return "-m"
}

// useMethodOf returns the command that gives a server the forwarding method of
// another.
func (f *Facts) useMethodOf(s *Service, d, other *Server) Remedy {
	return f.editServer(s, d, func(d *ipvs.Destination) { d.Method, d.Tunnel = other.Method, other.Tunnel })
}
