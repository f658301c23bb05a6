// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// probeChecks check the results of the probes that --probe sends.
var probeChecks = []Check{
	{
		ID: "address-claimed", Severity: Error, run: addressClaimed,
		Title:       "duplicate VIP on the network",
		Explanation: "clients reach whichever host replies to ARP or neighbor discovery first",
	},
	{
		ID: "server-address-claimed", Severity: Error, WholeHost: true, run: serverAddressClaimed,
		Title:       "several hosts have the address of the server",
		Explanation: "packets to the server may go to the wrong host",
	},
	{
		ID: "probe-refused", Severity: Error, run: probeRefused,
		Title:       "server refuses connections",
		Explanation: "nothing listens on the server port, or a firewall rejects the connection",
	},
	{
		ID: "probe-no-answer", Severity: Error, run: probeNoAnswer,
		Title:       "server does not reply to a connection attempt",
		Explanation: "the packets of the probe, or the replies to them, are dropped or lost",
	},
	{
		ID: "probe-vip-no-answer", Severity: Warning, run: probeVIPUnanswered,
		Title:       "server does not reply to packets to the VIP",
		Explanation: "the server discards the packets that IPVS forwards, or its replies are lost",
	},
	{
		ID: "probe-no-echo", Severity: Hint, run: probeNoEcho,
		Title:       "server does not reply to an ICMP echo request",
		Explanation: "the host is down, or packets are filtered; many firewalls drop echo requests",
	},
}

// probeTime is the time limit for all probes.
const probeTime = 2 * time.Second

// arpQueries returns the ARP and neighbor discovery queries to send. Each VIP is queried
// on the links of its subnet, even if this director does not have it, and on the links
// that have it. Each server on one of these links is queried on that link.
func (f *Facts) arpQueries() []netprobe.Query {
	var queries []netprobe.Query
	queried := make(map[int]map[netip.Addr]bool) // by link
	add := func(l *netstate.Link, addr netip.Addr) {
		if !l.Up || !l.NeedsNeigh || len(l.HardwareAddr) == 0 || queried[l.Index][addr] {
			return
		}
		if queried[l.Index] == nil {
			queried[l.Index] = make(map[netip.Addr]bool)
		}
		queried[l.Index][addr] = true
		queries = append(queries, netprobe.Query{Link: *l, Source: f.probeSource(l.Index, addr), Addr: addr})
	}
	for vip := range f.addrs().vips {
		for _, l := range f.linksWithAddr(vip) {
			add(l, vip)
		}
		for _, a := range f.addrs().subnets {
			if a.Prefix.Contains(vip) && a.Prefix.Addr() != vip {
				add(f.link(a.Link), vip)
			}
		}
	}
	// The hardware addresses of the servers show which of them replies for a VIP.
	for _, d := range allServers(f.Services) {
		if r, ok := f.routeTo(d); ok && !r.Gateway.IsValid() && queried[r.Link] != nil {
			add(f.link(r.Link), d.AddrPort.Addr())
		}
	}
	return queries
}

// probeSource returns an address of a link as the source of a probe, preferably one
// on the subnet of the probe's destination. It never returns a VIP: a server that has
// the VIP would reply to itself.
func (f *Facts) probeSource(link int, to netip.Addr) (source netip.Addr) {
	for _, a := range f.addrs().byLink[link] {
		addr := a.Prefix.Addr()
		if addr.Is4() != to.Is4() || addr.IsLinkLocalUnicast() {
			continue
		}
		if a.Prefix.Contains(to) {
			return addr
		}
		if !source.IsValid() {
			source = addr
		}
	}
	return source
}

// eachProbedServer calls do for each server to probe: each server that may get new
// connections or still has some.
func (f *Facts) eachProbedServer(do func(s *Service, d *Server)) {
	for s, d := range allServers(f.Services) {
		if d.Weight > 0 || d.Conns.Total > 0 {
			do(s, d)
		}
	}
}

// probeTargets returns the servers to probe.
func (f *Facts) probeTargets() []netprobe.Target {
	vips := f.addrs().vips
	var targets []netprobe.Target
	added := make(map[netprobe.Target]bool)
	f.eachProbedServer(func(s *Service, d *Server) {
		t := probeTarget(s, d)
		r, ok := f.routeTo(d)
		if !ok || r.Link == 0 || added[t] {
			return
		}
		added[t] = true
		t.Source = f.probeSource(r.Link, t.AddrPort.Addr())
		if !t.Source.IsValid() && d.Method != ipvs.Masquerading && vips[r.Source] {
			return // the server may have the VIP as well and would reply to itself
		}
		t.OnLink = !r.Gateway.IsValid() && f.link(r.Link).NeedsNeigh
		targets = append(targets, t)
	})
	return targets
}

// hasVIPOutcome reports whether a connection attempt to the VIP at a server with direct
// routing had the given outcome.
func (f *Facts) hasVIPOutcome(s *Service, d *Server, o netprobe.Outcome) bool {
	got, ok := f.VIPOutcomes[s.key(d)]
	return ok && got == o
}

// probesWith returns the results of the probes with the given outcome, by the target
// that probeTarget returns.
func (f *Facts) probesWith(o netprobe.Outcome) map[netprobe.Target]*netprobe.Result {
	results := f.addrs().probes
	if results == nil {
		results = make(map[netprobe.Outcome]map[netprobe.Target]*netprobe.Result)
		for i := range f.ProbeResults {
			r := &f.ProbeResults[i]
			t := netprobe.Target{AddrPort: r.AddrPort, ICMP: r.ICMP}
			if results[r.Outcome] == nil {
				results[r.Outcome] = make(map[netprobe.Target]*netprobe.Result)
			}
			results[r.Outcome][t] = r
		}
		f.index.probes = results
	}
	return results[o]
}

// probeTarget returns how to probe a server: by a TCP connection if it has a TCP
// port, and by an ICMP echo request otherwise. Source and OnLink are not set.
func probeTarget(s *Service, d *Server) netprobe.Target {
	if s.Protocol == ipvs.TCP && d.AddrPort.Port() != 0 {
		return netprobe.Target{AddrPort: d.AddrPort}
	}
	return netprobe.Target{AddrPort: netip.AddrPortFrom(d.AddrPort.Addr(), 0), ICMP: true}
}

// A linkHost is a host on a link.
type linkHost struct {
	link         int
	hardwareAddr string
}

// serversByHost maps each host that has replied for the address of a server to that
// server.
func (f *Facts) serversByHost() map[linkHost]*Server {
	servers := make(map[netip.Addr]*Server)
	for _, d := range allServers(f.Services) {
		servers[d.AddrPort.Addr()] = d
	}
	byHost := make(map[linkHost]*Server)
	for _, r := range f.ARPReplies {
		h := linkHost{r.Link, string(r.HardwareAddr)}
		if d := servers[r.Addr]; d != nil && byHost[h] == nil {
			byHost[h] = d
		}
	}
	return byHost
}

// addressClaimed reports other hosts that reply for a VIP that this director
// announces. Directors may share a VIP intentionally; real servers may not.
func addressClaimed(f *Facts, report func(Finding)) {
	if len(f.ARPReplies) == 0 {
		return
	}
	replies := make(map[netip.Addr][]netprobe.Reply) // by address
	for _, r := range f.ARPReplies {
		replies[r.Addr] = append(replies[r.Addr], r)
	}
	servers := f.serversByHost()
	checked := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || checked[vip] {
			continue
		}
		checked[vip] = true
		for _, r := range replies[vip] {
			if f.isOwnHardwareAddr(r.HardwareAddr) || !f.announces(vip, r.Link) {
				continue
			}
			evidence := fmt.Sprintf("%s on %s replies for %s", r.HardwareAddr, f.link(r.Link).Name, vip)
			if d := servers[linkHost{r.Link, string(r.HardwareAddr)}]; d != nil {
				report(f.claimedByServer(s, d, evidence))
				continue
			}
			x := s.serviceFinding(evidence, advise("find the host with the hardware address %s; if it is not a director, remove %s from it", r.HardwareAddr, vip))
			x.Severity = Hint
			x.Causes = []string{"another director has the VIP as well, which may be intended", "a host has the VIP unintentionally", "a router replies for addresses to which it has another route (proxy_arp)"}
			report(x)
		}
	}
}

// claimedByServer returns the finding that a server replies for the VIP of a service.
func (f *Facts) claimedByServer(s *Service, d *Server, evidence string) Finding {
	vip, addr := s.AddrPort.Addr(), d.AddrPort.Addr()
	fix := slices.Concat([][]string{flushAddress(vip)}, acceptVIPCommands(vip))
	if vip.Is4() && d.Method != ipvs.Masquerading {
		// arp_ignore does not hide an address of the link itself.
		fix = append(hideVIPCommands(), flushAddress(vip), addAddress(vip, "lo"))
	}
	x := s.serverFinding(d, fmt.Sprintf("%s, and for the server's address %s", evidence, addr), remoteCommands(addr, fix...))
	if f.mayBeStandby() {
		x.Severity = Hint
		x.Causes = []string{"the server is another director, which may be intended", "the server does not hide the VIP"}
		x.Remedies = []Remedy{advise("if %s is not a director: %s", addr, x.Remedies[0].CommandLine())}
	}
	return x
}

// serverAddressClaimed reports servers for whose address several hosts reply. A server
// with two interfaces on the link may reply with both.
func serverAddressClaimed(f *Facts, report func(Finding)) {
	hosts := make(map[neighborKey][]string)
	for _, r := range f.ARPReplies {
		k := neighborKey{r.Link, r.Addr}
		hosts[k] = appendDistinct(hosts[k], r.HardwareAddr.String(), maxClients)
	}
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || r.Gateway.IsValid() {
			return
		}
		addr := d.AddrPort.Addr()
		k := neighborKey{r.Link, addr}
		if len(hosts[k]) < 2 {
			return
		}
		evidence := fmt.Sprintf("%s on %s reply for %s", strings.Join(hosts[k], " and "), f.link(r.Link).Name, addr)
		if used := f.HardwareAddrs[k]; used != nil {
			evidence += fmt.Sprintf("; the director sends packets to %s", used)
		}
		x := s.serverFinding(d, evidence, advise("find the hosts with these hardware addresses, and remove %s from the one that is not the server", addr))
		x.Causes = []string{"another host has the server's address as well", "the server has two interfaces on the same link, and arp_ignore is 0"}
		switch {
		case d.Conns.StuckSynRecv > 0 && d.Conns.Completed == 0, f.sendsNoReplies(s, d), f.onlyResets(s, d), f.rejection(s, d) != nil:
		case d.Conns.Completed > 0:
			x.Severity = Hint
		default:
			x.Severity = Warning
			f.suppressHost(addr)
		}
		report(x)
	})
}

// announces reports whether the director replies to ARP requests or neighbor
// discovery for an address on a link: it has the address on the link or, for
// IPv4, on any link while arp_ignore is 0.
func (f *Facts) announces(addr netip.Addr, link int) bool {
	links := f.linksWithAddr(addr)
	if slices.ContainsFunc(links, func(l *netstate.Link) bool { return l.Index == link }) {
		return true
	}
	ignore, _ := f.linkSysctl("arp_ignore", f.link(link).Name)
	// The address may be on a link above this one, such as a macvlan of VRRP,
	// which replies as well.
	onOther := slices.ContainsFunc(links, func(l *netstate.Link) bool { return l.NeedsNeigh && l.Up })
	return len(links) > 0 && addr.Is4() && (ignore == 0 || onOther)
}

func (f *Facts) isOwnHardwareAddr(a net.HardwareAddr) bool {
	return f.addrs().hardware[string(a)]
}

// A probeKind is the kind of a probe of a server's own address.
type probeKind uint8

const (
	tcpProbe probeKind = iota
	echoProbe
)

// eachProbed calls do for each server whose probe of the given kind had the given
// outcome, with the severity of a finding about it and the duration of the probe. It
// skips suppressed servers, and servers with direct routing that replied to a probe of
// the VIP, which resembles the packets of clients more closely.
func (f *Facts) eachProbed(kind probeKind, o netprobe.Outcome, do func(s *Service, d *Server, severity Severity, after string)) {
	results := f.probesWith(o)
	if len(results) == 0 {
		return
	}
	f.eachServer(func(s *Service, d *Server) {
		t := probeTarget(s, d)
		r := results[t]
		if r == nil || t.ICMP != (kind == echoProbe) || f.isSuppressed(d) || f.hasVIPOutcome(s, d, netprobe.Answered) || f.hasVIPOutcome(s, d, netprobe.Refused) {
			return
		}
		severity := f.probeSeverity(s, d)
		if severity == Hint && f.hasVIPOutcome(s, d, netprobe.Silent) && d.Conns.Completed == 0 {
			severity = Warning // the server does not reply on the VIP either
		}
		do(s, d, severity, formatMilliseconds(r.After))
	})
}

// probeSeverity returns the severity of a failed probe of a server: an error if
// clients fail as well, and a hint if clients succeed.
func (f *Facts) probeSeverity(s *Service, d *Server) Severity {
	switch {
	case f.hasReplied(s, d):
		return Hint
	case f.sendsNoReplies(s, d), f.onlyResets(s, d), f.rejection(s, d) != nil, connStateIsEvidence(s, d) && d.Conns.StuckSynRecv > 0:
		return Error
	case d.Method == ipvs.Masquerading:
		return Warning
	}
	return Hint // the server may listen on the VIP only
}

// hasReplied reports whether a server has accepted a connection between the samples
// or, with NAT, sent UDP or SCTP packets.
func (f *Facts) hasReplied(s *Service, d *Server) bool {
	return d.Conns.Completed > 0 || slices.ContainsFunc(endpoints(s, d), func(e Endpoint) bool { return f.Replies[e] > 0 })
}

// isResolved reports whether the hardware address of a server has been confirmed
// recently.
func (f *Facts) isResolved(d *Server) bool {
	r, _ := f.routeTo(d)
	return !r.Gateway.IsValid() && f.Neighbors[neighborKey{r.Link, d.AddrPort.Addr()}] == netstate.Reachable
}

// probeFinding returns a finding about a failed probe of a server, with causes that
// depend on the severity.
func (f *Facts) probeFinding(s *Service, d *Server, severity Severity, evidence string, causes ...string) Finding {
	x := s.serverFinding(d, evidence)
	x.Severity = severity
	x.Causes = causes
	switch {
	case severity == Hint && d.Conns.Completed > 0:
		x.Evidence += ", but connections of clients complete"
		x.Causes = []string{"the server accepts connections from clients only, or listens on the VIP only"}
		x.Remedies = []Remedy{advise("no fix is needed")}
		return x
	case severity == Hint:
		x.Causes = append(causes, "the server listens on the VIP only, or redirects packets for the VIP")
	}
	x.Remedies = []Remedy{advise("check that %s is up and that its program listens", d.AddrPort)}
	if severity == Error || severity == Warning && f.hasSpare(s, d) {
		x.Remedies = append(x.Remedies, f.drain(s, d))
	}
	return x
}

// prependCause makes a cause, which may be nil, the first one of a finding.
func (x *Finding) prependCause(c *replyCause) {
	if c != nil {
		x.Causes = append([]string{c.text}, x.Causes...)
		x.Remedies = append(c.remedies, x.Remedies...)
	}
}

// hasSpare reports whether another server of the service works, according to probes or
// clients, so that the service survives if the server is drained. If probes of all
// servers fail, their firewalls may drop the packets of the director only.
func (f *Facts) hasSpare(s *Service, d *Server) bool {
	return slices.ContainsFunc(f.workingServers(s), func(o *Server) bool { return o != d })
}

// workingServers returns up to two servers of the service that have a weight and work,
// according to probes or clients. Two suffice to find another one than a given server,
// and each service is searched only once.
func (f *Facts) workingServers(s *Service) []*Server {
	working := f.addrs().working
	servers, ok := working[s.ServiceKey]
	if ok {
		return servers
	}
	replied := f.probesWith(netprobe.Answered)
	for i := range s.Servers {
		d := &s.Servers[i]
		datagram, probed := f.Datagrams[&d.Destination]
		works := d.Conns.Completed > 0 || f.hasVIPOutcome(s, d, netprobe.Answered) || probed && datagram.Port != netprobe.Refused ||
			s.Protocol == ipvs.TCP && replied[probeTarget(s, d)] != nil
		if d.Weight > 0 && works && len(servers) < 2 {
			servers = append(servers, d)
		}
	}
	working[s.ServiceKey] = servers
	return servers
}

func probeRefused(f *Facts, report func(Finding)) {
	f.eachProbed(tcpProbe, netprobe.Refused, func(s *Service, d *Server, severity Severity, after string) {
		report(f.probeFinding(s, d, severity, fmt.Sprintf("connection to %s refused after %s", d.AddrPort, after)))
	})
	f.eachServer(func(s *Service, d *Server) {
		if o, ok := f.Datagrams[&d.Destination]; !ok || o.Port != netprobe.Refused || f.isSuppressed(d) {
			return
		}
		p, _ := f.pathTo(s, d)
		x := s.serverFinding(d, fmt.Sprintf("%s packet to %s at %s rejected", s.Protocol, p.To, d.AddrPort.Addr()),
			advise("check that a program listens on %s at %s", p.To, d.AddrPort.Addr()))
		x.Severity = f.probeSeverity(s, d)
		switch {
		case x.Severity == Hint && f.hasReplied(s, d):
			x.Evidence += ", but the server replies to clients"
		case d.hasClientTraffic():
			x.Severity = Error
			x.Evidence += "; clients sent packets to the server in this sample"
			x.Remedies = append(x.Remedies, f.takeOutOfRotation(s, d))
		default:
			x.Severity = Warning
			if f.hasSpare(s, d) {
				x.Remedies = append(x.Remedies, f.drain(s, d))
			}
		}
		report(x)
	})
	// A probe of the VIP has the same outcome as a client's connection.
	f.eachServer(func(s *Service, d *Server) {
		if !f.hasVIPOutcome(s, d, netprobe.Refused) || f.isSuppressed(d) {
			return
		}
		severity := f.probeSeverity(s, d)
		if severity == Hint && d.Conns.Completed == 0 {
			severity = Warning
		}
		x := f.probeFinding(s, d, severity, fmt.Sprintf("connection to %s at %s refused", s.AddrPort, d.AddrPort.Addr()))
		if severity == Warning {
			x.Causes = nil
		}
		report(x)
	})
}

// probeFiltered returns the outcome of the director's own firewall that drops, or may
// have dropped, the TCP probe of a server. It returns nil if there is none. The firewall
// may accept the packets of clients.
func (f *Facts) probeFiltered(d *Server) *netstate.Outcome {
	if f.Firewall == nil {
		return nil
	}
	r, _ := f.routeTo(d)
	probe := &netstate.Packet{Protocol: uint16(ipvs.TCP), Destination: d.AddrPort, OutLink: f.link(r.Link).Name, State: "NEW"}
	outcomes := f.Firewall.Evaluate("output", probe)
	for i := range outcomes {
		o := &outcomes[i]
		if (o.Verdict == netstate.Drop || o.Verdict == netstate.Reject) && (o.Certain || countedPackets(o) > 0) {
			return o
		}
	}
	return nil
}

func probeNoAnswer(f *Facts, report func(Finding)) {
	f.eachProbed(tcpProbe, netprobe.Silent, func(s *Service, d *Server, severity Severity, after string) {
		causes := []string{"the host is down", "a firewall drops the packets"}
		if f.isResolved(d) { // it replies to ARP requests or neighbor discovery
			causes = []string{causes[1], f.hungCause(s, d, d.AddrPort.Port()).text}
		}
		if o := f.probeFiltered(d); o != nil && severity == Warning {
			x := s.serverFinding(d, fmt.Sprintf("no reply from %s after %s", d.AddrPort, after), advise("test %s from another host", d.AddrPort))
			x.Severity = Hint
			x.Causes = []string{"the director's own firewall drops the probe: " + describeOutcome(o)}
			report(x)
			return
		}
		x := f.probeFinding(s, d, severity, fmt.Sprintf("no reply from %s after %s", d.AddrPort, after), causes...)
		x.prependCause(f.neighborCause(d))
		if narrow, ok := f.narrowNetmask(s, d); ok && d.Conns.Completed == 0 {
			x.Causes = append(x.Causes, wideNetmaskText)
			x.Remedies = append(x.Remedies, narrow)
		}
		report(x)
	})
	// A server that replies on its own address but not on the VIP does not have
	// the VIP.
	answered := f.probesWith(netprobe.Answered)
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || r.Gateway.IsValid() || !f.hasVIPOutcome(s, d, netprobe.Silent) || answered[probeTarget(s, d)] == nil ||
			d.Conns.Completed > 0 || f.isSuppressed(d) || f.mayBeStandby() || f.isOnOtherHost(s.AddrPort.Addr()) {
			return // a server that is another director may forward the connection
		}
		x := s.serverFinding(d, fmt.Sprintf("no reply from %s to a connection attempt to %s, although it accepts connections to %s",
			d.AddrPort.Addr(), s.AddrPort, d.AddrPort), remoteCommands(d.AddrPort.Addr(), acceptVIPCommands(s.AddrPort.Addr())...))
		x.Causes = []string{fmt.Sprintf("the VIP is not configured on %s", d.AddrPort.Addr()), "the server's firewall drops packets for the VIP",
			spoofCause(s.AddrPort.Addr()).text}
		x.prependCause(f.mixedCause(s, d))
		if d.Conns.StuckSynRecv == 0 {
			x.Severity = Warning
		}
		report(x)
	})
}

// probeVIPUnanswered reports UDP servers with direct routing or tunnels that reply on
// their own address but not on the VIP, while another server of the service replies on
// the VIP.
func probeVIPUnanswered(f *Facts, report func(Finding)) {
	answered := f.probesWith(netprobe.Answered)
	f.eachServer(func(s *Service, d *Server) {
		r, ok := f.Datagrams[&d.Destination]
		if !ok || s.Protocol != ipvs.UDP || d.Method == ipvs.Masquerading || r.Echo || r.Port != netprobe.Silent ||
			answered[probeTarget(s, d)] == nil || !d.hasClientTraffic() || f.isSuppressed(d) || f.hasReplied(s, d) {
			return
		}
		other := f.serverOnVIP(s, d.Method)
		if other == nil {
			return // servers that work may ignore echo requests to the VIP
		}
		report(f.silentFinding(s, d, s.serverFinding(d, fmt.Sprintf("%s replies to echo requests to its own address, and %s to packets to %s",
			d.AddrPort.Addr(), other.AddrPort.Addr(), s.AddrPort.Addr()))))
	})
}

// serverOnVIP returns a server with the given forwarding method that has replied to
// packets to the VIP of a UDP service, or nil if there is none.
func (f *Facts) serverOnVIP(s *Service, m ipvs.ForwardingMethod) *Server {
	for i := range s.Servers {
		d := &s.Servers[i]
		if r := f.Datagrams[&d.Destination]; d.Method == m && (r.Echo || r.Port == netprobe.Answered) {
			return d
		}
	}
	return nil
}

func probeNoEcho(f *Facts, report func(Finding)) {
	f.eachProbed(echoProbe, netprobe.Silent, func(s *Service, d *Server, _ Severity, after string) {
		drain := f.drain(s, d)
		x := s.serverFinding(d, fmt.Sprintf("no reply from %s after %s", d.AddrPort.Addr(), after),
			advise("check that %s is up; if it is not: %s", d.AddrPort.Addr(), drain.CommandLine()))
		x.prependCause(f.neighborCause(d))
		report(x)
	})
}

func formatMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
