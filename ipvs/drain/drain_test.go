// SPDX-License-Identifier: MIT

package drain_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"strings"
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

// busyKernel returns a kernel with one destination that has weight 7 and the given
// number of active connections. While the weight is 0, each poll closes one of them.
func busyKernel(connections uint32) *ipvstest.FakeKernel {
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

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		broken  uint32 // number of broken connections
		elapsed time.Duration
	}{
		{name: "no timeout", elapsed: 9 * time.Second},
		{name: "timeout", timeout: 4 * time.Second, broken: 5, elapsed: 4 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := busyKernel(10)
			c, _ := k.Dial()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				polls := 0
				onPoll := func(s []drain.State, left time.Duration) {
					if polls++; len(s) != 1 || !s[0].Busy() || s[0].Service != web || tt.timeout > 0 && left != tt.timeout-time.Since(begin) {
						t.Errorf("OnPoll(%+v, %v), want one busy destination and the time until the timeout", s, left)
					}
				}
				result, err := drain.Run(t.Context(), c, web, server, drain.Options{Timeout: tt.timeout, OnPoll: onPoll})
				if err != nil || result.ActiveConns != tt.broken || result.Busy() != (tt.broken > 0) || result.RemovedByOther {
					t.Errorf("result %+v, error %v; want %d broken connections", result, err, tt.broken)
				}
				if elapsed := time.Since(begin); elapsed != tt.elapsed || polls != int(elapsed/time.Second) {
					t.Errorf("took %v with %d OnPoll calls, want %v", elapsed, polls, tt.elapsed)
				}
			})
			if len(k.Table[0].Destinations) != 0 {
				t.Error("the destination was not removed")
			}
		})
	}
}

func TestRunCanceled(t *testing.T) {
	cause := errors.New("canceled by test")
	k := busyKernel(10)
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 1500*time.Millisecond, cause)
		defer cancel()
		if _, err := drain.Run(ctx, c, web, server, drain.Options{}); err != cause {
			t.Errorf("error = %v, want %v", err, cause)
		}
	})
	if d := k.Table[0].Destinations; len(d) != 1 || d[0].Weight != 7 {
		t.Errorf("destinations %+v, want one with weight 7", d)
	}
}

func TestRunMissing(t *testing.T) {
	k := busyKernel(0)
	c, _ := k.Dial()
	for _, tt := range []struct {
		name    string
		service ipvs.ServiceKey
		server  string
		want    error
	}{
		{name: "no destination", service: web, server: "198.51.100.9:80", want: ipvs.ErrNoDestination},
		{name: "IPv4-mapped address", service: web, server: "[::ffff:198.51.100.1]:80", want: ipvs.ErrNoDestination},
		{name: "no service", service: ipvs.MarkKey(9, ipvs.IPv4), server: "198.51.100.1:80", want: ipvs.ErrNoService},
		{name: "invalid service key", server: "198.51.100.1:80", want: syscall.EINVAL},
	} {
		if _, err := drain.Run(t.Context(), c, tt.service, netip.MustParseAddrPort(tt.server), drain.Options{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
	if n := len(k.Changes()); n != 0 {
		t.Errorf("%d changes, want 0", n)
	}
}

func TestRunCannotRestoreWeight(t *testing.T) {
	k := busyKernel(0)
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		switch {
		case m.Command == netlinkmsg.DelDestination:
			return syscall.ENOMEM
		case m.Command == netlinkmsg.SetDestination && m.Destination.Weight != 0:
			return syscall.EPERM
		}
		return 0
	}
	c, _ := k.Dial()
	_, err := drain.Run(t.Context(), c, web, server, drain.Options{})
	restore := new(drain.RestoreWeightError)
	if !errors.As(err, &restore) || restore.Weight != 7 || !errors.Is(restore.Cause, syscall.ENOMEM) || !errors.Is(restore.Err, syscall.EPERM) {
		t.Fatalf("error = %v, want ENOMEM and then EPERM", err)
	}
	if !errors.Is(err, syscall.ENOMEM) || !errors.Is(err, syscall.EPERM) {
		t.Error("the error does not unwrap to both errors")
	}
	if text := err.Error(); !strings.HasPrefix(text, "drain: ipvs: ") || !strings.Contains(text, "; cannot restore weight 7 (now 0): ipvs: ") {
		t.Errorf("error = %q, want both errors and the weight", text)
	}
}

// Remove a destination when its connections have closed, but at the latest after five
// minutes.
func ExampleRun() {
	c, err := busyKernel(0).Dial() // programs call ipvs.Dial
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // canceling a running drain restores the weight
	result, err := drain.Run(ctx, c, web, server, drain.Options{Timeout: 5 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	if result.Busy() {
		fmt.Println("broken connections:", result.ActiveConns)
	}
	left, err := c.Destinations(web)
	fmt.Println(len(left), "destinations left", err)
	// Output: 0 destinations left <nil>
}
