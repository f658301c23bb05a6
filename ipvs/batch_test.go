// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/scripts/testnet"
)

// TestBatchDropped verifies that a batch that is dropped without Commit leaves no
// goroutine behind, and that its full chunks are sent.
func TestBatchDropped(t *testing.T) {
	before := runtime.NumGoroutine()
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	const batches = 10
	for range batches {
		b := c.Batch()
		for i := range 2*ipvs.BatchSize + 1 {
			b.AddService(numberedService(i))
		}
	}
	// The goroutines of earlier tests may end meanwhile, so their number alone proves nothing.
	err := testnet.Eventually(func() error {
		if n := len(k.Received()); n != batches*2*ipvs.BatchSize {
			return fmt.Errorf("%d requests, want %d", n, batches*2*ipvs.BatchSize)
		}
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, want %d", n, before)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(k.Entries()); n != 2*ipvs.BatchSize {
		t.Errorf("%d services, want %d", n, 2*ipvs.BatchSize)
	}
}

// TestBatchReuse verifies that the indexes of failures start at 0 after each Commit.
func TestBatchReuse(t *testing.T) {
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	b := c.Batch()
	for round := range 3 {
		for range 2 * ipvs.BatchSize {
			b.AddService(numberedService(round))
		}
		b.AddService(numberedService(-1))
		failures, err := b.Commit()
		want := 2*ipvs.BatchSize - 1
		if round > 0 {
			want++ // the last service exists
		}
		if err != nil || len(failures) != want || failures[0].Index != 1 {
			t.Fatalf("round %d: %d failures, %v; want %d, the first at index 1", round, len(failures), err, want)
		}
	}
}

// TestBatchAllocs verifies that adding and sending changes does not allocate memory for
// each change.
func TestBatchAllocs(t *testing.T) {
	s := &ipvstest.FaultySocket{OnReceive: func(s *ipvstest.FaultySocket, b []byte) (int, error) {
		datagram, err := ack(0)(s.Sent[len(s.Sent)-1])
		return copy(b, datagram), err
	}}
	b := ipvs.NewClient(s, ipvstest.Family).Batch()
	change := &ipvs.Change{Op: ipvs.OpAddService, Service: ipvs.Service{ServiceKey: web}}
	const changes = 10 * ipvs.BatchSize
	allocs := testing.AllocsPerRun(20, func() {
		for range changes {
			b.Add(change)
		}
		if _, err := b.Commit(); err != nil {
			t.Error(err)
		}
	})
	if perChange := allocs / changes; perChange > 0.1 {
		t.Errorf("%.2f allocations per change, want at most 0.1", perChange)
	}
}

// TestBatchInvalidChange verifies that changes that fail validation do not affect
// the other changes of a batch.
func TestBatchInvalidChange(t *testing.T) {
	var k ipvstest.FakeKernel
	c, _ := k.Dial()
	b := c.Batch()
	for i := range 300 {
		port := uint16(i % 100) // every hundredth change is invalid
		b.AddService(ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.UDP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i / 100)}), port))})
	}
	b.AddService(ipvs.Service{})
	b.Add(&ipvs.Change{})
	b.Add(&ipvs.Change{Op: 200}) // the last request, which carries NLM_F_ACK
	failures, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, f := range failures {
		got = append(got, f.Index)
		if !errors.Is(f.Err, syscall.EINVAL) {
			t.Errorf("change %d: %v, want EINVAL", f.Index, f.Err)
		}
	}
	if diff := cmp.Diff([]int{0, 100, 200, 300, 301, 302}, got); diff != "" {
		t.Errorf("failed changes (-want +got):\n%s", diff)
	}
	const want = "ipvs: add service Protocol(0) invalid AddrPort: service has neither address nor firewall mark"
	if got := failures[3].Err.Error(); got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	if len(k.Table) != 297 {
		t.Errorf("%d services, want 297", len(k.Table))
	}
}
