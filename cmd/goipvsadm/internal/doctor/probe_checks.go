package doctor

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
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
		ID: "probe-refused", Severity: Error, run: probeRefused,
		Title:       "server refuses connections",
		Explanation: "no listener on the server port",
	},
	{
		ID: "probe-no-answer", Severity: Error, run: probeNoAnswer,
		Title:       "server does not reply to a connection attempt",
		Explanation: "host down or packets filtered",
	},
	{
		ID: "probe-no-echo", Severity: Hint, run: probeNoEcho,
		Title:       "server does not reply to an ICMP echo request",
		Explanation: "host down or packets filtered; many firewalls drop echo requests",
	},
}

// probeTime is the time limit for all probes.
const probeTime = 2 * time.Second

// vips returns the virtual addresses of the services.
func (f *Facts) vips() map[netip.Addr]bool {
	vips := make(map[netip.Addr]bool)
	for i := range f.Services {
		if s := &f.Services[i]; s.Mark == 0 {
			vips[s.AddrPort.Addr()] = true
		}
	}
	return vips
}

// arpQueries returns the ARP and neighbor discovery queries to send: for each
// VIP of this director, and for each server on a link of such a VIP.
func (f *Facts) arpQueries() []netprobe.Query {
	vips := f.vips()
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
		queries = append(queries, netprobe.Query{Link: *l, Source: f.probeSource(l.Index, addr, vips), Addr: addr})
	}
	for vip := range vips {
		if !f.isLocal(vip) {
			continue // another director may have it
		}
		for _, l := range f.linksWithAddr(vip) {
			add(l, vip)
		}
		for _, a := range f.Addresses {
			if a.Prefix.Contains(vip) && a.Prefix.Addr() != vip {
				add(f.link(a.Link), vip)
			}
		}
	}
	// The hardware addresses of the servers show which of them replies for a VIP.
	for i := range f.Services {
		for j := range f.Services[i].Servers {
			d := &f.Services[i].Servers[j]
			if r, ok := f.routeTo(d); ok && !r.Gateway.IsValid() && queried[r.Link] != nil {
				add(f.link(r.Link), d.AddrPort.Addr())
			}
		}
	}
	return queries
}

// probeSource returns an address of a link that is not a VIP, preferably on the
// subnet of the probe's destination. A server that has the VIP would reply to
// itself.
func (f *Facts) probeSource(link int, to netip.Addr, vips map[netip.Addr]bool) (source netip.Addr) {
	for _, a := range f.Addresses {
		addr := a.Prefix.Addr()
		if a.Link != link || addr.Is4() != to.Is4() || addr.IsLinkLocalUnicast() || vips[addr] {
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

// probeTargets returns the servers to probe.
func (f *Facts) probeTargets() []netprobe.Target {
	vips := f.vips()
	var targets []netprobe.Target
	added := make(map[netprobe.Target]bool)
	f.eachServer(func(s *Service, d *Server) {
		t := probeTarget(s, d)
		r, ok := f.routeTo(d)
		if !ok || r.Link == 0 || added[t] {
			return
		}
		added[t] = true
		t.Source = f.probeSource(r.Link, t.AddrPort.Addr(), vips)
		targets = append(targets, t)
	})
	return targets
}

// probeTarget returns how to probe a server: by a TCP connection if it has a
// TCP port, and by an ICMP echo request otherwise. The source is not set.
func probeTarget(s *Service, d *Server) netprobe.Target {
	if s.Protocol == ipvs.TCP && d.AddrPort.Port() != 0 {
		return netprobe.Target{AddrPort: d.AddrPort}
	}
	return netprobe.Target{AddrPort: netip.AddrPortFrom(d.AddrPort.Addr(), 0), ICMP: true}
}

func addressClaimed(f *Facts, report func(Finding)) {
	checked := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		vip := s.AddrPort.Addr()
		if s.Mark != 0 || checked[vip] {
			continue
		}
		checked[vip] = true
		for _, r := range f.ARPReplies {
			if r.Addr != vip || f.isOwnHardwareAddr(r.HardwareAddr) {
				continue
			}
			evidence := fmt.Sprintf("%s on %s replies for %s", r.HardwareAddr, f.link(r.Link).Name, vip)
			owner, d := f.ownerOf(r)
			if d == nil {
				report(s.serviceFinding(evidence, remoteCommand(r.HardwareAddr, flushAddress(vip)...)))
				continue
			}
			fix := slices.Concat([][]string{flushAddress(vip)}, acceptVIPCommands(vip))
			if vip.Is4() && d.Method != ipvs.Masquerading {
				fix = hideVIPCommands()
			}
			report(owner.serverFinding(d, fmt.Sprintf("%s and for %s", evidence, d.AddrPort.Addr()),
				remoteCommands(d.AddrPort.Addr(), fix...)))
		}
	}
}

func (f *Facts) isOwnHardwareAddr(a net.HardwareAddr) bool {
	for i := range f.Links {
		if bytes.Equal(f.Links[i].HardwareAddr, a) {
			return true
		}
	}
	return false
}

// ownerOf returns the server whose hardware address is that of a reply for a
// VIP, and one of its services, preferably one with that VIP. The server is nil
// if no server has the hardware address.
func (f *Facts) ownerOf(claim netprobe.Reply) (*Service, *Server) {
	hostAddrs := make(map[netip.Addr]bool) // addresses of the host that sent the reply
	for _, r := range f.ARPReplies {
		if r.Link == claim.Link && bytes.Equal(r.HardwareAddr, claim.HardwareAddr) {
			hostAddrs[r.Addr] = true
		}
	}
	var service *Service
	var server *Server
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			d := &s.Servers[j]
			if !hostAddrs[d.AddrPort.Addr()] {
				continue
			}
			if s.Mark == 0 && s.AddrPort.Addr() == claim.Addr {
				return s, d
			}
			if server == nil {
				service, server = s, d
			}
		}
	}
	return service, server
}

// eachProbed calls do for each server with the given outcome of a TCP or ICMP
// probe. Servers whose connections show that they work are skipped, as are
// servers for which suppress was called.
func (f *Facts) eachProbed(o netprobe.Outcome, icmp bool, do func(s *Service, d *Server, after string)) {
	results := make(map[netprobe.Target]*netprobe.Result)
	for i := range f.ProbeResults {
		t := f.ProbeResults[i].Target
		t.Source = netip.Addr{}
		results[t] = &f.ProbeResults[i]
	}
	f.eachServer(func(s *Service, d *Server) {
		t := probeTarget(s, d)
		r := results[t]
		if r != nil && r.Outcome == o && t.ICMP == icmp && !d.hasEstablished() && !f.isSuppressed(d) {
			do(s, d, formatMilliseconds(r.After))
		}
	})
}

func probeRefused(f *Facts, report func(Finding)) {
	f.eachProbed(netprobe.Refused, false, func(s *Service, d *Server, after string) {
		report(s.serverFinding(d, fmt.Sprintf("connection to %s refused after %s", d.AddrPort, after), f.drain(s, d), f.remove(s, d)))
	})
}

func probeNoAnswer(f *Facts, report func(Finding)) {
	f.eachProbed(netprobe.Silent, false, func(s *Service, d *Server, after string) {
		report(s.serverFinding(d, fmt.Sprintf("no reply from %s after %s", d.AddrPort, after), f.drain(s, d), f.remove(s, d)))
	})
}

func probeNoEcho(f *Facts, report func(Finding)) {
	f.eachProbed(netprobe.Silent, true, func(s *Service, d *Server, after string) {
		report(s.serverFinding(d, fmt.Sprintf("no reply from %s after %s", d.AddrPort.Addr(), after), f.drain(s, d), f.remove(s, d)))
	})
}

func formatMilliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
