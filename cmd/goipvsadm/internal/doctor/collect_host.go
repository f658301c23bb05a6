// SPDX-License-Identifier: MIT

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// collectHost reads the facts about the director that concern the services of f, and
// stores them in f.
func (c *Collector) collectHost(f *Facts) {
	c.readLinks(f)
	c.readNetlink(f, "routes", func(conn *netstate.Conn) (err error) {
		if f.Routes, err = readRoutes(conn, f.Services); err != nil {
			return err
		}
		f.MaybeLocal, err = readMaybeLocal(conn, f)
		return err
	})
	c.read(f, "sysctls", func() error { return c.readSysctls(f) })
	c.read(f, "processes", func() (err error) {
		f.Processes, err = netstate.Processes(watchedProcesses()...)
		return err
	})
	f.Memory, _ = netstate.TotalMemory()
	if hasMarks(f.Services) {
		c.readNetlink(f, "queueing disciplines", func(conn *netstate.Conn) (err error) {
			f.HasIngressFilter, err = conn.HasIngressQdisc()
			return err
		})
	}
	needsListening := hasMarks(f.Services) || len(f.UnmatchedTargets) > 0
	f.eachServer(func(_ *Service, d *Server) { needsListening = needsListening || f.isLocal(d.AddrPort.Addr()) })
	if needsListening {
		c.read(f, "listening sockets", func() (err error) {
			f.Listening, err = netstate.ListeningSockets()
			f.ListeningRead = err == nil
			return err
		})
	}
}

// readLinks reads the links and addresses.
func (c *Collector) readLinks(f *Facts) {
	c.readNetlink(f, "links and addresses", func(conn *netstate.Conn) (err error) {
		if f.Links, err = conn.Links(); err != nil {
			return err
		}
		f.Addresses, err = conn.Addresses()
		return err
	})
}

// readRoutes looks up the routes to all addresses that checks use.
func readRoutes(conn *netstate.Conn, services []Service) (map[netip.Addr]netstate.Route, error) {
	routes := make(map[netip.Addr]netstate.Route)
	add := func(addr netip.Addr) error {
		if _, ok := routes[addr]; ok || !addr.IsValid() {
			return nil
		}
		r, err := conn.Route(addr)
		if err == nil {
			routes[addr] = r
		}
		return err
	}
	for i := range services {
		s := &services[i]
		addresses := []netip.Addr{s.AddrPort.Addr()}
		for j := range s.Servers {
			d := &s.Servers[j]
			addresses = append(addresses, d.AddrPort.Addr(), internetAddr(d.AddrPort.Addr()))
			addresses = append(addresses, d.Conns.Clients...)
			addresses = append(addresses, d.Conns.StuckClients...)
		}
		for _, addr := range addresses {
			if err := add(addr); err != nil {
				return routes, err
			}
		}
		for j := range s.Servers {
			findReplyRoutes(conn, routes, &s.Servers[j])
		}
	}
	return routes, nil
}

// findReplyRoutes looks up the routes of a server's replies to those clients to which
// the director itself has no route.
func findReplyRoutes(conn *netstate.Conn, routes map[netip.Addr]netstate.Route, d *Server) {
	to := routes[d.AddrPort.Addr()]
	if d.Method != ipvs.Masquerading || to.Type != netstate.Unicast {
		return
	}
	for _, client := range slices.Concat(d.Conns.Clients, d.Conns.StuckClients) {
		if r := routes[client]; r.Type == netstate.Unicast || r.Type == netstate.Local {
			continue
		}
		if r, ok := conn.ForwardRoute(client, d.AddrPort.Addr(), to.Link); ok {
			routes[client] = r
		}
	}
}

// readMaybeLocal returns the VIPs whose route is not local, but which have a
// local route in a table that routing rules may select.
func readMaybeLocal(conn *netstate.Conn, f *Facts) (map[netip.Addr]bool, error) {
	maybeLocal := make(map[netip.Addr]bool)
	for i := range f.Services {
		vip := f.Services[i].AddrPort.Addr()
		if r, ok := f.Routes[vip]; !ok || r.Type == netstate.Local {
			continue
		}
		local, err := conn.MayBeLocal(vip)
		if err != nil {
			return nil, err
		}
		if local {
			maybeLocal[vip] = true
		}
	}
	return maybeLocal, nil
}

// The sysctls that checks use.
var (
	// ipvsSysctls exist wherever IPVS is available.
	ipvsSysctls = []string{
		"conntrack", "drop_entry", "drop_packet", "expire_nodest_conn", "expire_quiescent_template", "pmtu_disc", "secure_tcp",
	}
	// optionalSysctls do not exist on all kernels.
	optionalSysctls = []string{
		"net/ipv4/vs/run_estimation", backupOnlyPath, connReusePath,
		"net/ipv6/conf/all/forwarding", "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max",
	}
	// linkSysctls exist for each link with IPv4.
	linkSysctls = []string{"arp_ignore", "forwarding", "rp_filter", "send_redirects"}
)

// readSysctls reads the sysctls.
func (c *Collector) readSysctls(f *Facts) error {
	f.Sysctls = make(map[string]int)
	read := func(path string) error {
		n, err := netstate.Sysctl(path)
		if err == nil {
			f.Sysctls[path] = n
		}
		return err
	}
	var missing []string
	var reason error
	require := func(path string) {
		if err := read(path); err != nil {
			missing = append(missing, sysctlName(path))
			reason = err
		}
	}
	require("net/ipv4/ip_forward")
	for _, name := range ipvsSysctls {
		if path := "net/ipv4/vs/" + name; c.Client != nil {
			require(path)
		} else {
			_ = read(path) // missing without IPVS
		}
	}
	for _, path := range optionalSysctls {
		if err := read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range linkSysctls {
		require(linkSysctlPath("all", name))
		for i := range f.Links {
			// Missing if the link has been removed, or if its MTU is too small for IPv4.
			_ = read(linkSysctlPath(f.Links[i].Name, name))
		}
	}
	for i := range f.Links {
		_ = read(acceptRASysctl(f.Links[i].Name)) // missing without IPv6
	}
	if len(missing) > 0 {
		if path := new(fs.PathError); errors.As(reason, &path) {
			reason = path.Err
		}
		more := ""
		if len(missing) > 1 {
			more = fmt.Sprintf(" and %d more", len(missing)-1)
		}
		f.noteUnavailable("sysctl "+missing[0]+more, reason.Error())
	}
	return nil
}
