// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// TestKernelValidation makes invalid changes. Each must fail with an error that states
// the reason, whether the client or the kernel rejects it.
func TestKernelValidation(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	long := strings.Repeat("x", 20)
	service := func(s Service) func() error { return func() error { return c.AddService(s) } }
	destination := func(key ServiceKey, d Destination) func() error {
		return func() error { return c.AddDestination(key, d) }
	}
	daemon := func(d Daemon) func() error { return func() error { return c.StartDaemon(d) } }
	server := ap("198.51.100.1:80")
	wrongFamily := ServiceKey{Family: IPv4, Protocol: TCP, AddrPort: ap("[2001:db8::1]:80")}
	for _, tt := range []struct {
		name  string
		call  func() error
		errno syscall.Errno
		text  string
	}{
		{name: "no key", errno: syscall.EINVAL, text: "neither address nor firewall mark",
			call: service(Service{})},
		{name: "address and mark", errno: syscall.EINVAL, text: "both an address and a firewall mark",
			call: service(Service{ServiceKey: ServiceKey{Protocol: TCP, AddrPort: server, Mark: 7}})},
		{name: "wrong family of a service to add", errno: syscall.EINVAL, text: "does not match its address family",
			call: service(Service{ServiceKey: wrongFamily})},
		{name: "wrong family of a service to remove", errno: syscall.EINVAL, text: "does not match its address family",
			call: func() error { return c.RemoveService(wrongFamily) }},
		{name: "wrong family of a service to read", errno: syscall.EINVAL, text: "does not match its address family",
			call: func() error { _, err := c.Destinations(wrongFamily); return err }},
		{name: "no protocol", errno: syscall.EINVAL, text: "protocol must be",
			call: service(Service{ServiceKey: ServiceKey{AddrPort: server}})},
		{name: "ICMP", errno: syscall.EINVAL, text: "protocol must be",
			call: service(Service{ServiceKey: AddrKey(1, server)})},
		{name: "port 0", errno: syscall.EINVAL, text: "requires a persistent service",
			call: service(Service{ServiceKey: AddrKey(TCP, ap("192.0.2.9:0"))})},
		{name: "one-packet scheduling of TCP", errno: syscall.EINVAL, text: "requires UDP",
			call: service(Service{ServiceKey: missing, Flags: OnePacketScheduling})},
		{name: "scheduler name", errno: syscall.EINVAL, text: "scheduler name",
			call: service(Service{ServiceKey: missing, Scheduler: long})},
		{name: "engine name", errno: syscall.EINVAL, text: "engine name",
			call: service(Service{ServiceKey: missing, Flags: Persistent, PEName: long})},
		{name: "IPv6 netmask", errno: syscall.EINVAL, text: "prefix length of 1-128",
			call: service(Service{ServiceKey: AddrKey(TCP, ap("[2001:db8::9]:80")), Netmask: 129})},

		{name: "no destination address", errno: syscall.EINVAL, text: "not a unicast address",
			call: destination(web, Destination{})},
		{name: "multicast destination", errno: syscall.EINVAL, text: "not a unicast address",
			call: destination(web, Destination{AddrPort: ap("224.0.0.1:80")})},
		{name: "neither destination address nor service", errno: syscall.ESRCH, text: "no such service",
			call: destination(missing, Destination{})},
		{name: "IPv4-mapped destination", errno: syscall.EINVAL, text: "IPv4-mapped",
			call: destination(web, Destination{AddrPort: ap("[::ffff:198.51.100.1]:80")})},
		{name: "IPv6 destination with NAT", errno: syscall.EINVAL, text: "require tunneling",
			call: destination(web, Destination{AddrPort: ap("[2001:db8::2]:80")})},
		{name: "GUE without a port", errno: syscall.EINVAL, text: "requires a port",
			call: destination(web, Destination{AddrPort: server, Method: Tunneling, Tunnel: Tunnel{Type: GUE}})},
		{name: "tunnel type", errno: syscall.EINVAL, text: "unknown tunnel type",
			call: destination(web, Destination{AddrPort: server, Method: Tunneling, Tunnel: Tunnel{Type: 7}})},
		{name: "forwarding method", errno: syscall.EINVAL, text: "unknown forwarding method",
			call: destination(web, Destination{AddrPort: server, Method: 7})},
		{name: "weight", errno: syscall.ERANGE, text: "weight exceeds",
			call: destination(web, Destination{AddrPort: server, Weight: 1 << 31})},
		{name: "thresholds", errno: syscall.ERANGE, text: "lower threshold",
			call: destination(web, Destination{AddrPort: server, LowerThreshold: 2, UpperThreshold: 1})},

		{name: "no daemon state", errno: syscall.EINVAL, text: "master or backup",
			call: daemon(Daemon{Interface: "lo"})},
		{name: "no daemon state to stop", errno: syscall.EINVAL, text: "master or backup",
			call: func() error { return c.StopDaemon(0) }},
		{name: "no interface", errno: syscall.ENODEV, text: "requires an interface",
			call: daemon(Daemon{State: Master})},
		{name: "interface name", errno: syscall.EINVAL, text: "interface name",
			call: daemon(Daemon{State: Master, Interface: long})},
		{name: "sync ID", errno: syscall.EINVAL, text: "0-255",
			call: daemon(Daemon{State: Master, Interface: "lo", SyncID: 256})},
		{name: "group", errno: syscall.EINVAL, text: "not a multicast address",
			call: daemon(Daemon{State: Master, Interface: "lo", Group: netip.MustParseAddr("192.0.2.1")})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkErr(t, c.RemoveAllServices(), nil)
			checkErr(t, c.AddService(Service{ServiceKey: web}), nil)
			err := tt.call()
			if !errors.Is(err, tt.errno) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %v and %q", err, tt.errno, tt.text)
			}
			services, err := c.Services()
			if checkErr(t, err, nil); len(services) != 1 {
				t.Errorf("services %v, want 1", services)
			}
		})
	}
}

// TestKernelDefaults verifies that the kernel accepts services and destinations with
// unset fields and returns the documented defaults.
func TestKernelDefaults(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, s := range []Service{
		{ServiceKey: web},
		{ServiceKey: web6},
		{ServiceKey: web, Flags: Persistent},
		{ServiceKey: web6, Flags: Persistent},
		{ServiceKey: ServiceKey{Mark: 7}, Flags: Persistent},
		{ServiceKey: web, Flags: Persistent, Netmask: ZeroNetmask},
		{ServiceKey: AddrKey(UDP, ap("[::ffff:192.0.2.1]:53")), Flags: OnePacketScheduling},
	} {
		checkErr(t, c.RemoveAllServices(), nil)
		checkErr(t, c.AddService(s), nil)
		got, err := c.Service(s.ServiceKey)
		checkErr(t, err, nil)
		want := WithDefaults(s)
		want.Flags |= Hashed
		if got != want {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		// An update with the returned service changes nothing.
		checkErr(t, c.UpdateService(got), nil)
		if updated, err := c.Service(s.ServiceKey); updated != got || err != nil {
			t.Errorf("%v, %v after an update, want %v", updated, err, got)
		}
	}
	checkErr(t, c.RemoveAllServices(), nil)
	checkErr(t, c.AddService(Service{ServiceKey: web}), nil)
	checkErr(t, c.AddDestination(web, Destination{AddrPort: ap("198.51.100.1:80")}), nil)
	got, err := c.Destinations(web)
	if checkErr(t, err, nil); len(got) != 1 || got[0] != (Destination{AddrPort: ap("198.51.100.1:80")}) {
		t.Errorf("destinations %+v, want one with unset fields", got)
	}
	checkErr(t, c.Close(), nil)
	checkErr(t, c.Close(), nil)
	if _, err := c.Services(); err == nil {
		t.Error("Services of a closed client returns no error")
	}
}
