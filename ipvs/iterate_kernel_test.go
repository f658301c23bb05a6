//go:build kernel

package ipvs

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"goipvsadm/scripts/testnet"
)

// Of a table that comes in many pieces, each service comes once and in the
// order of Services, whatever is asked in between; and memory does not grow
// with it where nothing is.
func TestKernelServicesSeq(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	checkErr(t, c.RemoveAllServices(), nil)
	const n = 3000
	b := c.Batch()
	for i := range n {
		b.AddService(Service{ServiceKey: MarkKey(uint32(i+1), IPv4), Scheduler: "rr"})
		b.AddDestination(MarkKey(uint32(i+1), IPv4), Destination{AddrPort: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), 0), Weight: uint32(i)})
	}
	if failures, err := b.Commit(); len(failures) > 0 || err != nil {
		t.Fatal(failures, err)
	}
	t.Cleanup(func() { checkErr(t, c.RemoveAllServices(), nil) })
	want := settled(t, c)
	if len(want) != n {
		t.Fatalf("%d services", len(want))
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	i := 0
	for s, err := range c.ServicesSeq() {
		if err != nil || s != want[i] {
			t.Fatalf("%v, %v in place %d, want %v", s, err, i, want[i])
		}
		i++
	}
	runtime.ReadMemStats(&after)
	if i != n {
		t.Errorf("%d services", i)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<10 {
		t.Errorf("%d bytes were allocated", grown)
	}

	i = 0
	for s, err := range c.ServicesSeq() {
		if err != nil || s != want[i] {
			t.Fatalf("%v, %v in place %d, want %v", s, err, i, want[i])
		}
		if i%100 == 0 {
			for d, err := range c.DestinationsSeq(s.ServiceKey) {
				if err != nil || d.Weight != s.Mark-1 {
					t.Errorf("%v: %+v, %v", s.ServiceKey, d, err)
				}
			}
		}
		i++
	}
	if i != n {
		t.Errorf("%d services", i)
	}
	for range c.ServicesSeq() {
		break // what is left of the dump is not in anybody's way
	}
}

// settled returns the services when their order stays: Linux 7.2 moves them
// to a larger hash table after they were added.
func settled(t *testing.T, c *Client) []Service {
	t.Helper()
	var last []Service
	checkErr(t, testnet.Eventually(func() error {
		services, err := c.Services()
		checkErr(t, err, nil)
		if len(services) == 0 || !slices.Equal(services, last) {
			last = services
			return errors.New("the order of services keeps changing")
		}
		return nil
	}), nil)
	return last
}
