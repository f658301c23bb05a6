package reconcile

import (
	"testing"

	"goipvsadm/ipvs"
)

// What the kernel reports of a service or destination that it was given.
func TestSame(t *testing.T) {
	const persistent = ipvs.Persistent
	service := func(flags ipvs.ServiceFlags, timeout uint32, mask ipvs.Netmask) ipvs.Service {
		return ipvs.Service{Scheduler: "rr", Flags: flags, Timeout: timeout, Netmask: mask}
	}
	for _, tt := range []struct {
		name       string
		want, have ipvs.Service
		same       bool
	}{
		{"hashed", service(0, 0, 0), service(ipvs.Hashed, 0, 0), true},
		{"a flag of kernels to come", service(0, 0, 0), service(0x40|ipvs.Hashed, 0, 0), true},
		{"a netmask without persistence", service(0, 0, 0xffffff00), service(0, 0, 0xffffffff), true},
		{"a timeout without persistence", service(0, 0, 0), service(0, 60, 0), true},
		{"another netmask", service(persistent, 60, 0xffffff00), service(persistent, 60, 0xffffffff), false},
		{"another timeout", service(persistent, 60, 64), service(persistent, 61, 64), false},
		{"persistence", service(persistent, 60, 64), service(0, 60, 64), false},
		{"a scheduler flag", service(ipvs.Sched2, 0, 0), service(ipvs.Sched1, 0, 0), false},
		{"one packet", service(ipvs.OnePacket, 0, 0), service(0, 0, 0), false},
		{"another engine", ipvs.Service{PEName: "sip"}, ipvs.Service{}, false},
		{"another scheduler", ipvs.Service{Scheduler: "sh"}, ipvs.Service{Scheduler: "rr"}, false},
		{"counters", ipvs.Service{}, ipvs.Service{Stats: ipvs.Stats{Conns: 7}}, true},
	} {
		if got := serviceEqual(&tt.want, &tt.have); got != tt.same {
			t.Errorf("%s: %v", tt.name, got)
		}
	}

	masq := ipvs.Destination{Method: ipvs.Masquerading, Weight: 1}
	gue := ipvs.Destination{Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelChecksum}}
	with := func(d ipvs.Destination, f func(*ipvs.Destination)) ipvs.Destination { f(&d); return d }
	for _, tt := range []struct {
		name       string
		want, have ipvs.Destination
		same       bool
	}{
		{"the same", gue, gue, true},
		{"local", masq, with(masq, func(d *ipvs.Destination) { d.Method = ipvs.Local }), true},
		{"local with a tunnel", gue, ipvs.Destination{Method: ipvs.Local, Weight: 1}, true},
		{"local of another weight", masq, ipvs.Destination{Method: ipvs.Local, Weight: 2}, false},
		{"another method", gue, masq, false},
		{"a tunnel left over without tunneling", masq, with(gue, func(d *ipvs.Destination) { d.Method = ipvs.Masquerading }), true},
		{"another type", gue, with(gue, func(d *ipvs.Destination) { d.Tunnel.Type = ipvs.GRE }), false},
		{"another port", gue, with(gue, func(d *ipvs.Destination) { d.Tunnel.Port = 1 }), false},
		{"another checksum", gue, with(gue, func(d *ipvs.Destination) { d.Tunnel.Flags = 0 }), false},
		{"what a type does not have", ipvs.Destination{Method: ipvs.Tunneling},
			ipvs.Destination{Method: ipvs.Tunneling, Tunnel: ipvs.Tunnel{Port: 6080, Flags: 1}}, true},
		{"an upper threshold", masq, with(masq, func(d *ipvs.Destination) { d.UpperThreshold = 1 }), false},
		{"a lower threshold", masq, with(masq, func(d *ipvs.Destination) { d.LowerThreshold = 1 }), false},
		{"connections", masq, with(masq, func(d *ipvs.Destination) { d.ActiveConns, d.PersistentConns = 1, 2 }), true},
	} {
		if got := sameDestination(&tt.want, &tt.have); got != tt.same {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
