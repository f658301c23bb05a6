package netlinkmsg

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
)

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var someStats = Stats{1, 2, 3, 1 << 40, 1 << 63, 6, 7, 8, 9, 10}

// messages has every command with all it can carry.
var messages = []struct {
	name string
	m    Message
}{
	{"add an IPv4 service", Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "wlc",
		Flags: Persistent, Timeout: 600, Netmask: 0xffffff00, PEName: "sip"}}},
	{"edit an IPv6 service", Message{Command: SetService, Service: &Service{
		ServiceKey: AddrKey(SCTP, ap("[2001:db8::1]:80")), Scheduler: "mh", Flags: Sched1 | Sched3, Netmask: 64}}},
	{"add a mark", Message{Command: NewService, Service: &Service{
		ServiceKey: MarkKey(1<<32-1, IPv6), Scheduler: "rr", Netmask: 128}}},
	{"a mapped address stays IPv6", Message{Command: NewService, Service: &Service{
		ServiceKey: ServiceKey{Family: IPv6, Protocol: UDP, AddrPort: ap("[::ffff:192.0.2.1]:53")}, Scheduler: "rr", Netmask: 128}}},
	{"all clients are one", Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "wlc", Flags: Persistent, Timeout: 600, Netmask: ZeroNetmask}}},
	{"delete a service", Message{Command: DelService, Service: &Service{ServiceKey: AddrKey(UDP, ap("192.0.2.1:53"))}}},
	{"list services", Message{Command: GetService}},
	{"add a NAT destination", Message{Command: NewDestination,
		Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:80"))},
		Destination: &Destination{AddrPort: ap("198.51.100.1:8080"), Method: Masquerading, Weight: 65535,
			UpperThreshold: 1<<32 - 1, LowerThreshold: 7}}},
	{"edit a GUE destination of another family", Message{Command: SetDestination,
		Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:80"))},
		Destination: &Destination{AddrPort: ap("[2001:db8::2]:80"), Method: Tunneling,
			Tunnel: Tunnel{GUE, 6080, TunnelChecksum | TunnelRemoteChecksum}}}},
	{"delete a destination", Message{Command: DelDestination,
		Service:     &Service{ServiceKey: MarkKey(5, IPv4)},
		Destination: &Destination{AddrPort: ap("198.51.100.1:0")}}},
	{"a destination with its counters", Message{Command: NewDestination,
		Destination: &Destination{AddrPort: ap("198.51.100.1:80"), Method: Local, Weight: 1,
			ActiveConns: 1, InactiveConns: 2, PersistentConns: 3, Stats: someStats}}},
	{"a service with its counters", Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "rr", Netmask: HostNetmask(IPv4), Stats: someStats}}},
	{"list destinations", Message{Command: GetDestination, Service: &Service{ServiceKey: MarkKey(5, IPv6)}}},
	{"start an IPv4 daemon", Message{Command: NewDaemon, Daemon: &Daemon{
		State: Master, Interface: "eth0", SyncID: 255, MaxLen: 65507,
		Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 255}}},
	{"start an IPv6 daemon", Message{Command: NewDaemon, Daemon: &Daemon{
		State: Backup, Interface: "abcdefghijklmno", Group: netip.MustParseAddr("ff02::81")}}},
	{"stop a daemon", Message{Command: DelDaemon, Daemon: &Daemon{State: Backup}}},
	{"list daemons", Message{Command: GetDaemon}},
	{"set timeouts", Message{Command: SetConfig, Timeouts: &Timeouts{1, 2, 1<<32 - 1}}},
	{"get timeouts", Message{Command: GetConfig}},
	{"info", Message{Command: SetInfo, Info: &Info{0x010201, 4096}}},
	{"get info", Message{Command: GetInfo}},
	{"zero one", Message{Command: Zero, Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:0"))}}},
	{"flush", Message{Command: Flush}},
}

func TestRoundTrip(t *testing.T) {
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.m.Append(nil, 28, netlink.Request, 77)
			f, rest, err := Split(b)
			if err != nil || len(rest) != 0 {
				t.Fatalf("Next: %v, %d bytes left", err, len(rest))
			}
			want := netlink.Header{Length: uint32(len(b)), Type: 28, Flags: netlink.Request, Sequence: 77}
			if f.Header != want {
				t.Errorf("header = %+v, want %+v", f.Header, want)
			}
			var got Message
			if err := got.Decode(f.Body, IPv4); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.m, got, compareAddrs); diff != "" {
				t.Errorf("message (-sent +decoded):\n%s", diff)
			}
		})
	}
}

// Decoding into values that hold something must leave nothing of it.
func TestDecodeClears(t *testing.T) {
	dirty := func() Message {
		return Message{
			Service: &Service{ServiceKey: MarkKey(9, IPv6), Scheduler: "x", Flags: 1, Timeout: 1, Netmask: 1, PEName: "x", Stats: someStats},
			Destination: &Destination{AddrPort: ap("[::1]:1"), Method: 3, Weight: 9, Tunnel: Tunnel{1, 1, 1},
				UpperThreshold: 1, LowerThreshold: 1, ActiveConns: 1, InactiveConns: 1, PersistentConns: 1, Stats: someStats},
			Daemon: &Daemon{Backup, "x", 1, 1, netip.IPv6Loopback(), 1, 1},
		}
	}
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			got := dirty()
			if err := got.Decode(tt.m.AppendBody(nil), IPv4); err != nil {
				t.Fatal(err)
			}
			// What the message does not carry stays as it was.
			want := dirty()
			want.Command = tt.m.Command
			if tt.m.Service != nil {
				want.Service = tt.m.Service
			}
			if tt.m.Destination != nil {
				want.Destination = tt.m.Destination
			}
			if tt.m.Daemon != nil {
				want.Daemon = tt.m.Daemon
			}
			want.Timeouts, want.Info = tt.m.Timeouts, tt.m.Info
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// Every prefix of a message is refused or, where it ends between attributes,
// decoded; none of them panics.
func TestTruncated(t *testing.T) {
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.m.Append(nil, 28, netlink.Request, 1)
			for n := range len(b) {
				if _, _, err := Split(b[:n]); err == nil {
					t.Errorf("Next took %d of %d bytes", n, len(b))
				}
			}
			body := tt.m.AppendBody(nil)
			var m Message
			for n := range genericHeaderLen {
				if err := m.Decode(body[:n], IPv4); err == nil {
					t.Errorf("Decode took a generic header of %d bytes", n)
				}
			}
			for n := genericHeaderLen + 1; n < len(body); n++ {
				if err := m.Decode(body[:n], IPv4); err == nil && n%4 != 0 && n < len(body)-3 {
					t.Errorf("Decode took %d of %d bytes", n, len(body))
				}
			}
		})
	}
}

// attr makes one attribute.
func attr(typ uint16, data ...byte) []byte {
	return pad4(append(appendAttr(nil, typ, len(data)), data...), len(data))
}

func nested(typ uint16, attrs ...[]byte) []byte {
	return attr(typ|attrNested, bytes.Join(attrs, nil)...)
}

func body(c Command, attrs ...[]byte) []byte {
	return append([]byte{byte(c), FamilyVersion, 0, 0}, bytes.Join(attrs, nil)...)
}

func u16(typ, v uint16) []byte { return appendUint16(nil, typ, v) }
func u32(typ uint16, v uint32) []byte {
	return appendUint32(nil, typ, v)
}

var addr4 = []byte{192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

func TestDecodeOtherKernels(t *testing.T) {
	for _, tt := range []struct {
		name   string
		family Family
		body   []byte
		want   Message
	}{
		{"attributes of a later kernel are skipped", IPv4,
			body(GetDestination, u32(99, 1), nested(cmdDestination, attr(200, 1), u16(destFamily, uint16(IPv4)), attr(destAddr, addr4...),
				nested(destStats64, appendUint64(nil, 99, 5), appendUint64(nil, statsConns, 6)))),
			Message{Command: GetDestination, Destination: &Destination{AddrPort: ap("192.0.2.1:0"), Stats: Stats{Conns: 6}}}},
		{"a longer attribute is read from its front", IPv4,
			body(GetConfig, attr(cmdTimeoutTCP, append(native.AppendUint32(nil, 7), 1, 2, 3, 4)...)),
			Message{Command: GetConfig, Timeouts: &Timeouts{TCP: 7}}},
		{"before 3.18 a destination has its service's family", IPv6,
			body(GetDestination, nested(cmdDestination, attr(destAddr, make([]byte, 16)...))),
			Message{Command: GetDestination, Destination: &Destination{AddrPort: ap("[::]:0")}}},
		{"before 4.1 there are only 32-bit counters", IPv4,
			body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats, u32(statsConns, 1<<32-1), appendUint64(nil, statsInBytes, 1<<33), u32(statsOutBPS, 5)))),
			Message{Command: GetDestination, Destination: &Destination{AddrPort: ap("192.0.2.1:0"),
				Stats: Stats{Conns: 1<<32 - 1, InBytes: 1 << 33, OutBPS: 5}}}},
		{"64-bit counters win, whatever the order", IPv4,
			body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats64, appendUint64(nil, statsConns, 1<<32)), nested(destStats, u32(statsConns, 0)))),
			Message{Command: GetDestination, Destination: &Destination{AddrPort: ap("192.0.2.1:0"), Stats: Stats{Conns: 1 << 32}}}},
		{"a name without its NUL", IPv4,
			body(GetService, nested(cmdService, attr(svcScheduler, 'r', 'r'))),
			Message{Command: GetService, Service: &Service{Scheduler: "rr"}}},
		{"other connection flags beside the method", IPv4,
			body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...), u32(destMethod, 0x10000|uint32(DirectRouting)))),
			Message{Command: GetDestination, Destination: &Destination{AddrPort: ap("192.0.2.1:0"), Method: DirectRouting}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got Message
			if err := got.Decode(tt.body, tt.family); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compareAddrs); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		body []byte
	}{
		{"a port of one byte", body(GetDestination, nested(cmdDestination, attr(destPort, 1)))},
		{"a weight of two bytes", body(GetDestination, nested(cmdDestination, attr(destWeight, 1, 2)))},
		{"an address of three bytes", body(GetDestination, nested(cmdDestination, attr(destAddr, 1, 2, 3)))},
		{"no address at all", body(GetDestination, nested(cmdDestination))},
		{"a service address without family", body(GetService, nested(cmdService, attr(svcAddr, addr4...)))},
		{"an IPv6 address of four bytes", body(GetService, nested(cmdService, u16(svcFamily, uint16(IPv6)), attr(svcAddr, 1, 2, 3, 4)))},
		{"a counter of two bytes", body(GetService, nested(cmdService, nested(svcStats64, attr(statsConns, 1, 2))))},
		{"an empty tunnel type", body(GetDestination, nested(cmdDestination, attr(destTunnelType)))},
		{"flags of three bytes", body(GetService, nested(cmdService, attr(svcFlags, 1, 2, 3)))},
		{"a short multicast group", body(GetDaemon, nested(cmdDaemon, attr(daemonGroup6, 1, 2)))},
		{"an attribute that claims too much", body(GetDaemon, native.AppendUint32(nil, 200))},
		{"an attribute shorter than its header", body(GetDaemon, []byte{3, 0, 0, 0, 0, 0})},
		{"stray bytes", body(GetDaemon, []byte{1})},
		{"short info", body(SetInfo, attr(infoVersion, 1))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			if err := m.Decode(tt.body, IPv4); err == nil {
				t.Errorf("decoded %+v", m)
			}
		})
	}
}

func TestErrno(t *testing.T) {
	for _, tt := range []struct {
		name  string
		frame Frame
		want  int
		fails bool
	}{
		{"success", Frame{netlink.Header{Type: netlink.Error}, native.AppendUint32(nil, 0)}, 0, false},
		{"an errno is negated", Frame{netlink.Header{Type: netlink.Error}, native.AppendUint32(nil, ^uint32(17)+1)}, 17, false},
		{"an old kernel's done", Frame{netlink.Header{Type: netlink.Done}, nil}, 0, false},
		{"a short error", Frame{netlink.Header{Type: netlink.Error}, []byte{1, 2}}, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			errno, err := tt.frame.Errno()
			if int(errno) != tt.want || (err != nil) != tt.fails {
				t.Errorf("Errno = %d, %v", errno, err)
			}
		})
	}
}

func TestStrings(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{AddrKey(TCP, ap("192.0.2.1:80")).String(), "TCP 192.0.2.1:80"},
		{MarkKey(4000000000, IPv6).String(), "FWM 4000000000 IPv6"},
		{NewDestination.String(), "add destination"},
		{Command(200).String(), "Command(200)"},
		{Protocol(1).String(), "Protocol(1)"},
		{Local.String(), "Local"},
		{GRE.String(), "gre"},
		{Backup.String(), "backup"},
	} {
		if tt.got != tt.want {
			t.Errorf("String() = %q, want %q", tt.got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add(m.m.AppendBody(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		if m.Decode(b, IPv4) != nil {
			return
		}
		// What can be decoded can be encoded, and a second time round nothing
		// more is lost.
		var again Message
		once := m.AppendBody(nil)
		if again.Decode(once, IPv4) != nil {
			return
		}
		if twice := again.AppendBody(nil); !bytes.Equal(once, twice) {
			t.Errorf("once  %x\ntwice %x", once, twice)
		}
	})
}

func FuzzNext(f *testing.F) {
	for _, m := range messages {
		f.Add(m.m.Append(nil, 28, netlink.Request, 1))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			before := len(rest)
			f, r, err := Split(rest)
			if err != nil {
				return
			}
			if len(r) >= before {
				t.Fatal("Next does not get on")
			}
			_, _ = f.Errno()
			rest = r
		}
	})
}

func BenchmarkAppendDestination(b *testing.B) {
	m := messages[6].m
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = m.Append(buf[:0], 28, netlink.Request, 1)
	}
}

func BenchmarkDecodeDestination(b *testing.B) {
	body := messages[9].m.AppendBody(nil)
	m := Message{Destination: new(Destination)}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(body, IPv4); err != nil {
			b.Fatal(err)
		}
	}
}
