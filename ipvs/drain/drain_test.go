package drain_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

var (
	web    = ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	server = netip.MustParseAddrPort("198.51.100.1:80")
)

// busy returns a kernel with one server, of which a connection closes with each
// look.
func busy(connections uint32) *ipvstest.FakeKernel {
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{
		Service:      ipvs.Service{ServiceKey: web, Scheduler: "rr"},
		Destinations: []ipvs.Destination{{AddrPort: server, Weight: 7, ActiveConns: connections}},
	}}}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if d := k.Table[0].Destinations; m.Command == netlinkmsg.GetDestination && len(d) > 0 && d[0].Weight == 0 && d[0].ActiveConns > 0 {
			d[0].ActiveConns--
		}
		return 0
	}
	return k
}

func TestDestination(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		at    netip.AddrPort
		cut   uint32
		took  time.Duration
	}{
		{"to its end", 0, server, 0, 9 * time.Second},
		{"by its mapped address", 0, netip.MustParseAddrPort("[::ffff:198.51.100.1]:80"), 0, 9 * time.Second},
		{"to the limit", 4 * time.Second, server, 5, 4 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := busy(10)
			c, _ := k.Dial()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				told := 0
				result, err := drain.Run(t.Context(), c, web, tt.at, drain.Options{Timeout: tt.limit, OnPoll: func(s drain.State, left time.Duration) {
					if told++; !s.Busy() || tt.limit > 0 && left != tt.limit-time.Since(begin) {
						t.Errorf("waiting for %+v, %v left", s, left)
					}
				}})
				if err != nil || result.ActiveConns != tt.cut || result.Busy() != (tt.cut > 0) || result.RemovedByOther {
					t.Errorf("%+v, %v", result, err)
				}
				if took := time.Since(begin); took != tt.took || told != int(took/time.Second) {
					t.Errorf("took %v, told %d times", took, told)
				}
			})
			if len(k.Table[0].Destinations) != 0 {
				t.Error("it is still there")
			}
		})
	}
}

// Who calls may change their mind: the weight is what it was.
func TestDestinationEnds(t *testing.T) {
	reason := errors.New("changed my mind")
	k := busy(10)
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithTimeoutCause(t.Context(), 1500*time.Millisecond, reason)
		defer end()
		if _, err := drain.Run(ctx, c, web, server, drain.Options{}); err != reason {
			t.Errorf("error = %v", err)
		}
	})
	if d := k.Table[0].Destinations; len(d) != 1 || d[0].Weight != 7 {
		t.Errorf("%+v", d)
	}
}

func TestDestinationFails(t *testing.T) {
	c, _ := busy(0).Dial()
	for key, want := range map[ipvs.ServiceKey]error{
		web:                        ipvs.ErrNoDestination,
		ipvs.MarkKey(9, ipvs.IPv4): ipvs.ErrNoService,
		{}:                         syscall.EINVAL,
	} {
		at := netip.MustParseAddrPort("198.51.100.9:80")
		if _, err := drain.Run(t.Context(), c, key, at, drain.Options{}); !errors.Is(err, want) {
			t.Errorf("%v: %v, want %v", key, err, want)
		}
	}

	// The weight cannot be put back when it cannot be removed.
	k := busy(0)
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		switch {
		case m.Command == netlinkmsg.DelDestination:
			return syscall.ENOMEM
		case m.Command == netlinkmsg.SetDestination && m.Destination.Weight != 0:
			return syscall.EPERM
		}
		return 0
	}
	c, _ = k.Dial()
	_, err := drain.Run(t.Context(), c, web, server, drain.Options{})
	back := new(drain.RestoreWeightError)
	if !errors.As(err, &back) || back.Weight != 7 || !errors.Is(err, syscall.ENOMEM) || !errors.Is(err, syscall.EPERM) {
		t.Errorf("error = %v", err)
	}
	const text = "drain: ipvs: delete destination 198.51.100.1:80 of TCP 192.0.2.1:80: cannot allocate memory; " +
		"the weight, now 0, could not be set to 7: ipvs: edit destination 198.51.100.1:80 of TCP 192.0.2.1:80: operation not permitted"
	if err.Error() != text {
		t.Errorf("%q", err)
	}
}

// Take a server out when its connections are over, but after five minutes at
// the latest.
func ExampleDestination() {
	c, err := busy(0).Dial() // programs call ipvs.Dial
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // before it is done, it puts the weight back
	result, err := drain.Run(ctx, c, web, server, drain.Options{Timeout: 5 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	if result.Busy() {
		fmt.Println(result.ActiveConns, "connections were cut")
	}
	left, err := c.Destinations(web)
	fmt.Println(len(left), "servers left", err)
	// Output: 0 servers left <nil>
}
