// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of ipvsadm-restore.

package cli_test

import (
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/cli"
	"goipvsadm/ipvs"
)

// restore runs ipvsadm-restore and checks its exit status.
func (h *host) restore(rules string, status int) (stderr string) {
	h.Helper()
	var out, errs strings.Builder
	got := cli.Run([]string{"ipvsadm-restore", "-N", h.ns.Name}, strings.NewReader(rules), &out, &errs, ipvs.Dial)
	if got != status || out.Len() > 0 {
		h.Fatalf("ipvsadm-restore: exit status %d, want %d\n%s%s\nrules:\n%s", got, status, out.String(), errs.String(), rules)
	}
	return errs.String()
}

// TestReplaceKernel checks that ipvsadm-restore neither changes a table if the
// kernel lacks a scheduler, nor loses one if the kernel rejects a rule.
func TestReplaceKernel(t *testing.T) {
	h := newHost(t)
	h.runQuiet("-R", allRules(mixedFamilies))
	before := sortLines(h.saved("--all"))
	if stderr := h.restore("-A -f 1 -s rr\n-A -f 2 -s wlcc\n-A -f 3 --pe nosuch\n-A -f 4 --pe sip\n", 255); stderr !=
		"line 2: Scheduler or persistence engine not found\nline 3: Scheduler or persistence engine not found\n" {
		t.Errorf("stderr:\n%s", stderr)
	}
	if after := sortLines(h.saved("--all")); after != before {
		t.Errorf("table after missing schedulers:\n%swant:\n%s", after, before)
	}
	// The kernel rejects the broadcast address of the network.
	const rules = "--set 5 6 7\n-A -t 10.7.2.2:80 -s lc\n-a -t 10.7.2.2:80 -r 10.7.1.1 -w 9\n-a -t 10.7.2.2:80 -r 10.7.255.255\n-A -f 77\n"
	if stderr := h.restore(rules, 255); stderr != "line 4: Invalid operation.  Possibly wrong module version, address not unicast, ...\n"+
		"the previous table was restored\n" {
		t.Errorf("stderr:\n%s", stderr)
	}
	if after := sortLines(h.saved("--all")); after != before {
		t.Errorf("table after a rejected rule:\n%swant:\n%s", after, before)
	}
	// Without an error, the new table replaces the old one.
	if stderr := h.restore(allRules(sameFamilies)+"-A -f 100\n-A -f 9\n", 0); !strings.HasSuffix(stderr, ": Service already exists\n") {
		t.Errorf("stderr:\n%s", stderr)
	}
	want := newHost(t)
	want.runQuiet("-R", allRules(sameFamilies)+"-A -f 9\n")
	if got := sortLines(h.saved("--all")); got != sortLines(want.saved("--all")) {
		t.Errorf("table:\n%s", got)
	}
}

// TestFindModulesKernel checks that the kernel looks for the scheduler of an
// invalid service, and does not add the service.
func TestFindModulesKernel(t *testing.T) {
	h := newHost(t)
	c, err := ipvs.Dial(ipvs.WithNetNS(h.ns.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	key := ipvs.MarkKey(1, ipvs.IPv6)
	for _, scheduler := range []string{"rr", "wrr", "nosuch"} {
		err := c.AddService(ipvs.Service{ServiceKey: key, Scheduler: scheduler, Netmask: 129})
		if e, ok := err.(*ipvs.Error); !ok || (e.Err == ipvs.ErrNoScheduler) != (scheduler == "nosuch") {
			t.Errorf("%s: %v", scheduler, err)
		}
	}
	if services, err := c.Services(); err != nil || len(services) > 0 {
		t.Errorf("services %v, error %v", services, err)
	}
}
