// SPDX-License-Identifier: MIT

package drain_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// A skippingKernel has a service with many destinations, the last of which is the
// server, with weight 7 and one connection. If skips returns true during a dump, all
// other destinations are removed, so that the dump skips the server. Before every dump
// they are replaced with new ones, so that no two dumps are the same.
type skippingKernel struct {
	*ipvstest.FakeKernel
	skips func() bool
	dumps int
}

func newSkippingKernel() *skippingKernel {
	k := &skippingKernel{FakeKernel: busyKernel(1), skips: func() bool { return true }}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command != netlinkmsg.GetDestination {
			return 0
		}
		k.dumps++
		var list []ipvs.Destination
		for n := range 300 {
			list = append(list, ipvs.Destination{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(k.dumps), byte(n >> 8), byte(n)}), 80)})
		}
		k.Table[0].Destinations = append(list, k.onlyServer()...)
		return 0
	}
	k.OnContinue = func(*netlinkmsg.Message) {
		if k.skips() {
			k.Table[0].Destinations = k.onlyServer()
		}
	}
	return k
}

// onlyServer returns a slice with the server, or an empty one if it was removed.
func (k *skippingKernel) onlyServer() []ipvs.Destination {
	return slices.DeleteFunc(slices.Clone(k.Table[0].Destinations), func(d ipvs.Destination) bool { return d.AddrPort != server })
}

// TestRunSkippedAtFirst drains a server that no dump lists. Run must not change it.
func TestRunSkippedAtFirst(t *testing.T) {
	k := newSkippingKernel()
	c, _ := k.Dial()
	_, err := drain.Run(t.Context(), c, web, server, drain.Options{})
	if !errors.Is(err, ipvs.ErrDumpInterrupted) {
		t.Errorf("error %v, want ErrDumpInterrupted", err)
	}
	if d := k.onlyServer(); len(d) != 1 || d[0].Weight != 7 || len(k.Changes()) != 0 {
		t.Errorf("server %+v, %d changes; want weight 7 and no change", d, len(k.Changes()))
	}
}

// TestRunSkippedWhileWaiting drains a server that dumps skip for ten seconds. Run must
// remove it when its connection closes, and not before.
func TestRunSkippedWhileWaiting(t *testing.T) {
	k := newSkippingKernel()
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		k.skips = func() bool { s := time.Since(begin); return s > 0 && s < 10*time.Second }
		time.AfterFunc(15500*time.Millisecond, func() {
			k.Modify(func() {
				for i := range k.Table[0].Destinations {
					k.Table[0].Destinations[i].ActiveConns = 0
				}
			})
		})
		result, err := drain.Run(t.Context(), c, web, server, drain.Options{})
		if err != nil || result.RemovedByOther || result.Busy() || time.Since(begin) != 16*time.Second {
			t.Errorf("result %+v, error %v after %v; want removal after 16 s", result, err, time.Since(begin))
		}
	})
	if len(k.onlyServer()) != 0 {
		t.Error("the server was not removed")
	}
}

// TestRunSkippedAndRemoved removes a server while dumps skip it. Run must find out from
// the kernel's reply to an update.
func TestRunSkippedAndRemoved(t *testing.T) {
	k := newSkippingKernel()
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		k.skips = func() bool { return time.Since(begin) > 0 }
		time.AfterFunc(5500*time.Millisecond, func() {
			k.Modify(func() { k.Table[0].Destinations = nil })
		})
		result, err := drain.Run(t.Context(), c, web, server, drain.Options{})
		if err != nil || !result.RemovedByOther || time.Since(begin) != 6*time.Second {
			t.Errorf("result %+v, error %v after %v; want removal by another program after 6 s", result, err, time.Since(begin))
		}
	})
}

// TestRunSkippedAtTheEnd aborts the drain, or lets it time out, while dumps skip the
// server.
func TestRunSkippedAtTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		removed bool
	}{
		{name: "canceled"},
		{name: "timeout", timeout: 3 * time.Second, removed: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newSkippingKernel()
			c, _ := k.Dial()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				k.skips = func() bool { return time.Since(begin) > 0 }
				ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
				defer cancel()
				result, err := drain.Run(ctx, c, web, server, drain.Options{Timeout: tt.timeout})
				if tt.removed && (err != nil || !result.Busy() || result.RemovedByOther) || !tt.removed && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("result %+v, error %v; want removed: %t", result, err, tt.removed)
				}
			})
			d := k.onlyServer()
			if tt.removed != (len(d) == 0) || !tt.removed && d[0].Weight != 7 {
				t.Errorf("server %+v, want removed: %t", d, tt.removed)
			}
		})
	}
}
