package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// eachIdleVIP calls do for each VIP whose services received no packets between
// the samples, with the first of these services.
func (f *Facts) eachIdleVIP(do func(s *Service, vip netip.Addr)) {
	skip := make(map[netip.Addr]bool) // VIPs that have traffic or are done
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

// isBackupDirector reports whether the director may be a standby, which has no
// VIP until it takes over.
func (f *Facts) isBackupDirector() bool {
	return f.isRunning(haDaemons...) ||
		slices.ContainsFunc(f.Daemons, func(d ipvs.Daemon) bool { return d.State == ipvs.Backup })
}

// likelyInterface returns the name of the interface that an address most likely
// belongs on.
func (f *Facts) likelyInterface(addr netip.Addr) string {
	for _, a := range f.Addresses {
		if l := f.link(a.Link); !l.Loopback && a.Prefix.Contains(addr) {
			return l.Name
		}
	}
	// Assume symmetric routing.
	if r, ok := f.Routes[testNetAddr(addr)]; ok && r.Type == netstate.Unicast {
		return f.link(r.Link).Name
	}
	return "lo"
}

// testNetAddr returns an address that stands for the Internet in route lookups,
// of the same family as another. It is reserved for documentation (RFC 5737,
// RFC 3849).
func testNetAddr(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{203, 0, 113, 77})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 4: 0xff, 15: 77})
}

func vipNotLocal(f *Facts, report func(Finding)) {
	if f.isBackupDirector() {
		return
	}
	f.eachIdleVIP(func(s *Service, vip netip.Addr) {
		r, ok := f.Routes[vip]
		if !ok || r.Type == netstate.Local || len(f.linksWithAddr(vip)) > 0 {
			return
		}
		report(s.serviceFinding(fmt.Sprintf("%s is on no interface and has no local route", vip),
			f.localCommand(addAddress(vip, f.likelyInterface(vip))...)))
	})
}

func vipLinkDown(f *Facts, report func(Finding)) {
	f.eachIdleVIP(func(s *Service, vip netip.Addr) {
		links := f.linksWithAddr(vip)
		// An address on a link without ARP is not resolved there, so the link may
		// be down, as kube-proxy's kube-ipvs0 is.
		if len(links) == 0 || slices.ContainsFunc(links, func(l *netstate.Link) bool { return l.Up && l.LowerUp || !l.NeedsNeigh }) {
			return
		}
		l := links[0]
		if l.Up {
			report(s.serviceFinding(fmt.Sprintf("%s is on %s, which has no carrier", vip, l.Name),
				advise("check the cable of %s and the device at its other end", l.Name)))
			return
		}
		report(s.serviceFinding(fmt.Sprintf("%s is on %s, which is administratively down", vip, l.Name),
			f.localCommand("ip", "link", "set", "dev", l.Name, "up")))
	})
}

func vipOnLo(f *Facts, report func(Finding)) {
	reported := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || reported[vip] {
			continue
		}
		usesDR := slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.DirectRouting })
		links := f.linksWithAddr(vip)
		if !usesDR || len(links) == 0 || slices.ContainsFunc(links, func(l *netstate.Link) bool { return !l.Loopback }) {
			continue
		}
		own, ok := f.subnetOf(vip, 0)
		if !ok || own.Addr().IsLoopback() {
			continue
		}
		reported[vip] = true
		link := f.linksWithAddr(own.Addr())[0].Name
		report(s.serviceFinding(fmt.Sprintf("%s is on lo, but its subnet %s is on %s", vip, own.Masked(), link),
			f.localCommands(addAddress(vip, link), []string{"ip", "address", "del", hostPrefix(vip), "dev", "lo"})))
	}
}
