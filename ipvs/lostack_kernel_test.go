// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// TestKernelLostAcks repeats the same requests, each time dropping the replies that are
// queued at a different read of the socket. Every change must be made, even if its
// outcome is reported as unknown, and the results of requests that read the table must
// be correct.
func TestKernelLostAcks(t *testing.T) {
	missing := ipvs.AddrKey(ipvs.TCP, ap("192.0.2.99:80"))
	destinations := make([]ipvs.Destination, 5)
	for i := range destinations {
		destinations[i] = webDestination
		destinations[i].AddrPort = numberedKey(i).AddrPort
	}
	unknown := 0 // number of changes with unknown outcome
	maxReads := 1
	for lostRead := 0; lostRead < maxReads; lostRead++ {
		reads := 0
		loseReplies := func(s *ipvstest.FaultySocket, b []byte) (int, error) {
			reads++
			if reads-1 != lostRead {
				return s.Next(b)
			}
			s.Queue = nil
			return 0, syscall.ENOBUFS
		}
		c, err := ipvs.Dial(ipvs.WithTimeout(time.Millisecond), ipvs.WithSocketWrapper(func(s ipvs.Socket) ipvs.Socket {
			return &ipvstest.FaultySocket{Socket: s, OnReceive: loseReplies}
		}))
		if err != nil {
			t.Fatal(err)
		}
		checkChange := func(name string, err error) {
			if errors.Is(err, ipvs.ErrAckLost) {
				unknown++
			} else if err != nil {
				t.Errorf("read %d lost: %s: %v", lostRead, name, err)
			}
		}
		checkChange("remove all services", c.RemoveAllServices())
		checkChange("add service", c.AddService(ipvs.Service{ServiceKey: web, Scheduler: "rr"}))
		checkChange("update service", c.UpdateService(ipvs.Service{ServiceKey: web, Scheduler: "wlc"}))
		b := c.Batch()
		for _, d := range destinations {
			b.AddDestination(web, d)
		}
		b.AddDestination(missing, webDestination) // change 5 fails
		b.RemoveDestination(web, destinations[0].AddrPort)
		failures, err := b.Commit()
		if err != nil {
			t.Errorf("read %d lost: batch: %v", lostRead, err)
		}
		for _, f := range failures {
			if f.Index != 5 {
				checkChange("batch", f.Err)
			} else if !errors.Is(f.Err, ipvs.ErrNoService) {
				t.Errorf("read %d lost: change 5: %v, want ErrNoService", lostRead, f.Err)
			}
		}
		service, err := c.Service(web)
		if err != nil || service.Scheduler != "wlc" {
			t.Errorf("read %d lost: service %+v, %v, want scheduler wlc", lostRead, service, err)
		}
		services, err := c.ServicesConsistent()
		if err != nil || len(services) != 1 {
			t.Errorf("read %d lost: %d services, %v, want 1", lostRead, len(services), err)
		}
		left, err := c.Destinations(web)
		if err != nil || len(left) != 4 {
			t.Errorf("read %d lost: %d destinations, %v, want 4", lostRead, len(left), err)
		}
		if _, err = c.Info(); err != nil {
			t.Errorf("read %d lost: info: %v", lostRead, err)
		}
		maxReads = max(maxReads, min(20, reads))
		checkChange("remove service", c.RemoveService(web))
		c.Close()
	}
	if maxReads < 10 || unknown == 0 {
		t.Errorf("%d reads, %d changes with unknown outcome; want at least 10 and 1", maxReads, unknown)
	}
}
