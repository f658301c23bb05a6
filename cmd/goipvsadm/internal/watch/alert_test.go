// SPDX-License-Identifier: MIT

package watch

import (
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// TestAlerts verifies that alerts depend on the configuration of a server and on the
// preceding samples.
func TestAlerts(t *testing.T) {
	type conns [2]uint32 // connections of the server and of another server
	bothThresholds := ipvs.Destination{Weight: 1, UpperThreshold: 10, LowerThreshold: 4}
	upperThreshold := ipvs.Destination{Weight: 1, UpperThreshold: 10}
	noThresholds := ipvs.Destination{Weight: 1}
	for _, tt := range []struct {
		name        string
		destination ipvs.Destination
		conns       []conns
		want        string // the sign after each sample
	}{
		{name: "weight 0", conns: []conns{{0, 0}}, want: "0"},
		{name: "weight 0, share drops", conns: []conns{{50, 50}, {0, 50}}, want: "00"},
		{name: "rises to the upper threshold and falls", destination: bothThresholds, conns: []conns{{9, 90}, {10, 90}, {9, 90}, {4, 90}, {3, 90}, {9, 90}}, want: " ^^^  "},
		{name: "upper threshold only", destination: upperThreshold, conns: []conns{{9, 90}, {10, 90}, {8, 90}, {7, 90}, {8, 90}}, want: " ^^  "},
		{name: "no thresholds", destination: noThresholds, conns: []conns{{1000, 0}}, want: " "},
		{name: "share drops by half", destination: noThresholds, conns: []conns{{50, 50}, {25, 75}, {26, 75}}, want: " v "},
		{name: "share drops by less than half", destination: noThresholds, conns: []conns{{50, 50}, {26, 74}}, want: "  "},
		{name: "share drops gradually", destination: noThresholds, conns: []conns{{50, 50}, {40, 60}, {30, 70}, {20, 80}}, want: "    "},
		{name: "few connections", destination: noThresholds, conns: []conns{{9, 9}, {0, 9}}, want: "  "},
		{name: "small share", destination: noThresholds, conns: []conns{{99, 901}, {0, 901}}, want: "  "},
		{name: "all connections of the service end", destination: noThresholds, conns: []conns{{50, 50}, {0, 0}, {0, 50}}, want: "   "},
	} {
		var tracker alertTracker
		var got string
		now := time.Now()
		for _, c := range tt.conns {
			sample := &sampler.Sample{Time: now, Services: []sampler.Service{{Destinations: []sampler.Destination{
				{Destination: tt.destination}, {Destination: ipvs.Destination{AddrPort: ap("192.0.2.2:80"), ActiveConns: c[1]}}}}}}
			d := &sample.Services[0].Destinations[0]
			d.ActiveConns = c[0] / 2
			d.InactiveConns = c[0] - c[0]/2
			for range 2 { // the second time must have no effect
				tracker.observe(sample)
			}
			got += string(alertStyles[tracker.alert(sample.Services[0].ServiceKey, d)].sign)
			now = now.Add(2 * time.Second)
		}
		if got != tt.want {
			t.Errorf("%s: got signs %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestShareDroppedExpires verifies that the alert expires after alertDuration.
func TestShareDroppedExpires(t *testing.T) {
	var d sampler.Destination
	d.ActiveConns = 50
	start := time.Now()
	s := serverState{}.update(&d, 100, start)
	d.ActiveConns = 5
	for second := range 40 {
		s = s.update(&d, 100, start.Add(time.Duration(second)*time.Second))
		if active := !s.droppedAt.IsZero(); active != (second < 30) {
			t.Errorf("after %d seconds: alert %v, want %v", second, active, !active)
		}
	}
}
