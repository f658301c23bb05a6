package ipvs_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// A name of 65,539 bytes does not fit an attribute, whose length has 16 bits.
func TestUnencodableNames(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 65539), "rr\x00"} {
		k := &ipvstest.FakeKernel{}
		c, err := k.Dial()
		if err != nil {
			t.Fatal(err)
		}
		s := ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))}
		withScheduler, withPEName := s, s
		withScheduler.Scheduler = name
		withPEName.PEName = name
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
			t.Errorf("%d requests were sent", len(k.Requests))
		}
	}
}
