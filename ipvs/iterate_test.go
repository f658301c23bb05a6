package ipvs_test

import (
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// many returns a kernel with n services of one destination each, and a client.
func many(n int) (*ipvstest.FakeKernel, *ipvs.Client) {
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
	_, c := many(n)
	for _, tt := range []struct {
		name   string
		within func(i int, s ipvs.Service) error
	}{
		{"alone", func(int, ipvs.Service) error { return nil }},
		{"another question in each round", func(_ int, s ipvs.Service) error {
			destinations, err := c.Destinations(s.ServiceKey)
			if err == nil && len(destinations) != 1 {
				err = errors.New("destinations are missing")
			}
			return err
		}},
		{"another question late", func(i int, _ ipvs.Service) (err error) {
			if i == n/2 {
				_, err = c.Info()
			}
			return err
		}},
		{"changes", func(_ int, s ipvs.Service) error {
			b := c.Batch()
			b.ZeroService(s.ServiceKey)
			_, err := b.Commit()
			return err
		}},
		{"an iteration within", func(i int, s ipvs.Service) error {
			count := 0
			for _, err := range c.DestinationsSeq(s.ServiceKey) {
				if err != nil {
					return err
				}
				count++
			}
			if count != 1 {
				return errors.New("destinations are missing")
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
					t.Fatalf("mark %d in place %d", s.Mark, i)
				}
				if err := tt.within(i, s); err != nil {
					t.Fatal(err)
				}
				i++
			}
			if i != n {
				t.Errorf("%d services", i)
			}
		})
	}
}

// Whoever stops early leaves nothing behind.
func TestServicesSeqStops(t *testing.T) {
	_, c := many(100)
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
		t.Errorf("%d services, %v", len(services), err)
	}
}

func TestServicesSeqFails(t *testing.T) {
	k, c := many(3)
	for _, err := range c.DestinationsSeq(ipvs.ServiceKey{}) {
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("a key that is none: %v", err)
		}
	}
	for range c.DestinationsSeq(ipvs.MarkKey(99, ipvs.IPv4)) {
		t.Error("a service that is not there has destinations")
	}
	k.Intercept = func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }
	rounds := 0
	for s, err := range c.ServicesSeq() {
		if rounds++; !errors.Is(err, syscall.EPERM) || s != (ipvs.Service{}) {
			t.Errorf("%v, %v", s, err)
		}
	}
	if rounds != 1 {
		t.Errorf("%d rounds", rounds)
	}
}

// Several may iterate, and change the table, through one client at a time.
func TestServicesSeqConcurrently(t *testing.T) {
	_, c := many(200)
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
					t.Errorf("%d services", count)
				}
			}
		})
	}
	wait.Wait()
}
