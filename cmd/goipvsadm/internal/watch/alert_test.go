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
		{"weight 0", ipvs.Destination{}, []conns{{0, 0}}, "0"},
		{"weight 0, and its share is lost", ipvs.Destination{}, []conns{{50, 50}, {0, 50}}, "00"},
		{"up to a threshold and down", limits, []conns{{9, 90}, {10, 90}, {9, 90}, {4, 90}, {3, 90}, {9, 90}}, " ^^^  "},
		{"with an upper threshold only", upper, []conns{{9, 90}, {10, 90}, {8, 90}, {7, 90}, {8, 90}}, " ^^  "},
		{"no thresholds", ipvs.Destination{Weight: 1}, []conns{{1000, 0}}, " "},
		{"half of the share", ipvs.Destination{Weight: 1}, []conns{{50, 50}, {25, 75}, {26, 75}}, " v "},
		{"a bit less of it", ipvs.Destination{Weight: 1}, []conns{{50, 50}, {26, 74}}, "  "},
		{"step by step", ipvs.Destination{Weight: 1}, []conns{{50, 50}, {40, 60}, {30, 70}, {20, 80}}, "    "},
		{"of few connections", ipvs.Destination{Weight: 1}, []conns{{9, 9}, {0, 9}}, "  "},
		{"a small share", ipvs.Destination{Weight: 1}, []conns{{99, 901}, {0, 901}}, "  "},
		{"all of the service's are over", ipvs.Destination{Weight: 1}, []conns{{50, 50}, {0, 0}, {0, 50}}, "   "},
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
