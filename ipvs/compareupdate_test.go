// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

func TestCompareAndUpdateDestination(t *testing.T) {
	base := ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Method: ipvs.Tunneling, Weight: 3,
		Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 5555}, UpperThreshold: 9, LowerThreshold: 7}
	for _, tt := range []struct {
		name   string
		change func(*ipvs.Destination) // made by another program after the reading
		want   error
	}{
		{name: "unchanged", change: func(*ipvs.Destination) {}},
		{name: "counters", change: func(d *ipvs.Destination) {
			d.ActiveConns, d.InactiveConns, d.PersistentConns, d.Stats.Conns = 1, 2, 3, 4
		}},
		{name: "weight", change: func(d *ipvs.Destination) { d.Weight = 0 }, want: ipvs.ErrChanged},
		{name: "method", change: func(d *ipvs.Destination) { d.Method = ipvs.Masquerading }, want: ipvs.ErrChanged},
		{name: "tunnel", change: func(d *ipvs.Destination) { d.Tunnel.Port = 6666 }, want: ipvs.ErrChanged},
		{name: "threshold", change: func(d *ipvs.Destination) { d.UpperThreshold = 8 }, want: ipvs.ErrChanged},
		{name: "removed", change: func(d *ipvs.Destination) { d.AddrPort = netip.MustParseAddrPort("198.51.100.2:80") }, want: ipvs.ErrNoDestination},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{
				Service:      ipvs.Service{ServiceKey: web, Scheduler: "rr"},
				Destinations: []ipvs.Destination{base},
			}}}
			c, _ := k.Dial()
			old, err := c.Destination(web, base.AddrPort)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&k.Table[0].Destinations[0])
			changed := k.Table[0].Destinations[0]
			d := old
			d.Weight = 5
			if err := c.CompareAndUpdateDestination(web, old, d); !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				changed.Weight = 5
			} else if n := len(k.Changes()); n != 0 {
				t.Errorf("%d changes, want none", n)
			}
			if got := k.Table[0].Destinations[0]; got != changed {
				t.Errorf("destination %+v, want %+v", got, changed)
			}
		})
	}
}

func TestCompareAndUpdateService(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*ipvs.Service) // made by another program after the reading
		want   error
	}{
		{name: "unchanged", change: func(*ipvs.Service) {}},
		{name: "counters", change: func(s *ipvs.Service) { s.Stats.Conns = 4 }},
		{name: "timeout", change: func(s *ipvs.Service) { s.Timeout = 9 }, want: ipvs.ErrChanged},
		{name: "flags", change: func(s *ipvs.Service) { s.Flags = ipvs.Hashed }, want: ipvs.ErrChanged},
		{name: "persistence engine", change: func(s *ipvs.Service) { s.PEName = "sip" }, want: ipvs.ErrChanged},
		{name: "removed", change: func(s *ipvs.Service) { s.Mark = 7 }, want: ipvs.ErrNoService},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := ipvs.Service{ServiceKey: web, Scheduler: "rr", Flags: ipvs.Hashed | ipvs.Persistent, Timeout: 60, Netmask: ipvs.HostNetmask(ipvs.IPv4)}
			k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{Service: base}}}
			c, _ := k.Dial()
			old, err := c.Service(web)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&k.Table[0].Service)
			changed := k.Table[0].Service
			s := old
			s.Scheduler = "wrr"
			if err := c.CompareAndUpdateService(old, s); !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				changed.Scheduler = "wrr"
			} else if n := len(k.Changes()); n != 0 {
				t.Errorf("%d changes, want none", n)
			}
			if got := k.Table[0].Service; got != changed {
				t.Errorf("service %+v, want %+v", got, changed)
			}
		})
	}
}

// TestCompareAndUpdateError checks the error and that the update has no counters.
func TestCompareAndUpdateError(t *testing.T) {
	d := ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), ActiveConns: 5}
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{Service: ipvs.Service{ServiceKey: web}, Destinations: []ipvs.Destination{d}}}}
	c, _ := k.Dial()
	err := c.CompareAndUpdateDestination(web, ipvs.Destination{AddrPort: d.AddrPort, Weight: 1}, d)
	if want := "ipvs: edit destination 198.51.100.1:80 of TCP 192.0.2.1:80: changed by another program; not overwritten"; err == nil || err.Error() != want || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := c.CompareAndUpdateDestination(web, d, d); err != nil {
		t.Fatal(err)
	}
	if m := k.Changes(); len(m) != 1 || m[0].Destination.ActiveConns != 0 {
		t.Errorf("changes %+v, want one without counters", m)
	}
	k.Intercept = func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }
	if err := c.CompareAndUpdateService(ipvs.Service{ServiceKey: web}, ipvs.Service{ServiceKey: web}); !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v, want EPERM", err)
	}
}

// Set the weight of a destination and keep the rest of its configuration, unless another
// program changes it at the same time.
func ExampleClient_CompareAndUpdateDestination() {
	server := netip.MustParseAddrPort("198.51.100.1:80")
	kernel := ipvstest.FakeKernel{Table: []ipvstest.Entry{{
		Service:      ipvs.Service{ServiceKey: web, Scheduler: "wlc"},
		Destinations: []ipvs.Destination{{AddrPort: server, Method: ipvs.DirectRouting, Weight: 1}},
	}}}
	c, err := kernel.Dial() // programs call ipvs.Dial
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	old, err := c.Destination(web, server)
	if err != nil {
		log.Fatal(err)
	}
	d := old
	d.Weight = 5
	if err := c.CompareAndUpdateDestination(web, old, d); err != nil {
		log.Fatal(err) // ipvs.ErrChanged: read it again
	}
	d, err = c.Destination(web, server)
	fmt.Println(d.Method, d.Weight, err)
	// Output: Route 5 <nil>
}
