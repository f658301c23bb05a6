// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// vipStateChecks check whether VIPs that the director has can be reached.
var vipStateChecks = []Check{
	{
		ID: "vip-dad-failed", Severity: Error, run: vipDADFailed,
		Title:       "address of the director is a duplicate",
		Explanation: "another host had the IPv6 address when it was added here, so the kernel does not use it",
	},
	{
		ID: "vip-arp-ignored", Severity: Error, run: vipARPIgnored,
		Title:       "director does not reply to ARP requests for the VIP",
		Explanation: "with arp_ignore, an interface replies only for its own addresses, and the VIP is on another interface",
	},
	{
		ID: "default-route-lost", Severity: Error, run: defaultRouteLost,
		Title:       "router advertisements are ignored",
		Explanation: "while forwarding is enabled, an interface accepts router advertisements, which contain the default route, only if accept_ra is 2",
	},
	{
		ID: "director-loop", Severity: Error, run: directorLoop,
		Title:       "requests are balanced again by a backup director",
		Explanation: "a director that is also a server must deliver packets from another director locally instead of forwarding them",
	},
	{
		ID: "backup-only", Severity: Error, run: backupOnlyActive,
		Title:       "backup mode keeps the director from forwarding",
		Explanation: "with net.ipv4.vs.backup_only=1, IPVS ignores all packets while a backup sync daemon runs",
	},
}

func vipDADFailed(f *Facts, report func(Finding)) {
	vips := f.addrs().vips
	for _, a := range f.Addresses {
		vip := a.Prefix.Addr()
		if !a.DADFailed || !f.usesIPv6() {
			continue
		}
		link := f.link(a.Link).Name
		x := Finding{Severity: Warning}
		if vips[vip] {
			x.Service = &f.serviceOf(vip).ServiceKey
			if arrivals := f.Arrivals[*x.Service]; arrivals != nil && arrivals.Packets >= minUnanswered {
				x.Severity = Error
			}
		}
		// Adding the address again is safe: it repeats the detection, so the kernel does
		// not use the address if another host still has it.
		x.Evidence = fmt.Sprintf("%s on %s is in the state dadfailed", vip, link)
		x.Remedies = []Remedy{f.localCommands([]string{"ip", "address", "del", a.Prefix.String(), "dev", link},
			[]string{"ip", "address", "add", a.Prefix.String(), "dev", link})}
		x.Causes = []string{"another host, such as a server with direct routing, may still reply to neighbor solicitations for it; --probe reports the hardware address of that host"}
		report(x)
	}
}

// usesIPv6 reports whether a service or a server has an IPv6 address.
func (f *Facts) usesIPv6() bool {
	return slices.ContainsFunc(f.Services, func(s Service) bool {
		return s.Family == ipvs.IPv6 || slices.ContainsFunc(s.Servers, func(d Server) bool { return !d.AddrPort.Addr().Is4() })
	})
}

// serviceOf returns the first service with a VIP, which must be the VIP of a service.
func (f *Facts) serviceOf(vip netip.Addr) *Service {
	i := slices.IndexFunc(f.Services, func(s Service) bool { return s.Mark == 0 && s.AddrPort.Addr() == vip })
	return &f.Services[i]
}

// hasLocalServer reports whether the director is one of the servers of a
// service.
func (f *Facts) hasLocalServer(s *Service) bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return f.isLocal(d.AddrPort.Addr()) })
}

// hiddenFrom returns the link of a VIP's network, if the director has the VIP only on
// other links and does not reply to ARP requests for the VIP on that link.
func (f *Facts) hiddenFrom(vip netip.Addr) (link *netstate.Link, hidden bool) {
	vipLinks := f.linksWithAddr(vip)
	own, ok := f.subnetOf(vip, 0)
	if len(vipLinks) == 0 || !ok || own.Addr().IsLoopback() || !vip.Is4() {
		return nil, false
	}
	// A link with its own ARP, such as a macvlan of VRRP on top of that link, replies.
	if slices.ContainsFunc(vipLinks, func(l *netstate.Link) bool { return l.NeedsNeigh }) {
		return nil, false
	}
	for _, l := range f.linksWithAddr(own.Addr()) {
		ignore, _ := f.linkSysctl("arp_ignore", l.Name)
		if !l.NeedsNeigh || ignore == 0 || slices.ContainsFunc(vipLinks, func(o *netstate.Link) bool { return o.Index == l.Index }) {
			return nil, false
		}
		link = l
	}
	return link, link != nil
}

func vipARPIgnored(f *Facts, report func(Finding)) {
	f.eachIdleVIP(func(s *Service, vip netip.Addr) {
		link, hidden := f.hiddenFrom(vip)
		// A standby and a server hide the VIP on purpose.
		if !hidden || f.isStandbyFor(vip) || f.hasLocalServer(s) {
			return
		}
		vipLink := f.linksWithAddr(vip)[0].Name
		x := s.serviceFinding(fmt.Sprintf("%s is on %s; its network is on %s, where arp_ignore is set", vip, vipLink, link.Name))
		move := f.localCommands(addAddress(vip, link.Name), []string{"ip", "address", "del", f.prefixOf(vip, vipLink), "dev", vipLink})
		if n := f.ARPRequests[vip]; n >= minUnanswered && !f.isOnOtherHost(vip) {
			x.Evidence += fmt.Sprintf("; one host sent %s for it in this sample without a reply", humanize.Count(n, "ARP request"))
			x.Remedies = []Remedy{move}
		} else { // it may be a standby
			x.Severity = Hint
			x.Remedies = []Remedy{advise("if this director, and no other, should serve the clients on that network: %s", move.CommandLine())}
		}
		report(x)
	})
}

// prefixOf returns an address of a link with its prefix length.
func (f *Facts) prefixOf(addr netip.Addr, link string) string {
	for _, a := range f.Addresses {
		if a.Prefix.Addr() == addr && f.link(a.Link).Name == link {
			return a.Prefix.String()
		}
	}
	return hostPrefix(addr)
}

// linksIgnoringAdvertisements returns the links that ignore router advertisements while
// forwarding is enabled, and the paths of their accept_ra sysctls.
func (f *Facts) linksIgnoringAdvertisements() (links, paths []string) {
	for i := range f.Links {
		l := &f.Links[i]
		if path := acceptRASysctl(l.Name); !l.Loopback && l.Up && f.sysctlIs(path, 1) {
			links, paths = append(links, l.Name), append(paths, path)
		}
	}
	return links, paths
}

func defaultRouteLost(f *Facts, report func(Finding)) {
	if !f.sysctlIs(ip6ForwardingPath, 1) {
		return
	}
	client := netip.Addr{}
	var affected *Service
	f.eachServer(func(s *Service, d *Server) {
		if affected != nil || d.Method != ipvs.Masquerading || d.AddrPort.Addr().Is4() {
			return
		}
		for _, a := range append(slices.Clone(d.Conns.StuckClients), d.Conns.Clients...) {
			if r, ok := f.Routes[a]; ok && r.Type != netstate.Unicast && r.Type != netstate.Local {
				affected, client = s, a
				return
			}
		}
	})
	links, paths := f.linksIgnoringAdvertisements()
	if affected == nil || len(paths) == 0 {
		return
	}
	for i := range affected.Servers {
		f.suppressServer(&affected.Servers[i].Destination)
	}
	report(Finding{
		Evidence: fmt.Sprintf("no route to the client %s; %s is 1 and accept_ra is 1 on %s", client, sysctlName(ip6ForwardingPath), links[0]),
		Remedies: []Remedy{f.sysctlRemedy(2, paths...)},
	})
}

const backupOnlyPath = "net/ipv4/vs/backup_only"

// ignoresPackets reports whether IPVS ignores packets because a backup sync daemon
// runs.
func (f *Facts) ignoresPackets() bool {
	return f.sysctlIs(backupOnlyPath, 1) && slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup })
}

// backupOnlyActive reports services whose packets IPVS ignores although this director
// replies to ARP requests for the VIP. A director that is meant to be the backup does
// not reply: it hides the VIP, or does not have it.
func backupOnlyActive(f *Facts, report func(Finding)) {
	if !f.ignoresPackets() {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		a := f.Arrivals[s.ServiceKey]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || a == nil || a.Packets < minUnanswered || s.hasTraffic() || f.isOnOtherHost(vip) || f.hasOtherVRRPMaster(vip) ||
			!f.announces(vip, a.Link) {
			continue
		}
		x := s.serviceFinding(fmt.Sprintf("%s for the service arrived on %s in this sample, where this director has the VIP, but IPVS counted none",
			humanize.Count(a.Packets, "packet"), f.link(a.Link).Name),
			f.selfCommand(&command.Command{Verb: command.StopDaemon, Daemon: ipvs.Daemon{State: ipvs.Backup}}), f.sysctlRemedy(0, backupOnlyPath))
		x.Group = "backup mode"
		if f.hasLocalServer(s) {
			x.Severity = Warning // the local server receives the packets
		}
		f.explained[s.ServiceKey] = true
		report(x)
	}
}

func directorLoop(f *Facts, report func(Finding)) {
	if f.ignoresPackets() {
		return
	}
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark != 0 || s.Delta == nil || s.Delta.Conns == 0 || !f.hasLocalServer(s) {
			continue
		}
		var remote *Server
		for j := range s.Servers {
			d := &s.Servers[j]
			if d.Weight > 0 && d.Method == ipvs.DirectRouting && d.Delta != nil && d.Delta.InPackets > 0 && !f.isLocal(d.AddrPort.Addr()) {
				remote = d
			}
		}
		// No client on the network resolves the VIP to this director, so another
		// director has sent the packets.
		vip := s.AddrPort.Addr()
		link, hidden := f.hiddenFrom(vip)
		if remote == nil || !hidden {
			continue
		}
		x := s.serviceFinding(fmt.Sprintf("the director does not reply to ARP requests for %s on %s, but the service received %s in this sample, of which %d were forwarded to %s",
			vip, link.Name, humanize.Count(s.Delta.InPackets, "packet"), remote.Delta.InPackets, remote.AddrPort.Addr()))
		sysctl := sysctlCommand(1, backupOnlyPath)
		if slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup }) {
			x.Remedies = []Remedy{f.localCommand(sysctl...)}
		} else {
			x.Remedies = []Remedy{f.localCommands(
				[]string{f.Program, "--start-daemon", "backup", "--mcast-interface", link.Name}, sysctl)}
			x.Causes = []string{"backup_only makes a backup director deliver such packets locally; it takes effect while a backup sync daemon runs"}
		}
		report(x)
	}
}

// forwardingRemedy returns the command that enables forwarding by a sysctl. With
// forwarding, links that accept router advertisements lose their default route
// unless accept_ra is 2.
func (f *Facts) forwardingRemedy(path string) Remedy {
	if path != ip6ForwardingPath {
		return f.sysctlRemedy(1, path)
	}
	words := []string{"sysctl", "-w"}
	for _, link := range f.AdvertisedDefaults {
		if ra := acceptRASysctl(link); f.sysctlIs(ra, 1) {
			words = append(words, sysctlName(ra)+"=2")
		}
	}
	return f.localCommand(append(words, sysctlName(path)+"=1")...)
}
