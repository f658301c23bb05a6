// SPDX-License-Identifier: MIT

package reconcile

import (
	"testing"

	"goipvsadm/ipvs"
)

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
