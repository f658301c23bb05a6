// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

func TestCloseTwice(t *testing.T) {
	var k ipvstest.FakeKernel
	s := &closeErrorSocket{Socket: k.Socket()}
	c := ipvs.NewClient(s, ipvstest.Family)
	if err := c.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("first Close: %v, want EIO", err)
	}
	if err := c.Close(); err != nil || s.closed != 1 {
		t.Errorf("second Close: %v; the socket was closed %d times, want once", err, s.closed)
	}
}

// A closeErrorSocket counts the calls of Close, which fails.
type closeErrorSocket struct {
	ipvs.Socket
	closed int
}

func (c *closeErrorSocket) Close() error {
	c.closed++
	return syscall.EIO
}

// TestUnencodableNames verifies that the client rejects names that an attribute cannot
// contain: a name longer than a 16-bit length allows, and one with a NUL byte.
func TestUnencodableNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 65539), "rr\x00"} {
		k := &ipvstest.FakeKernel{}
		c, err := k.Dial()
		if err != nil {
			t.Fatal(err)
		}
		withScheduler := ipvs.Service{ServiceKey: web, Scheduler: name}
		withPEName := ipvs.Service{ServiceKey: web, PEName: name}
		for field, err := range map[string]error{
			"Scheduler": c.AddService(withScheduler),
			"PEName":    c.UpdateService(withPEName),
			"Interface": c.StartDaemon(ipvs.Daemon{State: ipvs.Master, Interface: name}),
		} {
			var e *ipvs.Error
			if !errors.As(err, &e) || !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%s of %d bytes: error = %v, want an *Error with EINVAL", field, len(name), err)
			}
		}
		if len(k.Requests) != 0 {
			t.Errorf("%d requests were sent, want none", len(k.Requests))
		}
	}
}
