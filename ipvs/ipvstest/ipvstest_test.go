// SPDX-License-Identifier: MIT

package ipvstest_test

import (
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

var (
	web    = ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	server = ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Weight: 1}
)

func dial(t *testing.T, k *ipvstest.FakeKernel) *ipvs.Client {
	t.Helper()
	c, err := k.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestFakeKernelConcurrent uses a FakeKernel from several clients and, through its
// methods, from the test. With -race it finds missing locks.
func TestFakeKernelConcurrent(t *testing.T) {
	k := ipvstest.FakeKernel{Intercept: func(*netlinkmsg.Message) syscall.Errno { return 0 }}
	const clients, rounds = 4, 50
	var wg sync.WaitGroup
	for i := range clients {
		key := ipvs.MarkKey(uint32(i+1), ipvs.IPv4)
		c := dial(t, &k)
		wg.Go(func() {
			for range rounds {
				b := c.Batch()
				b.AddService(ipvs.Service{ServiceKey: key})
				b.AddDestination(key, server)
				b.UpdateDestination(key, server)
				b.SetTimeouts(ipvs.Timeouts{TCP: 900})
				b.RemoveService(key)
				b.AddService(ipvs.Service{ServiceKey: key})
				b.AddDestination(key, server)
				if failures, err := b.Commit(); len(failures) > 0 || err != nil {
					t.Error(failures, err)
				}
				for _, err := range c.ServicesSeq() {
					if err != nil {
						t.Error(err)
					}
				}
				if destinations, err := c.Destinations(key); len(destinations) != 1 || err != nil {
					t.Error(destinations, err)
				}
				if err := c.RemoveService(key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			k.Modify(func() {
				for i := range k.Table {
					k.Table[i].Service.Stats.Conns++
				}
			})
			for _, e := range k.Entries() {
				_ = len(e.Destinations)
			}
			_ = k.Changes()
		}
	})
	wg.Wait()
	if n := len(k.Entries()); n != 0 {
		t.Errorf("%d services, want 0", n)
	}
	if n := len(k.Changes()); n != clients*rounds*8 {
		t.Errorf("%d changes, want %d", n, clients*rounds*8)
	}
}

func TestFakeKernelErrors(t *testing.T) {
	missing := ipvs.MarkKey(9, ipvs.IPv4)
	for _, tt := range []struct {
		name string
		call func(c *ipvs.Client) error
		want error
	}{
		{name: "service exists", want: ipvs.ErrServiceExists,
			call: func(c *ipvs.Client) error { return c.AddService(ipvs.Service{ServiceKey: web}) }},
		{name: "unknown scheduler", want: ipvs.ErrNoScheduler,
			call: func(c *ipvs.Client) error {
				return c.UpdateService(ipvs.Service{ServiceKey: web, Scheduler: "nosuch"})
			}},
		{name: "destination of a missing service", want: ipvs.ErrNoService,
			call: func(c *ipvs.Client) error { return c.AddDestination(missing, server) }},
		{name: "zero of a missing service", want: ipvs.ErrNoService,
			call: func(c *ipvs.Client) error { return c.ZeroService(missing) }},
		{name: "get of a missing service", want: ipvs.ErrNoService,
			call: func(c *ipvs.Client) error { _, err := c.Service(missing); return err }},
		{name: "destination exists", want: ipvs.ErrDestinationExists,
			call: func(c *ipvs.Client) error { return c.AddDestination(web, server) }},
		{name: "no destination", want: ipvs.ErrNoDestination,
			call: func(c *ipvs.Client) error {
				return c.RemoveDestination(web, netip.MustParseAddrPort("198.51.100.9:80"))
			}},
		{name: "thresholds", want: syscall.ERANGE,
			call: func(c *ipvs.Client) error {
				d := server
				d.LowerThreshold = 1
				return c.UpdateDestination(web, d)
			}},
		{name: "daemon running", want: ipvs.ErrDaemonRunning,
			call: func(c *ipvs.Client) error {
				return c.StartDaemon(ipvs.Daemon{State: ipvs.Master, Interface: "lo"})
			}},
		{name: "no daemon", want: ipvs.ErrNoDaemon,
			call: func(c *ipvs.Client) error { return c.StopDaemon(ipvs.Backup) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := ipvstest.FakeKernel{
				Table: []ipvstest.Entry{{
					Service:      ipvs.WithDefaults(ipvs.Service{ServiceKey: web}),
					Destinations: []ipvs.Destination{server},
				}},
				Daemons: []ipvs.Daemon{{State: ipvs.Master, Interface: "lo"}},
			}
			if err := tt.call(dial(t, &k)); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestFakeKernelRequests verifies that executing a request does not change its copy in
// Requests.
func TestFakeKernelRequests(t *testing.T) {
	var k ipvstest.FakeKernel
	c := dial(t, &k)
	if err := c.AddService(ipvs.Service{ServiceKey: web}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Service(web); err != nil {
		t.Fatal(err)
	}
	if n := len(k.Received()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	changes := k.Changes()
	if len(changes) != 1 || changes[0].Service.Flags != 0 {
		t.Errorf("changes = %v, want one without flags", changes)
	}
}

func TestReceiveTruncated(t *testing.T) {
	var k ipvstest.FakeKernel
	s := k.Socket()
	m := netlinkmsg.Message{Command: netlinkmsg.GetInfo}
	b, err := m.Append(nil, ipvstest.Family, netlink.Request, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(b); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Receive(make([]byte, 20)); err == nil {
		t.Errorf("Receive = %d, want an error", n)
	}
}
