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

// manyServices fills k with services of as many servers as their number says,
// and returns the rules for them.
func manyServices(t testing.TB, k *ipvstest.FakeKernel, n int) string {
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

func TestListingOfManyGroups(t *testing.T) {
	for _, n := range []int{0, 1, groupSize, groupSize + 1, 10*groupSize + 7} {
		var k ipvstest.FakeKernel
		if want, got := manyServices(t, &k, n), rules(t, &k); got != want {
			t.Errorf("%d services:\n%swant:\n%s", n, got, want)
		}
	}
}

// What was read before the kernel refused is shown, and the refusal told.
func TestListingThatBreaksOff(t *testing.T) {
	var k ipvstest.FakeKernel
	all := manyServices(t, &k, 3*groupSize)
	broken := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("10.0.0.41:80"))
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination && m.Service.ServiceKey == broken {
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

func TestGroupsKeepTheirOrder(t *testing.T) {
	services := make([]ipvs.Service, 5*groupSize)
	for i := range services {
		services[i].ServiceKey = ipvs.MarkKey(uint32(i+1), ipvs.IPv4)
	}
	stop := errors.New("stop")
	g := readGroups(services, func(ds []ipvs.Destination, key ipvs.ServiceKey) ([]ipvs.Destination, error) {
		if key.Mark == 100 {
			return ds, stop
		}
		return append(ds, ipvs.Destination{Weight: key.Mark}), nil
	})
	mark := uint32(0)
	var err error
	for next := range g.full {
		for _, d := range next.destinations {
			if mark++; d.Weight != mark {
				t.Fatalf("service %d where %d is due", d.Weight, mark)
			}
		}
		err = next.err
		g.free <- next
	}
	if mark != 99 || err != stop {
		t.Errorf("%d services, then %v", mark, err)
	}
}
