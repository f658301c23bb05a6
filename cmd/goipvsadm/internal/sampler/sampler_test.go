package sampler

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"goipvsadm/ipvs"
)

// A moment is what a table is at some time: services by their ports, each with
// the connections and the packets counted so far, and what its servers have
// counted.
type moment struct {
	after    time.Duration // since the moment before
	services []entry
}

type entry struct {
	port           uint16
	conns, packets uint64
	servers        []uint64 // connections
}

// A source is a table that goes from moment to moment.
type source struct {
	clock   time.Time
	current []entry
	read    []string // services of which destinations were read
}

func key(port uint16) ipvs.ServiceKey {
	return ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port))
}

func (s *source) reader() *Sampler {
	return &Sampler{
		Services: func() ([]ipvs.Service, error) {
			var services []ipvs.Service
			for _, e := range s.current {
				services = append(services, ipvs.Service{ServiceKey: key(e.port),
					Stats: ipvs.Stats{Conns: e.conns, InPackets: e.packets, OutPackets: 2 * e.packets, InBytes: 3 * e.packets, OutBytes: 4 * e.packets, InPPS: e.packets}})
			}
			return services, nil
		},
		Destinations: func(k ipvs.ServiceKey) ([]ipvs.Destination, error) {
			s.read = append(s.read, fmt.Sprint(k.AddrPort.Port()))
			var destinations []ipvs.Destination
			for _, e := range s.current {
				for i, conns := range e.servers {
					if key(e.port) == k {
						destinations = append(destinations, ipvs.Destination{
							AddrPort: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(i)), Stats: ipvs.Stats{Conns: conns}})
					}
				}
			}
			return destinations, nil
		},
		Lag: 1,
		now: func() time.Time { return s.clock },
	}
}

// outline writes a reading as services with their connections per second, each
// with those of its servers: "80 5 (3 2)".
func (r *Sample) outline() string {
	var words []string
	for _, s := range r.Services {
		var servers []string
		for _, d := range s.Destinations {
			servers = append(servers, conns(d.Measured))
		}
		words = append(words, fmt.Sprintf("%d %s (%s)", s.AddrPort.Port(), conns(s.Measured), strings.Join(servers, " ")))
	}
	return strings.Join(words, ", ")
}

func conns(f *Rates) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprint(f.Conns)
}

func TestRead(t *testing.T) {
	const large = 1<<64 - 1
	for _, tt := range []struct {
		name    string
		order   Order
		limit   int
		moments []moment
		want    string // at the last moment
	}{
		{name: "nothing to compare with", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5}}}},
		}, want: "80 - (-)"},
		{name: "by the time that went by", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{2, 3}}}},
			{2500 * time.Millisecond, []entry{{port: 80, conns: 15, servers: []uint64{2, 13}}}},
		}, want: "80 4 (0 4)"},
		{name: "by the reading before, not an earlier one", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80}}},
			{time.Second, []entry{{port: 80, conns: 100}}},
			{time.Second, []entry{{port: 80, conns: 101}}},
		}, want: "80 1 ()"},
		{name: "all 64 bits", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: large - 6}}},
			{2 * time.Second, []entry{{port: 80, conns: large}}},
		}, want: "80 3 ()"},
		{name: "what came", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5}}}},
			{time.Second, []entry{{port: 80, conns: 6, servers: []uint64{5, 1}}, {port: 81, conns: 9, servers: []uint64{9}}}},
		}, want: "80 1 (0 -), 81 - (-)"},
		{name: "what went", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5, servers: []uint64{5, 0}}, {port: 81, conns: 9}}},
			{time.Second, []entry{{port: 80, conns: 6, servers: []uint64{6}}}},
		}, want: "80 1 (1)"},
		{name: "what went and came back", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5}}},
			{time.Second, nil},
			{time.Second, []entry{{port: 80, conns: 6}}},
		}, want: "80 - ()"},
		{name: "counters set to zero", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5, packets: 7, servers: []uint64{5, 0}}}},
			{time.Second, []entry{{port: 80, conns: 5, packets: 6, servers: []uint64{1, 1}}}},
		}, want: "80 - (- 1)"},
		{name: "no time between", order: ByAddress, moments: []moment{
			{0, []entry{{port: 80, conns: 5}}},
			{0, []entry{{port: 80, conns: 6}}},
		}, want: "80 - ()"},
		{name: "only so many", order: ByAddress, limit: 2, moments: []moment{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
		}, want: "80 - (), 81 - ()"},
		{name: "the busiest, as the kernel has it at first", order: ByPackets, limit: 2, moments: []moment{
			{0, []entry{{port: 80, packets: 1}, {port: 81, packets: 3}, {port: 82, packets: 2}}},
		}, want: "81 - (), 82 - ()"},
		{name: "the busiest, as measured", order: ByPackets, limit: 2, moments: []moment{
			{0, []entry{{port: 80, packets: 1}, {port: 81, packets: 3}, {port: 82, packets: 2}}},
			{time.Second, []entry{{port: 80, conns: 9, packets: 11}, {port: 81, packets: 4}, {port: 82, conns: 8, packets: 7}}},
		}, want: "80 9 (), 82 8 ()"},
		{name: "as busy: by connections, then in order", order: ByPackets, moments: []moment{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
			{time.Second, []entry{{port: 80, conns: 1, packets: 5}, {port: 81, conns: 1, packets: 5}, {port: 82, conns: 2, packets: 5}}},
		}, want: "82 2 (), 80 1 (), 81 1 ()"},
		{name: "by connections", order: ByConns, moments: []moment{
			{0, []entry{{port: 80}, {port: 81}, {port: 82}}},
			{time.Second, []entry{{port: 80, conns: 2, packets: 9}, {port: 81, conns: 3, packets: 5}, {port: 82, conns: 1, packets: 90}}},
		}, want: "81 3 (), 80 2 (), 82 1 ()"},
		{name: "by bytes", order: ByBytes, limit: 1, moments: []moment{
			{0, []entry{{port: 80}, {port: 81}}},
			{time.Second, []entry{{port: 80, conns: 2, packets: 9}, {port: 81, conns: 3, packets: 10}}},
		}, want: "81 3 ()"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := source{clock: time.Now()}
			r := s.reader()
			r.Order = tt.order
			var got *Sample
			for _, m := range tt.moments {
				s.clock, s.current, s.read = s.clock.Add(m.after), m.services, nil
				var err error
				if got, err = r.Read(tt.limit); err != nil {
					t.Fatal(err)
				}
			}
			if got.outline() != tt.want || got.Total != len(s.current) || !got.Time.Equal(s.clock) {
				t.Errorf("%s of %d at %v, want %s of %d at %v", got.outline(), got.Total, got.Time, tt.want, len(s.current), s.clock)
			}
			if len(s.read) != len(got.Services) {
				t.Errorf("destinations were read of %v", s.read)
			}
		})
	}
}

// Another order, or more of the table, is had from the same reading: nothing is
// read twice, and what is read now is nothing to compare with.
func TestAgain(t *testing.T) {
	s := source{clock: time.Now()}
	r := s.reader()
	for i := range uint64(2) {
		s.clock = s.clock.Add(time.Second)
		s.current = []entry{{port: 80, conns: i, packets: 10 * i, servers: []uint64{i}}, {port: 81, conns: 3 * i, packets: 9 * i, servers: []uint64{3 * i}}}
		if _, err := r.Read(1); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		order Order
		limit int
		want  string
		read  string // destinations in all
	}{
		{order: ByAddress, want: "80 1 (1), 81 3 (-)", read: "80 80 81"},
		{order: ByConns, want: "81 3 (-), 80 1 (1)", read: "80 80 81"},
		{order: ByPackets, limit: 1, want: "80 1 (1)", read: "80 80 81"},
	} {
		r.Order = tt.order
		got, err := r.Resort(tt.limit)
		if err != nil {
			t.Fatal(err)
		}
		if got.outline() != tt.want || got.Total != 2 || !got.Time.Equal(s.clock) || strings.Join(s.read, " ") != tt.read {
			t.Errorf("by %v: %s of %d, read %v; want %s, read %s", tt.order, got.outline(), got.Total, s.read, tt.want, tt.read)
		}
	}
}

// After the last order comes the first, and no two are called the same.
func TestOrders(t *testing.T) {
	var names []string
	for o := ByAddress; ; {
		names = append(names, o.String())
		if o = o.Next(); o == ByAddress {
			break
		}
	}
	if got := strings.Join(names, " "); got != "address packets connections bytes" {
		t.Errorf("the orders are %s", got)
	}
}

// at returns moments that are some time apart, at which a service has so many
// connections, and a server of it as many.
func at(apart time.Duration, conns ...uint64) []moment {
	var moments []moment
	for _, n := range conns {
		moments = append(moments, moment{apart, []entry{{port: 80, conns: n, servers: []uint64{n}}}})
	}
	return moments
}

// The kernel brings its counters up to date every other second.
func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds uint32
		conns   []uint64
		want    string
	}{
		{name: "two seconds", seconds: 2, conns: []uint64{0, 200, 400, 700}, want: "- 100 100 150"},
		{name: "the kernel a moment late", seconds: 2, conns: []uint64{0, 200, 200, 400, 400, 600}, want: "- 100 100 100 100 100"},
		{name: "the traffic stops", seconds: 2, conns: []uint64{0, 200, 200, 200, 200}, want: "- 100 100 0 0"},
		{name: "no traffic", seconds: 2, conns: []uint64{5, 5, 5, 5}, want: "- 0 0 0"},
		{name: "one second", seconds: 1, conns: []uint64{0, 0, 200, 200, 400, 400}, want: "- - 100 100 100 100"},
		{name: "one second, the kernel a moment late", seconds: 1, conns: []uint64{0, 0, 200, 200, 200, 400, 400}, want: "- - 100 100 100 100 100"},
		{name: "three seconds", seconds: 3, conns: []uint64{0, 200, 600, 800, 1200}, want: "- - 100 100 100"},
		{name: "four seconds", seconds: 4, conns: []uint64{0, 400, 800}, want: "- 100 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := source{clock: time.Now()}
			r := s.reader()
			r.Lag = SpanFor(tt.seconds)
			var got []string
			for _, m := range at(time.Duration(tt.seconds)*time.Second, tt.conns...) {
				s.clock, s.current = s.clock.Add(m.after), m.services
				reading, err := r.Read(0)
				if err != nil {
					t.Fatal(err)
				}
				service := reading.Services[0]
				got = append(got, conns(service.Measured))
				if server := conns(service.Destinations[0].Measured); server != got[len(got)-1] {
					t.Errorf("the server has %s, its service %s", server, got[len(got)-1])
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s, want %s", strings.Join(got, " "), tt.want)
			}
		})
	}
}

// Every figure comes from its own counter.
func TestFigures(t *testing.T) {
	s := source{clock: time.Now(), current: []entry{{port: 80, conns: 1, packets: 10}}}
	r := s.reader()
	if _, err := r.Read(0); err != nil {
		t.Fatal(err)
	}
	s.clock, s.current = s.clock.Add(2*time.Second), []entry{{port: 80, conns: 2, packets: 20}}
	got, err := r.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	want := Rates{Conns: 0.5, InPackets: 5, OutPackets: 10, InBytes: 15, OutBytes: 20}
	if got.Services[0].Measured == nil || *got.Services[0].Measured != want {
		t.Errorf("%+v, want %+v", got.Services[0].Measured, want)
	}
}

func TestReadErrors(t *testing.T) {
	bad := errors.New("bad")
	s := source{current: []entry{{port: 80}}}
	r := s.reader()
	r.Destinations = func(ipvs.ServiceKey) ([]ipvs.Destination, error) { return nil, bad }
	if _, err := r.Read(0); err != bad {
		t.Errorf("destinations: %v", err)
	}
	r.Services = func() ([]ipvs.Service, error) { return nil, bad }
	if _, err := r.Read(0); err != bad {
		t.Errorf("services: %v", err)
	}
}
