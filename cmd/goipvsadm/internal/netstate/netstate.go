// Package netstate reads what a machine that runs IPVS has around it: links,
// addresses, neighbours and routes, kernel variables, counters, listening
// sockets and processes. It changes nothing.
//
// Everything is of the network namespace of the calling thread;
// ipvs.Inside leads to another. Nothing here needs a
// privilege, but a kernel may keep things from those who have none.
package netstate

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Link is a network interface.
type Link struct {
	Index        int
	Name         string
	Kind         string // of a virtual one, such as "dummy" or "ipip"; else ""
	HardwareAddr net.HardwareAddr
	MTU          int // in bytes

	Up         bool // IFF_UP: switched on
	LowerUp    bool // IFF_LOWER_UP
	Loopback   bool
	Multicast  bool
	NeedsNeigh bool // its neighbours are found by ARP or neighbour discovery
}

// An Address is one of the machine's own.
type Address struct {
	Link   int          // index of the one it is on
	Prefix netip.Prefix // the address and how many of its bits are the network's
}

// A Neighbour is an entry of a neighbour table.
type Neighbour struct {
	Link     int
	Addr     netip.Addr
	Hardware net.HardwareAddr // nil while it is not known
	State    NeighbourState
}

// A NeighbourState is what is known of a neighbour (NUD_*).
type NeighbourState uint16

// The states that mean that a neighbour does not answer, or did not yet.
const (
	Incomplete NeighbourState = unix.NUD_INCOMPLETE
	Failed     NeighbourState = unix.NUD_FAILED
)

// String returns the state's name as ip-neighbour(8) has it.
func (s NeighbourState) String() string {
	for _, n := range []struct {
		state NeighbourState
		name  string
	}{
		{unix.NUD_INCOMPLETE, "INCOMPLETE"}, {unix.NUD_REACHABLE, "REACHABLE"}, {unix.NUD_STALE, "STALE"},
		{unix.NUD_DELAY, "DELAY"}, {unix.NUD_PROBE, "PROBE"}, {unix.NUD_FAILED, "FAILED"},
		{unix.NUD_NOARP, "NOARP"}, {unix.NUD_PERMANENT, "PERMANENT"},
	} {
		if s == n.state {
			return n.name
		}
	}
	return fmt.Sprintf("NeighbourState(%#x)", uint16(s))
}

// A Route is how the kernel would send a packet.
type Route struct {
	Type    RouteType
	Link    int        // index of the one it leaves by
	Gateway netip.Addr // not valid if the destination is on the link itself
	Source  netip.Addr // the address it would be sent from
}

// A RouteType says what becomes of a packet (RTN_*); None that there is no
// route at all.
type RouteType uint8

// The types of routes.
const (
	None        RouteType = unix.RTN_UNSPEC
	Unicast     RouteType = unix.RTN_UNICAST
	Local       RouteType = unix.RTN_LOCAL // to this machine
	Blackhole   RouteType = unix.RTN_BLACKHOLE
	Unreachable RouteType = unix.RTN_UNREACHABLE
	Prohibit    RouteType = unix.RTN_PROHIBIT
)

// A Conn asks the kernel about its network.
type Conn struct{ c *rtnetlink.Conn }

// messageSize is more than the largest message that the kernel makes of a
// dump, 32 KiB. With it, messages are read without a look at their size first:
// routes are asked for one by one.
const messageSize = 64 << 10

// Dial connects to the kernel.
func Dial() (*Conn, error) {
	c, err := rtnetlink.Dial(&netlink.Config{MessageBufferSize: messageSize})
	if err != nil {
		return nil, fmt.Errorf("host: open a netlink socket: %w", err)
	}
	return &Conn{c}, nil
}

// Close closes the connection.
func (c *Conn) Close() error { return c.c.Close() }

// Links returns all links.
func (c *Conn) Links() ([]Link, error) {
	messages, err := c.c.Link.List()
	if err != nil {
		return nil, fmt.Errorf("host: list links: %w", err)
	}
	links := make([]Link, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		l := Link{
			Index:      int(m.Index),
			Up:         m.Flags&unix.IFF_UP != 0,
			LowerUp:    m.Flags&unix.IFF_LOWER_UP != 0,
			Loopback:   m.Flags&unix.IFF_LOOPBACK != 0,
			Multicast:  m.Flags&unix.IFF_MULTICAST != 0,
			NeedsNeigh: m.Flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) == 0,
		}
		if a := m.Attributes; a != nil {
			l.Name, l.HardwareAddr, l.MTU = a.Name, a.Address, int(a.MTU)
			if a.Info != nil {
				l.Kind = a.Info.Kind
			}
		}
		links = append(links, l)
	}
	return links, nil
}

// Addresses returns all addresses of the machine.
func (c *Conn) Addresses() ([]Address, error) {
	messages, err := c.c.Address.List()
	if err != nil {
		return nil, fmt.Errorf("host: list addresses: %w", err)
	}
	addresses := make([]Address, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if m.Attributes == nil {
			continue
		}
		// On a point-to-point link, Address is the other end.
		ip := m.Attributes.Local
		if ip == nil {
			ip = m.Attributes.Address
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addresses = append(addresses, Address{int(m.Index), netip.PrefixFrom(addr, int(m.PrefixLength))})
		}
	}
	return addresses, nil
}

// Neighbours returns the neighbour tables.
func (c *Conn) Neighbours() ([]Neighbour, error) {
	messages, err := c.c.Neigh.List()
	if err != nil {
		return nil, fmt.Errorf("host: list neighbours: %w", err)
	}
	neighbours := make([]Neighbour, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if m.Attributes == nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(m.Attributes.Address); ok {
			neighbours = append(neighbours, Neighbour{int(m.Index), addr, m.Attributes.LLAddress, NeighbourState(m.State)})
		}
	}
	return neighbours, nil
}

// Route returns the route to an address for packets with a firewall mark, 0
// for those without. That there is none is not an error but a Route of the
// type None, or of the type that says so.
func (c *Conn) Route(to netip.Addr, mark uint32) (Route, error) {
	req := &rtnetlink.RouteMessage{
		Family:     unix.AF_INET,
		DstLength:  uint8(to.BitLen()),
		Attributes: rtnetlink.RouteAttributes{Dst: to.AsSlice(), Mark: mark},
	}
	if !to.Is4() {
		req.Family = unix.AF_INET6
	}
	messages, err := c.c.Route.Get(req)
	// The kernel refuses to tell more of a route that leads nowhere.
	for _, r := range []struct {
		errno syscall.Errno
		typ   RouteType
	}{
		{unix.ENETUNREACH, None}, {unix.EHOSTUNREACH, Unreachable}, {unix.EACCES, Prohibit}, {unix.EINVAL, Blackhole},
	} {
		if errors.Is(err, r.errno) {
			return Route{Type: r.typ}, nil
		}
	}
	if err != nil || len(messages) == 0 {
		return Route{}, fmt.Errorf("host: route to %s: %w", to, err)
	}
	m := &messages[0]
	route := Route{Type: RouteType(m.Type), Link: int(m.Attributes.OutIface)}
	route.Gateway, _ = netip.AddrFromSlice(m.Attributes.Gateway)
	route.Source, _ = netip.AddrFromSlice(m.Attributes.Src)
	return route, nil
}

// Marks returns the firewall marks by which rules choose a routing table, each
// once, in no order.
func (c *Conn) RuleFwmarks() ([]uint32, error) {
	messages, err := c.c.Rule.List()
	if err != nil {
		return nil, fmt.Errorf("host: list routing rules: %w", err)
	}
	var marks []uint32
	seen := map[uint32]bool{0: true}
	for i := range messages {
		if a := messages[i].Attributes; a != nil && a.FwMark != nil && !seen[*a.FwMark] {
			seen[*a.FwMark] = true
			marks = append(marks, *a.FwMark)
		}
	}
	return marks, nil
}
