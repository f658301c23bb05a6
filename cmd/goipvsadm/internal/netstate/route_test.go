package netstate

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A fakeRoutes replies to each lookup with reply and err, and to each List with
// table and listErr.
type fakeRoutes struct {
	reply   []rtnetlink.RouteMessage
	err     error
	table   []rtnetlink.RouteMessage
	listErr error
	lists   int // number of calls of List
}

func (f *fakeRoutes) Get(*rtnetlink.RouteMessage) ([]rtnetlink.RouteMessage, error) {
	return f.reply, f.err
}

func (f *fakeRoutes) List() ([]rtnetlink.RouteMessage, error) {
	f.lists++
	return f.table, f.listErr
}

type fakeRules []rtnetlink.RuleMessage

func (f fakeRules) List() ([]rtnetlink.RuleMessage, error) { return f, nil }

func lookupError(errno syscall.Errno) error { return &netlink.OpError{Op: "receive", Err: errno} }

func TestRoute(t *testing.T) {
	addr := netip.MustParseAddr("10.9.9.9")
	blackhole := []rtnetlink.RouteMessage{{
		Family: unix.AF_INET, Type: unix.RTN_BLACKHOLE, DstLength: 24,
		Attributes: rtnetlink.RouteAttributes{Dst: net.IP{10, 9, 9, 0}},
	}}
	dst := net.IP{10, 9, 0, 0}
	for _, tt := range []struct {
		name   string
		routes fakeRoutes
		rules  fakeRules
		want   Route
		err    error // nil if no error is wanted
	}{
		{
			name: "unicast",
			routes: fakeRoutes{reply: []rtnetlink.RouteMessage{{Type: unix.RTN_UNICAST, Attributes: rtnetlink.RouteAttributes{
				OutIface: 3, Gateway: net.IP{10, 0, 0, 254}, Src: net.IP{10, 0, 0, 1}}}}},
			want: Route{Type: Unicast, Link: 3, Gateway: netip.MustParseAddr("10.0.0.254"), Source: netip.MustParseAddr("10.0.0.1")},
		},
		{name: "no route", routes: fakeRoutes{err: lookupError(unix.ENETUNREACH)}, want: Route{Type: None}},
		{name: "unreachable", routes: fakeRoutes{err: lookupError(unix.EHOSTUNREACH)}, want: Route{Type: Unreachable}},
		{name: "prohibit", routes: fakeRoutes{err: lookupError(unix.EACCES)}, want: Route{Type: Prohibit}},
		{name: "blackhole route", routes: fakeRoutes{err: lookupError(unix.EINVAL), table: blackhole}, want: Route{Type: Blackhole}},
		{
			name:   "default blackhole route",
			routes: fakeRoutes{err: lookupError(unix.EINVAL), table: []rtnetlink.RouteMessage{{Family: unix.AF_INET, Type: unix.RTN_BLACKHOLE}}},
			want:   Route{Type: Blackhole},
		},
		{
			name:   "blackhole rule",
			routes: fakeRoutes{err: lookupError(unix.EINVAL)},
			rules: fakeRules{{Family: unix.AF_INET, Action: frActBlackhole, DstLength: 16,
				Attributes: &rtnetlink.RuleAttributes{Dst: &dst}}},
			want: Route{Type: Blackhole},
		},
		{
			name:   "blackhole rule for all destinations",
			routes: fakeRoutes{err: lookupError(unix.EINVAL)},
			rules:  fakeRules{{Family: unix.AF_INET, Action: frActBlackhole}},
			want:   Route{Type: Blackhole},
		},
		{
			name: "EINVAL without a blackhole for the address",
			routes: fakeRoutes{err: lookupError(unix.EINVAL), table: []rtnetlink.RouteMessage{
				{Family: unix.AF_INET6, Type: unix.RTN_BLACKHOLE},
				{Family: unix.AF_INET, Type: unix.RTN_UNICAST},
			}},
			rules: fakeRules{{Family: unix.AF_INET6, Action: frActBlackhole}},
			err:   unix.EINVAL,
		},
		{
			name:   "EINVAL and unreadable table",
			routes: fakeRoutes{err: lookupError(unix.EINVAL), listErr: lookupError(unix.ENOBUFS)},
			err:    unix.ENOBUFS,
		},
		{name: "other error", routes: fakeRoutes{err: lookupError(unix.ENOBUFS)}, err: unix.ENOBUFS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Conn{routes: &tt.routes, rules: tt.rules}
			got, err := c.Route(addr, 0)
			if got != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("got %+v, error %v; want %+v, error %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestRouteEmptyReply(t *testing.T) {
	c := &Conn{routes: new(fakeRoutes)}
	_, err := c.Route(netip.MustParseAddr("10.9.9.9"), 0)
	if err == nil || err.Error() != "route to 10.9.9.9: empty reply" {
		t.Errorf("got error %v, want an empty reply", err)
	}
}

func TestRouteReadsTableOnce(t *testing.T) {
	routes := &fakeRoutes{err: lookupError(unix.EINVAL), table: []rtnetlink.RouteMessage{{Family: unix.AF_INET, Type: unix.RTN_BLACKHOLE}}}
	c := &Conn{routes: routes, rules: fakeRules{}}
	for range 3 {
		if r, err := c.Route(netip.MustParseAddr("10.9.9.9"), 0); r.Type != Blackhole || err != nil {
			t.Errorf("got %+v, error %v; want a blackhole", r, err)
		}
	}
	if routes.lists != 1 {
		t.Errorf("table read %d times, want 1", routes.lists)
	}
}

func TestMayBeLocal(t *testing.T) {
	c := &Conn{rules: fakeRules{}, routes: &fakeRoutes{table: []rtnetlink.RouteMessage{
		{Family: unix.AF_INET, Type: unix.RTN_LOCAL, DstLength: 32, Attributes: rtnetlink.RouteAttributes{Dst: net.IP{10, 9, 9, 9}, Table: 100}},
		{Family: unix.AF_INET, Type: unix.RTN_UNICAST},
	}}}
	for addr, want := range map[string]bool{"10.9.9.9": true, "10.9.9.8": false, "fd00::1": false} {
		if got, err := c.MayBeLocal(netip.MustParseAddr(addr)); got != want || err != nil {
			t.Errorf("%s: got %v, error %v; want %v", addr, got, err, want)
		}
	}
}

func TestNeighborStateString(t *testing.T) {
	for s, want := range map[NeighborState]string{Failed: "FAILED", Incomplete: "INCOMPLETE", 0x300: "NeighborState(0x300)"} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
