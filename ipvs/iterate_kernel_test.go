// SPDX-License-Identifier: MIT

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

// TestKernelServicesSeq iterates over a dump of many datagrams, with and without
// requests inside the loop. ServicesSeq must yield the same services as Services, and
// without requests inside the loop it must allocate little memory.
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
	want := stableServices(t, c)
	if len(want) != n {
		t.Fatalf("%d services, want %d", len(want), n)
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	i := 0
	for s, err := range c.ServicesSeq() {
		if err != nil || s != want[i] {
			t.Fatalf("service %d = %v, %v, want %v", i, s, err, want[i])
		}
		i++
	}
	runtime.ReadMemStats(&after)
	if i != n {
		t.Errorf("%d services, want %d", i, n)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 100<<10 {
		t.Errorf("%d bytes were allocated, want at most %d", allocated, 100<<10)
	}

	i = 0
	for s, err := range c.ServicesSeq() {
		if err != nil || s != want[i] {
			t.Fatalf("service %d = %v, %v, want %v", i, s, err, want[i])
		}
		if i%100 == 0 {
			for d, err := range c.DestinationsSeq(s.ServiceKey) {
				if err != nil || d.Weight != s.Mark-1 {
					t.Errorf("%v: destination %+v, %v, want weight %d", s.ServiceKey, d, err, s.Mark-1)
				}
			}
		}
		i++
	}
	if i != n {
		t.Errorf("%d services, want %d", i, n)
	}
	for range c.ServicesSeq() {
		break // the cleanup must not receive the rest of the dump
	}
}

// stableServices waits until the order of the services stops changing, and returns
// them. Linux 7.2 may change it by moving services to a larger hash table in the
// background.
func stableServices(t *testing.T, c *Client) []Service {
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
