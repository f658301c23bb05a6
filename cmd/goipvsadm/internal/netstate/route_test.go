// SPDX-License-Identifier: MIT

package netstate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// An object is a route or rule.
type object struct {
	family, prefixLen, typ byte
	attributes             []netlink.Attribute
}

// message encodes o. The type of a route and the action of a rule have the same
// position.
func (o object) message() netlink.Message {
	attributes, err := netlink.MarshalAttributes(o.attributes)
	if err != nil {
		panic(err)
	}
	header := []byte{o.family, o.prefixLen, 0, 0, 0, 0, 0, o.typ, 0, 0, 0, 0}
	return netlink.Message{Data: append(header, attributes...)}
}

// A fakeKernel replies to route lookups with reply and err.
type fakeKernel struct {
	reply   []object
	err     error
	table   []object
	listErr error
	rules   []object
	lists   int // number of dumps of the routing tables
}

func (f *fakeKernel) execute(m netlink.Message) ([]netlink.Message, error) {
	objects, err := f.rules, error(nil)
	switch dump := m.Header.Flags&netlink.Dump != 0; {
	case m.Header.Type == unix.RTM_GETROUTE && dump:
		objects, err = f.table, f.listErr
		f.lists++
	case m.Header.Type == unix.RTM_GETROUTE:
		objects, err = f.reply, f.err
	case m.Header.Type != unix.RTM_GETRULE || !dump:
		return nil, fmt.Errorf("unexpected message %+v", m.Header)
	}
	var messages []netlink.Message
	for _, o := range objects {
		messages = append(messages, o.message())
	}
	return messages, err
}

func addrAttribute(typ uint16, addr string) netlink.Attribute {
	return netlink.Attribute{Type: typ, Data: netip.MustParseAddr(addr).AsSlice()}
}

func lookupError(errno syscall.Errno) error { return &netlink.OpError{Op: "receive", Err: errno} }

func TestRoute(t *testing.T) {
	addr := netip.MustParseAddr("10.9.9.9")
	oif := netlink.Attribute{Type: unix.RTA_OIF, Data: binary.NativeEndian.AppendUint32(nil, 3)}
	for _, tt := range []struct {
		name   string
		kernel fakeKernel
		want   Route
		err    error // nil if no error is wanted
	}{
		{
			name: "unicast",
			kernel: fakeKernel{reply: []object{{family: unix.AF_INET, typ: unix.RTN_UNICAST, attributes: []netlink.Attribute{
				oif, addrAttribute(unix.RTA_GATEWAY, "10.0.0.254"), addrAttribute(unix.RTA_PREFSRC, "10.0.0.1")}}}},
			want: Route{Type: Unicast, Link: 3, Gateway: netip.MustParseAddr("10.0.0.254"), Source: netip.MustParseAddr("10.0.0.1")},
		},
		{
			name: "IPv6 gateway of an IPv4 route",
			kernel: fakeKernel{reply: []object{{family: unix.AF_INET, typ: unix.RTN_UNICAST, attributes: []netlink.Attribute{
				oif, {Type: unix.RTA_VIA, Data: append([]byte{unix.AF_INET6, 0}, netip.MustParseAddr("fe80::1").AsSlice()...)}}}}},
			want: Route{Type: Unicast, Link: 3, Gateway: netip.MustParseAddr("fe80::1")},
		},
		{name: "no route", kernel: fakeKernel{err: lookupError(unix.ENETUNREACH)}, want: Route{Type: None}},
		{name: "unreachable", kernel: fakeKernel{err: lookupError(unix.EHOSTUNREACH)}, want: Route{Type: Unreachable}},
		{name: "prohibit", kernel: fakeKernel{err: lookupError(unix.EACCES)}, want: Route{Type: Prohibit}},
		{
			name: "blackhole route",
			kernel: fakeKernel{err: lookupError(unix.EINVAL), table: []object{
				{family: unix.AF_INET, prefixLen: 24, typ: unix.RTN_BLACKHOLE, attributes: []netlink.Attribute{addrAttribute(unix.RTA_DST, "10.9.9.0")}}}},
			want: Route{Type: Blackhole},
		},
		{
			name:   "default blackhole route",
			kernel: fakeKernel{err: lookupError(unix.EINVAL), table: []object{{family: unix.AF_INET, typ: unix.RTN_BLACKHOLE}}},
			want:   Route{Type: Blackhole},
		},
		{
			name: "blackhole rule",
			kernel: fakeKernel{err: lookupError(unix.EINVAL), rules: []object{
				{family: unix.AF_INET, prefixLen: 16, typ: frActBlackhole, attributes: []netlink.Attribute{addrAttribute(unix.FRA_DST, "10.9.0.0")}}}},
			want: Route{Type: Blackhole},
		},
		{
			name:   "blackhole rule for all destinations",
			kernel: fakeKernel{err: lookupError(unix.EINVAL), rules: []object{{family: unix.AF_INET, typ: frActBlackhole}}},
			want:   Route{Type: Blackhole},
		},
		{
			name: "EINVAL without a blackhole for the address",
			kernel: fakeKernel{
				err:   lookupError(unix.EINVAL),
				table: []object{{family: unix.AF_INET6, typ: unix.RTN_BLACKHOLE}, {family: unix.AF_INET, typ: unix.RTN_UNICAST}},
				rules: []object{{family: unix.AF_INET6, typ: frActBlackhole}},
			},
			err: unix.EINVAL,
		},
		{
			name:   "EINVAL and unreadable table",
			kernel: fakeKernel{err: lookupError(unix.EINVAL), listErr: lookupError(unix.ENOBUFS)},
			err:    unix.ENOBUFS,
		},
		{name: "other error", kernel: fakeKernel{err: lookupError(unix.ENOBUFS)}, err: unix.ENOBUFS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Conn{execute: tt.kernel.execute}
			got, err := c.Route(addr)
			if got != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("got %+v, error %v; want %+v, error %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestRouteRequest(t *testing.T) {
	var data []byte
	c := &Conn{execute: func(m netlink.Message) ([]netlink.Message, error) { data = m.Data; return nil, nil }}
	to, from := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if _, err := c.Route(to); err == nil {
		t.Error("no error for an empty reply")
	}
	want := object{family: unix.AF_INET6, prefixLen: 128, attributes: []netlink.Attribute{addrAttribute(unix.RTA_DST, "2001:db8::1")}}
	if got := want.message().Data; !bytes.Equal(data, got) {
		t.Errorf("sent % x, want % x", data, got)
	}
	if _, ok := c.ForwardRoute(to, from, 7); ok {
		t.Error("a route in an empty reply")
	}
	iif := netlink.Attribute{Type: unix.RTA_IIF, Data: binary.NativeEndian.AppendUint32(nil, 7)}
	want.attributes = append(want.attributes, addrAttribute(unix.RTA_SRC, "2001:db8::2"), iif)
	forward := want.message().Data
	forward[2] = 128 // length of the source
	if !bytes.Equal(data, forward) {
		t.Errorf("sent % x, want % x", data, forward)
	}
}

func TestRouteInvalidReply(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replies []netlink.Message
		want    string
	}{
		{name: "empty", want: "route to 10.9.9.9: empty reply"},
		{name: "short header", replies: []netlink.Message{{Data: make([]byte, 11)}}, want: "route to 10.9.9.9: reply of 11 bytes is shorter than its header"},
		{name: "short attribute", replies: []netlink.Message{{Data: append(make([]byte, 12), 5, 0, unix.RTA_OIF, 0, 1, 0, 0, 0)}},
			want: "route to 10.9.9.9: netlink: attribute 4 is not a uint32; length: 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Conn{execute: func(netlink.Message) ([]netlink.Message, error) { return tt.replies, nil }}
			if _, err := c.Route(netip.MustParseAddr("10.9.9.9")); err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestRouteReadsTableOnce(t *testing.T) {
	kernel := &fakeKernel{err: lookupError(unix.EINVAL), table: []object{{family: unix.AF_INET, typ: unix.RTN_BLACKHOLE}}}
	c := &Conn{execute: kernel.execute}
	for range 3 {
		if r, err := c.Route(netip.MustParseAddr("10.9.9.9")); r.Type != Blackhole || err != nil {
			t.Errorf("got %+v, error %v; want a blackhole", r, err)
		}
	}
	if kernel.lists != 1 {
		t.Errorf("table read %d times, want 1", kernel.lists)
	}
}

func TestMayBeLocal(t *testing.T) {
	kernel := &fakeKernel{table: []object{
		{family: unix.AF_INET, typ: unix.RTN_LOCAL, prefixLen: 32, attributes: []netlink.Attribute{addrAttribute(unix.RTA_DST, "10.9.9.9")}},
		{family: unix.AF_INET, typ: unix.RTN_UNICAST},
	}}
	c := &Conn{execute: kernel.execute}
	for addr, want := range map[string]bool{"10.9.9.9": true, "10.9.9.8": false, "fd00::1": false} {
		if got, err := c.MayBeLocal(netip.MustParseAddr(addr)); got != want || err != nil {
			t.Errorf("%s: got %v, error %v; want %v", addr, got, err, want)
		}
	}
}

// TestLinks compares the links and their addresses with what package
// net reports.
func TestLinks(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	links, err := c.Links()
	if err != nil || len(links) != len(interfaces) {
		t.Fatalf("%d links, error %v, want %d", len(links), err, len(interfaces))
	}
	addresses, err := c.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range links {
		want := interfaces[i]
		up := want.Flags&net.FlagUp != 0
		if l.Index != want.Index || l.Name != want.Name || l.MTU != want.MTU || l.Up != up || l.Loopback != (want.Flags&net.FlagLoopback != 0) ||
			len(want.HardwareAddr) > 0 && l.HardwareAddr.String() != want.HardwareAddr.String() {
			t.Errorf("got %+v, want %+v", l, want)
		}
		var got, wanted []string
		for _, a := range addresses {
			if a.Link == l.Index {
				got = append(got, a.Prefix.String())
			}
		}
		all, err := want.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			wanted = append(wanted, a.String())
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: addresses %v, want %v", l.Name, got, wanted)
		}
	}
	if _, err := c.Neighbors(); err != nil {
		t.Error(err)
	}
}

func TestNeighborStateString(t *testing.T) {
	for s, want := range map[NeighborState]string{Failed: "FAILED", Incomplete: "INCOMPLETE", 0x300: "NeighborState(0x300)"} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
