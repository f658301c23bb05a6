package doctor

import (
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
	Program string // name of this program in remedies
	NetNS   string // network namespace as given to --netns; "" for the caller's

	Services        []Service
	TableUnreadable bool
	Elapsed         time.Duration // time between the two samples; 0 if only one was taken
	ConnTableSize   uint32        // buckets of the connection table
	Connections     int           // number of connections read
	AllConnections  bool          // whether the connection table was read to its end
	Orphans         []Orphan
	Daemons         []ipvs.Daemon

	Links           []netstate.Link
	Addresses       []netstate.Address
	NeighborsBefore Neighbors // at the first sample
	Neighbors       Neighbors // at the second sample
	Routes          map[netip.Addr]netstate.Route
	Sysctls         map[string]int     // by path below /proc/sys
	Listening       []netstate.Socket  // read only if the director is one of the servers
	ListeningRead   bool               // whether Listening has been read
	Processes       []netstate.Process // programs that manage tables or move VIPs
	Memory          uint64             // size of the RAM in bytes

	// Packets counted between the two samples.
	ReversePathDrops uint64 // dropped by rp_filter
	ConntrackInvalid uint64 // classified as INVALID by netfilter

	// Results of probes.
	Probed       bool
	ARPReplies   []netprobe.Reply // includes neighbor advertisements
	ProbeResults []netprobe.Result

	Unavailable []Unavailable

	current           *Check                       // the check that is running
	suppressedHosts   map[netip.Addr]*Check        // see suppress
	suppressedServers map[*ipvs.Destination]*Check // see suppressServer
}

// suppress hides the findings of later checks that a server is silent, on all
// its ports, because the running check has found the cause.
func (f *Facts) suppress(server netip.Addr) {
	if f.suppressedHosts[server] == nil {
		f.suppressedHosts[server] = f.current
	}
}

// suppressServer is like suppress, for a server of one service.
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

// Conns summarizes the connections of a server that were read.
type Conns struct {
	Total        int
	SynRecv      int          // in SYN_RECV
	StuckSynRecv int          // in SYN_RECV at both samples
	Established  int          // past the handshake and not reset
	Clients      []netip.Addr // some of the clients
	VIP          netip.Addr   // virtual address of one of the connections
	Partial      bool         // the connection table was not read to its end
}

// minSampledConns is the number of connections of a server that must have been
// read to judge it by a part of the connection table.
const minSampledConns = 10

// hasEstablished reports whether a connection to the server has, or may have,
// completed its handshake. ActiveConns cannot tell: it includes connections in
// SYN_RECV.
func (d *Server) hasEstablished() bool {
	return d.Conns.Established > 0 || d.Conns.Partial && d.Conns.Total < minSampledConns
}

// hasEstablished reports whether any server of the service has, or may have, an
// established connection.
func (s *Service) hasEstablished() bool {
	return slices.ContainsFunc(s.Servers, func(d Server) bool { return d.hasEstablished() })
}

// hasTraffic reports whether the service received packets between the samples.
func (s *Service) hasTraffic() bool { return s.Delta != nil && s.Delta.InPackets > 0 }

// hasTraffic reports whether packets were sent to the server between the
// samples.
func (d *Server) hasTraffic() bool { return d.Delta != nil && d.Delta.InPackets > 0 }

// An Orphan is an established connection to a server that is no longer in the
// table.
type Orphan struct {
	Service ipvs.ServiceKey
	Server  netip.AddrPort
}

// eachServer calls do for each server that may get new connections.
func (f *Facts) eachServer(do func(s *Service, d *Server)) {
	for i := range f.Services {
		s := &f.Services[i]
		for j := range s.Servers {
			if d := &s.Servers[j]; d.Weight > 0 {
				do(s, d)
			}
		}
	}
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
	for i := range f.Links {
		if f.Links[i].Index == index {
			return &f.Links[i]
		}
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
	for _, a := range f.Addresses {
		if a.Prefix.Addr() == addr {
			links = append(links, f.link(a.Link))
		}
	}
	return links
}

// subnetOf returns the director's address and prefix length on the subnet of
// another address, on a given link or, with index 0, on any.
func (f *Facts) subnetOf(addr netip.Addr, link int) (own netip.Prefix, ok bool) {
	for _, a := range f.Addresses {
		if (link == 0 || a.Link == link) && a.Prefix.Contains(addr) && a.Prefix.Addr() != addr {
			return a.Prefix, true
		}
	}
	return netip.Prefix{}, false
}

// isLocal reports whether an address is routed to the director itself.
func (f *Facts) isLocal(addr netip.Addr) bool { return f.Routes[addr].Type == netstate.Local }

// routeTo returns the route to a server, and false if it is not a unicast route.
func (f *Facts) routeTo(d *Server) (netstate.Route, bool) {
	r, ok := f.Routes[d.AddrPort.Addr()]
	return r, ok && r.Type == netstate.Unicast
}

// sysctlIs reports whether a sysctl has a value; an unknown sysctl has none.
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
