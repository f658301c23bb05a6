// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// addServices adds n services with 0 to 3 servers each to k and returns their
// rules.
func addServices(t testing.TB, k *ipvstest.FakeKernel, n int) string {
	t.Helper()
	var rules strings.Builder
	for i := range n {
		fmt.Fprintf(&rules, "-A -t 10.0.%d.%d:80 -s rr\n", i/250, i%250+1)
		for j := range i % 4 {
			fmt.Fprintf(&rules, "-a -t 10.0.%d.%d:80 -r 10.1.0.%d:80 -m -w %d\n", i/250, i%250+1, j+1, i+1)
		}
	}
	if r := run(k, rules.String(), "ipvsadm", "-R"); r != (result{}) {
		t.Fatalf("restore: %+v", r)
	}
	return rules.String()
}

func TestSaveManyServices(t *testing.T) {
	for _, n := range []int{0, 1, servicesPerBatch, servicesPerBatch + 1, 10*servicesPerBatch + 7} {
		var k ipvstest.FakeKernel
		if want, got := addServices(t, &k, n), savedRules(t, &k); got != want {
			t.Errorf("%d services:\n%swant:\n%s", n, got, want)
		}
	}
}

// TestSaveKernelError checks that the rows before a failed request are printed.
func TestSaveKernelError(t *testing.T) {
	var k ipvstest.FakeKernel
	all := addServices(t, &k, 3*servicesPerBatch)
	failing := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("10.0.0.41:80"))
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination && m.Service.ServiceKey == failing {
			return syscall.ENOMEM
		}
		return 0
	}
	before, _, _ := strings.Cut(all, "-A -t 10.0.0.41:80")
	want := result{1, before, "Memory allocation problem\n"}
	if got := run(&k, "", "ipvsadm", "-S", "-n"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDestPipelineOrder(t *testing.T) {
	services := make([]ipvs.Service, 5*servicesPerBatch)
	for i := range services {
		services[i].ServiceKey = ipvs.MarkKey(uint32(i+1), ipvs.IPv4)
	}
	readErr := errors.New("read error")
	pipeline := startDestPipeline(services, func(ds []ipvs.Destination, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
		if key.Mark == 100 {
			return ds, readErr
		}
		return append(ds, ipvs.Destination{Weight: key.Mark}), nil
	})
	mark := uint32(0)
	var err error
	for batch := range pipeline.full {
		for _, d := range batch.destinations {
			if mark++; d.Weight != mark {
				t.Fatalf("destination of service %d, want %d", d.Weight, mark)
			}
		}
		err = batch.err
		pipeline.free <- batch
	}
	if mark != 99 || err != readErr {
		t.Errorf("%d services, error %v; want 99, %v", mark, err, readErr)
	}
}
