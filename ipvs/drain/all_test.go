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

// allKeys are the keys of server in the services of sharedServerKernel.
var allKeys = []ipvs.DestinationKey{
	{Service: web, AddrPort: server},
	{Service: ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:443")), AddrPort: server},
	{Service: ipvs.MarkKey(7, ipvs.IPv4), AddrPort: server},
}

// sharedServerKernel returns a kernel with a server in three services, with the weights 7, 8
// and 9, and another server in each. If the weight of the server is 0, its connections in
// service i close seconds[i] seconds after the first request.
func sharedServerKernel(seconds ...int) *ipvstest.FakeKernel {
	k := &ipvstest.FakeKernel{}
	var begin time.Time // time of the first request
	for i, key := range allKeys {
		k.Table = append(k.Table, ipvstest.Entry{
			Service: ipvs.Service{ServiceKey: key.Service, Scheduler: "rr"},
			Destinations: []ipvs.Destination{
				{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Weight: 1, ActiveConns: 5},
				{AddrPort: server, Weight: 7 + uint32(i), ActiveConns: 3},
			},
		})
	}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if begin.IsZero() {
			begin = time.Now()
		}
		for i, key := range allKeys {
			if m.Command == netlinkmsg.GetDestination && m.Service.ServiceKey == key.Service && time.Since(begin) >= time.Duration(seconds[i])*time.Second {
				if d := serverIn(k, i); d != nil && d.Weight == 0 {
					d.ActiveConns = 0
				}
			}
		}
		return 0
	}
	return k
}

// serverIn returns the server in the service with the index i, or nil.
func serverIn(k *ipvstest.FakeKernel, i int) *ipvs.Destination {
	for j := range k.Table[i].Destinations {
		if d := &k.Table[i].Destinations[j]; d.AddrPort == server {
			return d
		}
	}
	return nil
}

// weights returns the weights of the server, -1 where it is not in the service.
func weights(k *ipvstest.FakeKernel) []int {
	var list []int
	for i := range k.Table {
		if d := serverIn(k, i); d != nil {
			list = append(list, int(d.Weight))
		} else {
			list = append(list, -1)
		}
	}
	return list
}

func TestRunAll(t *testing.T) {
	cause := errors.New("canceled by test")
	for _, tt := range []struct {
		name     string
		seconds  []int // for sharedServerKernel
		timeout  time.Duration
		cancel   time.Duration              // time until the context is canceled; 0 for never
		change   func(*ipvstest.FakeKernel) // made by another program after 1.5 s
		failing  netlinkmsg.Command         // command that fails for the second service
		want     []int                      // weights after the drain
		errs     []error                    // wanted errors; nil for none
		busy     []bool                     // whether the results are Busy; nil for none
		elapsed  time.Duration
		lastPoll int // number of destinations in the last OnPoll
	}{
		{name: "idle", seconds: []int{0, 0, 0}, want: []int{-1, -1, -1}},
		{name: "different times", seconds: []int{2, 5, 0}, want: []int{-1, -1, -1}, elapsed: 5 * time.Second, lastPoll: 3},
		{name: "timeout", seconds: []int{2, 9, 9}, timeout: 4 * time.Second, want: []int{-1, -1, -1}, busy: []bool{false, true, true}, elapsed: 4 * time.Second, lastPoll: 3},
		{name: "canceled", seconds: []int{0, 9, 9}, cancel: 2500 * time.Millisecond, want: []int{7, 8, 9}, errs: []error{cause, cause, cause}, elapsed: 2500 * time.Millisecond, lastPoll: 3},
		{
			name: "weight changed", seconds: []int{3, 9, 3}, want: []int{-1, 4, -1}, elapsed: 3 * time.Second, lastPoll: 2,
			change: func(k *ipvstest.FakeKernel) { serverIn(k, 1).Weight = 4 }, errs: []error{nil, &drain.WeightChangedError{Weight: 4}, nil},
		},
		{
			name: "removed by another program", seconds: []int{3, 9, 3}, want: []int{-1, -1, -1}, elapsed: 3 * time.Second, lastPoll: 2, busy: []bool{false, true, false},
			change: func(k *ipvstest.FakeKernel) { k.Table[1].Destinations = k.Table[1].Destinations[:1] },
		},
		{
			name: "all removed by another program", seconds: []int{9, 9, 9}, want: []int{-1, -1, -1}, elapsed: 2 * time.Second, lastPoll: 3, busy: []bool{true, true, true},
			change: func(k *ipvstest.FakeKernel) {
				for i := range k.Table {
					k.Table[i].Destinations = k.Table[i].Destinations[:1]
				}
			},
		},
		{name: "update fails", seconds: []int{2, 2, 2}, failing: netlinkmsg.SetDestination, want: []int{-1, 8, -1}, errs: []error{nil, syscall.EPERM, nil}, elapsed: 2 * time.Second, lastPoll: 2},
		{name: "removal fails", seconds: []int{2, 2, 2}, failing: netlinkmsg.DelDestination, want: []int{-1, 8, -1}, errs: []error{nil, syscall.EPERM, nil}, elapsed: 2 * time.Second, lastPoll: 3},
		{name: "reading fails", seconds: []int{2, 2, 2}, failing: netlinkmsg.GetDestination, want: []int{-1, 8, -1}, errs: []error{nil, syscall.EPERM, nil}, elapsed: 2 * time.Second, lastPoll: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := sharedServerKernel(tt.seconds...)
			intercept := k.Intercept
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				if m.Command == tt.failing && m.Service.ServiceKey == allKeys[1].Service {
					return syscall.EPERM
				}
				return intercept(m)
			}
			c, _ := k.Dial()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				ctx := t.Context()
				if tt.cancel != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeoutCause(ctx, tt.cancel, cause)
					defer cancel()
				}
				if tt.change != nil {
					time.AfterFunc(1500*time.Millisecond, func() { k.Modify(func() { tt.change(k) }) })
				}
				polls, lastPoll := 0, 0
				onPoll := func(states []drain.State, _ time.Duration) { polls++; lastPoll = len(states) }
				outcomes := drain.RunAll(ctx, c, allKeys, drain.Options{Timeout: tt.timeout, OnPoll: onPoll})
				for i, o := range outcomes {
					var want error
					if tt.errs != nil {
						want = tt.errs[i]
					}
					changed := new(drain.WeightChangedError)
					matches := errors.Is(o.Err, want) || errors.As(want, &changed) && errors.As(o.Err, &changed)
					if !matches || (o.Result == nil) != (want != nil) {
						t.Errorf("%v: %+v, %v; want error %v", allKeys[i].Service, o.Result, o.Err, want)
					}
					if wantBusy := tt.busy != nil && tt.busy[i]; o.Result != nil && (o.Result.Busy() != wantBusy || o.Result.Service != allKeys[i].Service) {
						t.Errorf("%v: %+v, want busy: %t", allKeys[i].Service, o.Result, wantBusy)
					}
				}
				if elapsed := time.Since(begin); elapsed != tt.elapsed || lastPoll != tt.lastPoll || polls != int((tt.elapsed+time.Second-1)/time.Second) {
					t.Errorf("took %v with %d polls, %d servers at last; want %v and %d", elapsed, polls, lastPoll, tt.elapsed, tt.lastPoll)
				}
			})
			if got := weights(k); !slices.Equal(got, tt.want) {
				t.Errorf("weights %v, want %v", got, tt.want)
			}
			for i := range k.Table {
				if d := k.Table[i].Destinations[0]; d.Weight != 1 {
					t.Errorf("other server %+v, want weight 1", d)
				}
			}
		})
	}
}

// TestRunAllNothingRemovedEarly checks that no destination is removed before all have
// no connections, so that canceling restores all weights.
func TestRunAllNothingRemovedEarly(t *testing.T) {
	k := sharedServerKernel(0, 4, 0)
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		onPoll := func([]drain.State, time.Duration) {
			if got := weights(k); !slices.Equal(got, []int{0, 0, 0}) {
				t.Errorf("weights %v while draining, want 0", got)
			}
		}
		drain.RunAll(t.Context(), c, allKeys, drain.Options{OnPoll: onPoll})
	})
	// The three weights come first, the three removals last.
	var got []netlinkmsg.Command
	for _, m := range k.Changes() {
		got = append(got, m.Command)
	}
	want := slices.Concat(slices.Repeat([]netlinkmsg.Command{netlinkmsg.SetDestination}, 3), slices.Repeat([]netlinkmsg.Command{netlinkmsg.DelDestination}, 3))
	if !slices.Equal(got, want) {
		t.Errorf("changes %v, want %v", got, want)
	}
}

// TestRunAllMissing drains a destination that does not exist together with others.
func TestRunAllMissing(t *testing.T) {
	k := sharedServerKernel(0, 0, 0)
	c, _ := k.Dial()
	keys := []ipvs.DestinationKey{
		{Service: ipvs.MarkKey(9, ipvs.IPv4), AddrPort: server},
		{Service: web, AddrPort: netip.MustParseAddrPort("198.51.100.9:80")},
		{Service: web, AddrPort: server},
	}
	outcomes := drain.RunAll(t.Context(), c, keys, drain.Options{})
	if len(outcomes) != 3 || !errors.Is(outcomes[0].Err, ipvs.ErrNoService) || !errors.Is(outcomes[1].Err, ipvs.ErrNoDestination) || outcomes[2].Err != nil || outcomes[2].Result == nil {
		t.Errorf("outcomes %+v, want ErrNoService, ErrNoDestination and a result", outcomes)
	}
	if got := weights(k); !slices.Equal(got, []int{-1, 8, 9}) {
		t.Errorf("weights %v, want [-1 8 9]", got)
	}
	if got := drain.RunAll(t.Context(), c, nil, drain.Options{}); len(got) != 0 {
		t.Errorf("outcomes %+v without destinations, want none", got)
	}
}

// TestRunAllFallback checks that the fallback flag of each service is set once and
// cleared when no destination of the service is drained any more.
func TestRunAllFallback(t *testing.T) {
	const flag = ipvs.Sched1
	k := sharedServerKernel(0, 6, 0)
	for i := range 2 {
		k.Table[i].Service.Scheduler = "sh"
	}
	second := netip.MustParseAddrPort("198.51.100.1:8080")
	k.Table[1].Destinations = append(k.Table[1].Destinations, ipvs.Destination{AddrPort: second, Weight: 1})
	keys := append(slices.Clone(allKeys), ipvs.DestinationKey{Service: allKeys[1].Service, AddrPort: second})
	c, _ := k.Dial()
	synctest.Test(t, func(t *testing.T) {
		// Another program changes the weight of the only server of the first service.
		time.AfterFunc(2500*time.Millisecond, func() { k.Modify(func() { serverIn(k, 0).Weight = 4 }) })
		begin := time.Now()
		var calls []ipvs.DestinationKey
		outcomes := drain.RunAll(t.Context(), c, keys, drain.Options{
			OnFallback: func(key ipvs.DestinationKey, f drain.Fallback, scheduler string) {
				if calls = append(calls, key); f != drain.FallbackSet || scheduler != "sh" {
					t.Errorf("OnFallback(%v, %v, %s), want %v and sh", key, f, scheduler, drain.FallbackSet)
				}
			},
			OnPoll: func([]drain.State, time.Duration) {
				first, other := k.Table[0].Service.Flags&flag != 0, k.Table[1].Service.Flags&flag != 0
				if wantFirst := time.Since(begin) < 3*time.Second; first != wantFirst || !other {
					t.Errorf("fallback flags after %v: %t, %t; want %t, true", time.Since(begin), first, other, wantFirst)
				}
			},
		})
		for i, o := range outcomes {
			if (o.Err == nil) != (i > 0) {
				t.Errorf("%v: error %v, want one only for the first destination", keys[i], o.Err)
			}
		}
		if want := []ipvs.DestinationKey{keys[0], keys[1]}; !slices.Equal(calls, want) {
			t.Errorf("OnFallback calls %v, want %v", calls, want)
		}
	})
	if k.Table[1].Service.Flags&flag != 0 {
		t.Error("the flag was not cleared")
	}
	sets := 0
	for _, m := range k.Changes() {
		if m.Command == netlinkmsg.SetService {
			sets++
		}
	}
	if sets != 4 {
		t.Errorf("%d updates of services, want 4", sets)
	}
}
