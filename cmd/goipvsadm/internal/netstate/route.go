// SPDX-License-Identifier: MIT

package netstate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"
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

// Route looks up the route to an address. If there is no usable route, the result
// has the type None, Unreachable, Prohibit or Blackhole, and no other field is set.
func (c *Conn) Route(to netip.Addr) (Route, error) {
	to = to.Unmap()
	route, err := c.lookUp(to, netip.Addr{}, 0)
	if err != nil {
		typ, err := c.failedLookup(to, err)
		if err != nil {
			return Route{}, fmt.Errorf("route to %s: %w", to, err)
		}
		return Route{Type: typ}, nil
	}
	return route, nil
}

// ForwardRoute looks up the route of packets from another host that arrive on a
// link. Routing rules may select a table by both. It returns false if the packets
// are dropped.
func (c *Conn) ForwardRoute(to, from netip.Addr, link int) (route Route, ok bool) {
	route, err := c.lookUp(to.Unmap(), from.Unmap(), link)
	return route, err == nil && route.Type == Unicast
}

// lookUp sends the request of Route, or of ForwardRoute if from is valid.
func (c *Conn) lookUp(to, from netip.Addr, link int) (Route, error) {
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1] = unix.AF_INET, uint8(to.BitLen())
	if !to.Is4() {
		header[0] = unix.AF_INET6
	}
	ae := netlink.NewAttributeEncoder()
	ae.Bytes(unix.RTA_DST, to.AsSlice())
	if from.IsValid() {
		header[2] = uint8(from.BitLen())
		ae.Bytes(unix.RTA_SRC, from.AsSlice())
		ae.Uint32(unix.RTA_IIF, uint32(link))
	}
	attributes, err := ae.Encode()
	if err != nil {
		return Route{}, err
	}
	var routes []Route
	err = c.request(unix.RTM_GETROUTE, 0, append(header, attributes...), unix.SizeofRtMsg, func(header []byte, ad *netlink.AttributeDecoder) {
		r := Route{Type: RouteType(header[7])}
		for ad.Next() {
			switch ad.Type() {
			case unix.RTA_OIF:
				r.Link = int(ad.Uint32())
			case unix.RTA_GATEWAY:
				r.Gateway = attributeAddr(ad)
			case unix.RTA_VIA: // an IPv6 gateway of an IPv4 route: its family, then its address
				via := ad.Bytes()
				r.Gateway, _ = netip.AddrFromSlice(via[min(2, len(via)):])
			case unix.RTA_PREFSRC:
				r.Source = attributeAddr(ad)
			}
		}
		routes = append(routes, r)
	})
	if err == nil && len(routes) == 0 {
		err = errors.New("empty reply")
	}
	if err != nil {
		return Route{}, err
	}
	return routes[0], nil
}

// failedLookup returns the route type that the error of a lookup indicates, or the error
// if it indicates none.
func (c *Conn) failedLookup(to netip.Addr, err error) (RouteType, error) {
	switch {
	case errors.Is(err, unix.ENETUNREACH):
		return None, nil
	case errors.Is(err, unix.EHOSTUNREACH):
		return Unreachable, nil
	case errors.Is(err, unix.EACCES):
		return Prohibit, nil
	case errors.Is(err, unix.EINVAL):
		// The kernel returns EINVAL for a blackhole as well as for an invalid request.
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

// MayBeLocal reports whether a local route in any routing table covers an address.
// Packets to the address are then delivered locally if a routing rule selects that
// table, for example by their interface or firewall mark.
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
	// The headers of routes and rules begin with the same fields.
	err := c.dump(unix.RTM_GETROUTE, unix.SizeofRtMsg, func(header []byte, ad *netlink.AttributeDecoder) {
		switch p := prefix(header, ad, unix.RTA_DST); header[7] {
		case unix.RTN_BLACKHOLE:
			c.blackholes = append(c.blackholes, p)
		case unix.RTN_LOCAL:
			c.local = append(c.local, p)
		}
	})
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	err = c.dump(unix.RTM_GETRULE, unix.SizeofRtMsg, func(header []byte, ad *netlink.AttributeDecoder) {
		if p := prefix(header, ad, unix.FRA_DST); header[7] == frActBlackhole {
			c.blackholes = append(c.blackholes, p)
		}
	})
	if err != nil {
		return fmt.Errorf("list routing rules: %w", err)
	}
	c.tablesRead = true
	return nil
}

// prefix returns the destination of a route or rule. Its address is in the attribute of
// the given type, and is the unspecified address if there is none; its prefix length is
// in the header.
func prefix(header []byte, ad *netlink.AttributeDecoder, typ uint16) netip.Prefix {
	addr := netip.IPv4Unspecified()
	if header[0] == unix.AF_INET6 {
		addr = netip.IPv6Unspecified()
	}
	for ad.Next() {
		if ad.Type() == typ {
			addr = attributeAddr(ad).Unmap()
		}
	}
	return netip.PrefixFrom(addr, int(header[1]))
}
