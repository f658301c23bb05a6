// SPDX-License-Identifier: MIT

package reconcile

import (
	"testing"

	"goipvsadm/ipvs"
)

func TestServiceEqual(t *testing.T) {
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
		if got := serviceEqual(&tt.want, &tt.have); got != tt.equal {
			t.Errorf("%s: serviceEqual = %t, want %t", tt.name, got, tt.equal)
		}
	}
}

func TestDestinationEqual(t *testing.T) {
	masq := ipvs.Destination{Method: ipvs.Masquerading, Weight: 1}
	gue := ipvs.Destination{Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelChecksum}}
	ipip := ipvs.Destination{Method: ipvs.Tunneling}
	with := func(d ipvs.Destination, set func(*ipvs.Destination)) ipvs.Destination { set(&d); return d }
	for _, tt := range []struct {
		name       string
		want, have ipvs.Destination
		equal      bool
	}{
		{name: "identical", want: gue, have: gue, equal: true},
		{name: "local", want: masq, have: with(masq, func(d *ipvs.Destination) { d.Method = ipvs.Local }), equal: true},
		{name: "local with tunnel", want: gue, have: ipvs.Destination{Method: ipvs.Local, Weight: 1}, equal: true},
		{name: "local with different weight", want: masq, have: ipvs.Destination{Method: ipvs.Local, Weight: 2}},
		{name: "method", want: gue, have: masq},
		{name: "tunnel of another method", want: masq, have: with(gue, func(d *ipvs.Destination) { d.Method = ipvs.Masquerading }), equal: true},
		{name: "tunnel type", want: gue, have: with(gue, func(d *ipvs.Destination) { d.Tunnel.Type = ipvs.GRE })},
		{name: "tunnel port", want: gue, have: with(gue, func(d *ipvs.Destination) { d.Tunnel.Port = 1 })},
		{name: "tunnel checksum", want: gue, have: with(gue, func(d *ipvs.Destination) { d.Tunnel.Flags = 0 })},
		{name: "fields that IPIP does not use", want: ipip, have: with(ipip, func(d *ipvs.Destination) { d.Tunnel = ipvs.Tunnel{Port: 6080, Flags: 1} }), equal: true},
		{name: "upper threshold", want: masq, have: with(masq, func(d *ipvs.Destination) { d.UpperThreshold = 1 })},
		{name: "lower threshold", want: masq, have: with(masq, func(d *ipvs.Destination) { d.LowerThreshold = 1 })},
		{name: "connections", want: masq, have: with(masq, func(d *ipvs.Destination) { d.ActiveConns, d.PersistentConns = 1, 2 }), equal: true},
	} {
		if got := destinationEqual(&tt.want, &tt.have); got != tt.equal {
			t.Errorf("%s: destinationEqual = %t, want %t", tt.name, got, tt.equal)
		}
	}
}
