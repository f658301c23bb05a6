// SPDX-License-Identifier: MIT

package ipvs

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// The steps call the methods of a client and of a batch. TestKernelSteps runs them on a
// kernel and can record the messages to testdata/netlink; TestRecordedSteps replays the
// recording.

// A step makes one or several related calls.
type step struct {
	name string // title in the recording
	run  func(t *testing.T, c *Client)
}

// ap parses an address and port.
func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var compareAddr = gocmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

var (
	web     = AddrKey(TCP, ap("192.0.2.1:80"))
	web6    = AddrKey(TCP, ap("[2001:db8::1]:80"))
	sip     = AddrKey(UDP, ap("192.0.2.1:5060"))
	tel     = AddrKey(SCTP, ap("192.0.2.1:2905"))
	mark    = MarkKey(3000000000, IPv6)
	missing = AddrKey(TCP, ap("192.0.2.99:80")) // never added
)

// services are the services that the steps add, as the kernel returns them.
var services = []Service{
	{ServiceKey: web, Scheduler: "wrr", Flags: Persistent | Hashed, Timeout: 600, Netmask: 0xffffff00},
	{ServiceKey: tel, Scheduler: "rr", Flags: Hashed, Netmask: 0xffffffff},
	{ServiceKey: sip, Scheduler: "rr", Flags: Persistent | OnePacketScheduling | Hashed, Timeout: 60, Netmask: 0xffffffff, PEName: "sip"},
	{ServiceKey: web6, Scheduler: "sh", Flags: Sched1 | Sched2 | Hashed, Netmask: 128},
	{ServiceKey: mark, Scheduler: "rr", Flags: Persistent | Hashed, Timeout: 300, Netmask: 64},
}

// destinations are the destinations of web.
var destinations = []Destination{
	{AddrPort: ap("198.51.100.1:8080"), Method: Masquerading, Weight: 5, UpperThreshold: 200, LowerThreshold: 100},
	{AddrPort: ap("198.51.100.2:80"), Method: DirectRouting, Weight: 65535},
	{AddrPort: ap("198.51.100.3:80"), Method: Tunneling, Weight: 1, Tunnel: Tunnel{Type: IPIP}},
	{AddrPort: ap("198.51.100.4:80"), Method: Tunneling, Weight: 1, Tunnel: Tunnel{Type: GUE, Port: 6080, Flags: TunnelRemoteChecksum}},
	{AddrPort: ap("198.51.100.5:80"), Method: Tunneling, Weight: 1, Tunnel: Tunnel{Type: GRE, Flags: TunnelChecksum}},
	{AddrPort: ap("[2001:db8::6]:80"), Method: Tunneling, Weight: 0},
}

var daemon = Daemon{
	State: Master, Interface: "lo", SyncID: 7,
	MaxLen: 1400, Group: netip.MustParseAddr("224.0.0.82"), Port: 8850, TTL: 3,
}

// requested returns s as a request contains it, without the flag that the kernel sets.
func requested(s Service) Service {
	s.Flags &^= Hashed
	return s
}

var steps = []step{
	{name: "info", run: func(t *testing.T, c *Client) {
		info, err := c.Info()
		checkErr(t, err, nil)
		if info.Version != 0x010201 || info.ConnTableSize == 0 {
			t.Errorf("info = %+v, want version 1.2.1 and the size of the connection table", info)
		}
	}},
	{name: "timeouts", run: func(t *testing.T, c *Client) {
		checkErr(t, c.SetTimeouts(Timeouts{TCP: 800, TCPFin: 100, UDP: 250}), nil)
		checkErr(t, c.SetTimeouts(Timeouts{UDP: 251}), nil)
		got, err := c.Timeouts()
		checkErr(t, err, nil)
		if want := (Timeouts{TCP: 800, TCPFin: 100, UDP: 251}); got != want {
			t.Errorf("timeouts = %+v, want %+v", got, want)
		}
	}},
	{name: "add services", run: func(t *testing.T, c *Client) {
		for _, s := range services[1:] {
			checkErr(t, c.AddService(requested(s)), nil)
		}
		checkErr(t, c.AddService(Service{ServiceKey: web, Scheduler: "rr", Netmask: 0xffffffff}), nil)
	}},
	{name: "add service: exists", run: func(t *testing.T, c *Client) {
		checkErr(t, c.AddService(Service{ServiceKey: web, Scheduler: "rr"}), ErrServiceExists, syscall.EEXIST)
	}},
	{name: "add service: no scheduler", run: func(t *testing.T, c *Client) {
		checkErr(t, c.AddService(Service{ServiceKey: missing, Scheduler: "nosuch"}), ErrNoScheduler, syscall.ENOENT)
	}},
	{name: "edit service", run: func(t *testing.T, c *Client) {
		checkErr(t, c.UpdateService(requested(services[0])), nil)
	}},
	{name: "edit service: none", run: func(t *testing.T, c *Client) {
		checkErr(t, c.UpdateService(Service{ServiceKey: missing, Scheduler: "rr"}), ErrNoService, syscall.ESRCH)
	}},
	{name: "add destinations", run: func(t *testing.T, c *Client) {
		for _, d := range destinations[1:] {
			checkErr(t, c.AddDestination(web, d), nil)
		}
		checkErr(t, c.AddDestination(web, Destination{AddrPort: destinations[0].AddrPort, Weight: 1}), nil)
		checkErr(t, c.AddDestination(mark, Destination{AddrPort: ap("[2001:db8::7]:0"), Method: DirectRouting, Weight: 1}), nil)
	}},
	{name: "add destination: exists", run: func(t *testing.T, c *Client) {
		checkErr(t, c.AddDestination(web, destinations[0]), ErrDestinationExists, syscall.EEXIST)
	}},
	{name: "add destination: no service", run: func(t *testing.T, c *Client) {
		checkErr(t, c.AddDestination(missing, destinations[0]), ErrNoService, syscall.ESRCH)
	}},
	{name: "add destination: not unicast", run: func(t *testing.T, c *Client) {
		checkErr(t, c.AddDestination(web, Destination{AddrPort: ap("224.0.0.1:80")}), syscall.EINVAL)
	}},
	{name: "edit destination", run: func(t *testing.T, c *Client) {
		checkErr(t, c.UpdateDestination(web, destinations[0]), nil)
	}},
	{name: "edit destination: none", run: func(t *testing.T, c *Client) {
		checkErr(t, c.UpdateDestination(web, Destination{AddrPort: ap("198.51.100.99:80")}), ErrNoDestination, syscall.ENOENT)
	}},
	{name: "edit destination: no service", run: func(t *testing.T, c *Client) {
		checkErr(t, c.UpdateDestination(missing, destinations[0]), ErrNoService)
	}},
	{name: "list services", run: func(t *testing.T, c *Client) {
		got, err := c.Services()
		checkErr(t, err, nil)
		slices.SortFunc(got, func(a, b Service) int {
			return cmp.Or(cmp.Compare(a.Mark, b.Mark), cmp.Compare(a.Family, b.Family),
				a.AddrPort.Compare(b.AddrPort))
		})
		if diff := gocmp.Diff(services, got, compareAddr); diff != "" {
			t.Errorf("services (-want +got):\n%s", diff)
		}
	}},
	{name: "get service", run: func(t *testing.T, c *Client) {
		for _, want := range services {
			got, err := c.Service(want.ServiceKey)
			checkErr(t, err, nil)
			if diff := gocmp.Diff(want, got, compareAddr); diff != "" {
				t.Errorf("service (-want +got):\n%s", diff)
			}
		}
	}},
	{name: "get service: none", run: func(t *testing.T, c *Client) {
		_, err := c.Service(missing)
		checkErr(t, err, ErrNoService, syscall.ESRCH)
	}},
	{name: "list destinations", run: func(t *testing.T, c *Client) {
		got, err := c.Destinations(web)
		checkErr(t, err, nil)
		slices.SortFunc(got, func(a, b Destination) int { return a.AddrPort.Compare(b.AddrPort) })
		if diff := gocmp.Diff(destinations, got, compareAddr); diff != "" {
			t.Errorf("destinations (-want +got):\n%s", diff)
		}
		got, err = c.Destinations(sip)
		checkErr(t, err, nil)
		if len(got) != 0 {
			t.Errorf("destinations of a service without destinations: %v, want none", got)
		}
	}},
	{name: "zero", run: func(t *testing.T, c *Client) {
		checkErr(t, c.ZeroService(web), nil)
		checkErr(t, c.ZeroService(missing), ErrNoService)
		checkErr(t, c.Zero(), nil)
	}},
	{name: "remove", run: func(t *testing.T, c *Client) {
		checkErr(t, c.RemoveDestination(web, destinations[5].AddrPort), nil)
		checkErr(t, c.RemoveDestination(web, destinations[5].AddrPort), ErrNoDestination, syscall.ENOENT)
		checkErr(t, c.RemoveDestination(missing, destinations[5].AddrPort), ErrNoService)
		checkErr(t, c.RemoveService(tel), nil)
		checkErr(t, c.RemoveService(tel), ErrNoService, syscall.ESRCH)
	}},
	// The kernel does not start a sync daemon while a service has a destination of
	// another address family.
	{name: "daemon", run: func(t *testing.T, c *Client) {
		checkErr(t, c.StartDaemon(daemon), nil)
		checkErr(t, c.StartDaemon(daemon), ErrDaemonRunning, syscall.EEXIST)
		got, err := c.Daemons()
		checkErr(t, err, nil)
		if diff := gocmp.Diff([]Daemon{daemon}, got, gocmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("daemons (-want +got):\n%s", diff)
		}
		// User-Mode Linux hangs if a daemon is stopped while it starts.
		time.Sleep(100 * time.Millisecond)
		checkErr(t, c.StopDaemon(Master), nil)
		checkErr(t, c.StopDaemon(Master), ErrNoDaemon, syscall.ESRCH)
		checkErr(t, c.StartDaemon(Daemon{State: Backup, Interface: "nosuch0"}), syscall.ENODEV)
	}},
	{name: "batch", run: func(t *testing.T, c *Client) {
		b := c.Batch()
		b.RemoveService(missing)             // change 0 fails
		b.AddService(requested(services[1])) // change 1
		b.AddService(requested(services[1])) // change 2 fails
		b.AddDestination(tel, destinations[1])
		b.UpdateDestination(tel, Destination{AddrPort: ap("198.51.100.99:80")}) // change 4 fails
		b.RemoveDestination(tel, destinations[1].AddrPort)
		b.ZeroService(tel)
		b.Zero()
		b.SetTimeouts(Timeouts{TCP: 900, TCPFin: 120, UDP: 300})
		b.StartDaemon(Daemon{State: Backup, Interface: "nosuch0"}) // change 9 fails
		b.StopDaemon(Backup)                                       // change 10 fails
		b.UpdateService(requested(services[1]))
		b.RemoveService(tel) // change 12
		b.RemoveService(tel) // change 13 fails and is the last request
		failures, err := b.Commit()
		checkErr(t, err, nil)
		want := []struct {
			index int
			err   error
		}{
			{index: 0, err: ErrNoService},
			{index: 2, err: ErrServiceExists},
			{index: 4, err: ErrNoDestination},
			{index: 9, err: syscall.ENODEV},
			{index: 10, err: ErrNoDaemon},
			{index: 13, err: ErrNoService},
		}
		if len(failures) != len(want) {
			t.Fatalf("%d failures, want %d: %v", len(failures), len(want), failures)
		}
		for i, w := range want {
			if f := failures[i]; f.Index != w.index || !errors.Is(f.Err, w.err) {
				t.Errorf("failure %d: change %d, %v; want change %d, %v", i, f.Index, f.Err, w.index, w.err)
			}
		}
		failures, err = b.Commit()
		if checkErr(t, err, nil); len(failures) != 0 {
			t.Errorf("the second Commit returns the failures of the first: %v", failures)
		}
	}},
	{name: "flush", run: func(t *testing.T, c *Client) {
		checkErr(t, c.RemoveAllServices(), nil)
		got, err := c.Services()
		checkErr(t, err, nil)
		if len(got) != 0 {
			t.Errorf("services after RemoveAllServices: %v, want none", got)
		}
	}},
}

// checkErr fails the test unless err matches all of want. Only a nil err matches nil.
func checkErr(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("error = %v, want %v", err, w)
		}
	}
}
