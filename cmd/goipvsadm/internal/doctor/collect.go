package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// interval is the time between two readings. The kernel brings its counters up
// to date every other second, all at once in most versions.
const interval = 2200 * time.Millisecond

// sampled is how many connections are looked at. The kernel walks its table
// anew for every page that is read of it, so that all of a large one take
// minutes; they lie in no order, and the first are like the rest.
const maxSampledConns = 20000

// clientsKept is how many clients of a server are kept.
const clientsKept = 4

// A Gatherer gathers facts.
type Gatherer struct {
	Program string
	NetNS   string                   // as --netns has it
	Inside  func(func() error) error // calls a function in that namespace
	Client  *ipvs.Client             // nil if there is no IPVS to be had
	NoIPVS  string                   // the reason for that
	Info    ipvs.Info

	// Service is the only service to look at; nil stands for all.
	Service *ipvs.ServiceKey
	Probe   bool

	// Reason puts an error of the kernel into words.
	Reason func(error) string

	wait func() // for the time between two readings, in tests
}

// Gather gathers facts: it reads, waits, and reads again. What cannot be read
// is among the Missing; the error is that of a Service that does not exist.
func (g *Gatherer) Gather() (*Facts, error) {
	f := &Facts{Program: g.Program, NetNS: g.NetNS, Probed: g.Probe, Sysctls: make(map[string]int), Buckets: g.Info.ConnTableSize}
	first, err := g.table(f)
	if err != nil {
		return nil, err
	}
	waiting := g.sample(f, first, nil)
	var reversePath, invalid [2]uint64
	before := g.neighbours(f)
	g.counters(f, &reversePath[0], &invalid[0])

	start := time.Now()
	var asking sync.WaitGroup
	var unasked []error
	if g.Probe {
		around := &Facts{Services: first}
		g.collectHost(f, around)
		asking.Go(func() { unasked = g.probeNetwork(f, around) })
	}
	if len(first) > 0 {
		g.pause()
	}
	asking.Wait()

	f.Missing, f.TableUnreadable = nil, false // the second reading says it again
	for _, err := range unasked {
		f.noteUnavailable("the network", err.Error())
	}
	if f.Services, err = g.table(f); err != nil {
		return nil, err
	}
	if len(first) > 0 {
		f.Elapsed = time.Since(start)
	}
	compare(first, f.Services)
	g.sample(f, f.Services, waiting)
	g.daemons(f)
	g.collectHost(f, f)
	g.counters(f, &reversePath[1], &invalid[1])
	f.NeighboursBefore = before
	f.ReversePath, f.Invalid = counterDelta(reversePath), counterDelta(invalid)
	return f, nil
}

func (g *Gatherer) pause() {
	if g.wait != nil {
		g.wait()
		return
	}
	time.Sleep(interval)
}

// rise returns by how much a counter rose, which may have been set to zero.
func counterDelta(n [2]uint64) uint64 {
	if n[1] < n[0] {
		return 0
	}
	return n[1] - n[0]
}

// miss notes what could not be looked at, once.
func (f *Facts) noteUnavailable(what, reason string) {
	for _, m := range f.Missing {
		if m.What == what {
			return
		}
	}
	f.Missing = append(f.Missing, Unavailable{what, reason})
}

// table reads the services with their servers, in the order of listings.
func (g *Gatherer) table(f *Facts) ([]Service, error) {
	if g.Client == nil {
		f.noteUnavailable("the table", g.NoIPVS)
		f.TableUnreadable = true
		return nil, nil
	}
	var services []ipvs.Service
	var err error
	if g.Service != nil {
		var s ipvs.Service
		s, err = g.Client.Service(*g.Service)
		services = append(services, s)
	} else {
		services, err = g.Client.Services()
	}
	if errors.Is(err, ipvs.ErrNoService) {
		return nil, err
	}
	if err != nil {
		f.noteUnavailable("the table", g.Reason(err))
		f.TableUnreadable = true
		return nil, nil
	}
	tablefmt.SortServices(services)
	table := make([]Service, 0, len(services))
	var destinations []ipvs.Destination
	for i := range services {
		s := Service{Service: services[i]}
		if destinations, err = g.Client.AppendDestinations(destinations[:0], s.ServiceKey); err != nil {
			f.noteUnavailable("servers", g.Reason(err))
			return table, nil
		}
		tablefmt.SortDestinations(destinations)
		s.Servers = make([]Server, len(destinations))
		for j := range destinations {
			s.Servers[j].Destination = destinations[j]
		}
		table = append(table, s)
	}
	return table, nil
}

// compare fills in what was counted between two readings.
func compare(before, after []Service) {
	type key struct {
		service ipvs.ServiceKey
		server  netip.AddrPort
	}
	old := make(map[key]*ipvs.Stats)
	for i := range before {
		s := &before[i]
		old[key{service: s.ServiceKey}] = &s.Stats
		for j := range s.Servers {
			old[key{s.ServiceKey, s.Servers[j].AddrPort}] = &s.Servers[j].Stats
		}
	}
	for i := range after {
		s := &after[i]
		s.Counted = statsDelta(old[key{service: s.ServiceKey}], &s.Stats)
		for j := range s.Servers {
			d := &s.Servers[j]
			d.Counted = statsDelta(old[key{s.ServiceKey, d.AddrPort}], &d.Stats)
		}
	}
}

// between returns what was counted, or nil if the counters have been set to
// zero, or are of something that was not there.
func statsDelta(before, after *ipvs.Stats) *ipvs.Stats {
	if before == nil {
		return nil
	}
	if d, ok := after.Since(*before); ok {
		return &d
	}
	return nil
}

// A waiter is a connection in SYN_RECV.
type synRecvConn struct {
	protocol        ipvs.Protocol
	client, virtual netip.AddrPort
}

// sample looks at the first connections, and puts what it sees with the
// servers. It returns those that wait for an answer; before are those that did
// so at the reading before.
func (g *Gatherer) sample(f *Facts, services []Service, before map[synRecvConn]bool) map[synRecvConn]bool {
	if g.Client == nil || len(services) == 0 {
		return nil
	}
	ix := newIndex(services)
	waiters := make(map[synRecvConn]bool)
	f.Connections, f.All, f.Orphans = 0, true, nil
	for c, err := range g.Client.Connections() {
		if err != nil {
			reason := err.Error()
			if file := new(fs.PathError); errors.As(err, &file) {
				reason = file.Error()
			}
			f.noteUnavailable("connections", reason)
			break
		}
		if f.Connections == maxSampledConns {
			f.All = false
			break
		}
		f.Connections++
		if c.Client.Port() == 0 {
			continue // a template
		}
		d, s := ix.find(&c)
		if d == nil {
			if s != nil && c.State == "ESTABLISHED" {
				f.Orphans = append(f.Orphans, Orphan{s.ServiceKey, c.Destination})
			}
			continue
		}
		d.Conns.Total++
		d.Conns.Virtual = c.VIP.Addr()
		if len(d.Conns.Clients) < clientsKept {
			d.Conns.Clients = append(d.Conns.Clients, c.Client.Addr())
		}
		switch c.State {
		case "SYN_RECV":
			d.Conns.SynRecv++
			w := synRecvConn{c.Protocol, c.Client, c.VIP}
			waiters[w] = true
			if before[w] {
				d.Conns.StuckSynRecv++
			}
		case "ESTABLISHED", "FIN_WAIT", "TIME_WAIT", "CLOSE_WAIT", "LAST_ACK":
			d.Conns.Established++
		}
	}
	for i := range services {
		for j := range services[i].Servers {
			services[i].Servers[j].Conns.Partial = !f.All
		}
	}
	return waiters
}

// An index finds the server of a connection.
type index struct {
	services map[ipvs.ServiceKey]*Service
	servers  map[ipvs.DestinationKey]*Server
	byFwmark map[netip.AddrPort]*Server // of services of marks
}

func newIndex(services []Service) *index {
	ix := &index{make(map[ipvs.ServiceKey]*Service), make(map[ipvs.DestinationKey]*Server), make(map[netip.AddrPort]*Server)}
	for i := range services {
		s := &services[i]
		ix.services[s.ServiceKey] = s
		for j := range s.Servers {
			d := &s.Servers[j]
			ix.servers[ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}] = d
			if s.Mark != 0 {
				ix.byFwmark[d.AddrPort] = d
			}
		}
	}
	return ix
}

// find returns the server of a connection; or the service alone, if there is
// one for the address and it has no such server. Connections do not tell their
// mark: those of a mark are told by the server.
func (ix *index) find(c *ipvs.Connection) (*Server, *Service) {
	anyPort := netip.AddrPortFrom(c.Destination.Addr(), 0)
	for _, d := range []*Server{ix.byFwmark[c.Destination], ix.byFwmark[anyPort]} {
		if d != nil && ix.services[ipvs.AddrKey(c.Protocol, c.VIP)] == nil {
			return d, nil
		}
	}
	for _, virtual := range []netip.AddrPort{c.VIP, netip.AddrPortFrom(c.VIP.Addr(), 0)} {
		key := ipvs.AddrKey(c.Protocol, virtual)
		s := ix.services[key]
		if s == nil {
			continue
		}
		for _, server := range []netip.AddrPort{c.Destination, anyPort} {
			if d := ix.servers[ipvs.DestinationKey{Service: key, AddrPort: server}]; d != nil {
				return d, s
			}
		}
		return nil, s
	}
	return nil, nil
}

func (g *Gatherer) daemons(f *Facts) {
	if g.Client == nil {
		return
	}
	var err error
	if f.Daemons, err = g.Client.Daemons(); err != nil {
		f.noteUnavailable("synchronisation daemons", g.Reason(err))
	}
}

// inside calls read in the namespace, with a connection to the kernel's
// network.
func (g *Gatherer) inside(f *Facts, what string, read func(*netstate.Conn) error) {
	err := g.Inside(func() error {
		c, err := netstate.Dial()
		if err != nil {
			return err
		}
		defer c.Close()
		return read(c)
	})
	if err != nil {
		f.noteUnavailable(what, err.Error())
	}
}

func (g *Gatherer) neighbours(f *Facts) Neighbours {
	table := make(Neighbours)
	g.inside(f, "neighbours", func(c *netstate.Conn) error {
		all, err := c.Neighbors()
		for _, n := range all {
			table[neighbourKey{n.Link, n.Addr}] = n.State
		}
		return err
	})
	return table
}

// counters reads the counters of which two readings are compared. Those that
// are not there have never counted.
func (g *Gatherer) counters(f *Facts, reversePath, invalid *uint64) {
	err := g.Inside(func() error {
		for _, c := range []struct {
			n    *uint64
			read func() (uint64, error)
		}{{reversePath, netstate.ReversePathDrops}, {invalid, netstate.ConntrackInvalid}} {
			n, err := c.read()
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			*c.n = n
		}
		return nil
	})
	if err != nil {
		f.noteUnavailable("counters of dropped packets", err.Error())
	}
}

// look fills in what is around the services of to, and tells f what could not
// be looked at.
func (g *Gatherer) collectHost(f, to *Facts) {
	g.inside(f, "links and addresses", func(c *netstate.Conn) (err error) {
		if to.Links, err = c.Links(); err != nil {
			return err
		}
		to.Addresses, err = c.Addresses()
		return err
	})
	to.Neighbours = g.neighbours(f)
	g.inside(f, "routes", func(c *netstate.Conn) (err error) {
		to.Routes, err = routes(c, to)
		return err
	})
	g.inside(f, "kernel variables", func(*netstate.Conn) error { return g.sysctls(f, to) })
	g.inside(f, "processes", func(*netstate.Conn) (err error) {
		to.Processes, err = netstate.Processes(watchedProcesses()...)
		return err
	})
	to.Memory, _ = netstate.TotalMemory()
	local := false
	to.eachServer(func(_ *Service, d *Server) { local = local || to.isLocal(d.AddrPort.Addr()) })
	if local {
		g.inside(f, "listening sockets", func(*netstate.Conn) (err error) {
			to.Listening, err = netstate.ListeningSockets()
			to.Listened = err == nil
			return err
		})
	}
}

// routes returns the routes to all addresses that checks ask for.
func routes(c *netstate.Conn, f *Facts) (map[netip.Addr]netstate.Route, error) {
	all := make(map[netip.Addr]netstate.Route)
	add := func(addr netip.Addr) error {
		if _, ok := all[addr]; ok || !addr.IsValid() {
			return nil
		}
		r, err := c.Route(addr, 0)
		if err == nil {
			all[addr] = r
		}
		return err
	}
	for i := range f.Services {
		s := &f.Services[i]
		addresses := []netip.Addr{s.AddrPort.Addr()}
		for j := range s.Servers {
			d := &s.Servers[j]
			addresses = append(addresses, d.AddrPort.Addr(), testNetAddr(d.AddrPort.Addr()))
			addresses = append(addresses, d.Conns.Clients...)
		}
		for _, addr := range addresses {
			if err := add(addr); err != nil {
				return all, err
			}
		}
	}
	return all, marks(c, f, all)
}

// marks looks again for virtual addresses that are not the director's: what
// comes to them may have a mark with which they are.
func marks(c *netstate.Conn, f *Facts, all map[netip.Addr]netstate.Route) error {
	var marks []uint32
	for i := range f.Services {
		addr := f.Services[i].AddrPort.Addr()
		if r, ok := all[addr]; !ok || r.Type == netstate.Local {
			continue
		}
		if marks == nil {
			var err error
			if marks, err = c.RuleFwmarks(); err != nil || len(marks) == 0 {
				return err
			}
		}
		for _, mark := range marks {
			r, err := c.Route(addr, mark)
			if err != nil {
				return err
			}
			if r.Type == netstate.Local {
				all[addr] = r
			}
		}
	}
	return nil
}

// The kernel variables that checks ask for.
var (
	// ipvsVariables are there wherever IPVS is.
	ipvsVariables = []string{
		"conntrack", "drop_entry", "drop_packet", "expire_nodest_conn", "expire_quiescent_template", "pmtu_disc", "secure_tcp",
	}
	// otherVariables are those that may be missing without anything wrong.
	otherVariables = []string{
		"net/ipv6/conf/all/forwarding", "net/netfilter/nf_conntrack_count", "net/netfilter/nf_conntrack_max",
	}
	// linkVariables are those of IPv4 that each link has.
	linkVariables = []string{"forwarding", "rp_filter", "send_redirects"}
)

// sysctls reads kernel variables.
func (g *Gatherer) sysctls(f, to *Facts) error {
	to.Sysctls = make(map[string]int)
	read := func(path string) error {
		n, err := netstate.Sysctl(path)
		if err == nil {
			to.Sysctls[path] = n
		}
		return err
	}
	var missing []string
	var reason error
	need := func(path string) {
		if err := read(path); err != nil {
			missing = append(missing, variable(path))
			reason = err
		}
	}
	need("net/ipv4/ip_forward")
	for _, name := range ipvsVariables {
		if path := "net/ipv4/vs/" + name; g.Client != nil {
			need(path)
		} else {
			_ = read(path) // where there is no IPVS, there is none
		}
	}
	for _, path := range otherVariables {
		if err := read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range linkVariables {
		need(linkPath("ipv4", "all", name))
		for i := range to.Links {
			// A link may have gone since, and one with a small MTU has no IPv4.
			_ = read(linkPath("ipv4", to.Links[i].Name, name))
		}
	}
	if len(missing) > 0 {
		if path := new(fs.PathError); errors.As(reason, &path) {
			reason = path.Err
		}
		more := ""
		if len(missing) > 1 {
			more = fmt.Sprintf(" and %d more", len(missing)-1)
		}
		f.noteUnavailable("the kernel variable "+missing[0]+more, reason.Error())
	}
	return nil
}

// ask asks the network, and returns what kept it from that.
func (g *Gatherer) probeNetwork(f, around *Facts) []error {
	var wg sync.WaitGroup
	var claims, reached error
	wg.Go(func() {
		claims = g.Inside(func() (err error) {
			f.ARPReplies, err = netprobe.WhoHas(around.questions(), probeTime)
			return err
		})
	})
	wg.Go(func() {
		reached = g.Inside(func() (err error) {
			f.Reached, err = netprobe.ProbeServers(around.targets(), probeTime)
			return err
		})
	})
	wg.Wait()
	return slices.DeleteFunc([]error{claims, reached}, func(err error) bool { return err == nil })
}
