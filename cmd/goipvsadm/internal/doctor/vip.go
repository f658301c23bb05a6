// SPDX-License-Identifier: MIT

package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// eachIdleVIP calls do for each VIP whose services received no packets between
// the samples, with the first of these services.
func (f *Facts) eachIdleVIP(do func(s *Service, vip netip.Addr)) {
	skip := make(map[netip.Addr]bool) // VIPs that have traffic or were visited
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark == 0 && s.hasTraffic() {
			skip[s.AddrPort.Addr()] = true
		}
	}
	for i := range f.Services {
		s := &f.Services[i]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || vip.IsUnspecified() || skip[vip] {
			continue
		}
		skip[vip] = true
		do(s, vip)
	}
}

// mayBeStandby reports whether the director may be a standby, which has no VIP, or does
// not announce it, until it takes over.
func (f *Facts) mayBeStandby() bool {
	// keepalived without VRRP only checks servers.
	return slices.ContainsFunc(haDaemons, func(name string) bool { return f.isRunning(name) && (name != "keepalived" || f.HasVRRP) }) ||
		f.sysctlIs(backupOnlyPath, 1) ||
		slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup })
}

// likelyInterface returns the name of the interface to which an address most likely
// has to be added.
func (f *Facts) likelyInterface(addr netip.Addr) string {
	for _, a := range f.Addresses {
		if l := f.link(a.Link); !l.Loopback && a.Prefix.Contains(addr) {
			return l.Name
		}
	}
	// Assume symmetric routing.
	if r, ok := f.Routes[internetAddr(addr)]; ok && r.Type == netstate.Unicast {
		return f.link(r.Link).Name
	}
	return "lo"
}

// internetAddr returns an address that represents the Internet in route lookups, of the
// same family as like. It is reserved for documentation (RFC 5737, RFC 3849).
func internetAddr(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{203, 0, 113, 77})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 4: 0xff, 15: 77})
}

// isOnOtherHost reports whether another host has an address, according to the
// neighbor table or to probes.
func (f *Facts) isOnOtherHost(addr netip.Addr) bool { return f.addrs().onOtherHosts[addr] }

// minUnanswered is the number of unanswered requests, packets or connections
// that proves that clients are affected.
const minUnanswered = 2

// isVRRPMaster reports whether this director announces a VIP by VRRP.
func (f *Facts) isVRRPMaster(vip netip.Addr) bool { return f.isAdvertised(vip, true) }

// hasOtherVRRPMaster reports whether another director announces a VIP by VRRP.
func (f *Facts) hasOtherVRRPMaster(vip netip.Addr) bool { return f.isAdvertised(vip, false) }

func (f *Facts) isAdvertised(vip netip.Addr, outgoing bool) bool {
	return slices.ContainsFunc(f.Advertisements, func(a netprobe.Advertisement) bool {
		return a.Outgoing == outgoing && slices.Contains(a.Addresses, vip)
	})
}

// isStandbyFor reports whether the director is, or may be, a standby for a VIP: it does
// not announce the VIP by VRRP, and either another director does or mayBeStandby returns
// true.
func (f *Facts) isStandbyFor(vip netip.Addr) bool {
	return !f.isVRRPMaster(vip) && (f.hasOtherVRRPMaster(vip) || f.mayBeStandby())
}

func vipNotLocal(f *Facts, report func(Finding)) {
	f.eachIdleVIP(func(s *Service, vip netip.Addr) {
		r, ok := f.Routes[vip]
		if !ok || r.Type == netstate.Local || f.MaybeLocal[vip] || len(f.linksWithAddr(vip)) > 0 {
			return
		}
		x := s.serviceFinding(fmt.Sprintf("%s is on no interface and has no local route", vip))
		_, onLink := f.subnetOf(vip, 0)
		requests, arrivals := f.ARPRequests[vip], f.Arrivals[s.ServiceKey]
		switch {
		case f.isOnOtherHost(vip) || f.hasOtherVRRPMaster(vip):
			return // a standby
		case f.isVRRPMaster(vip):
			x.Evidence += "; this director announces it by VRRP"
		case requests >= minUnanswered:
			x.Evidence += fmt.Sprintf("; one host sent %s for it in this sample without a reply", humanize.Count(requests, "ARP request"))
		case arrivals != nil && arrivals.Packets >= minUnanswered:
			x.Evidence += fmt.Sprintf("; %s for the service arrived in this sample", humanize.Count(arrivals.Packets, "packet"))
		case onLink && f.ARPProbed:
			x.Evidence += "; no host on its network replied to ARP or neighbor discovery for it"
			if x.Severity = Warning; s.hasOnlyLocalClients() {
				x.Severity = Hint
			}
		case f.mayBeStandby():
			return
		case f.RulesOnly:
			x.Severity = Warning
		default:
			x.Severity = Hint
		}
		add := f.localCommand(addAddress(vip, f.likelyInterface(vip))...)
		if x.Severity == Hint {
			x.Causes = []string{
				"another director has it, and this one is a standby",
				"only clients on the director itself use the service",
				"it has not been added yet",
			}
			add = advise("if no other host has it, and clients are on other hosts: %s", add.CommandLine())
		}
		x.Remedies = []Remedy{add}
		f.explained[s.ServiceKey] = true
		report(x)
	})
}

func vipLinkDown(f *Facts, report func(Finding)) {
	f.eachIdleVIP(func(s *Service, vip netip.Addr) {
		addrs := f.addrs().byAddr[vip]
		isUsable := func(a netstate.Address) bool {
			l := f.link(a.Link)
			// A link without ARP, such as kube-proxy's kube-ipvs0, may be down: its
			// addresses are reached through other links.
			return l.Up && l.LowerUp || !l.NeedsNeigh
		}
		if len(addrs) == 0 || slices.ContainsFunc(addrs, isUsable) {
			return
		}
		l := f.link(addrs[0].Link)
		state := "administratively down"
		remedy := f.localCommand("ip", "link", "set", "dev", l.Name, "up")
		if l.Up {
			state = "without carrier"
			remedy = advise("check the cable of %s and the device at its other end", l.Name)
		}
		x := s.serviceFinding(fmt.Sprintf("%s is on %s, which is %s", vip, l.Name, state), remedy)
		// An address without a subnet (/32, /128), or on a virtual link, may be routed to
		// the director through another link.
		if addrs[0].Prefix.IsSingleIP() || l.Kind == "bridge" || l.Kind == "dummy" {
			x.Severity = Hint
		}
		report(x)
	})
}

func vipOnLo(f *Facts, report func(Finding)) {
	if f.mayBeStandby() {
		return
	}
	reported := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || reported[vip] {
			continue
		}
		usesDR := slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.DirectRouting })
		links := f.linksWithAddr(vip)
		if !usesDR || f.hasLocalServer(s) || len(links) == 0 || slices.ContainsFunc(links, func(l *netstate.Link) bool { return !l.Loopback }) {
			continue
		}
		own, ok := f.subnetOf(vip, 0)
		if !ok || own.Addr().IsLoopback() {
			continue
		}
		reported[vip] = true
		link := f.linksWithAddr(own.Addr())[0].Name
		x := s.serviceFinding(fmt.Sprintf("%s is on lo, but its subnet %s is on %s", vip, own.Masked(), link))
		// With the VIP on that link, the director replies to ARP requests for it, and
		// would take the clients of another director that has it.
		move := f.localCommands(addAddress(vip, link), []string{"ip", "address", "del", hostPrefix(vip), "dev", "lo"})
		x.Remedies = []Remedy{advise("if this director, and no other, should serve the clients on that subnet: %s", move.CommandLine())}
		report(x)
	}
}

// packetsNotSeen reports services whose packets arrive but do not reach IPVS.
func packetsNotSeen(f *Facts, report func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		a := f.Arrivals[s.ServiceKey]
		if a == nil || a.Packets < minUnanswered || s.hasTraffic() || f.explained[s.ServiceKey] || f.sysctlIs(backupOnlyPath, 1) || !s.hasAvailable() {
			continue
		}
		x := s.serviceFinding(fmt.Sprintf("%s for the service arrived on %s in this sample, such as from %s, but IPVS counted none",
			humanize.Count(a.Packets, "packet"), f.link(a.Link).Name, a.Clients[0]),
			advise("list the rules of the director's firewall with nft list ruleset or iptables-save -c, and look for counters that increase"))
		x.Causes = []string{
			"a firewall rule of the director drops or redirects the packets before they reach IPVS",
			"rp_filter drops the packets, because the director's route to the client is missing or uses another interface",
			"the scheduler finds no available server",
		}
		if rule := f.describePossibleDrop(s, a.Clients[0]); rule != "" {
			x.Evidence += "; " + rule
		}
		// A firewall may drop the packets of a single host intentionally.
		if len(a.Clients) == 1 && s.Stats.Conns > 0 {
			x.Severity = Hint
		} else if len(a.Clients) == 1 {
			x.Severity = Warning
		}
		report(x)
	}
}
