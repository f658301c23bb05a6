// SPDX-License-Identifier: MIT

package doctor

import (
	"cmp"
	"iter"
	"net"
	"net/netip"
	"slices"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// Facts are the input of the checks. Facts that could not be read are zero, and
// checks must treat zero as unknown.
type Facts struct {
	Program string // name of this program, for remedies
	NetNS   string // network namespace as given to --netns; "" for the caller's

	RulesOnly    bool                           // whether Services are rules that have not been applied
	IgnoredPorts map[ipvs.DestinationKey]uint16 // see Rules

	Services        []Service
	TableUnreadable bool
	Elapsed         time.Duration // time between the two samples; 0 if only one was taken
	ConnTableSize   uint32        // number of hash buckets of the connection table
	Connections     int           // number of connections read
	AllConnections  bool          // whether the connection table was read to its end
	Orphans         []Orphan
	OrphanPackets   int                                // captured packets that belong to Orphans
	WorkingClients  map[netip.Addr][]*ipvs.Destination // clients with connections past the handshake, and up to two of their servers
	Completing      map[ClientServer]bool              // for each client and server: whether a connection has completed its handshake between the samples
	Resets          map[connKey]bool                   // TCP connections that clients have reset between the samples
	Daemons         []ipvs.Daemon

	Links            []netstate.Link
	Addresses        []netstate.Address
	NeighborsBefore  Neighbors // at the first sample
	Neighbors        Neighbors // at the second sample
	Routes           map[netip.Addr]netstate.Route
	MaybeLocal       map[netip.Addr]bool           // VIPs that are local only in a table that routing rules may select
	Arrivals         map[ipvs.ServiceKey]*Arrivals // nil if arriving packets could not be captured
	ARPRequests      map[netip.Addr]int            // by requested address: the largest number of requests from one host between the samples
	Replies          map[Endpoint]int              // number of captured UDP and SCTP packets, by the endpoint of a server that sent them
	Rejections       map[Endpoint]*Rejection       // captured rejections, by the endpoint of a server to which the packets were sent
	TooBigSent       int                           // ICMP messages in which the director reported that packets to services are too big
	UnmatchedTargets []UnmatchedTarget
	Sysctls          map[string]int     // by path below /proc/sys
	Listening        []netstate.Socket  // read only if a check needs it; see collectHost
	ListeningRead    bool               // whether Listening has been read
	Processes        []netstate.Process // programs that manage tables or move VIPs
	Memory           uint64             // size of the RAM in bytes

	Firewall           *netstate.Firewall               // rules, with the packets counted between the two samples; nil if unknown
	FirewallIncomplete bool                             // whether some rules could not be read
	HasIngressFilter   bool                             // whether tc may mark received packets; read only if there are fwmark services
	HardwareAddrs      map[neighborKey]net.HardwareAddr // hardware addresses of neighbors
	SyncMessages       []netprobe.SyncMessage           // captured between the two samples
	Advertisements     []netprobe.Advertisement         // captured between the two samples
	HasVRRP            bool                             // whether a program sends or receives VRRP advertisements
	AdvertisedDefaults []string                         // links with an IPv6 default route from a router advertisement
	HasFTPHelper       bool                             // whether ip_vs_ftp is loaded
	Timeouts           ipvs.Timeouts                    // zero if unknown
	UnmatchedConns     []netip.AddrPort                 // VIPs and ports of synchronized connections that match no service; read only with a backup daemon
	Paths              map[*ipvs.Destination]PathResult // path probes of servers that do not reply to their clients

	// Packets counted between the two samples.
	Counters         netstate.Counters
	ReversePathDrops uint64 // dropped by rp_filter
	ConntrackInvalid uint64 // classified as INVALID by netfilter

	// Results of probes.
	Probed       bool
	ARPReplies   []netprobe.Reply // includes neighbor advertisements
	ARPProbed    bool             // whether the ARP probes succeeded, so that an address without a reply is on no host
	ProbeResults []netprobe.Result
	VIPOutcomes  map[ipvs.DestinationKey]netprobe.Outcome // outcomes of connection attempts to VIPs at servers with direct routing
	Datagrams    map[*ipvs.Destination]netprobe.PathReply // replies of UDP and SCTP servers; a silent port may be normal for the protocol

	Unavailable []Unavailable

	index             *addrIndex                   // see addrs
	explained         map[ipvs.ServiceKey]bool     // services whose missing packets a check has explained
	current           *Check                       // the check that is running
	suppressedHosts   map[netip.Addr]*Check        // see suppressHost
	suppressedServers map[*ipvs.Destination]*Check // see suppressServer
}

// suppressHost records that the running check has found why all ports of a server are
// silent. Later checks then do not report that they are.
func (f *Facts) suppressHost(server netip.Addr) {
	if f.suppressedHosts[server] == nil {
		f.suppressedHosts[server] = f.current
	}
}

// suppressServer is like suppressHost, but only for a server of one service.
func (f *Facts) suppressServer(d *ipvs.Destination) {
	if f.suppressedServers[d] == nil {
		f.suppressedServers[d] = f.current
	}
}

// isSuppressed reports whether an earlier check has found why a server is
// silent.
func (f *Facts) isSuppressed(d *Server) bool {
	for _, c := range []*Check{f.suppressedHosts[d.AddrPort.Addr()], f.suppressedServers[&d.Destination]} {
		if c != nil && c != f.current {
			return true
		}
	}
	return false
}

// Unavailable describes facts that could not be read.
type Unavailable struct {
	What, Reason string
	Optional     bool // the report is complete without them
}

// Neighbors are the states of neighbor entries.
type Neighbors map[neighborKey]netstate.NeighborState

type neighborKey struct {
	link int // link index
	addr netip.Addr
}

// A Service is a virtual service with its servers.
type Service struct {
	ipvs.Service
	Delta   *ipvs.Stats // counted between the two samples; nil if unknown
	Servers []Server
}

// A Server is a server of a service.
type Server struct {
	ipvs.Destination
	Delta *ipvs.Stats // counted between the two samples; nil if unknown
	Conns Conns
}

// Conns summarizes the connections to a server in a sample, including idle ones.
type Conns struct {
	Total        int
	FromDirector int            // from an address of the director itself
	SynRecv      int            // in SYN_RECV, or in INIT1 or INIT of SCTP
	Established  int            // past the handshake and not reset
	New          int            // not in the first sample; without FromDirector
	Refreshed    int            // UDP connections with packets between the samples
	Completed    int            // completed the handshake, or were reset by the client after a reply, between the samples
	StuckSynRecv int            // in the handshake for longer than a server takes to reply (TCP: in both samples); without FromDirector
	Open         int            // in ESTABLISHED
	Reused       int            // in the handshake now, but past it in the first sample: the client reuses its port
	StuckClients []netip.Addr   // up to maxClients clients of StuckSynRecv
	NewClients   []netip.Addr   // up to maxClients clients of New
	Clients      []netip.Addr   // up to maxClients clients
	VIP          netip.AddrPort // virtual address and port of one of the connections
	Partial      bool           // the connection table was not read to its end
}

// minSampledConns is the number of connections to a server that must have been
// read to judge the server, if the connection table was not read to its end.
const minSampledConns = 10

// completes reports whether a connection to the server has, or may have,
// completed its handshake between the samples. ActiveConns is no evidence: it
// includes connections in SYN_RECV.
func (d *Server) completes() bool {
	return d.Conns.Completed > 0 || d.Conns.Partial && d.Conns.Total < minSampledConns
}

// completes reports whether a connection to any server of the service has, or
// may have, completed its handshake between the samples.
func (s *Service) completes() bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return d.completes() })
}

// hasTraffic reports whether the service received packets between the samples.
// New and refreshed connections are evidence as well: counters are up to two
// seconds old, and do not change at all while net.ipv4.vs.run_estimation is 0.
func (s *Service) hasTraffic() bool {
	return s.Delta != nil && s.Delta.InPackets > 0 ||
		slices.ContainsFunc(s.Servers, func(d Server) bool { return d.Conns.New+d.Conns.Refreshed > 0 })
}

// mayHaveClients reports whether hosts other than the director can reach the
// service: its VIP is, or may be, local.
func (s *Service) mayHaveClients(f *Facts) bool {
	vip := s.AddrPort.Addr()
	return s.Mark != 0 || vip.IsUnspecified() || f.isLocal(vip) || f.MaybeLocal[vip]
}

// hasOnlyLocalClients reports whether all connections of the service are from the
// director itself, whose packets reach IPVS although the VIP is not local.
func (s *Service) hasOnlyLocalClients() bool {
	total, local := 0, 0
	for i := range s.Servers {
		c := &s.Servers[i].Conns
		total, local = total+c.Total, local+c.FromDirector
	}
	return total > 0 && local == total
}

// hasTraffic reports whether packets were sent to the server between the
// samples.
func (d *Server) hasTraffic() bool {
	return d.Delta != nil && d.Delta.InPackets > 0 || d.Conns.New > 0
}

// hasClientTraffic is like hasTraffic, but returns false if all traffic may come
// from the director itself.
func (d *Server) hasClientTraffic() bool {
	return d.hasTraffic() && (d.Conns.FromDirector == 0 || d.Conns.New > 0 || d.Conns.StuckSynRecv > 0)
}

// stuckWorkingClient returns a client whose connections to the server are stuck,
// although it has completed connections to other servers. If there is no such
// client, the clients themselves may be the cause: their network may lose the
// replies.
func (f *Facts) stuckWorkingClient(d *Server) (client netip.Addr, ok bool) {
	for _, client := range d.Conns.StuckClients {
		if slices.ContainsFunc(f.WorkingClients[client], func(o *ipvs.Destination) bool { return o != &d.Destination }) {
			return client, true
		}
	}
	return netip.Addr{}, false
}

// rejectedClient returns the only client that has tried to connect to the server,
// if none of its connections to any server have completed, while connections of other
// clients to this server have completed: the server may reject the client, or the client's
// network may lose the replies.
func (f *Facts) rejectedClient(d *Server) (client netip.Addr, ok bool) {
	for _, a := range slices.Concat(d.Conns.StuckClients, d.Conns.NewClients) {
		if ok && a != client {
			return netip.Addr{}, false
		}
		client, ok = a, true
	}
	return client, ok && d.Conns.Established > 0 && len(f.WorkingClients[client]) == 0
}

// A ClientServer is a client and a server to which it has connections.
type ClientServer struct {
	Client netip.Addr
	Server *ipvs.Destination
}

// An Orphan is a connection to a server that is no longer in the table.
type Orphan struct {
	Service ipvs.ServiceKey
	Server  netip.AddrPort
	Client  netip.AddrPort
	VIP     netip.AddrPort
	Expires uint32 // time to expiry in seconds; packets of the client do not restart it
}

// countersStopped reports whether the kernel does not update its counters.
func (f *Facts) countersStopped() bool { return f.sysctlIs("net/ipv4/vs/run_estimation", 0) }

// ownAddrs returns the addresses of the director.
func (f *Facts) ownAddrs() map[netip.Addr]bool {
	own := make(map[netip.Addr]bool, len(f.Addresses))
	for _, a := range f.Addresses {
		own[a.Prefix.Addr()] = true
	}
	return own
}

// allServers iterates over the servers of services.
func allServers(services []Service) iter.Seq2[*Service, *Server] {
	return func(yield func(*Service, *Server) bool) {
		for i := range services {
			s := &services[i]
			for j := range s.Servers {
				if !yield(s, &s.Servers[j]) {
					return
				}
			}
		}
	}
}

// serverAddrs returns the addresses of the servers of services.
func serverAddrs(services []Service) map[netip.Addr]bool {
	addrs := make(map[netip.Addr]bool)
	for _, d := range allServers(services) {
		addrs[d.AddrPort.Addr()] = true
	}
	return addrs
}

// eachServer calls do for each server that may get new connections.
func (f *Facts) eachServer(do func(s *Service, d *Server)) {
	for s, d := range allServers(f.Services) {
		if d.Weight > 0 {
			do(s, d)
		}
	}
}

// mayUseTCP reports whether clients of the service may use TCP.
func (s *Service) mayUseTCP() bool { return s.Mark != 0 || s.Protocol == ipvs.TCP }

// vip returns the virtual address and port to which the clients of a server connect. An
// address or port that the service does not specify is that of one of the connections.
// Without connections, the address is then invalid, and the port is 0.
func (s *Service) vip(d *Server) netip.AddrPort {
	vip := s.AddrPort
	if s.Mark != 0 || vip.Addr().IsUnspecified() {
		vip = netip.AddrPortFrom(d.Conns.VIP.Addr(), vip.Port())
	}
	return netip.AddrPortFrom(vip.Addr(), cmp.Or(vip.Port(), d.Conns.VIP.Port()))
}

// serverPort returns the port at which a server with NAT receives packets: its own, or
// the unchanged port to which clients connect.
func (s *Service) serverPort(d *Server) uint16 { return cmp.Or(d.AddrPort.Port(), s.vip(d).Port()) }

// key returns the key of a server of the service.
func (s *Service) key(d *Server) ipvs.DestinationKey {
	return ipvs.DestinationKey{Service: s.ServiceKey, AddrPort: d.AddrPort}
}

// serverFinding returns a finding about a server of the service.
func (s *Service) serverFinding(d *Server, evidence string, remedies ...Remedy) Finding {
	return Finding{Subject: Subject{&s.ServiceKey, &d.Destination}, Evidence: evidence, Remedies: remedies}
}

// serviceFinding returns a finding about the service.
func (s *Service) serviceFinding(evidence string, remedies ...Remedy) Finding {
	return Finding{Subject: Subject{Service: &s.ServiceKey}, Evidence: evidence, Remedies: remedies}
}

// link returns the link with the given index, or an empty Link.
func (f *Facts) link(index int) *netstate.Link {
	if l := f.addrs().links[index]; l != nil {
		return l
	}
	return new(netstate.Link)
}

// linkNamed returns the link with the given name, or nil.
func (f *Facts) linkNamed(name string) *netstate.Link {
	for i := range f.Links {
		if f.Links[i].Name == name {
			return &f.Links[i]
		}
	}
	return nil
}

// linksWithAddr returns the links that have an address.
func (f *Facts) linksWithAddr(addr netip.Addr) []*netstate.Link {
	var links []*netstate.Link
	for _, a := range f.addrs().byAddr[addr] {
		links = append(links, f.link(a.Link))
	}
	return links
}

// subnetOf returns an address of the director, with its prefix length, whose
// subnet contains addr. It searches the link with the given index, or all links
// if the index is 0.
func (f *Facts) subnetOf(addr netip.Addr, link int) (own netip.Prefix, ok bool) {
	for _, a := range f.addrs().subnets {
		if (link == 0 || a.Link == link) && a.Prefix.Contains(addr) && a.Prefix.Addr() != addr {
			return a.Prefix, true
		}
	}
	return netip.Prefix{}, false
}

// maxOwnAddrs is the maximum number of addresses of a link that probeSource considers.
const maxOwnAddrs = 16

// An addrIndex speeds up the search for links, addresses and probes.
type addrIndex struct {
	vips     map[netip.Addr]bool // addresses of the services
	replying map[netip.Addr]bool // addresses of servers with NAT whose replies the director has forwarded between the samples

	links   map[int]*netstate.Link
	byAddr  map[netip.Addr][]netstate.Address
	byLink  map[int][]netstate.Address // up to maxOwnAddrs addresses per link that are not VIPs
	subnets []netstate.Address         // up to two addresses per subnet and link; without host prefixes

	hardware     map[string]bool                                           // hardware addresses of the director
	onOtherHosts map[netip.Addr]bool                                       // addresses of other hosts
	probes       map[netprobe.Outcome]map[netprobe.Target]*netprobe.Result // see probesWith
	working      map[ipvs.ServiceKey][]*Server                             // see workingServers
}

// addrs returns the index, which is built on first use.
func (f *Facts) addrs() *addrIndex {
	if f.index != nil {
		return f.index
	}
	ix := &addrIndex{
		vips:         make(map[netip.Addr]bool),
		replying:     make(map[netip.Addr]bool),
		links:        make(map[int]*netstate.Link),
		byAddr:       make(map[netip.Addr][]netstate.Address),
		byLink:       make(map[int][]netstate.Address),
		hardware:     make(map[string]bool),
		onOtherHosts: make(map[netip.Addr]bool),
		working:      make(map[ipvs.ServiceKey][]*Server),
	}
	for i := range f.Links {
		l := &f.Links[i]
		ix.links[l.Index] = l
		if len(l.HardwareAddr) > 0 {
			ix.hardware[string(l.HardwareAddr)] = true
		}
	}
	for key, state := range f.Neighbors {
		if state != netstate.Failed && state != netstate.Incomplete {
			ix.onOtherHosts[key.addr] = true
		}
	}
	for _, r := range f.ARPReplies {
		if !ix.hardware[string(r.HardwareAddr)] {
			ix.onOtherHosts[r.Addr] = true
		}
	}
	for i := range f.Services {
		if s := &f.Services[i]; s.Mark == 0 {
			ix.vips[s.AddrPort.Addr()] = true
		}
	}
	for _, d := range allServers(f.Services) {
		if d.Method == ipvs.Masquerading && d.Delta != nil && d.Delta.OutPackets > 0 {
			ix.replying[d.AddrPort.Addr()] = true
		}
	}
	count := make(map[netstate.Address]int) // by subnet
	for _, a := range f.Addresses {
		ix.byAddr[a.Prefix.Addr()] = append(ix.byAddr[a.Prefix.Addr()], a)
		if !ix.vips[a.Prefix.Addr()] && len(ix.byLink[a.Link]) < maxOwnAddrs {
			ix.byLink[a.Link] = append(ix.byLink[a.Link], a)
		}
		subnet := netstate.Address{Link: a.Link, Prefix: a.Prefix.Masked()}
		if !a.Prefix.IsSingleIP() && count[subnet] < 2 {
			count[subnet]++
			ix.subnets = append(ix.subnets, a)
		}
	}
	f.index = ix
	return ix
}

// isLocal reports whether an address is routed to the director itself.
func (f *Facts) isLocal(addr netip.Addr) bool { return f.Routes[addr].Type == netstate.Local }

// routeTo returns the route to a server, and false if it is not a unicast route.
func (f *Facts) routeTo(d *Server) (netstate.Route, bool) {
	r, ok := f.Routes[d.AddrPort.Addr()]
	return r, ok && r.Type == netstate.Unicast
}

// sysctlIs reports whether a sysctl is known and has the given value.
func (f *Facts) sysctlIs(path string, value int) bool {
	v, ok := f.Sysctls[path]
	return ok && v == value
}

// linkSysctl returns the maximum of conf/all and conf/LINK of an IPv4 sysctl,
// which is the value that the kernel applies to the link. It returns false if
// neither is known.
func (f *Facts) linkSysctl(name, link string) (value int, ok bool) {
	for _, scope := range []string{"all", link} {
		if v, known := f.Sysctls[linkSysctlPath(scope, name)]; known {
			value, ok = max(value, v), true
		}
	}
	return value, ok
}

// linkSysctlPath returns the path of an IPv4 sysctl of a link, or of "all".
func linkSysctlPath(link, name string) string { return "net/ipv4/conf/" + link + "/" + name }

// isRunning reports whether a process with one of the names is running.
func (f *Facts) isRunning(names ...string) bool {
	return slices.ContainsFunc(f.Processes, func(p netstate.Process) bool { return slices.Contains(names, p.Name) })
}
