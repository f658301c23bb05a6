// SPDX-License-Identifier: MIT

package watch

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// listingWatch returns a watch that prints listings of a table with the given number of
// services, each with the given number of servers. The counters increase with each sample.
func listingWatch(output io.Writer, services, servers int) *Watch {
	table := make([]ipvs.Service, services)
	for i := range table {
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		table[i] = ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(address, 80)), Scheduler: "wlc", Netmask: 0xffffffff}
	}
	destinations := make([]ipvs.Destination, servers)
	for i := range destinations {
		address := netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
		destinations[i] = ipvs.Destination{AddrPort: netip.AddrPortFrom(address, 8080), Weight: 100, ActiveConns: 12345, InactiveConns: uint32(i)}
	}
	return &Watch{
		Output: output,
		View:   View{Names: resolve.Numeric{}},
		Sampler: &sampler.Sampler{
			Lag: 1,
			Services: func() ([]ipvs.Service, error) {
				for i := range table {
					table[i].Stats.Conns += 100
				}
				for i := range destinations {
					destinations[i].Stats.Conns += 10
					destinations[i].Stats.InBytes += 123
				}
				return table, nil
			},
			Destinations: func(list []ipvs.Destination, _ ipvs.ServiceKey) ([]ipvs.Destination, error) {
				return append(list, destinations...), nil
			},
		},
	}
}

// TestWriteListing verifies that a listing that is longer than writeSize is complete.
func TestWriteListing(t *testing.T) {
	var b bytes.Buffer
	w := listingWatch(&b, 300, 3)
	for i := range 2 {
		if err := w.writeNext(i == 0); err != nil {
			t.Fatal(err)
		}
	}
	listings := strings.Split(b.String(), "\n\n")
	if len(listings) != 2 || strings.Count(listings[1], "\n") != 3+300*4 || b.Len() < 4*writeSize {
		t.Fatalf("%d listings, %d bytes: %.1000s", len(listings), b.Len(), b.String())
	}
	for _, want := range []string{"  300 services  ", "\nTCP  10.0.0.0:80 wlc ", "\nTCP  10.0.1.43:80 wlc ", " 12345      2 "} {
		if !strings.Contains(listings[1], want) {
			t.Errorf("no %q in the listing", want)
		}
	}
}

// TestWriteListingError verifies that an error of the kernel or the output is returned.
func TestWriteListingError(t *testing.T) {
	errTest := errors.New("test error")
	w := listingWatch(io.Discard, 2, 2)
	w.Sampler.Destinations = func([]ipvs.Destination, ipvs.ServiceKey) ([]ipvs.Destination, error) { return nil, errTest }
	if err := w.writeNext(true); err != errTest {
		t.Errorf("error of the kernel: %v", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	if err := listingWatch(write, 1000, 2).writeNext(true); err == nil {
		t.Error("no error of the output")
	}
}

// TestListingMemory verifies that a watch keeps little more than the counters of each
// server, and that another listing allocates no memory for each server.
func TestListingMemory(t *testing.T) {
	const services, servers = 500, 20
	w := listingWatch(io.Discard, services, servers)
	allocated := func() (live, total uint64) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, m.TotalAlloc
	}
	before, _ := allocated()
	for range 2 {
		if err := w.writeNext(true); err != nil {
			t.Fatal(err)
		}
	}
	kept, total := allocated()
	if got := (kept - before) / (services * servers); got > 300 {
		t.Errorf("%d bytes kept for each server", got)
	}
	if err := w.writeNext(true); err != nil {
		t.Fatal(err)
	}
	_, after := allocated()
	if got := (after - total) / (services * servers); got > 40 {
		t.Errorf("%d bytes allocated for each server by a listing", got)
	}
	runtime.KeepAlive(w)
}

// BenchmarkWriteListing measures a listing of 10,000 servers; BenchmarkTable is the
// formatting of -L for comparison.
func BenchmarkWriteListing(b *testing.B) {
	w := listingWatch(io.Discard, 1000, 10)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.writeNext(true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	s := listingWatch(nil, 1000, 10).Sampler
	table := tablefmt.Table{Names: resolve.Numeric{}}
	b.ReportAllocs()
	var row []byte
	var destinations []ipvs.Destination
	for b.Loop() {
		services, _ := s.Services()
		for i := range services {
			destinations, _ = s.Destinations(destinations[:0], services[i].ServiceKey)
			row = table.AppendService(row[:0], &services[i])
			for j := range destinations {
				row = table.AppendDestination(row, &services[i], &destinations[j])
			}
		}
	}
}

// TestListingNames verifies that names are looked up before a listing is written.
func TestListingNames(t *testing.T) {
	var b bytes.Buffer
	w := listingWatch(&b, 1, 2)
	names := &recordingResolver{}
	w.Names = names
	if err := w.writeNext(true); err != nil {
		t.Fatal(err)
	}
	want := []string{"10.0.0.0:80", "192.0.0.0:8080", "192.0.0.1:8080"}
	if !slices.Equal(names.prefetched, want) || !strings.Contains(b.String(), "TCP  name:80 wlc") {
		t.Errorf("prefetched %v, listing\n%s", names.prefetched, b.String())
	}
}

// A recordingResolver has a name for all addresses.
type recordingResolver struct{ prefetched []string }

func (r *recordingResolver) Prefetch(endpoints []resolve.Endpoint) {
	for _, e := range endpoints {
		r.prefetched = append(r.prefetched, e.AddrPort.String())
	}
}

func (*recordingResolver) Append(b []byte, ap netip.AddrPort, _ ipvs.Protocol) []byte {
	return append(append(b, "name:"...), ap.String()[strings.LastIndex(ap.String(), ":")+1:]...)
}
