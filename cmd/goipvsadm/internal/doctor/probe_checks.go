package doctor

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// probeChecks look at what the network answered with --probe.
var probeChecks = []Check{
	{"address-claimed", Error, "another machine says that it has the virtual address",
		"whom clients reach depends on who answers first",
		addressClaimed},
	{"probe-refused", Error, "the server refuses connections",
		"nothing listens on its port",
		probeRefused},
	{"probe-no-answer", Error, "the server does not answer",
		"it is off, or something on the way drops packets",
		probeNoAnswer},
	{"probe-no-echo", Hint, "the server does not answer an echo request",
		"it is off, or something on the way drops packets; many firewalls drop these",
		probeNoEcho},
}

// probeTime is how long all answers are waited for.
const probeTime = 2 * time.Second

// virtual returns the virtual addresses.
func (f *Facts) virtual() map[netip.Addr]bool {
	virtual := make(map[netip.Addr]bool)
	for i := range f.Services {
		if s := &f.Services[i]; s.Mark == 0 {
			virtual[s.AddrPort.Addr()] = true
		}
	}
	return virtual
}

// questions returns what to ask on the links: who has each virtual address,
// and who the servers are.
func (f *Facts) questions() []netprobe.Query {
	virtual := f.virtual()
	var questions []netprobe.Query
	asked := make(map[int]map[netip.Addr]bool) // by link
	ask := func(l *netstate.Link, addr netip.Addr) {
		if !l.Up || !l.NeedsNeigh || len(l.HardwareAddr) == 0 || asked[l.Index][addr] {
			return
		}
		if asked[l.Index] == nil {
			asked[l.Index] = make(map[netip.Addr]bool)
		}
		asked[l.Index][addr] = true
		questions = append(questions, netprobe.Query{Link: *l, Source: f.source(l.Index, addr, virtual), Addr: addr})
	}
	for addr := range virtual {
		if !f.isLocal(addr) {
			continue // another director may have it
		}
		for _, l := range f.linksWithAddr(addr) {
			ask(l, addr)
		}
		for _, a := range f.Addresses {
			if a.Prefix.Contains(addr) && a.Prefix.Addr() != addr {
				ask(f.link(a.Link), addr)
			}
		}
	}
	// The servers' link addresses tell whose an answer is.
	for i := range f.Services {
		for j := range f.Services[i].Servers {
			addr := f.Services[i].Servers[j].AddrPort.Addr()
			if r, ok := f.Routes[addr]; ok && r.Type == netstate.Unicast && !r.Gateway.IsValid() && asked[r.Link] != nil {
				ask(f.link(r.Link), addr)
			}
		}
	}
	return questions
}

// source returns an address of a link, for one of a server on it, that is no
// virtual one: of the same network, if there is such.
func (f *Facts) source(link int, to netip.Addr, virtual map[netip.Addr]bool) (source netip.Addr) {
	for _, a := range f.Addresses {
		addr := a.Prefix.Addr()
		if a.Link != link || addr.Is4() != to.Is4() || addr.IsLinkLocalUnicast() || virtual[addr] {
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

// targets returns the servers to ask: by a connection where the port is known
// and TCP's, else by an echo request.
func (f *Facts) targets() []netprobe.Target {
	virtual := f.virtual()
	var targets []netprobe.Target
	known := make(map[netprobe.Target]bool)
	f.eachServer(func(s *Service, d *Server) {
		t := target(s, d)
		r, ok := f.routeTo(d)
		if !ok || r.Link == 0 || known[t] {
			return
		}
		known[t] = true
		// Left to itself, the kernel may choose a virtual address.
		t.Source = f.source(r.Link, t.AddrPort.Addr(), virtual)
		targets = append(targets, t)
	})
	return targets
}

func target(s *Service, d *Server) netprobe.Target {
	if s.Protocol == ipvs.TCP && d.AddrPort.Port() != 0 {
		return netprobe.Target{AddrPort: d.AddrPort}
	}
	return netprobe.Target{AddrPort: netip.AddrPortFrom(d.AddrPort.Addr(), 0), ICMP: true}
}

func addressClaimed(f *Facts, found func(Finding)) {
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark != 0 || !f.firstOf(i) {
			continue
		}
		addr := s.AddrPort.Addr()
		for _, a := range f.ARPReplies {
			if a.Addr != addr || f.ownHardware(a.HardwareAddr) {
				continue
			}
			seen := fmt.Sprintf("%s on %s answers for %s", a.HardwareAddr, f.link(a.Link).Name, addr)
			holder, d := f.ownerOf(a)
			if d == nil {
				found(s.serviceFinding(seen, remoteCommand(a.HardwareAddr, "ip address flush to %s", hostPrefix(addr))))
				continue
			}
			do := "ip address flush to " + hostPrefix(addr) + " && " + acceptVIPCommand(addr)
			if addr.Is4() && d.Method != ipvs.Masquerading {
				do = sysctlCommand(1, "net/ipv4/conf/all/arp_ignore") + " && " + sysctlCommand(2, "net/ipv4/conf/all/arp_announce")
			}
			found(Finding{
				Service: &holder.ServiceKey, Server: &d.Destination,
				Evidence: seen + "; so it does for " + d.AddrPort.Addr().String(),
				Remedies: []Remedy{remoteCommand(d.AddrPort.Addr(), "%s", do)},
			})
		}
	}
}

// firstOf reports whether no service before i has its address.
func (f *Facts) firstOf(i int) bool {
	for j := range i {
		if f.Services[j].Mark == 0 && f.Services[j].AddrPort.Addr() == f.Services[i].AddrPort.Addr() {
			return false
		}
	}
	return true
}

func (f *Facts) ownHardware(a net.HardwareAddr) bool {
	for i := range f.Links {
		if bytes.Equal(f.Links[i].HardwareAddr, a) {
			return true
		}
	}
	return false
}

// holder returns the server that has the link address of an answer, and a
// service of it: one of the address in question, if there is one.
func (f *Facts) ownerOf(claim netprobe.Reply) (*Service, *Server) {
	has := make(map[netip.Addr]bool)
	for _, a := range f.ARPReplies {
		if a.Link == claim.Link && bytes.Equal(a.HardwareAddr, claim.HardwareAddr) {
			has[a.Addr] = true
		}
	}
	var service *Service
	var server *Server
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			d := &s.Servers[j]
			if !has[d.AddrPort.Addr()] {
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

// eachReached calls do for each server of which something came out, unless
// its connections say that it is well, or it is known why it is not.
func (f *Facts) eachReached(o netprobe.Outcome, echo bool, do func(s *Service, d *Server, r *netprobe.Result)) {
	results := make(map[netprobe.Target]*netprobe.Result)
	for i := range f.Reached {
		t := f.Reached[i].Target
		t.Source = netip.Addr{}
		results[t] = &f.Reached[i]
	}
	f.eachServer(func(s *Service, d *Server) {
		t := target(s, d)
		r := results[t]
		if r != nil && r.Outcome == o && t.ICMP == echo && !d.established() && !f.isSuppressed(d.AddrPort.Addr()) {
			do(s, d, r)
		}
	})
}

func probeRefused(f *Facts, found func(Finding)) {
	f.eachReached(netprobe.Refused, false, func(s *Service, d *Server, r *netprobe.Result) {
		found(s.serverFinding(d, fmt.Sprintf("a connection to %s was refused after %s", d.AddrPort, short(r.After)), f.drain(s, d), f.remove(s, d)))
	})
}

func probeNoAnswer(f *Facts, found func(Finding)) {
	f.eachReached(netprobe.Silent, false, func(s *Service, d *Server, r *netprobe.Result) {
		found(s.serverFinding(d, fmt.Sprintf("no answer to a connection to %s in %s", d.AddrPort, short(r.After)), f.drain(s, d), f.remove(s, d)))
	})
}

func probeNoEcho(f *Facts, found func(Finding)) {
	f.eachReached(netprobe.Silent, true, func(s *Service, d *Server, r *netprobe.Result) {
		found(s.serverFinding(d, fmt.Sprintf("no answer from %s in %s", d.AddrPort.Addr(), short(r.After)), f.drain(s, d), f.remove(s, d)))
	})
}

// short writes a time in milliseconds.
func short(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
