package netstate

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Link is a network interface.
type Link struct {
	Index        int
	Name         string
	Kind         string // type of a virtual link, such as "dummy" or "ipip"; "" for hardware
	HardwareAddr net.HardwareAddr
	MTU          int // in bytes

	Up         bool // administratively up (IFF_UP)
	LowerUp    bool // has a carrier (IFF_LOWER_UP)
	Loopback   bool // IFF_LOOPBACK
	Multicast  bool // IFF_MULTICAST
	NeedsNeigh bool // neighbors are resolved by ARP or neighbor discovery
}

// An Address is an address of this machine.
type Address struct {
	Link   int          // link index
	Prefix netip.Prefix // address and prefix length

	// DADFailed is set if duplicate address detection has found another host
	// with the address. The kernel does not use it.
	DADFailed bool
}

// A Neighbor is an entry of the neighbor table.
type Neighbor struct {
	Link         int // link index
	Addr         netip.Addr
	HardwareAddr net.HardwareAddr // nil if not resolved
	State        NeighborState
}

// A NeighborState is the state of a neighbor entry (NUD_*).
type NeighborState uint16

// States of a neighbor that has not been resolved.
const (
	Incomplete NeighborState = unix.NUD_INCOMPLETE
	Failed     NeighborState = unix.NUD_FAILED
)

// String returns the name that ip neigh prints.
func (s NeighborState) String() string {
	for _, n := range []struct {
		state NeighborState
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
	return fmt.Sprintf("NeighborState(%#x)", uint16(s))
}

// A Conn is a route netlink socket. It must not be used concurrently.
type Conn struct {
	c      *rtnetlink.Conn
	routes routeService
	rules  ruleService

	tablesRead bool           // whether the following fields have been read
	blackholes []netip.Prefix // destinations of blackhole routes and rules
	local      []netip.Prefix // destinations of local routes
}

// receiveBufferSize exceeds the largest datagram of a dump, 32 KiB, so that
// each read needs a single system call instead of two.
const receiveBufferSize = 64 << 10

// Dial opens a route netlink socket in the network namespace of the calling
// thread.
func Dial() (*Conn, error) {
	c, err := rtnetlink.Dial(&netlink.Config{MessageBufferSize: receiveBufferSize})
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	return &Conn{c: c, routes: c.Route, rules: c.Rule}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.c.Close() }

// Links returns all links.
func (c *Conn) Links() ([]Link, error) {
	messages, err := c.c.Link.List()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
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

// Addresses returns all addresses of this machine.
func (c *Conn) Addresses() ([]Address, error) {
	messages, err := c.c.Address.List()
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addresses := make([]Address, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if m.Attributes == nil {
			continue
		}
		// On a point-to-point link, IFA_ADDRESS is the peer's address.
		ip := m.Attributes.Local
		if ip == nil {
			ip = m.Attributes.Address
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addresses = append(addresses, Address{
				Link:      int(m.Index),
				Prefix:    netip.PrefixFrom(addr, int(m.PrefixLength)),
				DADFailed: m.Flags&unix.IFA_F_DADFAILED != 0,
			})
		}
	}
	return addresses, nil
}

// Neighbors returns the ARP and neighbor discovery tables.
func (c *Conn) Neighbors() ([]Neighbor, error) {
	messages, err := c.c.Neigh.List()
	if err != nil {
		return nil, fmt.Errorf("list neighbors: %w", err)
	}
	neighbors := make([]Neighbor, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if m.Attributes == nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(m.Attributes.Address); ok {
			neighbors = append(neighbors, Neighbor{
				Link:         int(m.Index),
				Addr:         addr,
				HardwareAddr: m.Attributes.LLAddress,
				State:        NeighborState(m.State),
			})
		}
	}
	return neighbors, nil
}
