package netstate

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

// A Route is the result of a route lookup.
type Route struct {
	Type    RouteType
	Link    int        // index of the output link
	Gateway netip.Addr // next hop; invalid if the destination is on the link
	Source  netip.Addr // preferred source address
}

// A RouteType is the type of a route (RTN_*), or None if there is no route.
type RouteType uint8

// Route types.
const (
	None        RouteType = unix.RTN_UNSPEC
	Unicast     RouteType = unix.RTN_UNICAST
	Local       RouteType = unix.RTN_LOCAL
	Blackhole   RouteType = unix.RTN_BLACKHOLE
	Unreachable RouteType = unix.RTN_UNREACHABLE
	Prohibit    RouteType = unix.RTN_PROHIBIT
)

// routeService and ruleService are the parts of rtnetlink that this file uses.
type (
	routeService interface {
		Get(*rtnetlink.RouteMessage) ([]rtnetlink.RouteMessage, error)
		List() ([]rtnetlink.RouteMessage, error)
	}
	ruleService interface {
		List() ([]rtnetlink.RuleMessage, error)
	}
)

// Route looks up the route to an address for packets with a firewall mark, or
// with none if mark is 0. If there is no usable route, the result has the type
// None, Unreachable, Prohibit or Blackhole, and no other field is set.
func (c *Conn) Route(to netip.Addr, mark uint32) (Route, error) {
	to = to.Unmap()
	req := &rtnetlink.RouteMessage{
		Family:     unix.AF_INET,
		DstLength:  uint8(to.BitLen()),
		Attributes: rtnetlink.RouteAttributes{Dst: to.AsSlice(), Mark: mark},
	}
	if !to.Is4() {
		req.Family = unix.AF_INET6
	}
	messages, err := c.routes.Get(req)
	if err == nil && len(messages) == 0 {
		err = errors.New("empty reply")
	}
	if err != nil {
		typ, err := c.failedLookup(to, err)
		if err != nil {
			return Route{}, fmt.Errorf("route to %s: %w", to, err)
		}
		return Route{Type: typ}, nil
	}
	m := &messages[0]
	route := Route{Type: RouteType(m.Type), Link: int(m.Attributes.OutIface)}
	route.Gateway, _ = netip.AddrFromSlice(m.Attributes.Gateway)
	route.Source, _ = netip.AddrFromSlice(m.Attributes.Src)
	return route, nil
}

// failedLookup returns the route type that the error of a lookup stands for,
// or an error if the lookup itself failed.
func (c *Conn) failedLookup(to netip.Addr, err error) (RouteType, error) {
	switch {
	case errors.Is(err, unix.ENETUNREACH):
		return None, nil
	case errors.Is(err, unix.EHOSTUNREACH):
		return Unreachable, nil
	case errors.Is(err, unix.EACCES):
		return Prohibit, nil
	case errors.Is(err, unix.EINVAL):
		// A blackhole and an invalid request have the same errno.
		hole, listErr := c.blackholed(to)
		if hole {
			return Blackhole, nil
		}
		if listErr != nil {
			return None, listErr
		}
	}
	return None, err
}

// frActBlackhole is the action of a routing rule that drops packets
// (FR_ACT_BLACKHOLE).
const frActBlackhole = 6

// blackholed reports whether a blackhole route or rule covers an address. The
// tables are read once per Conn.
func (c *Conn) blackholed(addr netip.Addr) (bool, error) {
	if err := c.readTables(); err != nil {
		return false, err
	}
	return slices.ContainsFunc(c.blackholes, func(p netip.Prefix) bool { return p.Contains(addr) }), nil
}

// MayBeLocal reports whether a local route in any routing table covers an
// address: packets to it may be for this machine if routing rules select that
// table, for example by incoming interface or firewall mark.
func (c *Conn) MayBeLocal(addr netip.Addr) (bool, error) {
	if err := c.readTables(); err != nil {
		return false, err
	}
	return slices.ContainsFunc(c.local, func(p netip.Prefix) bool { return p.Contains(addr) }), nil
}

// readTables reads the routing tables and rules, once per Conn.
func (c *Conn) readTables() error {
	if c.tablesRead {
		return nil
	}
	routes, err := c.routes.List()
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	rules, err := c.rules.List()
	if err != nil {
		return fmt.Errorf("list routing rules: %w", err)
	}
	for i := range routes {
		m := &routes[i]
		switch p := prefix(m.Family, m.Attributes.Dst, m.DstLength); m.Type {
		case unix.RTN_BLACKHOLE:
			c.blackholes = append(c.blackholes, p)
		case unix.RTN_LOCAL:
			c.local = append(c.local, p)
		}
	}
	for i := range rules {
		m := &rules[i]
		if m.Action != frActBlackhole {
			continue
		}
		var dst net.IP
		if m.Attributes != nil && m.Attributes.Dst != nil {
			dst = *m.Attributes.Dst
		}
		c.blackholes = append(c.blackholes, prefix(m.Family, dst, m.DstLength))
	}
	c.tablesRead = true
	return nil
}

// prefix returns the destination of a route or rule; without a destination
// attribute it is the default route of the family.
func prefix(family uint8, dst net.IP, length uint8) netip.Prefix {
	addr, ok := netip.AddrFromSlice(dst)
	switch {
	case ok:
		return netip.PrefixFrom(addr.Unmap(), int(length))
	case family == unix.AF_INET6:
		return netip.PrefixFrom(netip.IPv6Unspecified(), int(length))
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), int(length))
}
