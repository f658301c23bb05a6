// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// ap parses an address and port.
func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var compareAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func TestServiceDefaults(t *testing.T) {
	web6 := ipvs.AddrKey(ipvs.TCP, ap("[2001:db8::1]:80"))
	mapped := ap("[::ffff:192.0.2.1]:80")
	for _, tt := range []struct {
		name        string
		given, want ipvs.Service
	}{
		{
			name:  "IPv4",
			given: ipvs.Service{ServiceKey: web},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff},
		},
		{
			name:  "IPv6",
			given: ipvs.Service{ServiceKey: web6},
			want:  ipvs.Service{ServiceKey: web6, Scheduler: "wlc", Netmask: 128},
		},
		{
			name:  "persistent",
			given: ipvs.Service{ServiceKey: web, Flags: ipvs.Persistent},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "wlc", Flags: ipvs.Persistent, Timeout: 360, Netmask: 0xffffffff},
		},
		{
			name:  "all fields set",
			given: ipvs.Service{ServiceKey: web, Scheduler: "rr", Flags: ipvs.Persistent, Timeout: 1, Netmask: 0xff00},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "rr", Flags: ipvs.Persistent, Timeout: 1, Netmask: 0xff00},
		},
		{
			name:  "netmask 0.0.0.0",
			given: ipvs.Service{ServiceKey: web, Flags: ipvs.Persistent, Netmask: ipvs.ZeroNetmask},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "wlc", Flags: ipvs.Persistent, Timeout: 360, Netmask: ipvs.ZeroNetmask},
		},
		{
			name:  "address without family",
			given: ipvs.Service{ServiceKey: ipvs.ServiceKey{Protocol: ipvs.TCP, AddrPort: web6.AddrPort}},
			want:  ipvs.Service{ServiceKey: web6, Scheduler: "wlc", Netmask: 128},
		},
		{
			name:  "firewall mark without family",
			given: ipvs.Service{ServiceKey: ipvs.ServiceKey{Mark: 7}},
			want:  ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "wlc", Netmask: 0xffffffff},
		},
		{
			name:  "AddrKey of an IPv4-mapped address",
			given: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, mapped)},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff},
		},
		{
			name:  "IPv4-mapped address without family",
			given: ipvs.Service{ServiceKey: ipvs.ServiceKey{Protocol: ipvs.TCP, AddrPort: mapped}},
			want:  ipvs.Service{ServiceKey: web, Scheduler: "wlc", Netmask: 0xffffffff},
		},
		{
			name:  "IPv4-mapped address with family IPv6",
			given: ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.TCP, AddrPort: mapped}},
			want: ipvs.Service{ServiceKey: ipvs.ServiceKey{Family: ipvs.IPv6, Protocol: ipvs.TCP, AddrPort: mapped},
				Scheduler: "wlc", Netmask: 128},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(fields(tt.want), fields(ipvs.WithDefaults(tt.given))); diff != "" {
				t.Errorf("WithDefaults (-want +got):\n%s", diff)
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
				t.Errorf("Service: %v, %v, want key %v", got, err, tt.want.ServiceKey)
			}
		})
	}
}

// fields returns the configuration of s as a struct without methods, which cmp.Diff
// compares and prints field by field.
func fields(s ipvs.Service) any {
	type service struct {
		Key       string
		Scheduler string
		Flags     uint32
		Timeout   uint32
		Netmask   uint64
		PEName    string
	}
	return service{fmt.Sprint(s.ServiceKey, s.Family), s.Scheduler, uint32(s.Flags), s.Timeout, uint64(s.Netmask), s.PEName}
}

// TestDestinationSentAsGiven verifies that the client does not change destinations, and
// that it identifies an IPv4-mapped address as the reason why the kernel rejects one.
func TestDestinationSentAsGiven(t *testing.T) {
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	if err := c.AddService(ipvs.Service{ServiceKey: web}); err != nil {
		t.Fatal(err)
	}
	want := []ipvs.Destination{{AddrPort: ap("198.51.100.1:80")}, {AddrPort: ap("[::ffff:198.51.100.1]:80")}}
	for _, d := range want {
		if err := c.AddDestination(web, d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Destinations(web)
	if diff := cmp.Diff(want, got, compareAddr); diff != "" || err != nil {
		t.Errorf("%v, destinations (-want +got):\n%s", err, diff)
	}

	k.Intercept = func(*netlinkmsg.Message) syscall.Errno { return syscall.EINVAL }
	err = c.AddDestination(web, want[1])
	if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "IPv4-mapped") {
		t.Errorf("error = %v, want EINVAL for an IPv4-mapped address", err)
	}
}

func TestSameEffect(t *testing.T) {
	const persistent = ipvs.Persistent
	service := func(flags ipvs.ServiceFlags, timeout uint32, mask ipvs.Netmask) ipvs.Service {
		return ipvs.Service{Scheduler: "rr", Flags: flags, Timeout: timeout, Netmask: mask}
	}
	for _, tt := range []struct {
		name       string
		want, have ipvs.Service
		equal      bool
	}{
		{name: "hashed", want: service(0, 0, 0), have: service(ipvs.Hashed, 0, 0), equal: true},
		{name: "unknown flag", want: service(0, 0, 0), have: service(0x40|ipvs.Hashed, 0, 0), equal: true},
		{name: "different netmask without persistence", want: service(0, 0, 0xffffff00), have: service(0, 0, 0xffffffff), equal: true},
		{name: "different timeout without persistence", want: service(0, 0, 0), have: service(0, 60, 0), equal: true},
		{name: "netmask", want: service(persistent, 60, 0xffffff00), have: service(persistent, 60, 0xffffffff)},
		{name: "timeout", want: service(persistent, 60, 64), have: service(persistent, 61, 64)},
		{name: "persistence", want: service(persistent, 60, 64), have: service(0, 60, 64)},
		{name: "scheduler flag", want: service(ipvs.Sched2, 0, 0), have: service(ipvs.Sched1, 0, 0)},
		{name: "one-packet scheduling", want: service(ipvs.OnePacketScheduling, 0, 0), have: service(0, 0, 0)},
		{name: "persistence engine", want: ipvs.Service{PEName: "sip"}, have: ipvs.Service{}},
		{name: "scheduler", want: ipvs.Service{Scheduler: "sh"}, have: ipvs.Service{Scheduler: "rr"}},
		{name: "counters", want: ipvs.Service{}, have: ipvs.Service{Stats: ipvs.Stats{Conns: 7}}, equal: true},
	} {
		if got := ipvs.SameEffect(&tt.want, &tt.have); got != tt.equal {
			t.Errorf("%s: SameEffect = %t, want %t", tt.name, got, tt.equal)
		}
	}
}
