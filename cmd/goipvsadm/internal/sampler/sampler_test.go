// SPDX-License-Identifier: MIT

package sampler

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvsadm/ipvs"
)

// A step is the state of a table some time after the previous step.
type step struct {
	after    time.Duration
	services []entry
}

// An entry is a service, identified by its port, with its counters.
type entry struct {
	port           uint16
	conns, packets uint64
	servers        []uint64 // connections of each server
}

// A fakeTable provides a Sampler with the contents of a table and a clock. The test
// sets both.
type fakeTable struct {
	clock            time.Time
	current          []entry
	destinationReads []string // ports of the services whose destinations were read
}

func serviceKey(port uint16) ipvs.ServiceKey {
	return ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port))
}

func (f *fakeTable) sampler() *Sampler {
	return &Sampler{
		Services: func() ([]ipvs.Service, error) {
			var services []ipvs.Service
			for _, e := range f.current {
				services = append(services, ipvs.Service{ServiceKey: serviceKey(e.port),
					Stats: ipvs.Stats{Conns: e.conns, InPackets: e.packets, OutPackets: 2 * e.packets, InBytes: 3 * e.packets, OutBytes: 4 * e.packets, InPPS: e.packets}})
			}
			return services, nil
		},
		Destinations: func(destinations []ipvs.Destination, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
			f.destinationReads = append(f.destinationReads, fmt.Sprint(key.AddrPort.Port()))
			for _, e := range f.current {
				for i, conns := range e.servers {
					if serviceKey(e.port) == key {
						destinations = append(destinations, ipvs.Destination{
							AddrPort: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(i)), Stats: ipvs.Stats{Conns: conns}})
					}
				}
			}
			return destinations, nil
		},
		Lag: 1,
		now: func() time.Time { return f.clock },
	}
}

// summary formats the connections per second of each service, and in parentheses
// those of its servers: "80 5 (3 2)".
func (s *Sample) summary() string {
	var words []string
	for _, s := range s.Services {
		var servers []string
		for _, d := range s.Destinations {
			servers = append(servers, connRate(d.Measured))
		}
		words = append(words, fmt.Sprintf("%d %s (%s)", s.AddrPort.Port(), connRate(s.Measured), strings.Join(servers, " ")))
	}
	return strings.Join(words, ", ")
}

func connRate(r *Rates) string {
	if r == nil {
		return "-"
	}
	return fmt.Sprint(r.Conns)
}

func TestRead(t *testing.T) {
	const maxUint64 = 1<<64 - 1
	for _, tt := range []struct {
		name  string
		order Order
		limit int
		steps []step
		want  string // summary of the last sample
	}{
		{name: "first sample", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5}}}},
		}, want: "80 - (-)"},
		{name: "elapsed time", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{2, 3}}}},
			{2500 * time.Millisecond, []entry{{port: 80, conns: 15, servers: []uint64{2, 13}}}},
		}, want: "80 4 (0 4)"},
		{name: "compared with the previous sample", order: ByAddress, steps: []step{
			{0, []entry{{port: 80}}},
			{time.Second, []entry{{port: 80, conns: 100}}},
			{time.Second, []entry{{port: 80, conns: 101}}},
		}, want: "80 1 ()"},
		{name: "64-bit counters", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: maxUint64 - 6}}},
			{2 * time.Second, []entry{{port: 80, conns: maxUint64}}},
		}, want: "80 3 ()"},
		{name: "service and server added", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5}}}},
			{time.Second, []entry{{port: 80, conns: 6, servers: []uint64{5, 1}}, {port: 81, conns: 9, servers: []uint64{9}}}},
		}, want: "80 1 (0 -), 81 - (-)"},
		{name: "service and server removed", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5, 0}}, {port: 81, conns: 9}}},
			{time.Second, []entry{{port: 80, conns: 6, servers: []uint64{6}}}},
		}, want: "80 1 (1)"},
		{name: "service removed and added again", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5}}},
			{time.Second, nil},
			{time.Second, []entry{{port: 80, conns: 6}}},
		}, want: "80 - ()"},
		{name: "counters zeroed", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5, packets: 7, servers: []uint64{5, 0}}}},
			{time.Second, []entry{{port: 80, conns: 5, packets: 6, servers: []uint64{1, 1}}}},
		}, want: "80 - (- 1)"},
		{name: "no time elapsed", order: ByAddress, steps: []step{
			{0, []entry{{port: 80, conns: 5}}},
			{0, []entry{{port: 80, conns: 6}}},
		}, want: "80 - ()"},
		{name: "limit", order: ByAddress, limit: 2, steps: []step{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
		}, want: "80 - (), 81 - ()"},
		{name: "by packets, first sample uses the kernel's rates", order: ByPackets, limit: 2, steps: []step{
			{0, []entry{{port: 80, packets: 1}, {port: 81, packets: 3}, {port: 82, packets: 2}}},
		}, want: "81 - (), 82 - ()"},
		{name: "by packets", order: ByPackets, limit: 2, steps: []step{
			{0, []entry{{port: 80, packets: 1}, {port: 81, packets: 3}, {port: 82, packets: 2}}},
			{time.Second, []entry{{port: 80, conns: 9, packets: 11}, {port: 81, packets: 4}, {port: 82, conns: 8, packets: 7}}},
		}, want: "80 9 (), 82 8 ()"},
		{name: "by packets, ties by connections, then by address", order: ByPackets, steps: []step{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
			{time.Second, []entry{{port: 80, conns: 1, packets: 5}, {port: 81, conns: 1, packets: 5}, {port: 82, conns: 2, packets: 5}}},
		}, want: "82 2 (), 80 1 (), 81 1 ()"},
		{name: "by connections", order: ByConns, steps: []step{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
			{time.Second, []entry{{port: 80, conns: 2, packets: 9}, {port: 81, conns: 3, packets: 5}, {port: 82, conns: 1, packets: 90}}},
		}, want: "81 3 (), 80 2 (), 82 1 ()"},
		{name: "by bytes", order: ByBytes, limit: 1, steps: []step{
			{0, []entry{{port: 80}, {port: 81}}},
			{time.Second, []entry{{port: 80, conns: 2, packets: 9}, {port: 81, conns: 3, packets: 10}}},
		}, want: "81 3 ()"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := fakeTable{clock: time.Now()}
			sampler := table.sampler()
			sampler.Order = tt.order
			var got *Sample
			for _, step := range tt.steps {
				table.clock, table.current, table.destinationReads = table.clock.Add(step.after), step.services, nil
				var err error
				if got, err = sampler.Read(tt.limit); err != nil {
					t.Fatal(err)
				}
			}
			if got.summary() != tt.want || got.Total != len(table.current) || !got.Time.Equal(table.clock) {
				t.Errorf("%s of %d at %v, want %s of %d at %v", got.summary(), got.Total, got.Time, tt.want, len(table.current), table.clock)
			}
			if len(table.destinationReads) != len(got.Services) {
				t.Errorf("destinations read: %v, want those of %d services", table.destinationReads, len(got.Services))
			}
		})
	}
}

// TestReorder checks that Reorder reads only destinations that the last sample lacks,
// and returns no rates for them.
func TestReorder(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	sampler := table.sampler()
	for i := range uint64(2) {
		table.clock = table.clock.Add(time.Second)
		table.current = []entry{{port: 80, conns: i, packets: 10 * i, servers: []uint64{i}}, {port: 81, conns: 3 * i, packets: 9 * i, servers: []uint64{3 * i}}}
		if _, err := sampler.Read(1); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		order Order
		limit int
		want  string
		read  string // all destination reads so far
	}{
		{order: ByAddress, want: "80 1 (1), 81 3 (-)", read: "80 80 81"},
		{order: ByConns, want: "81 3 (-), 80 1 (1)", read: "80 80 81"},
		{order: ByPackets, limit: 1, want: "80 1 (1)", read: "80 80 81"},
	} {
		sampler.Order = tt.order
		got, err := sampler.Reorder(tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got.summary() != tt.want || got.Total != 2 || !got.Time.Equal(table.clock) || strings.Join(table.destinationReads, " ") != tt.read {
			t.Errorf("by %v: %s of %d, read %v; want %s, read %s", tt.order, got.summary(), got.Total, table.destinationReads, tt.want, tt.read)
		}
	}
}

func TestOrderNext(t *testing.T) {
	var names []string
	for o := ByAddress; ; {
		names = append(names, o.String())
		if o = o.Next(); o == ByAddress {
			break
		}
	}
	if got := strings.Join(names, " "); got != "address packets connections bytes" {
		t.Errorf("got the orders %s, want address packets connections bytes", got)
	}
}

// serviceSteps returns one step for each element of conns, which is the connection
// counter of a service and of its only server.
func serviceSteps(interval time.Duration, conns ...uint64) []step {
	var steps []step
	for _, n := range conns {
		steps = append(steps, step{interval, []entry{{port: 80, conns: n, servers: []uint64{n}}}})
	}
	return steps
}

// TestLag checks the rates at several intervals, with a kernel that updates its
// counters every two seconds, sometimes late.
func TestLag(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds uint32   // interval between samples
		conns   []uint64 // the connection counter at each sample
		want    string   // connections per second in each sample
	}{
		{name: "two seconds", seconds: 2, conns: []uint64{0, 200, 400, 700}, want: "- 100 100 150"},
		{name: "two seconds, late update", seconds: 2, conns: []uint64{0, 200, 200, 400, 400, 600}, want: "- 100 100 100 100 100"},
		{name: "traffic stops", seconds: 2, conns: []uint64{0, 200, 200, 200, 200}, want: "- 100 100 0 0"},
		{name: "no traffic", seconds: 2, conns: []uint64{5, 5, 5, 5}, want: "- 0 0 0"},
		{name: "one second", seconds: 1, conns: []uint64{0, 0, 200, 200, 400, 400}, want: "- - 100 100 100 100"},
		{name: "one second, late update", seconds: 1, conns: []uint64{0, 0, 200, 200, 200, 400, 400}, want: "- - 100 100 100 100 100"},
		{name: "three seconds", seconds: 3, conns: []uint64{0, 200, 600, 800, 1200}, want: "- - 100 100 100"},
		{name: "four seconds", seconds: 4, conns: []uint64{0, 400, 800}, want: "- 100 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := fakeTable{clock: time.Now()}
			sampler := table.sampler()
			sampler.Lag = LagFor(tt.seconds)
			var got []string
			for _, step := range serviceSteps(time.Duration(tt.seconds)*time.Second, tt.conns...) {
				table.clock, table.current = table.clock.Add(step.after), step.services
				sample, err := sampler.Read(0)
				if err != nil {
					t.Fatal(err)
				}
				service := sample.Services[0]
				got = append(got, connRate(service.Measured))
				if server := connRate(service.Destinations[0].Measured); server != got[len(got)-1] {
					t.Errorf("server rate %s, service rate %s", server, got[len(got)-1])
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("rates %s, want %s", strings.Join(got, " "), tt.want)
			}
		})
	}
}

// TestRates checks that each rate is computed from its own counter.
func TestRates(t *testing.T) {
	table := fakeTable{clock: time.Now(), current: []entry{{port: 80, conns: 1, packets: 10}}}
	sampler := table.sampler()
	if _, err := sampler.Read(0); err != nil {
		t.Fatal(err)
	}
	table.clock, table.current = table.clock.Add(2*time.Second), []entry{{port: 80, conns: 2, packets: 20}}
	got, err := sampler.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	want := Rates{Conns: 0.5, InPackets: 5, OutPackets: 10, InBytes: 15, OutBytes: 20}
	if got.Services[0].Measured == nil || *got.Services[0].Measured != want {
		t.Errorf("rates %+v, want %+v", got.Services[0].Measured, want)
	}
}

func TestReadErrors(t *testing.T) {
	errTest := errors.New("test error")
	table := fakeTable{current: []entry{{port: 80}}}
	sampler := table.sampler()
	sampler.Destinations = func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error) { return nil, errTest }
	if _, err := sampler.Read(0); err != errTest {
		t.Errorf("Read with an error of Destinations: %v, want %v", err, errTest)
	}
	sampler.Services = func() ([]ipvs.Service, error) { return nil, errTest }
	if _, err := sampler.Read(0); err != errTest {
		t.Errorf("Read with an error of Services: %v, want %v", err, errTest)
	}
}

// TestStream checks that Stream returns the services and rates that Read returns, while
// services and servers are added, removed, listed twice, and listed in another order.
func TestStream(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	reader, streamer := table.sampler(), table.sampler()
	servers := []uint64{1, 2, 3}
	for _, step := range []struct {
		current []entry
		want    string
	}{
		{current: []entry{{port: 80, conns: 1, servers: []uint64{1, 2, 3}}, {port: 81, conns: 2, servers: servers}, {port: 82, conns: 3}},
			want: "80 - (- - -), 81 - (- - -), 82 - ()"},
		{current: []entry{{port: 80, conns: 2, servers: []uint64{1, 2}}, {port: 82, conns: 5}},
			want: "80 1 (0 0), 82 2 ()"},
		{current: []entry{{port: 79, conns: 7}, {port: 80, conns: 6, servers: []uint64{2, 4, 3}}, {port: 81, conns: 2, servers: servers}, {port: 82, conns: 6}},
			want: "79 - (), 80 4 (1 2 -), 81 - (- - -), 82 1 ()"},
		{current: []entry{{port: 82, conns: 9}, {port: 81, conns: 4, servers: servers}, {port: 80, conns: 7, servers: []uint64{3, 6, 6}}, {port: 79, conns: 8}},
			want: "82 3 (), 81 2 (0 0 0), 80 1 (1 2 3), 79 1 ()"},
		{current: []entry{{port: 82, conns: 10}, {port: 82, conns: 10}, {port: 80, conns: 8}, {port: 83, conns: 1}},
			want: "82 1 (), 82 - (), 80 1 (), 83 - ()"},
		{current: []entry{{port: 80, conns: 9}, {port: 82, conns: 12}, {port: 83, conns: 4}},
			want: "80 1 (), 82 2 (), 83 3 ()"},
	} {
		table.clock, table.current = table.clock.Add(time.Second), step.current
		read, err := reader.Read(0)
		if err != nil {
			t.Fatal(err)
		}
		head, services, err := streamer.Stream(0)
		if err != nil || head.Total != len(step.current) || !head.Time.Equal(table.clock) || len(head.Services) != 0 {
			t.Errorf("Stream: got %+v, error %v; want a sample of %d at %v without services", head, err, len(step.current), table.clock)
		}
		var words []string
		for service, err := range services {
			if err != nil {
				t.Fatal(err)
			}
			words = append(words, (&Sample{Services: []Service{*service}}).summary())
		}
		if got := strings.Join(words, ", "); got != step.want || read.summary() != step.want {
			t.Errorf("Stream: %s, Read: %s, want %s", got, read.summary(), step.want)
		}
	}
}

// TestStreamError checks that the iteration ends with the first error.
func TestStreamError(t *testing.T) {
	errTest := errors.New("test error")
	table := fakeTable{current: []entry{{port: 80}, {port: 81}}}
	sampler := table.sampler()
	sampler.Destinations = func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error) { return nil, errTest }
	_, services, err := sampler.Stream(0)
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, err := range services {
		errs = append(errs, err)
	}
	if len(errs) != 1 || errs[0] != errTest {
		t.Errorf("got errors %v, want exactly one", errs)
	}
}

// TestPartialReads checks that a server has no rates in a sample if the previous sample
// did not read it.
func TestPartialReads(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	sampler := table.sampler()
	for i, tt := range []struct {
		limit int
		want  string
	}{
		{limit: 2, want: "80 - (-), 81 - (-)"},
		{limit: 1, want: "80 1 (1)"},
		{limit: 2, want: "80 1 (1), 81 2 (-)"},
		{limit: 2, want: "80 1 (1), 81 2 (2)"},
	} {
		n := uint64(i)
		table.clock = table.clock.Add(time.Second)
		table.current = []entry{{port: 80, conns: n, servers: []uint64{n}}, {port: 81, conns: 2 * n, servers: []uint64{2 * n}}}
		if got, err := sampler.Read(tt.limit); err != nil || got.summary() != tt.want {
			t.Errorf("sample %d: %s, %v, want %s", i, got.summary(), err, tt.want)
		}
	}
}

// TestTotals checks that the rates of a sample are the sums over all services.
func TestTotals(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	sampler := table.sampler()
	for i, want := range []*Rates{nil, {Conns: 5, InPackets: 10, OutPackets: 20, InBytes: 30, OutBytes: 40}} {
		n := uint64(i)
		table.clock = table.clock.Add(time.Second)
		table.current = []entry{{port: 80, conns: 2 * n, packets: 4 * n}, {port: 81, conns: 3 * n, packets: 6 * n}}
		if i == 1 {
			table.current = append(table.current, entry{port: 82, conns: 100}) // new
		}
		got, err := sampler.Read(1)
		if err != nil {
			t.Fatal(err)
		}
		if (got.Measured == nil) != (want == nil) || want != nil && *got.Measured != *want {
			t.Errorf("sample %d: totals %+v, want %+v", i, got.Measured, want)
		}
	}
}

// TestDestinationOrder checks that servers are sorted by their measured rates, or by the
// kernel's rates in the first sample, and that the order by address can be restored.
func TestDestinationOrder(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	sampler := table.sampler()
	sampler.DestinationOrder = ByConns
	for i, want := range []string{"80 - (- - -)", "80 0 (5 3 1)"} {
		n := uint64(i)
		table.clock = table.clock.Add(time.Second)
		table.current = []entry{{port: 80, servers: []uint64{1 * n, 5 * n, 3 * n}}}
		got, err := sampler.Read(0)
		if err != nil || got.summary() != want {
			t.Errorf("sample %d: %s, %v, want %s", i, got.summary(), err, want)
		}
	}
	sampler.DestinationOrder = ByAddress
	if got, err := sampler.Reorder(0); err != nil || got.summary() != "80 0 (1 5 3)" {
		t.Errorf("by address: got %s, error %v; want 80 0 (1 5 3)", got.summary(), err)
	}
}

// TestLagChange checks that rates are correct after a change of the interval.
func TestLagChange(t *testing.T) {
	table := fakeTable{clock: time.Now()}
	sampler := table.sampler()
	var got []string
	conns := uint64(0)
	for _, seconds := range []uint32{2, 2, 1, 1, 1, 3, 3, 2} {
		conns += 100 * uint64(seconds)
		table.clock = table.clock.Add(time.Duration(seconds) * time.Second)
		table.current = []entry{{port: 80, conns: conns, servers: []uint64{conns}}}
		sampler.Lag = LagFor(seconds)
		sample, err := sampler.Read(0)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, connRate(sample.Services[0].Measured), connRate(sample.Services[0].Destinations[0].Measured))
	}
	want := append([]string{"-", "-"}, slices.Repeat([]string{"100"}, 14)...)
	if !slices.Equal(got, want) {
		t.Errorf("got rates %s, want %s", got, want)
	}
}
