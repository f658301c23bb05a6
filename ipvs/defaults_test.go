package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var compareAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

// What is left out of a service is what one would expect, also in a batch and
// in an update.
func TestServiceDefaults(t *testing.T) {
	web, web6 := ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), ipvs.AddrKey(ipvs.TCP, ap("[2001:db8::1]:80"))
	const persistent = ipvs.Persistent
	for _, tt := range []struct {
		name        string
		given, want ipvs.Service
	}{
		{"IPv4", ipvs.Service{ServiceKey: web}, ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff}},
		{"IPv6", ipvs.Service{ServiceKey: web6}, ipvs.Service{ServiceKey: web6, Scheduler: "wlc", Netmask: 128}},
		{"persistence", ipvs.Service{ServiceKey: web, Flags: persistent},
			ipvs.Service{ServiceKey: web, Scheduler: "wlc", Flags: persistent, Timeout: 360, Netmask: 0xffffffff}},
		{"all said", ipvs.Service{ServiceKey: web, Scheduler: "rr", Flags: persistent, Timeout: 1, Netmask: 0xff00},
			ipvs.Service{ServiceKey: web, Scheduler: "rr", Flags: persistent, Timeout: 1, Netmask: 0xff00}},
		{"all clients are one", ipvs.Service{ServiceKey: web, Flags: persistent, Netmask: ipvs.AllClients},
			ipvs.Service{ServiceKey: web, Scheduler: "wlc", Flags: persistent, Timeout: 360, Netmask: ipvs.AllClients}},
		{"an address without its family", ipvs.Service{ServiceKey: ipvs.ServiceKey{Protocol: ipvs.TCP, AddrPort: ap("[2001:db8::1]:80")}},
			ipvs.Service{ServiceKey: web6, Scheduler: "wlc", Netmask: 128}},
		{"a mark without a family", ipvs.Service{ServiceKey: ipvs.ServiceKey{Mark: 7}},
			ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "wlc", Netmask: 0xffffffff}},
		{"an IPv4-mapped address", ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80"))},
			ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff}},
		{"an IPv4-mapped address without its family",
			ipvs.Service{ServiceKey: ipvs.ServiceKey{Protocol: ipvs.TCP, AddrPort: ap("[::ffff:192.0.2.1]:80")}},
			ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff}},
		{"an IPv4-mapped address said to be IPv6",
			ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.TCP, AddrPort: ap("[::ffff:192.0.2.1]:80")}},
			ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.TCP, AddrPort: ap("[::ffff:192.0.2.1]:80")},
				Scheduler: "wlc", Netmask: 128}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(fields(tt.want), fields(ipvs.WithDefaults(tt.given))); diff != "" {
				t.Errorf("Complete (-want +got):\n%s", diff)
			}
			var k ipvstest.FakeKernel
			c, _ := k.Dial()
			if err := c.AddService(tt.given); err != nil {
				t.Fatal(err)
			}
			if err := c.UpdateService(tt.given); err != nil {
				t.Fatal(err)
			}
			b := c.Batch()
			b.UpdateService(tt.given)
			if failures, err := b.Commit(); len(failures) > 0 || err != nil {
				t.Fatal(failures, err)
			}
			for _, m := range k.Requests {
				got := *m.Service
				got.Flags &^= ipvs.Hashed
				if diff := cmp.Diff(fields(tt.want), fields(got)); diff != "" {
					t.Errorf("%v (-want +got):\n%s", m.Command, diff)
				}
			}
			got, err := c.Service(tt.given.ServiceKey)
			if err != nil || got.ServiceKey != tt.want.ServiceKey {
				t.Errorf("Service: %v, %v", got, err)
			}
		})
	}
}

// fields is s without the methods by which cmp would compare and print it.
func fields(s ipvs.Service) any {
	type bare struct {
		Key       string
		Scheduler string
		Flags     uint32
		Timeout   uint32
		Netmask   uint64
		Engine    string
	}
	return bare{fmt.Sprint(s.ServiceKey, s.Family), s.Scheduler, uint32(s.Flags), s.Timeout, uint64(s.Netmask), s.PEName}
}

// A destination of the zero value is NAT with weight 0, as the kernel has it,
// and its address may come from a socket that both families use.
func TestDestinationDefaults(t *testing.T) {
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	web := ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))
	mapped, plain := ap("[::ffff:198.51.100.1]:80"), ap("198.51.100.1:80")
	if err := c.AddService(ipvs.Service{ServiceKey: web}); err != nil {
		t.Fatal(err)
	}
	if err := c.AddDestination(web, ipvs.Destination{AddrPort: mapped}); err != nil {
		t.Fatal(err)
	}
	want := []ipvs.Destination{{AddrPort: plain, Method: ipvs.Masquerading, Weight: 0}}
	got, err := c.Destinations(ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80")))
	if diff := cmp.Diff(want, got, compareAddr); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := c.RemoveDestination(web, mapped); err != nil {
		t.Error(err)
	}
}

// %+v leaves nothing out.
func TestServicePrintsWhole(t *testing.T) {
	s := ipvs.Service{
		ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "sh", PEName: "sip",
		Flags: ipvs.Persistent | ipvs.Sched2 | 0x80, Timeout: 600, Netmask: 0xffffff00,
		Stats: ipvs.Stats{Conns: 7, OutBPS: 9},
	}
	const want = "{TCP 192.0.2.1:80 Scheduler:sh Flags:Persistent|Sched2|0x80 Timeout:600 Netmask:255.255.255.0 PEName:sip " +
		"Stats:{Conns:7 InPackets:0 OutPackets:0 InBytes:0 OutBytes:0 CPS:0 InPPS:0 OutPPS:0 InBPS:0 OutBPS:9}}"
	for _, got := range []string{fmt.Sprintf("%+v", s), fmt.Sprint(&s), s.String()} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	typ := reflect.TypeFor[ipvs.Service]()
	for i := range typ.NumField() {
		if f := typ.Field(i); !f.Anonymous && !strings.Contains(want, f.Name+":") {
			t.Errorf("%s is left out", f.Name)
		}
	}
}

func TestOtherValuesPrint(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{
		{ipvs.Info{Version: 0x010201, ConnTableSize: 4096}, "{Version:1.2.1 ConnTableSize:4096}"},
		{ipvs.Tunnel{Type: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelChecksum | ipvs.TunnelRemoteChecksum},
			"{Type:gue Port:6080 Flags:TunnelChecksum|TunnelRemoteChecksum}"},
		{ipvs.ServiceFlags(0), "0"},
	} {
		if got := fmt.Sprintf("%+v", tt.value); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	var k ipvstest.FakeKernel
	s := &closing{Socket: k.Socket()}
	c := ipvs.NewClient(s, ipvstest.Family)
	if err := c.Close(); err == nil {
		t.Error("the socket's error is lost")
	}
	if err := c.Close(); err != nil || s.closed != 1 {
		t.Errorf("the second time: %v; closed %d times", err, s.closed)
	}
}

// A closing socket counts, and fails.
type closing struct {
	ipvs.Socket
	closed int
}

func (c *closing) Close() error {
	c.closed++
	return syscall.EIO
}

// A change that cannot work does not disturb those beside it.
func TestMistakesInABatch(t *testing.T) {
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	b := c.Batch()
	for i := range 300 {
		port := uint16(i % 100) // every hundredth cannot work
		b.AddService(ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.UDP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 100)}), port))})
	}
	b.AddService(ipvs.Service{}) // the last one, which asks for an answer
	failures, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, f := range failures {
		got = append(got, f.Index)
		if !errors.Is(f.Err, syscall.EINVAL) {
			t.Error(f.Err)
		}
	}
	if diff := cmp.Diff([]int{0, 100, 200, 300}, got); diff != "" {
		t.Error(diff)
	}
	const text = "ipvs: add service Protocol(0) invalid AddrPort: the service has neither an address nor a mark"
	if got := failures[3].Err.Error(); got != text {
		t.Errorf("got %q", got)
	}
	if len(k.Table) != 297 {
		t.Errorf("%d services", len(k.Table))
	}
}
