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
