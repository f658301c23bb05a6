// SPDX-License-Identifier: MIT

package drain_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
	"goipvsadm/netlinkmsg"
)

func TestRunFallback(t *testing.T) {
	const flag = ipvs.Sched1
	for _, tt := range []struct {
		name      string
		scheduler string
		flags     ipvs.ServiceFlags
		canceled  bool
		change    func(*ipvs.Service) // made by another program while the destination is drained
		fail      bool                // the flag cannot be cleared

		during   ipvs.ServiceFlags // flags while the destination is drained
		after    ipvs.ServiceFlags
		fallback []drain.Fallback
	}{
		{name: "sh", scheduler: "sh", flags: ipvs.Sched2, during: ipvs.Sched2 | flag, after: ipvs.Sched2, fallback: []drain.Fallback{drain.FallbackSet}},
		{name: "mh", scheduler: "mh", during: flag, fallback: []drain.Fallback{drain.FallbackSet}},
		{name: "canceled", scheduler: "sh", canceled: true, during: flag, fallback: []drain.Fallback{drain.FallbackSet}},
		{name: "flag already set", scheduler: "sh", flags: flag, during: flag, after: flag},
		{name: "dh", scheduler: "dh", fallback: []drain.Fallback{drain.NoFallback}},
		{name: "rr", scheduler: "rr"},
		{
			name: "another destination with weight 0", scheduler: "sh", during: flag, after: flag,
			fallback: []drain.Fallback{drain.FallbackSet, drain.FallbackKept},
		},
		{
			name: "service changed by another program", scheduler: "sh",
			change: func(s *ipvs.Service) { s.Scheduler, s.Flags = "rr", flag },
			during: flag, after: flag, fallback: []drain.Fallback{drain.FallbackSet},
		},
		{name: "flag cannot be cleared", scheduler: "sh", fail: true, during: flag, after: flag, fallback: []drain.Fallback{drain.FallbackSet}},
		{name: "canceled and flag cannot be cleared", scheduler: "sh", canceled: true, fail: true, during: flag, after: flag, fallback: []drain.Fallback{drain.FallbackSet}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := busyKernel(5)
			service := &k.Table[0].Service
			service.Scheduler, service.Flags = tt.scheduler, tt.flags
			if slices.Contains(tt.fallback, drain.FallbackKept) {
				k.Table[0].Destinations = append(k.Table[0].Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.2:80")})
			}
			intercept := k.Intercept
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				if m.Command == netlinkmsg.SetService && m.Service.Flags&flag == 0 && tt.fail {
					return syscall.EPERM
				}
				return intercept(m)
			}
			var fallback []drain.Fallback
			polls := 0
			o := drain.Options{
				OnFallback: func(key ipvs.DestinationKey, f drain.Fallback, scheduler string) {
					if fallback = append(fallback, f); scheduler != tt.scheduler || key != (ipvs.DestinationKey{Service: web, AddrPort: server}) {
						t.Errorf("OnFallback for %v with scheduler %s, want %s of %v with scheduler %s", key, scheduler, server, web, tt.scheduler)
					}
					if f != drain.FallbackKept && (service.Flags&flag != tt.flags&flag || k.Table[0].Destinations[0].Weight != 7) {
						t.Error("OnFallback was called after a change")
					}
				},
				OnPoll: func([]drain.State, time.Duration) {
					if flags := service.Flags &^ ipvs.Hashed; polls == 0 && flags != tt.during {
						t.Errorf("flags %v during the drain, want %v", flags, tt.during)
					}
					if polls++; polls == 1 && tt.change != nil {
						tt.change(service)
					}
				},
			}
			c, _ := k.Dial()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.canceled {
					time.AfterFunc(1500*time.Millisecond, cancel)
				}
				result, err := drain.Run(ctx, c, web, server, o)
				restore := new(drain.RestoreFallbackError)
				if errors.Is(err, context.Canceled) != tt.canceled || errors.As(err, &restore) != tt.fail || (result == nil) != tt.canceled {
					t.Errorf("result %+v, error %v; want canceled: %t, RestoreFallbackError: %t", result, err, tt.canceled, tt.fail)
				}
				if tt.fail && (!errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "cannot clear the fallback flag of sh: ipvs: ")) {
					t.Errorf("error %v, want EPERM and the name of the scheduler", err)
				}
			})
			if flags := service.Flags &^ ipvs.Hashed; flags != tt.after {
				t.Errorf("flags %v after the drain, want %v", flags, tt.after)
			}
			if !slices.Equal(fallback, tt.fallback) {
				t.Errorf("OnFallback calls %v, want %v", fallback, tt.fallback)
			}
		})
	}
}
