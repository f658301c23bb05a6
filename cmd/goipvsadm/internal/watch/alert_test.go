package watch

import (
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// A server is marked by what it is, or by what became of it since earlier
// readings.
func TestMarks(t *testing.T) {
	type conns []uint32 // of the server and of another one
	limits := ipvs.Destination{Weight: 1, UpperThreshold: 10, LowerThreshold: 4}
	upper := ipvs.Destination{Weight: 1, UpperThreshold: 10}
	for _, tt := range []struct {
		name   string
		server ipvs.Destination
		conns  []conns
		want   string // signs, one a reading
	}{
		{name: "weight 0", conns: []conns{{0, 0}}, want: "0"},
		{name: "weight 0, and its share is lost", conns: []conns{{50, 50}, {0, 50}}, want: "00"},
		{name: "up to a threshold and down", server: limits, conns: []conns{{9, 90}, {10, 90}, {9, 90}, {4, 90}, {3, 90}, {9, 90}}, want: " ^^^  "},
		{name: "with an upper threshold only", server: upper, conns: []conns{{9, 90}, {10, 90}, {8, 90}, {7, 90}, {8, 90}}, want: " ^^  "},
		{name: "no thresholds", server: ipvs.Destination{Weight: 1}, conns: []conns{{1000, 0}}, want: " "},
		{name: "half of the share", server: ipvs.Destination{Weight: 1}, conns: []conns{{50, 50}, {25, 75}, {26, 75}}, want: " v "},
		{name: "a bit less of it", server: ipvs.Destination{Weight: 1}, conns: []conns{{50, 50}, {26, 74}}, want: "  "},
		{name: "step by step", server: ipvs.Destination{Weight: 1}, conns: []conns{{50, 50}, {40, 60}, {30, 70}, {20, 80}}, want: "    "},
		{name: "of few connections", server: ipvs.Destination{Weight: 1}, conns: []conns{{9, 9}, {0, 9}}, want: "  "},
		{name: "a small share", server: ipvs.Destination{Weight: 1}, conns: []conns{{99, 901}, {0, 901}}, want: "  "},
		{name: "all of the service's are over", server: ipvs.Destination{Weight: 1}, conns: []conns{{50, 50}, {0, 0}, {0, 50}}, want: "   "},
	} {
		var l alertTracker
		var got string
		at := time.Now()
		for _, c := range tt.conns {
			r := &sampler.Sample{Time: at, Services: []sampler.Service{{Destinations: []sampler.Destination{
				{Destination: tt.server}, {Destination: ipvs.Destination{AddrPort: ap("192.0.2.2:80"), ActiveConns: c[1]}}}}}}
			d := &r.Services[0].Destinations[0]
			d.ActiveConns = c[0] / 2
			d.InactiveConns = c[0] - c[0]/2
			// Another look at the same reading changes nothing.
			for range 2 {
				l.observe(r)
			}
			got += string(marks[l.mark(r.Services[0].ServiceKey, d)].sign)
			at = at.Add(2 * time.Second)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A fall is seen for a while.
func TestFallIsForgotten(t *testing.T) {
	var d sampler.Destination
	d.ActiveConns = 50
	at := time.Now()
	s := serverState{}.next(&d, 100, at)
	d.ActiveConns = 5
	for second := range 40 {
		s = s.next(&d, 100, at.Add(time.Duration(second)*time.Second))
		if seen := !s.fell.IsZero(); seen != (second < 30) {
			t.Errorf("after %d seconds: %v", second, seen)
		}
	}
}
