// SPDX-License-Identifier: MIT

package reconcile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/ipvs/reconcile"
	"goipvsadm/netlinkmsg"
)

// kernelWith returns a kernel with the given services.
func kernelWith(t *testing.T, services ...reconcile.Service) *ipvstest.FakeKernel {
	t.Helper()
	k := new(ipvstest.FakeKernel)
	if _, err := apply(t, k, &reconcile.Table{Services: services}, reconcile.Options{}); err != nil {
		t.Fatal(err)
	}
	k.Requests = nil
	return k
}

// TestApplyCapacityFirst verifies that Apply adds capacity in the whole table before it
// removes any.
func TestApplyCapacityFirst(t *testing.T) {
	edited := server("198.51.100.5:80", 4)
	k := kernelWith(t,
		service(web, server("198.51.100.1:80", 5), server("198.51.100.2:80", 0), server("198.51.100.3:80", 9), server("198.51.100.4:80", 1), edited),
		service(web6, server("[2001:db8::11]:80", 1), server("[2001:db8::12]:80", 1)),
	)
	edited.UpperThreshold = 100
	want := &reconcile.Table{
		Services: []reconcile.Service{
			service(web, server("198.51.100.1:80", 0), server("198.51.100.2:80", 5), server("198.51.100.3:80", 3), edited, server("198.51.100.6:80", 1)),
			service(web6, server("[2001:db8::11]:80", 0), server("[2001:db8::12]:80", 7)),
		},
		Timeouts: ipvs.Timeouts{UDP: 60},
	}
	want.Services[0].Scheduler = "rr"
	changes, err := apply(t, k, want, reconcile.Options{})
	wanted := strings.Join([]string{
		change(ipvs.OpSetTimeouts, ""),
		change(ipvs.OpUpdateDestination, "198.51.100.2:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpAddDestination, "198.51.100.6:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "[2001:db8::12]:80 of TCP [2001:db8::1]:80"),
		change(ipvs.OpUpdateService, "TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "198.51.100.5:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "198.51.100.3:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "198.51.100.1:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "[2001:db8::11]:80 of TCP [2001:db8::1]:80"),
		change(ipvs.OpRemoveDestination, "198.51.100.4:80 of TCP 192.0.2.1:80"),
	}, "")
	if changes != wanted || err != nil {
		t.Errorf("error %v, changes:\n%s\nwant:\n%s", err, changes, wanted)
	}
}

// TestApplyFailedReplacement rejects the new destination of one of two services. Apply
// must remove old destinations only of the other service.
func TestApplyFailedReplacement(t *testing.T) {
	k := kernelWith(t,
		service(web, server("198.51.100.1:80", 1), server("198.51.100.2:80", 1), server("198.51.100.3:80", 9)),
		service(dns, server("198.51.100.1:53", 1), server("198.51.100.2:53", 1)),
		service(fwmark),
	)
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.NewDestination && m.Service.ServiceKey == web {
			return syscall.ERANGE
		}
		return 0
	}
	want := &reconcile.Table{Services: []reconcile.Service{
		service(web, server("198.51.100.1:80", 0), server("198.51.100.3:80", 5), server("198.51.100.9:80", 1)),
		service(dns, server("198.51.100.1:53", 0), server("198.51.100.9:53", 1)),
	}}
	changes, err := apply(t, k, want, reconcile.Options{})
	wanted := strings.Join([]string{
		change(ipvs.OpAddDestination, "198.51.100.9:53 of UDP 192.0.2.53:53"),
		change(ipvs.OpUpdateDestination, "198.51.100.3:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "198.51.100.1:53 of UDP 192.0.2.53:53"),
		change(ipvs.OpRemoveDestination, "198.51.100.2:53 of UDP 192.0.2.53:53"),
	}, "")
	if changes != wanted {
		t.Errorf("changes:\n%s\nwant:\n%s", changes, wanted)
	}
	const text = "\nreconcile: TCP 192.0.2.1:80: errors occurred; skipped changes to weight 0: 1, removals: 1" +
		"\nreconcile: errors occurred; skipped removals: 1"
	if !errors.Is(err, syscall.ERANGE) || !strings.HasSuffix(err.Error(), text) {
		t.Errorf("error %q, want ERANGE and suffix %q", err, text)
	}
}

// TestApplyStaleTable changes the table after it was read.
func TestApplyStaleTable(t *testing.T) {
	before := []reconcile.Service{
		service(web, server("198.51.100.1:80", 1), server("198.51.100.2:80", 1)),
		service(fwmark),
	}
	want := &reconcile.Table{Services: []reconcile.Service{
		service(web, server("198.51.100.1:80", 2), server("198.51.100.3:80", 3), server("198.51.100.4:80", 0)),
		service(dns, server("198.51.100.1:53", 1)),
	}}
	k := kernelWith(t, before...)
	c := dial(t, k)
	have, err := reconcile.Read(c, want)
	if err != nil {
		t.Fatal(err)
	}
	k.Table[0].Destinations = []ipvs.Destination{server("198.51.100.3:80", 9), server("198.51.100.4:80", 9)}
	k.Table[1] = ipvstest.Entry{Service: ipvs.Service{ServiceKey: dns, Scheduler: "rr"}}
	var made strings.Builder
	o := reconcile.Options{OnChange: func(c *reconcile.Change) { made.WriteString(c.String() + "\n") }}
	err = reconcile.Execute(c, reconcile.Compare(want, have, o), o)
	wanted := strings.Join([]string{
		change(ipvs.OpAddDestination, "198.51.100.1:53 of UDP 192.0.2.53:53"),
		change(ipvs.OpAddDestination, "198.51.100.1:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateDestination, "198.51.100.3:80 of TCP 192.0.2.1:80"),
		change(ipvs.OpUpdateService, "UDP 192.0.2.53:53"),
		change(ipvs.OpUpdateDestination, "198.51.100.4:80 of TCP 192.0.2.1:80"),
	}, "")
	if err != nil || made.String() != wanted {
		t.Errorf("error %v, changes:\n%s\nwant:\n%s", err, made.String(), wanted)
	}
	if changes, err := apply(t, k, want, reconcile.Options{}); changes != "" || err != nil {
		t.Errorf("second Apply: changes %q, error %v, want none", changes, err)
	}
}

// TestApplyKeepWeightsRace sets a weight to 0 after the table was read.
func TestApplyKeepWeightsRace(t *testing.T) {
	k := kernelWith(t, service(web, server("198.51.100.1:80", 5), server("198.51.100.2:80", 5)))
	want := &reconcile.Table{Services: []reconcile.Service{service(web, server("198.51.100.1:80", 5), server("198.51.100.2:80", 5))}}
	for i := range want.Services[0].Destinations {
		want.Services[0].Destinations[i].UpperThreshold = 100
	}
	c := dial(t, k)
	have, err := reconcile.Read(c, want)
	if err != nil {
		t.Fatal(err)
	}
	k.Table[0].Destinations[1].Weight = 0
	o := reconcile.Options{KeepWeights: true}
	if err := reconcile.Execute(c, reconcile.Compare(want, have, o), o); err != nil {
		t.Fatal(err)
	}
	for i, weight := range []uint32{5, 0} {
		if d := k.Table[0].Destinations[i]; d.Weight != weight || d.UpperThreshold != 100 {
			t.Errorf("destination %+v, want weight %d and threshold 100", d, weight)
		}
	}
}

// TestApplyDaemonRejected gives a running sync daemon settings that the kernel
// rejects.
func TestApplyDaemonRejected(t *testing.T) {
	running := ipvs.Daemon{State: ipvs.Master, Interface: "eth0", SyncID: 3}
	for _, tt := range []struct {
		name          string
		stopped       bool // the new settings are rejected only while no daemon is running
		cannotRestart bool
		changes       string
	}{
		{name: "rejected while the daemon is running"},
		{name: "rejected after the daemon was stopped", stopped: true},
		{name: "previous settings rejected, too", stopped: true, cannotRestart: true, changes: change(ipvs.OpStopDaemon, "master")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, service(web))
			k.Daemons = []ipvs.Daemon{running}
			k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
				switch {
				case m.Command != netlinkmsg.NewDaemon:
				case m.Daemon.Interface == "eth1" && (!tt.stopped || len(k.Daemons) == 0):
					return syscall.ENODEV
				case m.Daemon.Interface == "eth0" && tt.cannotRestart:
					return syscall.ENOMEM
				}
				return 0
			}
			want := &reconcile.Table{Services: []reconcile.Service{service(web)}, Daemons: []ipvs.Daemon{{State: ipvs.Master, Interface: "eth1"}}}
			changes, err := apply(t, k, want, reconcile.Options{})
			restart := new(reconcile.RestartError)
			if changes != tt.changes || !errors.Is(err, syscall.ENODEV) || errors.As(err, &restart) != tt.cannotRestart {
				t.Errorf("changes %q, error %v; want %q, ENODEV", changes, err, tt.changes)
			}
			if tt.cannotRestart && (restart.Previous != running || !errors.Is(err, syscall.ENOMEM) || !strings.Contains(err.Error(), "previous settings")) {
				t.Errorf("error %v, want ENOMEM and the previous settings %+v", err, running)
			}
			if !tt.cannotRestart && (len(k.Daemons) != 1 || k.Daemons[0] != running) {
				t.Errorf("daemons %+v, want %+v", k.Daemons, running)
			}
		})
	}
}

// TestApplyKeepsWeightAboveZero verifies, for random tables whose services all have a
// destination with a weight above 0, that every service has one after each change.
func TestApplyKeepsWeightAboveZero(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, seed))
		randomTable := func() *reconcile.Table {
			want := new(reconcile.Table)
			for i := range 3 {
				s := service(ipvs.MarkKey(uint32(i+1), ipvs.IPv4))
				for j := range 200 {
					if weight := uint32(r.IntN(60)); r.IntN(3) > 0 {
						s.Destinations = append(s.Destinations, server(fmt.Sprintf("10.0.0.%d:80", j+1), weight/58))
					}
				}
				s.Destinations = append(s.Destinations, server(fmt.Sprintf("10.0.1.%d:80", r.IntN(250)), 1))
				want.Services = append(want.Services, s)
			}
			return want
		}
		var k ipvstest.FakeKernel
		if _, err := apply(t, &k, randomTable(), reconcile.Options{}); err != nil {
			t.Fatal(err)
		}
		requests := 0
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			requests++
			for _, entry := range k.Table {
				if !slices.ContainsFunc(entry.Destinations, func(d ipvs.Destination) bool { return d.Weight > 0 }) {
					t.Fatalf("seed %d: a service has no weight above 0 before request %d", seed, requests)
				}
			}
			return 0
		}
		if _, err := apply(t, &k, randomTable(), reconcile.Options{}); err != nil || requests == 0 {
			t.Fatalf("seed %d: %d requests, error %v, want at least one and no error", seed, requests, err)
		}
	}
}
