package doctor

import (
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// Facts are what the checks go by. What could not be looked at is not there,
// and a check that lacks a fact finds nothing.
type Facts struct {
	Program string // under what name it was called, for commands
	NetNS   string // that the facts are of, as --netns names it; "" for the caller's

	Services        []Service
	TableUnreadable bool          // whether the table could not be read
	Elapsed         time.Duration // between the two readings, 0 if there was but one
	Buckets         uint32        // of the connection table
	Connections     int           // that were looked at
	All             bool          // whether there were no more
	Orphans         []Orphan
	Daemons         []ipvs.Daemon

	Links            []netstate.Link
	Addresses        []netstate.Address
	NeighboursBefore Neighbours // at the first reading
	Neighbours       Neighbours // at the second
	Routes           map[netip.Addr]netstate.Route
	Sysctls          map[string]int     // by their paths
	Listening        []netstate.Socket  // read only if a server is the director itself
	Listened         bool               // whether it was
	Processes        []netstate.Process // that drive tables, or move addresses
	Memory           uint64             // in bytes

	// Packets counted between the readings: those that were dropped because
	// of the link they came by, and those that netfilter could not place.
	ReversePath uint64
	Invalid     uint64

	// With --probe.
	Probed     bool
	ARPReplies []netprobe.Reply
	Reached    []netprobe.Result

	Missing []Unavailable

	// The check that is looking, and the servers of which one has said why
	// they do not answer.
	current *Check
	excused map[netip.Addr]*Check
}

// excuse keeps later checks from saying that a server does not answer.
func (f *Facts) suppress(server netip.Addr) {
	if f.excused[server] == nil {
		f.excused[server] = f.current
	}
}

// isExcused reports whether an earlier check has said why a server does not
// answer.
func (f *Facts) isSuppressed(server netip.Addr) bool {
	c := f.excused[server]
	return c != nil && c != f.current
}

// Missing is something that could not be looked at.
type Unavailable struct{ What, Reason string }

// Neighbours are the states of the entries of the neighbour tables.
type Neighbours map[neighbourKey]netstate.NeighborState

type neighbourKey struct {
	link int
	addr netip.Addr
}

// A Service is a service with its servers.
type Service struct {
	ipvs.Service
	Counted *ipvs.Stats // between the readings; nil if there is nothing to compare with
	Servers []Server
}

// A Server is a server of a service.
type Server struct {
	ipvs.Destination
	Counted *ipvs.Stats
	Conns   Conns
}

// Conns are those connections of a server that were looked at.
type Conns struct {
	Total        int
	SynRecv      int
	StuckSynRecv int // in SYN_RECV at both readings
	Established  int // whose handshake is over, and which were not reset
	Clients      []netip.Addr
	Virtual      netip.Addr // to which one of them went
	Partial      bool       // there may be more
}

// enough is how many of a server's connections must have been looked at, of a
// table that was not looked at as a whole, to go by them.
const minSampledConns = 10

// established reports whether a connection to the server got further than its
// handshake, or may have. The kernel's own count is of no use: to it, those in
// SYN_RECV are active.
func (d *Server) established() bool {
	return d.Conns.Established > 0 || d.Conns.Partial && d.Conns.Total < minSampledConns
}

// establishes reports whether one to any of its servers did.
func (s *Service) hasEstablished() bool {
	for i := range s.Servers {
		if s.Servers[i].established() {
			return true
		}
	}
	return false
}

// An Orphan is an open connection to a server that its service no longer has.
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

// of returns a finding about a server.
func (s *Service) serverFinding(d *Server, seen string, do ...Remedy) Finding {
	return Finding{Service: &s.ServiceKey, Server: &d.Destination, Evidence: seen, Remedies: do}
}

// self returns a finding about a service.
func (s *Service) serviceFinding(seen string, do ...Remedy) Finding {
	return Finding{Service: &s.ServiceKey, Evidence: seen, Remedies: do}
}

// link returns the link with an index, or an empty one.
func (f *Facts) link(index int) *netstate.Link {
	for i := range f.Links {
		if f.Links[i].Index == index {
			return &f.Links[i]
		}
	}
	return new(netstate.Link)
}

// linkNamed returns the link of that name, or nil.
func (f *Facts) linkNamed(name string) *netstate.Link {
	for i := range f.Links {
		if f.Links[i].Name == name {
			return &f.Links[i]
		}
	}
	return nil
}

// on returns the links that have an address.
func (f *Facts) linksWithAddr(addr netip.Addr) []*netstate.Link {
	var links []*netstate.Link
	for _, a := range f.Addresses {
		if a.Prefix.Addr() == addr {
			links = append(links, f.link(a.Link))
		}
	}
	return links
}

// network returns the network on a link of which an address is, without being
// the machine's own there.
func (f *Facts) network(link int, addr netip.Addr) (own netip.Prefix, ok bool) {
	for _, a := range f.Addresses {
		if (link == 0 || a.Link == link) && a.Prefix.Contains(addr) && a.Prefix.Addr() != addr {
			return a.Prefix, true
		}
	}
	return netip.Prefix{}, false
}

// isLocal reports whether an address is the director's.
func (f *Facts) isLocal(addr netip.Addr) bool { return f.Routes[addr].Type == netstate.Local }

// way returns the route to a server that is elsewhere.
func (f *Facts) routeTo(d *Server) (netstate.Route, bool) {
	r, ok := f.Routes[d.AddrPort.Addr()]
	return r, ok && r.Type == netstate.Unicast
}

// sysctl reports whether a variable is known to have a value.
func (f *Facts) sysctl(path string, value int) bool {
	v, ok := f.Sysctls[path]
	return ok && v == value
}

// linkSysctl returns the larger of a variable's values for all links and
// for one, and false if neither is known.
func (f *Facts) linkSysctl(name, link string) (value int, ok bool) {
	for _, of := range []string{"all", link} {
		if v, known := f.Sysctls[linkPath("ipv4", of, name)]; known {
			value, ok = max(value, v), true
		}
	}
	return value, ok
}

func linkPath(family, link, name string) string {
	return "net/" + family + "/conf/" + link + "/" + name
}

// runs reports whether a process of one of these names runs.
func (f *Facts) runs(names ...string) bool {
	for _, p := range f.Processes {
		for _, name := range names {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
