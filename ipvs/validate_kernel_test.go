//go:build kernel

package ipvs

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// What cannot work is an error that says why, whether the kernel takes it or
// refuses it.
func TestMistakes(t *testing.T) {
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
	gone := ServiceKey{Family: IPv4, Protocol: TCP, AddrPort: ap("[2001:db8::1]:80")}
	for _, tt := range []struct {
		name  string
		do    func() error
		errno syscall.Errno
		text  string
	}{
		{"no key", service(Service{}), syscall.EINVAL, "neither an address nor a mark"},
		{"two keys", service(Service{ServiceKey: ServiceKey{Protocol: TCP, AddrPort: server, Mark: 7}}), syscall.EINVAL, "both an address and a mark"},
		{"another family", service(Service{ServiceKey: gone}), syscall.EINVAL, "not of its family"},
		{"another family of what is removed", func() error { return c.RemoveService(gone) }, syscall.EINVAL, "not of its family"},
		{"another family of what is read", func() error { _, err := c.Destinations(gone); return err }, syscall.EINVAL, "not of its family"},
		{"no protocol", service(Service{ServiceKey: ServiceKey{AddrPort: server}}), syscall.EINVAL, "none of TCP, UDP and SCTP"},
		{"another protocol", service(Service{ServiceKey: AddrKey(1, server)}), syscall.EINVAL, "none of TCP, UDP and SCTP"},
		{"all ports", service(Service{ServiceKey: AddrKey(TCP, ap("192.0.2.9:0"))}), syscall.EINVAL, "must be persistent"},
		{"one packet of TCP", service(Service{ServiceKey: none, Flags: OnePacket}), syscall.EINVAL, "only a UDP service"},
		{"a long scheduler", service(Service{ServiceKey: none, Scheduler: long}), syscall.EINVAL, "the scheduler's name"},
		{"a long engine", service(Service{ServiceKey: none, Flags: Persistent, PEName: long}), syscall.EINVAL, "engine's name"},
		{"a long prefix", service(Service{ServiceKey: AddrKey(TCP, ap("[2001:db8::9]:80")), Netmask: 129}), syscall.EINVAL, "up to 128"},

		{"no address", destination(web, Destination{}), syscall.EINVAL, "the address of a host"},
		{"multicast", destination(web, Destination{AddrPort: ap("224.0.0.1:80")}), syscall.EINVAL, "the address of a host"},
		{"not there, and no address", destination(none, Destination{}), syscall.ESRCH, "no such service"},
		{"another family by NAT", destination(web, Destination{AddrPort: ap("[2001:db8::2]:80")}), syscall.EINVAL, "by Tunneling"},
		{"a tunnel without a port", destination(web, Destination{AddrPort: server, Method: Tunneling, Tunnel: Tunnel{Type: GUE}}), syscall.EINVAL, "must have a port"},
		{"no such tunnel", destination(web, Destination{AddrPort: server, Method: Tunneling, Tunnel: Tunnel{Type: 7}}), syscall.EINVAL, "no such type of tunnel"},
		{"no such method", destination(web, Destination{AddrPort: server, Method: 7}), syscall.EINVAL, "no such forwarding method"},
		{"a weight", destination(web, Destination{AddrPort: server, Weight: 1 << 31}), syscall.ERANGE, "the weight is above"},
		{"thresholds", destination(web, Destination{AddrPort: server, LowerThreshold: 2, UpperThreshold: 1}), syscall.ERANGE, "the lower threshold"},

		{"no role", daemon(Daemon{Interface: "lo"}), syscall.EINVAL, "neither a master nor a backup"},
		{"no role to stop", func() error { return c.StopDaemon(0) }, syscall.EINVAL, "neither a master nor a backup"},
		{"no interface", daemon(Daemon{State: Master}), syscall.ENODEV, "no interface"},
		{"a long interface", daemon(Daemon{State: Master, Interface: long}), syscall.EINVAL, "the interface's name"},
		{"an id", daemon(Daemon{State: Master, Interface: "lo", SyncID: 256}), syscall.EINVAL, "above 255"},
		{"a group", daemon(Daemon{State: Master, Interface: "lo", Group: netip.MustParseAddr("192.0.2.1")}), syscall.EINVAL, "no multicast address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkErr(t, c.RemoveAllServices(), nil)
			checkErr(t, c.AddService(Service{ServiceKey: web}), nil)
			err := tt.do()
			if !errors.Is(err, tt.errno) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %v and %q", err, tt.errno, tt.text)
			}
			services, err := c.Services()
			if checkErr(t, err, nil); len(services) != 1 {
				t.Errorf("services: %v", services)
			}
		})
	}
}

// The zero values of a service work on the kernel, and mean there what the
// documentation says.
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
		{ServiceKey: web, Flags: Persistent, Netmask: AllClients},
		{ServiceKey: AddrKey(UDP, ap("[::ffff:192.0.2.1]:53")), Flags: OnePacket},
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
		// What was read can be written, and means the same.
		checkErr(t, c.UpdateService(got), nil)
		if again, err := c.Service(s.ServiceKey); again != got || err != nil {
			t.Errorf("%v, %v after an update of %v", again, err, got)
		}
	}
	checkErr(t, c.RemoveAllServices(), nil)
	checkErr(t, c.AddService(Service{ServiceKey: web}), nil)
	checkErr(t, c.AddDestination(web, Destination{AddrPort: ap("[::ffff:198.51.100.1]:80")}), nil)
	got, err := c.Destinations(web)
	if checkErr(t, err, nil); len(got) != 1 || got[0] != (Destination{AddrPort: ap("198.51.100.1:80")}) {
		t.Errorf("%+v", got)
	}
	checkErr(t, c.Close(), nil)
	checkErr(t, c.Close(), nil)
	if _, err := c.Services(); err == nil {
		t.Error("a closed client reads")
	}
}
