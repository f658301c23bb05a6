// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
)

var compareAddrs = cmp.Options{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var testStats = Stats{
	Conns: 1, InPackets: 2, OutPackets: 3, InBytes: 1 << 40, OutBytes: 1 << 63,
	CPS: 6, InPPS: 7, OutPPS: 8, InBPS: 9, OutBPS: 10,
}

// messages contains every command and every field at least once.
var messages = []struct {
	name string
	m    Message
}{
	{name: "add IPv4 service", m: Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "wlc",
		Flags: Persistent, Timeout: 600, Netmask: 0xffffff00, PEName: "sip"}}},
	{name: "edit IPv6 service", m: Message{Command: SetService, Service: &Service{
		ServiceKey: AddrKey(SCTP, ap("[2001:db8::1]:80")), Scheduler: "mh", Flags: Sched1 | Sched3, Netmask: 64}}},
	{name: "add firewall mark service", m: Message{Command: NewService, Service: &Service{
		ServiceKey: MarkKey(1<<32-1, IPv6), Scheduler: "rr", Netmask: 128}}},
	{name: "add service with IPv4-mapped address", m: Message{Command: NewService, Service: &Service{
		ServiceKey: ServiceKey{Family: IPv6, Protocol: UDP, AddrPort: ap("[::ffff:192.0.2.1]:53")}, Scheduler: "rr", Netmask: 128}}},
	{name: "add service with netmask 0.0.0.0", m: Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "wlc", Flags: Persistent, Timeout: 600, Netmask: ZeroNetmask}}},
	{name: "delete service", m: Message{Command: DelService, Service: &Service{ServiceKey: AddrKey(UDP, ap("192.0.2.1:53"))}}},
	{name: "get services", m: Message{Command: GetService}},
	{name: "add NAT destination", m: Message{Command: NewDestination,
		Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:80"))},
		Destination: &Destination{AddrPort: ap("198.51.100.1:8080"), Method: Masquerading, Weight: 65535,
			UpperThreshold: 1<<32 - 1, LowerThreshold: 7}}},
	{name: "edit IPv6 GUE destination of IPv4 service", m: Message{Command: SetDestination,
		Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:80"))},
		Destination: &Destination{AddrPort: ap("[2001:db8::2]:80"), Method: Tunneling,
			Tunnel: Tunnel{Type: GUE, Port: 6080, Flags: TunnelChecksum | TunnelRemoteChecksum}}}},
	{name: "delete destination", m: Message{Command: DelDestination,
		Service:     &Service{ServiceKey: MarkKey(5, IPv4)},
		Destination: &Destination{AddrPort: ap("198.51.100.1:0")}}},
	{name: "destination with counters", m: Message{Command: NewDestination,
		Destination: &Destination{AddrPort: ap("198.51.100.1:80"), Method: Local, Weight: 1,
			ActiveConns: 1, InactiveConns: 2, PersistentConns: 3, Stats: testStats}}},
	{name: "service with counters", m: Message{Command: NewService, Service: &Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "rr", Netmask: HostNetmask(IPv4), Stats: testStats}}},
	{name: "get destinations", m: Message{Command: GetDestination, Service: &Service{ServiceKey: MarkKey(5, IPv6)}}},
	{name: "start daemon with IPv4 group", m: Message{Command: NewDaemon, Daemon: &Daemon{
		State: Master, Interface: "eth0", SyncID: 255, MaxLen: 65507,
		Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 255}}},
	{name: "start daemon with IPv6 group", m: Message{Command: NewDaemon, Daemon: &Daemon{
		State: Backup, Interface: "abcdefghijklmno", Group: netip.MustParseAddr("ff02::81")}}},
	{name: "stop daemon", m: Message{Command: DelDaemon, Daemon: &Daemon{State: Backup}}},
	{name: "get daemons", m: Message{Command: GetDaemon}},
	{name: "set timeouts", m: Message{Command: SetConfig, Timeouts: &Timeouts{TCP: 1, TCPFin: 2, UDP: 1<<32 - 1}}},
	{name: "get timeouts", m: Message{Command: GetConfig}},
	{name: "info", m: Message{Command: SetInfo, Info: &Info{Version: 0x010201, ConnTableSize: 4096}}},
	{name: "get info", m: Message{Command: GetInfo}},
	{name: "zero service", m: Message{Command: Zero, Service: &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:0"))}}},
	{name: "flush", m: Message{Command: Flush}},
}

func appendMessage(t testing.TB, m *Message) []byte {
	t.Helper()
	b, err := m.Append(nil, 28, netlink.Request, 77)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func appendBody(t testing.TB, m *Message) []byte {
	t.Helper()
	return appendMessage(t, m)[headerLen:]
}

func TestMessageRoundTrip(t *testing.T) {
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			b := appendMessage(t, &tt.m)
			f, rest, err := Split(b)
			if err != nil || len(rest) != 0 {
				t.Fatalf("Split: %v, %d bytes left", err, len(rest))
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
				t.Errorf("message (-encoded +decoded):\n%s", diff)
			}
		})
	}
}

// TestAppendInvalidField verifies that Append rejects fields that cannot be encoded.
// A name of 65,539 bytes, for example, would overflow the 16-bit length of its
// attribute, and most of its contents would be parsed as attributes.
func TestAppendInvalidField(t *testing.T) {
	overflowing := "rr" + strings.Repeat("\x00", 6) + string(appendUint32(nil, svcMark, 7))
	overflowing += strings.Repeat("x", 65539-len(overflowing))
	service := func(s Service) Message {
		if s.Family == 0 {
			s.ServiceKey = AddrKey(TCP, ap("192.0.2.1:80"))
		}
		return Message{Command: NewService, Service: &s}
	}
	daemon := func(name string) Message {
		return Message{Command: NewDaemon, Daemon: &Daemon{State: Master, Interface: name}}
	}
	for _, tt := range []struct {
		name string
		m    Message
		want string
	}{
		{name: "scheduler name of 65,539 bytes", m: service(Service{Scheduler: overflowing}),
			want: "netlinkmsg: add service: scheduler name has 65539 bytes, more than 255"},
		{name: "scheduler name with NUL", m: service(Service{Scheduler: "rr\x00"}),
			want: `netlinkmsg: add service: scheduler name "rr\x00" contains a NUL byte`},
		{name: "engine name of 256 bytes", m: service(Service{PEName: strings.Repeat("x", 256)}),
			want: "netlinkmsg: add service: persistence engine name has 256 bytes, more than 255"},
		{name: "engine name with NUL", m: service(Service{PEName: "\x00"}),
			want: `netlinkmsg: add service: persistence engine name "\x00" contains a NUL byte`},
		{name: "interface name of 65,539 bytes", m: daemon(overflowing),
			want: "netlinkmsg: start daemon: interface name has 65539 bytes, more than 255"},
		{name: "interface name with NUL", m: daemon("eth0\x00x"),
			want: `netlinkmsg: start daemon: interface name "eth0\x00x" contains a NUL byte`},
		{name: "IPv4 netmask above 32 bits", m: service(Service{Netmask: 1<<32 + 1}),
			want: "netlinkmsg: add service: netmask 0x100000001 has more than 32 bits"},
		{name: "IPv6 netmask above 32 bits", m: service(Service{ServiceKey: MarkKey(1, IPv6), Netmask: 1<<32 + 64}),
			want: "netlinkmsg: add service: netmask 0x100000040 has more than 32 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := []byte("before")
			b, err := tt.m.Append(before, 28, netlink.Request, 1)
			if err == nil {
				var m Message
				t.Fatalf("no error; the message decodes as %+v, %v", m.Service, m.Decode(b[len(before)+headerLen:], IPv4))
			}
			if err.Error() != tt.want {
				t.Errorf("error = %q, want %q", err, tt.want)
			}
			if !bytes.Equal(b, before) {
				t.Errorf("buffer = %q, want %q", b, before)
			}
		})
	}
}

// TestAppendNameAboveKernelLimit verifies that names above the kernel's limit are
// encoded: ipvsadm sends them too and prints the kernel's error.
func TestAppendNameAboveKernelLimit(t *testing.T) {
	for _, n := range []int{16, maxNameLen} {
		want := Service{ServiceKey: MarkKey(1, IPv4), Scheduler: strings.Repeat("s", n), PEName: strings.Repeat("p", n), Netmask: 1}
		var got Message
		if err := got.Decode(appendBody(t, &Message{Command: NewService, Service: &want}), IPv4); err != nil {
			t.Fatal(err)
		}
		if *got.Service != want {
			t.Errorf("%d bytes: decoded %+v, want %+v", n, *got.Service, want)
		}
	}
}

// fullMessage returns a Message without zero-valued fields, except Command.
func fullMessage() Message {
	return Message{
		Service: &Service{ServiceKey: MarkKey(9, IPv6), Scheduler: "x", Flags: 1, Timeout: 1, Netmask: 1, PEName: "x", Stats: testStats},
		Destination: &Destination{AddrPort: ap("[::1]:1"), Method: 3, Weight: 9, Tunnel: Tunnel{Type: 1, Port: 1, Flags: 1},
			UpperThreshold: 1, LowerThreshold: 1, ActiveConns: 1, InactiveConns: 1, PersistentConns: 1, Stats: testStats},
		Daemon:   &Daemon{State: Backup, Interface: "x", SyncID: 1, MaxLen: 1, Group: netip.IPv6Loopback(), Port: 1, TTL: 1},
		Timeouts: &Timeouts{TCP: 1, TCPFin: 1, UDP: 1},
		Info:     &Info{Version: 1, ConnTableSize: 1},
	}
}

func TestDecodeOverwritesFields(t *testing.T) {
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			got := fullMessage()
			if err := got.Decode(appendBody(t, &tt.m), IPv4); err != nil {
				t.Fatal(err)
			}
			want := fullMessage()
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
			if tt.m.Timeouts != nil {
				want.Timeouts = tt.m.Timeouts
			}
			if tt.m.Info != nil {
				want.Info = tt.m.Info
			}
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTruncatedMessage(t *testing.T) {
	for _, tt := range messages {
		t.Run(tt.name, func(t *testing.T) {
			b := appendMessage(t, &tt.m)
			for n := range len(b) {
				if _, _, err := Split(b[:n]); err == nil {
					t.Errorf("Split accepted %d of %d bytes", n, len(b))
				}
			}
			body := b[headerLen:]
			var m Message
			for n := range genericHeaderLen {
				if err := m.Decode(body[:n], IPv4); err == nil {
					t.Errorf("Decode accepted %d bytes of the generic netlink header", n)
				}
			}
			// A message truncated between attributes, or in the padding of the
			// last one, is valid.
			for n := genericHeaderLen + 1; n < len(body); n++ {
				if err := m.Decode(body[:n], IPv4); err == nil && n%4 != 0 && n < len(body)-3 {
					t.Errorf("Decode accepted %d of %d bytes", n, len(body))
				}
			}
		})
	}
}

// attr encodes an attribute with its padding.
func attr(typ uint16, payload ...byte) []byte {
	b := append(appendAttrHeader(nil, typ, uint16(len(payload))), payload...)
	return pad4(b, len(payload))
}

func nested(typ uint16, attrs ...[]byte) []byte {
	return attr(typ|attrNested, bytes.Join(attrs, nil)...)
}

// body encodes the body of a message: a generic netlink header and attributes.
func body(c Command, attrs ...[]byte) []byte {
	return append([]byte{byte(c), FamilyVersion, 0, 0}, bytes.Join(attrs, nil)...)
}

func u16(typ, v uint16) []byte         { return appendUint16(nil, typ, v) }
func u32(typ uint16, v uint32) []byte  { return appendUint32(nil, typ, v) }
func u64(typ uint16, v uint64) []byte  { return appendUint64(nil, typ, v) }
func port(typ uint16, v uint16) []byte { return appendPort(nil, typ, v) }

var addr4 = []byte{192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

func TestDecode(t *testing.T) {
	destination := func(d Destination) Message {
		if !d.AddrPort.IsValid() {
			d.AddrPort = ap("192.0.2.1:0")
		}
		return Message{Command: GetDestination, Destination: &d}
	}
	for _, tt := range []struct {
		name   string
		family Family
		body   []byte
		want   Message
	}{
		{name: "unknown attributes", family: IPv4,
			body: body(GetDestination, u32(99, 1), nested(cmdDestination, attr(200, 1), u16(destFamily, uint16(IPv4)), attr(destAddr, addr4...),
				nested(destStats64, u64(99, 5), attr(98), u64(statsConns, 6)))),
			want: destination(Destination{Stats: Stats{Conns: 6}})},
		{name: "payload longer than expected", family: IPv4,
			body: body(GetConfig, attr(cmdTimeoutTCP, append(native.AppendUint32(nil, 7), 1, 2, 3, 4)...)),
			want: Message{Command: GetConfig, Timeouts: &Timeouts{TCP: 7}}},
		{name: "last attribute without padding", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...), port(destPort, 80)[:6])),
			want: destination(Destination{AddrPort: ap("192.0.2.1:80")})},
		{name: "duplicate attributes", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, 1, 2, 3), u32(destWeight, 1), attr(destAddr, addr4...), u32(destWeight, 2))),
			want: destination(Destination{Weight: 2})},
		{name: "family after address", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, make([]byte, 16)...), u16(destFamily, uint16(IPv6)))),
			want: destination(Destination{AddrPort: ap("[::]:0")})},
		{name: "destination without family", family: IPv6,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, make([]byte, 16)...))),
			want: destination(Destination{AddrPort: ap("[::]:0")})},
		{name: "destination before service", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, make([]byte, 16)...)), nested(cmdService, u16(svcFamily, uint16(IPv6)))),
			want: Message{Command: GetDestination, Service: &Service{ServiceKey: ServiceKey{Family: IPv6}}, Destination: &Destination{AddrPort: ap("[::]:0")}}},
		{name: "STATS only", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats, u32(statsConns, 1<<32-1), u64(statsInBytes, 1<<33), u32(statsOutBPS, 5)))),
			want: destination(Destination{Stats: Stats{Conns: 1<<32 - 1, InBytes: 1 << 33, OutBPS: 5}})},
		{name: "STATS before STATS64", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats, u32(statsConns, 7), u32(statsCPS, 7)), nested(destStats64, u64(statsConns, 1<<32)))),
			want: destination(Destination{Stats: Stats{Conns: 1 << 32}})},
		{name: "STATS after STATS64", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats64, u64(statsConns, 1<<32)), nested(destStats, u32(statsConns, 7)))),
			want: destination(Destination{Stats: Stats{Conns: 1 << 32}})},
		// Kernels for processors without unaligned access insert padding attributes.
		{name: "STATS64 with padding attributes", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...),
				nested(destStats64, attr(statsOutBPS+1), u64(statsConns, 1), attr(statsOutBPS+1), u64(statsOutBPS, 2)))),
			want: destination(Destination{Stats: Stats{Conns: 1, OutBPS: 2}})},
		{name: "name without NUL", family: IPv4,
			body: body(GetService, nested(cmdService, attr(svcScheduler, 'r', 'r'))),
			want: Message{Command: GetService, Service: &Service{Scheduler: "rr"}}},
		{name: "forwarding method with connection flags", family: IPv4,
			body: body(GetDestination, nested(cmdDestination, attr(destAddr, addr4...), u32(destMethod, 0x10000|uint32(DirectRouting)))),
			want: destination(Destination{Method: DirectRouting})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Message{}
			if err := got.Decode(tt.body, tt.family); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compareAddrs); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeInvalid(t *testing.T) {
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{name: "port of 1 byte", body: body(GetDestination, nested(cmdDestination, attr(destPort, 1))),
			want: "destination: attribute 2 has a payload of only 1 bytes"},
		{name: "weight of 2 bytes", body: body(GetDestination, nested(cmdDestination, attr(destWeight, 1, 2), u32(destUpper, 1))),
			want: "destination: attribute 4 has a payload of only 2 bytes"},
		{name: "weight of 2 bytes, then of 4", body: body(GetDestination, nested(cmdDestination, attr(destWeight, 1, 2), u32(destWeight, 1))),
			want: "destination: attribute 4 has a payload of only 2 bytes"},
		{name: "destination family of 1 byte", body: body(GetDestination, nested(cmdDestination, attr(destFamily, 1))),
			want: "destination: attribute 11 has a payload of only 1 bytes"},
		{name: "destination address of 3 bytes", body: body(GetDestination, nested(cmdDestination, attr(destAddr, 1, 2, 3))),
			want: "destination: IPv4 address of 3 bytes"},
		{name: "destination without address", body: body(GetDestination, nested(cmdDestination)),
			want: "destination: IPv4 address of 0 bytes"},
		{name: "service address without family", body: body(GetService, nested(cmdService, attr(svcAddr, addr4...))),
			want: "service: address of unknown family 0"},
		{name: "IPv6 address of 4 bytes", body: body(GetService, nested(cmdService, u16(svcFamily, uint16(IPv6)), attr(svcAddr, 1, 2, 3, 4))),
			want: "service: IPv6 address of 4 bytes"},
		{name: "netmask of 3 bytes", body: body(GetService, nested(cmdService, attr(svcNetmask, 1, 2, 3))),
			want: "service: netmask of 3 bytes"},
		{name: "counter of 2 bytes", body: body(GetService, nested(cmdService, nested(svcStats64, attr(statsConns, 1, 2)))),
			want: "service: statistics: attribute 1 has a payload of only 2 bytes"},
		{name: "empty tunnel type", body: body(GetDestination, nested(cmdDestination, attr(destTunnelType))),
			want: "destination: attribute 13 has a payload of only 0 bytes"},
		{name: "flags of 3 bytes", body: body(GetService, nested(cmdService, attr(svcFlags, 1, 2, 3))),
			want: "service: attribute 7 has a payload of only 3 bytes"},
		{name: "IPv4 multicast group of 2 bytes", body: body(GetDaemon, nested(cmdDaemon, attr(daemonGroup, 1, 2))),
			want: "daemon: IPv4 address of 2 bytes"},
		{name: "IPv6 multicast group of 2 bytes", body: body(GetDaemon, nested(cmdDaemon, attr(daemonGroup6, 1, 2))),
			want: "daemon: IPv6 address of 2 bytes"},
		{name: "attribute longer than the message", body: body(GetDaemon, u32(99, 0), native.AppendUint32(nil, 200)),
			want: "attribute of length 200 in 4 bytes"},
		{name: "attribute shorter than its header", body: body(GetDaemon, native.AppendUint32(nil, 3), []byte{0, 0}),
			want: "attribute of length 3 in 6 bytes"},
		{name: "attribute of length 0", body: body(GetDaemon, make([]byte, 8)),
			want: "attribute of length 0 in 8 bytes"},
		{name: "stray byte", body: body(GetDaemon, []byte{1}),
			want: "1 stray bytes after the last attribute"},
		{name: "info version of 1 byte", body: body(SetInfo, attr(infoVersion, 1)),
			want: "attribute 1 has a payload of only 1 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			err := m.Decode(tt.body, IPv4)
			want := fmt.Sprintf("netlinkmsg: %s: %s", Command(tt.body[0]), tt.want)
			if err == nil || err.Error() != want {
				t.Errorf("error = %v, want %s", err, want)
			}
		})
	}
}

// destinationBody returns the body of a message with a destination, as Linux 5.3
// and later encode it on processors that support unaligned access: with STATS and
// STATS64, and without padding attributes.
func destinationBody() []byte {
	stats := bytes.Join([][]byte{
		u32(statsConns, 1), u32(statsInPackets, 2), u32(statsOutPackets, 3), u64(statsInBytes, 4), u64(statsOutBytes, 5),
		u32(statsCPS, 6), u32(statsInPPS, 7), u32(statsOutPPS, 8), u32(statsInBPS, 9), u32(statsOutBPS, 10),
	}, nil)
	return body(NewDestination, nested(cmdDestination,
		attr(destAddr, addr4...), port(destPort, 8080), u32(destMethod, uint32(Tunneling)), u32(destWeight, 7),
		attr(destTunnelType, byte(GUE)), port(destTunnelPort, 6080), u16(destTunnelFlags, uint16(TunnelChecksum)),
		u32(destUpper, 1000), u32(destLower, 500), u32(destActive, 1), u32(destInactive, 2), u32(destPersistent, 3),
		u16(destFamily, uint16(IPv4)), nested(destStats, stats), testStats.append(nil, destStats64),
	))
}

func TestDecodeDestination(t *testing.T) {
	want := Destination{
		AddrPort: ap("192.0.2.1:8080"), Method: Tunneling, Weight: 7,
		Tunnel:         Tunnel{Type: GUE, Port: 6080, Flags: TunnelChecksum},
		UpperThreshold: 1000, LowerThreshold: 500, ActiveConns: 1, InactiveConns: 2, PersistentConns: 3,
		Stats: testStats,
	}
	var m Message
	if err := m.Decode(destinationBody(), 0); err != nil {
		t.Fatal(err)
	}
	if *m.Destination != want {
		t.Errorf("destination = %+v, want %+v", *m.Destination, want)
	}
}

func TestDecodeAllocs(t *testing.T) {
	service := appendBody(t, &messages[0].m)
	destination := destinationBody()
	m := Message{Service: new(Service), Destination: new(Destination)}
	decode := func() {
		if err := m.Decode(service, 0); err != nil {
			t.Fatal(err)
		}
		if err := m.Decode(destination, 0); err != nil {
			t.Fatal(err)
		}
	}
	decode() // allocates memory for the names
	if n := testing.AllocsPerRun(10, decode); n != 0 {
		t.Errorf("decoding into the same Message makes %v allocations, want 0", n)
	}
}

func TestErrno(t *testing.T) {
	for _, tt := range []struct {
		name    string
		frame   Frame
		want    syscall.Errno
		wantErr bool
	}{
		{name: "success", frame: Frame{Header: netlink.Header{Type: netlink.Error}, Body: native.AppendUint32(nil, 0)}},
		{name: "EEXIST", frame: Frame{Header: netlink.Header{Type: netlink.Error}, Body: native.AppendUint32(nil, ^uint32(syscall.EEXIST)+1)},
			want: syscall.EEXIST},
		{name: "done without errno", frame: Frame{Header: netlink.Header{Type: netlink.Done}}},
		{name: "error of 2 bytes", frame: Frame{Header: netlink.Header{Type: netlink.Error}, Body: []byte{1, 2}}, wantErr: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			errno, err := tt.frame.Errno()
			if errno != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("Errno() = %d, %v; want %d, error: %t", errno, err, tt.want, tt.wantErr)
			}
		})
	}
}

func TestString(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{got: AddrKey(TCP, ap("192.0.2.1:80")).String(), want: "TCP 192.0.2.1:80"},
		{got: MarkKey(4000000000, IPv6).String(), want: "FWM 4000000000 IPv6"},
		{got: NewDestination.String(), want: "add destination"},
		{got: Command(200).String(), want: "Command(200)"},
		{got: Protocol(1).String(), want: "Protocol(1)"},
		{got: Local.String(), want: "Local"},
		{got: GRE.String(), want: "gre"},
		{got: Backup.String(), want: "backup"},
	} {
		if tt.got != tt.want {
			t.Errorf("String() = %q, want %q", tt.got, tt.want)
		}
	}
}

// TestServiceString verifies that String prints every field.
func TestServiceString(t *testing.T) {
	s := Service{
		ServiceKey: AddrKey(TCP, ap("192.0.2.1:80")), Scheduler: "sh", PEName: "sip",
		Flags: Persistent | Sched2 | 0x80, Timeout: 600, Netmask: 0xffffff00,
		Stats: Stats{Conns: 7, OutBPS: 9},
	}
	const want = "{TCP 192.0.2.1:80 Scheduler:sh Flags:Persistent|Sched2|0x80 Timeout:600 Netmask:255.255.255.0 PEName:sip " +
		"Stats:{Conns:7 InPackets:0 OutPackets:0 InBytes:0 OutBytes:0 CPS:0 InPPS:0 OutPPS:0 InBPS:0 OutBPS:9}}"
	for _, got := range []string{fmt.Sprintf("%+v", s), fmt.Sprint(&s), s.String()} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	typ := reflect.TypeFor[Service]()
	for i := range typ.NumField() {
		if f := typ.Field(i); !f.Anonymous && !strings.Contains(want, f.Name+":") {
			t.Errorf("field %s is missing", f.Name)
		}
	}
}

func TestStructsPrintNames(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{value: Info{Version: 0x010201, ConnTableSize: 4096}, want: "{Version:1.2.1 ConnTableSize:4096}"},
		{value: Tunnel{Type: GUE, Port: 6080, Flags: TunnelChecksum | TunnelRemoteChecksum},
			want: "{Type:gue Port:6080 Flags:TunnelChecksum|TunnelRemoteChecksum}"},
		{value: ServiceFlags(0), want: "0"},
	} {
		if got := fmt.Sprintf("%+v", tt.value); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// FuzzEncode checks that a message with arbitrary strings and numbers decodes to
// the same values, or is rejected.
func FuzzEncode(f *testing.F) {
	f.Add("wlc", "sip", "eth0", uint64(0xffffff00), uint32(0))
	f.Add("", "", "", uint64(ZeroNetmask), uint32(1))
	f.Add("rr\x00", "x\x00", "\x00", uint64(1<<32+64), uint32(1))
	f.Add(strings.Repeat("x", 65539), strings.Repeat("x", 65531), strings.Repeat("x", 256), uint64(1), uint32(7))
	f.Fuzz(func(t *testing.T, scheduler, peName, iface string, netmask uint64, mark uint32) {
		if netmask == 0 {
			netmask = uint64(ZeroNetmask) // 0 on the wire decodes as ZeroNetmask
		}
		key := AddrKey(TCP, ap("192.0.2.1:80"))
		if mark != 0 {
			key = MarkKey(mark, IPv4)
		}
		for _, want := range []Message{
			{Command: NewService, Service: &Service{ServiceKey: key, Scheduler: scheduler, PEName: peName, Netmask: Netmask(netmask)}},
			{Command: NewService, Service: &Service{ServiceKey: MarkKey(7, IPv6), Scheduler: scheduler, PEName: peName, Netmask: Netmask(netmask)}},
			{Command: NewDaemon, Daemon: &Daemon{State: Master, Interface: iface}},
		} {
			b, err := want.Append([]byte{1, 2, 3, 4}, 28, netlink.Request, 1)
			if err != nil {
				if len(b) != 4 {
					t.Errorf("the buffer has %d bytes after an error, want 4", len(b))
				}
				continue
			}
			frame, rest, err := Split(b[4:])
			if err != nil || len(rest) != 0 {
				t.Fatalf("Split: %v, %d bytes left", err, len(rest))
			}
			var got Message
			if err := got.Decode(frame.Body, 0); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, compareAddrs); diff != "" {
				t.Errorf("message (-encoded +decoded):\n%s", diff)
			}
		}
	})
}

// FuzzDecode decodes arbitrary bytes and encodes the result. Decoding and encoding the
// encoded message again must not change it.
func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add(appendBody(f, &m.m))
	}
	f.Add(destinationBody())
	f.Fuzz(func(t *testing.T, b []byte) {
		var m1, m2 Message
		if m1.Decode(b, IPv4) != nil {
			return
		}
		b1, err := m1.AppendBody(nil)
		if err != nil || m2.Decode(b1, IPv4) != nil {
			return
		}
		if b2, err := m2.AppendBody(nil); err != nil || !bytes.Equal(b1, b2) {
			t.Errorf("encoded first  %x\nencoded second %x, %v", b1, b2, err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	for _, m := range messages {
		f.Add(appendMessage(f, &m.m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			frame, rest, err := Split(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatalf("Split returned %d of %d bytes as the rest", len(rest), len(b))
			}
			_, _ = frame.Errno()
			b = rest
		}
	})
}

func BenchmarkAppendDestination(b *testing.B) {
	m := Message{
		Command:     NewDestination,
		Service:     &Service{ServiceKey: AddrKey(TCP, ap("192.0.2.1:80"))},
		Destination: &Destination{AddrPort: ap("198.51.100.1:8080"), Weight: 1},
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = m.Append(buf[:0], 28, netlink.Request, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeDestination(b *testing.B) {
	body := destinationBody()
	m := Message{Destination: new(Destination)}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Decode(body, IPv4); err != nil {
			b.Fatal(err)
		}
	}
}
