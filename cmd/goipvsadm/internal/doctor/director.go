package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// directorChecks look at the director itself: its addresses, its kernel's
// variables, and who else is at work on it.
var directorChecks = []Check{
	{"forwarding-off", Error, "packets are not forwarded",
		"with NAT the director is a router: it drops the servers' answers where it does not forward",
		forwardingOff},
	{"send-redirects", Warning, "servers may be told to answer past the director",
		"where clients and servers share a link, the director's ICMP redirects lead the servers to answer clients directly",
		sendRedirects},
	{"vip-not-local", Error, "the virtual address is not the director's",
		"packets reach IPVS only if the director takes them for its own",
		vipNotLocal},
	{"vip-link-down", Error, "the virtual address is on an interface that is down",
		"nobody finds the address there",
		vipLinkDown},
	{"vip-on-lo", Hint, "the virtual address is on lo alone",
		"its network is on an interface, where neighbours ask for it: for IPv4 it is found only as long as arp_ignore is 0, for IPv6 not at all",
		vipOnLo},
	{"rp-filter", Error, "packets are dropped that come by another way",
		"rp_filter is strict: it drops what comes by an interface that is not the way back to the sender",
		rpFilter},
	{"conn-table-small", Warning, "the connection table has too few buckets",
		"each packet is compared with all connections of its bucket",
		connTableSmall},
	{"conntrack-full", Warning, "netfilter's table of connections is nearly full",
		"once it is full, packets of new connections are dropped",
		conntrackFull},
	{"conntrack-off", Hint, "netfilter does not know the connections of NAT services",
		"it tracks packets, but without net.ipv4.vs.conntrack takes the servers' answers for invalid: rules on states do not fit them",
		conntrackOff},
	{"drop-entry", Warning, "connections are dropped at random",
		"drop_entry removes entries of half-open connections, in defence against floods or want of memory",
		dropEntry},
	{"drop-packet", Warning, "packets are dropped at random",
		"drop_packet drops a part of all packets, in defence against floods or want of memory",
		dropPacket},
	{"secure-tcp", Warning, "connections of TCP have short time-outs",
		"secure_tcp uses another table of states, in defence against floods or want of memory",
		secureTCP},
	{"expire-nodest-conn", Hint, "clients of removed servers wait in vain",
		"their packets are dropped without a word until their connections' time-outs; with expire_nodest_conn they may connect anew at once",
		expireNodestConn},
	{"other-program", Hint, "another program drives the table",
		"what is changed by hand, it may change back",
		otherProgram},
}

func forwardingOff(f *Facts, found func(Finding)) {
	type way struct {
		link   int
		family ipvs.Family
	}
	servers := make(map[way]int)
	var ways []way // in the order in which they were seen
	f.eachServer(func(_ *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Masquerading || f.forwards(r.Link, d.AddrPort.Addr()) {
			return
		}
		w := way{r.Link, ipvs.IPv4}
		if !d.AddrPort.Addr().Is4() {
			w = way{0, ipvs.IPv6} // there is one variable for all links
		}
		if servers[w] == 0 {
			ways = append(ways, w)
		}
		servers[w]++
		f.suppress(d.AddrPort.Addr())
	})
	for _, w := range ways {
		path := "net/ipv4/ip_forward"
		switch {
		case w.family == ipvs.IPv6:
			path = "net/ipv6/conf/all/forwarding"
		case !f.sysctl(path, 0):
			path = linkPath("ipv4", f.link(w.link).Name, "forwarding")
		}
		found(Finding{
			Evidence: fmt.Sprintf("%s is 0; %s with NAT", variable(path), humanize.Count(servers[w], "server")),
			Remedies: []Remedy{f.sysctlRemedy(1, path)},
		})
	}
}

// forwards reports whether what comes by a link is forwarded, as far as is
// known. For IPv4 the link's own variable counts, which ip_forward sets.
func (f *Facts) forwards(link int, addr netip.Addr) bool {
	path := linkPath("ipv4", f.link(link).Name, "forwarding")
	if !addr.Is4() {
		path = "net/ipv6/conf/all/forwarding"
	}
	return !f.sysctl(path, 0)
}

func sendRedirects(f *Facts, found func(Finding)) {
	// With SNAT, which needs this, the servers see the director's address.
	if f.sysctl("net/ipv4/vs/conntrack", 1) {
		return
	}
	seen := make(map[int]bool)
	f.eachServer(func(_ *Service, d *Server) {
		r, ok := f.routeTo(d)
		if !ok || d.Method != ipvs.Masquerading || !d.AddrPort.Addr().Is4() || seen[r.Link] {
			return
		}
		link := f.link(r.Link).Name
		// The answer goes out by the link on which it came.
		back := slices.IndexFunc(d.Conns.Clients, func(a netip.Addr) bool {
			to, ok := f.Routes[a]
			return ok && to.Type == netstate.Unicast && to.Link == r.Link
		})
		if on, _ := f.linkSysctl("send_redirects", link); back < 0 || on == 0 {
			return
		}
		seen[r.Link] = true
		paths := []string{linkPath("ipv4", "all", "send_redirects"), linkPath("ipv4", link, "send_redirects")}
		found(Finding{
			Evidence: fmt.Sprintf("the client %s and the server %s are both reached by %s, where send_redirects is on",
				d.Conns.Clients[back], d.AddrPort.Addr(), link),
			Remedies: []Remedy{f.sysctlRemedy(0, paths...)},
		})
	})
}

// arrives reports whether packets of a service came in between the readings.
func (s *Service) hasTraffic() bool { return s.Counted != nil && s.Counted.InPackets > 0 }

// eachVirtual calls do for each virtual address, with the first of its
// services to which nothing came lately, unless something came to one.
func (f *Facts) eachVirtual(do func(s *Service, addr netip.Addr)) {
	arrives := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		if s.Mark == 0 && s.hasTraffic() {
			arrives[s.AddrPort.Addr()] = true
		}
	}
	for i := range f.Services {
		s := &f.Services[i]
		addr := s.AddrPort.Addr()
		if s.Mark != 0 || addr.IsUnspecified() || arrives[addr] {
			continue
		}
		arrives[addr] = true
		do(s, addr)
	}
}

// standby reports whether the director may be one that waits until another
// fails, without the virtual addresses.
func (f *Facts) isBackupDirector() bool {
	for i := range f.Daemons {
		if f.Daemons[i].State == ipvs.Backup {
			return true
		}
	}
	return f.runs(haDaemons...)
}

// candidate returns the name of the interface on whose network an address
// would be.
func (f *Facts) likelyInterface(addr netip.Addr) string {
	for _, a := range f.Addresses {
		if l := f.link(a.Link); !l.Loopback && a.Prefix.Contains(addr) {
			return l.Name
		}
	}
	// The way to everywhere is the way from everywhere.
	if r, ok := f.Routes[testNetAddr(addr)]; ok && r.Type == netstate.Unicast {
		return f.link(r.Link).Name
	}
	return "lo"
}

// anywhere returns an address that stands for the rest of the world, of the
// family of another: one that is kept for documents.
func testNetAddr(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{203, 0, 113, 77})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 4: 0xff, 15: 77})
}

func vipNotLocal(f *Facts, found func(Finding)) {
	if f.isBackupDirector() {
		return
	}
	f.eachVirtual(func(s *Service, addr netip.Addr) {
		r, ok := f.Routes[addr]
		if !ok || r.Type == netstate.Local || len(f.linksWithAddr(addr)) > 0 {
			return
		}
		found(s.serviceFinding(fmt.Sprintf("%s is on no interface and has no local route", addr),
			f.localCommand("ip address add %s dev %s%s", hostPrefix(addr), f.likelyInterface(addr), nodad(addr))))
	})
}

func vipLinkDown(f *Facts, found func(Finding)) {
	f.eachVirtual(func(s *Service, addr netip.Addr) {
		links := f.linksWithAddr(addr)
		// Nobody looks for an address on a link without ARP, which may be down
		// for that: kube-proxy has one such.
		if len(links) == 0 || slices.ContainsFunc(links, func(l *netstate.Link) bool { return l.Up && l.LowerUp || !l.NeedsNeigh }) {
			return
		}
		l := links[0]
		if l.Up {
			found(s.serviceFinding(fmt.Sprintf("%s is on %s, which has no carrier", addr, l.Name),
				remoteCommand(l.Name, "plug the cable in, or switch the other end on")))
			return
		}
		found(s.serviceFinding(fmt.Sprintf("%s is on %s, which is switched off", addr, l.Name), f.localCommand("ip link set %s up", l.Name)))
	})
}

func vipOnLo(f *Facts, found func(Finding)) {
	known := make(map[netip.Addr]bool)
	for i := range f.Services {
		s := &f.Services[i]
		addr := s.AddrPort.Addr()
		if s.Mark != 0 || known[addr] {
			continue
		}
		routed := slices.IndexFunc(s.Servers, func(d Server) bool { return d.Method == ipvs.DirectRouting })
		links := f.linksWithAddr(addr)
		if routed < 0 || len(links) == 0 || slices.ContainsFunc(links, func(l *netstate.Link) bool { return !l.Loopback }) {
			continue
		}
		own, ok := f.network(0, addr)
		if !ok || own.Addr().IsLoopback() {
			continue
		}
		known[addr] = true
		link := f.linksWithAddr(own.Addr())[0].Name
		found(s.serviceFinding(fmt.Sprintf("%s is on lo, and %s is on %s", addr, own.Masked(), link),
			f.localCommand("ip address add %s dev %s%s && %s", hostPrefix(addr), link, nodad(addr),
				f.localCommand("ip address del %s dev lo", hostPrefix(addr)).Command)))
	}
}

// tunnelKinds are the links out of which packets of clients come.
var tunnelKinds = []string{"ipip", "ip6tnl", "sit", "gre", "fou"}

func rpFilter(f *Facts, found func(Finding)) {
	if f.ReversePath == 0 {
		return
	}
	var links []string
	add := func(l *netstate.Link) {
		strict, _ := f.linkSysctl("rp_filter", l.Name)
		if strict == 1 && l.Up && !l.Loopback && !slices.Contains(links, l.Name) {
			links = append(links, l.Name)
		}
	}
	// Clients come by the link of a virtual address; the way to them may be
	// another.
	away, known := f.Routes[testNetAddr(netip.IPv4Unspecified())]
	for i := range f.Services {
		s := &f.Services[i]
		for _, l := range f.linksWithAddr(s.AddrPort.Addr()) {
			if s.Mark == 0 && known && away.Link != l.Index {
				add(l)
			}
		}
	}
	for i := range f.Links {
		if l := &f.Links[i]; slices.Contains(tunnelKinds, l.Kind) {
			add(l)
		}
	}
	// Answers may come by any link. There is at least one to each packet that
	// asks for a connection; fewer drops are those of others.
	var silent []netip.Addr
	f.eachServer(func(s *Service, d *Server) {
		if d.AddrPort.Addr().Is4() && noReplies(s, d) && d.Counted != nil && f.ReversePath >= d.Counted.InPackets {
			silent = append(silent, d.AddrPort.Addr())
		}
	})
	if len(silent) > 0 {
		for i := range f.Links {
			add(&f.Links[i])
		}
	}
	if len(links) == 0 {
		return
	}
	for _, addr := range silent {
		f.suppress(addr)
	}
	var paths []string
	for _, name := range links {
		paths = append(paths, linkPath("ipv4", name, "rp_filter"))
	}
	found(Finding{
		Evidence: fmt.Sprintf("%s dropped in this reading; strict on %s", humanize.Count(f.ReversePath, "packet"), strings.Join(links, ", ")),
		Remedies: []Remedy{f.sysctlRemedy(2, paths...)},
	})
}

// crowded is how many connections a bucket may have on average.
const maxConnsPerBucket = 8

func connTableSmall(f *Facts, found func(Finding)) {
	var entries uint64
	for i := range f.Services {
		for _, d := range f.Services[i].Servers {
			entries += uint64(d.ActiveConns) + uint64(d.InactiveConns)
		}
	}
	if f.Buckets == 0 || entries <= maxConnsPerBucket*uint64(f.Buckets) {
		return
	}
	bits := 8 // as few as there may be
	for bits < 20 && entries > 1<<bits {
		bits++
	}
	found(Finding{
		Evidence: fmt.Sprintf("%s in %s", humanize.Count(entries, "connection"), humanize.Count(f.Buckets, "bucket")),
		Remedies: []Remedy{
			{Host: "the director, before the module is loaded again",
				Command: fmt.Sprintf("echo options ip_vs conn_tab_bits=%d >/etc/modprobe.d/ip_vs.conf", bits)},
			{Host: "the kernel's command line, if IPVS is built in", Command: fmt.Sprintf("ip_vs.conn_tab_bits=%d", bits)},
		},
	})
}

// inUse reports whether there are services, as far as is known.
func (f *Facts) inUse() bool { return f.TableUnreadable || len(f.Services) > 0 }

func conntrackFull(f *Facts, found func(Finding)) {
	n, limit := f.Sysctls["net/netfilter/nf_conntrack_count"], f.Sysctls["net/netfilter/nf_conntrack_max"]
	if limit == 0 || n < limit/10*9 || !f.inUse() {
		return
	}
	found(Finding{
		Evidence: fmt.Sprintf("%s of %s", humanize.Count(n, "connection"), humanize.Count(limit, "")),
		// Only the first namespace can set it, for all.
		Remedies: []Remedy{{Command: sysctlCommand(max(4*limit, 65536), "net/netfilter/nf_conntrack_max")}},
	})
}

func conntrackOff(f *Facts, found func(Finding)) {
	if f.Invalid == 0 || !f.sysctl("net/ipv4/vs/conntrack", 0) {
		return
	}
	servers := 0
	f.eachServer(func(_ *Service, d *Server) {
		if d.Method == ipvs.Masquerading && d.Counted != nil && d.Counted.InPackets > 0 {
			servers++
		}
	})
	if servers > 0 {
		found(Finding{
			Evidence: fmt.Sprintf("%s in this reading were invalid to netfilter, while %s with NAT had traffic",
				humanize.Count(f.Invalid, "packet"), humanize.Count(servers, "server")),
			Remedies: []Remedy{f.sysctlRemedy(1, "net/ipv4/vs/conntrack")},
		})
	}
}

func dropEntry(f *Facts, found func(Finding))  { checkDefence(f, "drop_entry", found) }
func dropPacket(f *Facts, found func(Finding)) { checkDefence(f, "drop_packet", found) }
func secureTCP(f *Facts, found func(Finding))  { checkDefence(f, "secure_tcp", found) }

// defence looks whether one of the defences is at work: 1 lets the kernel
// switch it on, which makes it 2, and 3 is always on.
func checkDefence(f *Facts, name string, found func(Finding)) {
	path := "net/ipv4/vs/" + name
	seen := ""
	switch f.Sysctls[path] {
	case 2:
		seen = "the kernel has switched it on (2), for memory is short"
	case 3:
		seen = "it is always on (3)"
	default:
		return
	}
	found(Finding{Evidence: variable(path) + ": " + seen, Remedies: []Remedy{f.sysctlRemedy(0, path)}})
}

func expireNodestConn(f *Facts, found func(Finding)) {
	const path = "net/ipv4/vs/expire_nodest_conn"
	if len(f.Orphans) == 0 || !f.sysctl(path, 0) {
		return
	}
	found(Finding{
		Evidence: fmt.Sprintf("%s to servers that are no longer in the table, such as %s of %s",
			humanize.Count(len(f.Orphans), "open connection"), f.Orphans[0].Server, f.Orphans[0].Service),
		Remedies: []Remedy{f.sysctlRemedy(1, path)},
	})
}

// drivers are programs that drive tables, by the names of their processes, and
// where they have their configuration.
var tableManagers = []struct{ name, configuration string }{
	{"keepalived", "/etc/keepalived/keepalived.conf"},
	{"ldirectord", "/etc/ha.d/ldirectord.cf"},
	{"kube-proxy", "the cluster"},
	{"seesaw_engine", "the cluster.pb of Seesaw"},
}

// movers are those that move virtual addresses from one director to another.
var haDaemons = []string{"keepalived", "heartbeat", "corosync", "pacemakerd", "ucarp", "vrrpd", "uvrrpd", "seesaw_ha"}

// watched are the names of all of them.
func watchedProcesses() []string {
	all := slices.Clone(haDaemons)
	for _, d := range tableManagers {
		all = append(all, d.name)
	}
	return all
}

func otherProgram(f *Facts, found func(Finding)) {
	for _, d := range tableManagers {
		// A program and its children: the oldest is the one to speak to.
		i := slices.IndexFunc(f.Processes, func(p netstate.Process) bool { return p.Name == d.name })
		if i < 0 || !f.inUse() {
			continue
		}
		id := f.Processes[i].ID
		found(Finding{
			Evidence: fmt.Sprintf("%s is running, process %d", d.name, id),
			Remedies: []Remedy{
				{Command: fmt.Sprintf("kill -HUP %d", id), Host: "the director, after a change in " + d.configuration},
				{Command: fmt.Sprintf("kill %d", id), Host: "the director, to drive the table by hand"},
			},
		})
	}
}
