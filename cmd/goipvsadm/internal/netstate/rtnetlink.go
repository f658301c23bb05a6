// SPDX-License-Identifier: MIT

package netstate

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

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

// Neighbor states: not resolved yet, confirmed recently, not resolvable, and set by an
// administrator.
const (
	Incomplete NeighborState = unix.NUD_INCOMPLETE
	Reachable  NeighborState = unix.NUD_REACHABLE
	Failed     NeighborState = unix.NUD_FAILED
	Permanent  NeighborState = unix.NUD_PERMANENT
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
	conn    *netlink.Conn
	execute func(netlink.Message) ([]netlink.Message, error) // conn.Execute

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
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{MessageBufferSize: receiveBufferSize})
	if err != nil {
		return nil, fmt.Errorf("open route netlink socket: %w", err)
	}
	return &Conn{conn: c, execute: c.Execute}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return c.conn.Close() }

// dump sends a dump request and calls each for every object in the reply, with the
// object's header, of headerLen bytes, and its attributes.
func (c *Conn) dump(typ netlink.HeaderType, headerLen int, each func(header []byte, attributes *netlink.AttributeDecoder)) error {
	return c.request(typ, netlink.Dump, make([]byte, headerLen), headerLen, each)
}

// request sends a request and calls each for the objects in the reply, as dump
// does.
func (c *Conn) request(typ netlink.HeaderType, flags netlink.HeaderFlags, data []byte, headerLen int, each func([]byte, *netlink.AttributeDecoder)) error {
	messages, err := c.execute(netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request | flags}, Data: data})
	if err != nil {
		return err
	}
	for _, m := range messages {
		if len(m.Data) < headerLen {
			return fmt.Errorf("reply of %d bytes is shorter than its header", len(m.Data))
		}
		attributes, err := netlink.NewAttributeDecoder(m.Data[headerLen:])
		if err != nil {
			return err
		}
		each(m.Data[:headerLen], attributes)
		if err := attributes.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Links returns all links.
func (c *Conn) Links() ([]Link, error) {
	var links []Link
	err := c.dump(unix.RTM_GETLINK, unix.SizeofIfInfomsg, func(header []byte, ad *netlink.AttributeDecoder) {
		flags := binary.NativeEndian.Uint32(header[8:12])
		l := Link{
			Index:      int(int32(binary.NativeEndian.Uint32(header[4:8]))),
			Up:         flags&unix.IFF_UP != 0,
			LowerUp:    flags&unix.IFF_LOWER_UP != 0,
			Loopback:   flags&unix.IFF_LOOPBACK != 0,
			Multicast:  flags&unix.IFF_MULTICAST != 0,
			NeedsNeigh: flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) == 0,
		}
		for ad.Next() {
			switch ad.Type() {
			case unix.IFLA_IFNAME:
				l.Name = ad.String()
			case unix.IFLA_ADDRESS:
				l.HardwareAddr = ad.Bytes()
			case unix.IFLA_MTU:
				l.MTU = int(ad.Uint32())
			case unix.IFLA_LINKINFO:
				ad.Nested(func(info *netlink.AttributeDecoder) error {
					for info.Next() {
						if info.Type() == unix.IFLA_INFO_KIND {
							l.Kind = info.String()
						}
					}
					return nil
				})
			}
		}
		links = append(links, l)
	})
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	return links, nil
}

// Addresses returns all addresses of this machine.
func (c *Conn) Addresses() ([]Address, error) {
	var addresses []Address
	err := c.dump(unix.RTM_GETADDR, unix.SizeofIfAddrmsg, func(header []byte, ad *netlink.AttributeDecoder) {
		var local, address netip.Addr
		for ad.Next() {
			switch ad.Type() {
			case unix.IFA_LOCAL:
				local = attributeAddr(ad)
			case unix.IFA_ADDRESS:
				address = attributeAddr(ad)
			}
		}
		// On a point-to-point link, IFA_ADDRESS is the peer's address.
		if local.IsValid() {
			address = local
		}
		if address.IsValid() {
			addresses = append(addresses, Address{
				Link:      int(binary.NativeEndian.Uint32(header[4:8])),
				Prefix:    netip.PrefixFrom(address, int(header[1])),
				DADFailed: header[2]&unix.IFA_F_DADFAILED != 0,
			})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return addresses, nil
}

// Neighbors returns the ARP and neighbor discovery tables.
func (c *Conn) Neighbors() ([]Neighbor, error) {
	var neighbors []Neighbor
	err := c.dump(unix.RTM_GETNEIGH, unix.SizeofNdMsg, func(header []byte, ad *netlink.AttributeDecoder) {
		n := Neighbor{Link: int(int32(binary.NativeEndian.Uint32(header[4:8]))), State: NeighborState(binary.NativeEndian.Uint16(header[8:10]))}
		for ad.Next() {
			switch ad.Type() {
			case unix.NDA_DST:
				n.Addr = attributeAddr(ad)
			case unix.NDA_LLADDR:
				n.HardwareAddr = ad.Bytes()
			}
		}
		if n.Addr.IsValid() {
			neighbors = append(neighbors, n)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list neighbors: %w", err)
	}
	return neighbors, nil
}

// tcHeaderLen is the size of struct tcmsg, in bytes.
const tcHeaderLen = 20

// HasIngressQdisc reports whether a link has a queueing discipline whose filters may
// change received packets, such as by setting a firewall mark.
func (c *Conn) HasIngressQdisc() (bool, error) {
	found := false
	err := c.dump(unix.RTM_GETQDISC, tcHeaderLen, func(_ []byte, ad *netlink.AttributeDecoder) {
		for ad.Next() {
			if ad.Type() == unix.TCA_KIND {
				kind := ad.String()
				found = found || kind == "ingress" || kind == "clsact"
			}
		}
	})
	if err != nil {
		return false, fmt.Errorf("list queueing disciplines: %w", err)
	}
	return found, nil
}

// attributeAddr returns the address that an attribute holds, or an invalid one if
// its length is not that of an address.
func attributeAddr(ad *netlink.AttributeDecoder) netip.Addr {
	addr, _ := netip.AddrFromSlice(ad.Bytes())
	return addr
}
