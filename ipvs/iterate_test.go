// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// kernelWithServices returns a kernel with n services of one destination each, and a
// client. Service i has the firewall mark i+1.
func kernelWithServices(n int) (*ipvstest.FakeKernel, *ipvs.Client) {
	k := &ipvstest.FakeKernel{}
	for i := range n {
		k.Table = append(k.Table, ipvstest.Entry{
			Service:      ipvs.Service{ServiceKey: ipvs.MarkKey(uint32(i+1), ipvs.IPv4), Scheduler: "rr"},
			Destinations: []ipvs.Destination{{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 0)}},
		})
	}
	c, _ := k.Dial()
	return k, c
}

func TestServicesSeq(t *testing.T) {
	const n = 500
	_, c := kernelWithServices(n)
	for _, tt := range []struct {
		name string
		body func(i int, s ipvs.Service) error // body of the loop
	}{
		{name: "no request", body: func(int, ipvs.Service) error { return nil }},
		{name: "request in each iteration", body: func(_ int, s ipvs.Service) error {
			destinations, err := c.Destinations(s.ServiceKey)
			if err == nil && len(destinations) != 1 {
				err = fmt.Errorf("%d destinations, want 1", len(destinations))
			}
			return err
		}},
		{name: "request in one iteration", body: func(i int, _ ipvs.Service) (err error) {
			if i == n/2 {
				_, err = c.Info()
			}
			return err
		}},
		{name: "batch in each iteration", body: func(_ int, s ipvs.Service) error {
			b := c.Batch()
			b.ZeroService(s.ServiceKey)
			_, err := b.Commit()
			return err
		}},
		{name: "nested iteration", body: func(i int, s ipvs.Service) error {
			count := 0
			for _, err := range c.DestinationsSeq(s.ServiceKey) {
				if err != nil {
					return err
				}
				count++
			}
			if count != 1 {
				return fmt.Errorf("%d destinations, want 1", count)
			}
			return nil
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := 0
			for s, err := range c.ServicesSeq() {
				if err != nil {
					t.Fatal(err)
				}
				if s.Mark != uint32(i+1) {
					t.Fatalf("service %d has firewall mark %d, want %d", i, s.Mark, i+1)
				}
				if err := tt.body(i, s); err != nil {
					t.Fatal(err)
				}
				i++
			}
			if i != n {
				t.Errorf("%d services, want %d", i, n)
			}
		})
	}
}

// TestServicesSeqBreak verifies that the next request after a break receives its own
// reply, not the rest of the dump.
func TestServicesSeqBreak(t *testing.T) {
	_, c := kernelWithServices(100)
	for s, err := range c.ServicesSeq() {
		if err != nil {
			t.Fatal(err)
		}
		if s.Mark == 3 {
			break
		}
	}
	services, err := c.Services()
	if err != nil || len(services) != 100 {
		t.Errorf("%d services, %v, want 100", len(services), err)
	}
}

func TestServicesSeqErrors(t *testing.T) {
	k, c := kernelWithServices(3)
	iterations := 0
	for _, err := range c.DestinationsSeq(ipvs.ServiceKey{}) {
		if iterations++; !errors.Is(err, syscall.EINVAL) {
			t.Errorf("invalid key: %v, want EINVAL", err)
		}
	}
	if iterations != 1 {
		t.Errorf("invalid key: %d iterations, want 1", iterations)
	}
	for range c.DestinationsSeq(ipvs.MarkKey(99, ipvs.IPv4)) {
		t.Error("a missing service has destinations")
	}
	k.Intercept = func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }
	iterations = 0
	for s, err := range c.ServicesSeq() {
		if iterations++; !errors.Is(err, syscall.EPERM) || s != (ipvs.Service{}) {
			t.Errorf("%v, %v, want an unset service and EPERM", s, err)
		}
	}
	if iterations != 1 {
		t.Errorf("%d iterations, want 1", iterations)
	}
}

// TestServicesSeqConcurrent iterates in several goroutines, one of which also changes
// the table.
func TestServicesSeqConcurrent(t *testing.T) {
	_, c := kernelWithServices(200)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for range 5 {
				count := 0
				for s, err := range c.ServicesSeq() {
					if err != nil {
						t.Error(err)
						return
					}
					if count++; i == 0 && count%50 == 0 {
						if err := c.ZeroService(s.ServiceKey); err != nil {
							t.Error(err)
						}
					}
				}
				if count != 200 {
					t.Errorf("%d services, want 200", count)
				}
			}
		})
	}
	wait.Wait()
}
