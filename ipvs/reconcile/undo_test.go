// SPDX-License-Identifier: MIT

package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/ipvs/reconcile"
	"goipvsadm/netlinkmsg"
)

// read returns the table of k.
func read(t *testing.T, k *ipvstest.FakeKernel) *reconcile.Table {
	t.Helper()
	table, err := reconcile.Read(dial(t, k), nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// sortTable sorts services and destinations.
func sortTable(table *reconcile.Table) *reconcile.Table {
	slices.SortFunc(table.Services, func(a, b reconcile.Service) int { return strings.Compare(a.ServiceKey.String(), b.ServiceKey.String()) })
	for i := range table.Services {
		d := table.Services[i].Destinations
		slices.SortFunc(d, func(a, b ipvs.Destination) int { return a.AddrPort.Compare(b.AddrPort) })
	}
	slices.SortFunc(table.Daemons, func(a, b ipvs.Daemon) int { return int(a.State) - int(b.State) })
	return table
}

// applyAndUndo applies want to k, calls meanwhile and undoes the changes. It returns
// the changes that Undo has kept, one per line.
func applyAndUndo(t *testing.T, k *ipvstest.FakeKernel, want *reconcile.Table, meanwhile func(), o reconcile.Options) string {
	t.Helper()
	before := read(t, k)
	var made []reconcile.Change
	c := dial(t, k)
	recording := o
	recording.OnChange = func(c *reconcile.Change) { made = append(made, *c) }
	if err := reconcile.Execute(c, reconcile.Compare(want, before, o), recording); err != nil {
		t.Fatal(err)
	}
	meanwhile()
	undone, kept := reconcile.Undo(made, before, read(t, k), o)
	o.AllowEmpty, o.StopDaemons = true, true
	if _, err := apply(t, k, undone, o); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range kept {
		fmt.Fprintln(&b, &kept[i])
	}
	return b.String()
}

// TestUndo applies random tables and undoes the changes.
func TestUndo(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		randomTable := func() *reconcile.Table {
			table := &reconcile.Table{Timeouts: ipvs.Timeouts{TCP: uint32(r.IntN(3)), UDP: uint32(r.IntN(3))}}
			for i := range 4 {
				if r.IntN(2) == 0 {
					continue
				}
				s := service(ipvs.MarkKey(uint32(i+1), ipvs.IPv4))
				s.Scheduler = []string{"rr", "wlc"}[r.IntN(2)]
				for j := range 4 {
					if r.IntN(2) == 0 {
						d := server(fmt.Sprintf("10.0.0.%d:80", j+1), uint32(r.IntN(3)))
						d.UpperThreshold = uint32(r.IntN(2))
						s.Destinations = append(s.Destinations, d)
					}
				}
				table.Services = append(table.Services, s)
			}
			for _, state := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
				if r.IntN(2) == 0 {
					table.Daemons = append(table.Daemons, ipvs.Daemon{State: state, Interface: "eth0", SyncID: uint32(r.IntN(2))})
				}
			}
			return table
		}
		k := &ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
		if _, err := apply(t, k, randomTable(), reconcile.Options{AllowEmpty: true}); err != nil {
			t.Fatal(err)
		}
		before := sortTable(read(t, k))
		kept := applyAndUndo(t, k, randomTable(), func() {}, reconcile.Options{})
		if diff := cmp.Diff(before, sortTable(read(t, k)), cmp.Comparer(func(a, b ipvs.Service) bool { return a == b }),
			cmp.Comparer(func(a, b ipvs.Destination) bool { return a == b }), cmp.Comparer(func(a, b ipvs.Daemon) bool { return a == b })); diff != "" || kept != "" {
			t.Errorf("seed %d: kept %q, before -, after the undo +\n%s", seed, kept, diff)
		}
	}
}

// TestUndoKeepsOtherChanges undoes changes after another program has changed the table.
func TestUndoKeepsOtherChanges(t *testing.T) {
	old := func() []reconcile.Service {
		return []reconcile.Service{service(web, server("198.51.100.1:80", 1), server("198.51.100.2:80", 2)), service(dns, server("198.51.100.1:53", 1))}
	}
	edited := server("198.51.100.1:80", 7)
	edited.UpperThreshold = 100
	want := &reconcile.Table{
		Services: []reconcile.Service{service(web, edited, server("198.51.100.3:80", 1)), service(fwmark)},
		Timeouts: ipvs.Timeouts{TCP: 100, UDP: 30},
		Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0"}},
	}
	want.Services[0].Scheduler = "rr"
	key := func(e *ipvstest.Entry) ipvs.ServiceKey { return e.Service.ServiceKey }
	for _, tt := range []struct {
		name      string
		options   reconcile.Options
		meanwhile func(k *ipvstest.FakeKernel, web *ipvstest.Entry) // changes by another program
		kept      []string                                          // changes that are not undone, or only in part
		change    func(*reconcile.Table)                            // turns the old table into the expected one
	}{
		{name: "no other program", meanwhile: func(*ipvstest.FakeKernel, *ipvstest.Entry) {}},
		{
			name:      "weight of an edited destination",
			meanwhile: func(_ *ipvstest.FakeKernel, web *ipvstest.Entry) { web.Destinations[0].Weight = 0 },
			kept:      []string{"edit destination 198.51.100.1:80 of TCP 192.0.2.1:80"},
			change:    func(t *reconcile.Table) { t.Services[0].Destinations[0].Weight = 0 },
		},
		{
			name:      "weight with KeepWeights",
			options:   reconcile.Options{KeepWeights: true},
			meanwhile: func(_ *ipvstest.FakeKernel, web *ipvstest.Entry) { web.Destinations[0].Weight = 0 },
			change:    func(t *reconcile.Table) { t.Services[0].Destinations[0].Weight = 0 },
		},
		{
			name:      "threshold of an edited destination",
			meanwhile: func(_ *ipvstest.FakeKernel, web *ipvstest.Entry) { web.Destinations[0].UpperThreshold = 5 },
			kept:      []string{"edit destination 198.51.100.1:80 of TCP 192.0.2.1:80"},
			change: func(t *reconcile.Table) {
				t.Services[0].Destinations[0].UpperThreshold = 5
				t.Services[0].Destinations[0].Weight = 1
			},
		},
		{
			name: "removed and added destinations",
			meanwhile: func(_ *ipvstest.FakeKernel, web *ipvstest.Entry) {
				web.Destinations = []ipvs.Destination{server("198.51.100.2:80", 9), server("198.51.100.4:80", 4)}
			},
			kept: []string{"delete destination 198.51.100.2:80 of TCP 192.0.2.1:80"},
			change: func(t *reconcile.Table) {
				t.Services[0].Destinations = []ipvs.Destination{server("198.51.100.2:80", 9), server("198.51.100.4:80", 4)}
			},
		},
		{
			name:      "scheduler",
			meanwhile: func(_ *ipvstest.FakeKernel, web *ipvstest.Entry) { web.Service.Scheduler = "sh" },
			kept:      []string{"edit service TCP 192.0.2.1:80"},
			change:    func(t *reconcile.Table) { t.Services[0].Scheduler = "sh" },
		},
		{
			name: "removed and added services",
			meanwhile: func(k *ipvstest.FakeKernel, _ *ipvstest.Entry) {
				k.Table = slices.DeleteFunc(k.Table, func(e ipvstest.Entry) bool { return key(&e) == fwmark || key(&e) == web })
				k.Table = append(k.Table, ipvstest.Entry{Service: ipvs.WithDefaults(ipvs.Service{ServiceKey: dns, Scheduler: "lc"})})
			},
			kept: []string{"delete service UDP 192.0.2.53:53"},
			change: func(t *reconcile.Table) {
				t.Services = []reconcile.Service{{Service: ipvs.WithDefaults(ipvs.Service{ServiceKey: dns, Scheduler: "lc"})}}
			},
		},
		{
			name: "timeouts and daemons",
			meanwhile: func(k *ipvstest.FakeKernel, _ *ipvstest.Entry) {
				k.Timeouts.UDP, k.Timeouts.TCPFin = 5, 6
				k.Daemons[0].SyncID = 9
			},
			kept: []string{"start daemon master", "set timeouts"},
			change: func(t *reconcile.Table) {
				t.Timeouts.UDP, t.Timeouts.TCPFin = 5, 6
				t.Daemons = []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0", SyncID: 9}}
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, old()...)
			k.Timeouts = ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}
			expected := read(t, k)
			if tt.change != nil {
				tt.change(expected)
			}
			kept := applyAndUndo(t, k, want, func() {
				i := slices.IndexFunc(k.Table, func(e ipvstest.Entry) bool { return key(&e) == web })
				tt.meanwhile(k, &k.Table[i])
			}, tt.options)
			if wantKept := strings.Join(tt.kept, "\n"); strings.TrimSuffix(kept, "\n") != wantKept {
				t.Errorf("kept:\n%s\nwant:\n%s", kept, wantKept)
			}
			var differences strings.Builder
			for c := range reconcile.Compare(expected, read(t, k), reconcile.Options{StopDaemons: true}) {
				fmt.Fprintln(&differences, c)
			}
			if differences.Len() > 0 {
				t.Errorf("differences from the expected table:\n%s", &differences)
			}
		})
	}
}

// TestReadStable changes the table between readings.
func TestReadStable(t *testing.T) {
	for _, tt := range []struct {
		name     string
		changes  int // number of changes, one right before each reading from the second on
		readings int // expected number of readings
	}{
		{name: "no changes", readings: 2},
		{name: "two changes", changes: 2, readings: 4},
		{name: "constant changes", changes: 100, readings: 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, service(web, server("198.51.100.1:80", 1)))
			c := dial(t, k)
			readings := 0
			k.Intercept = countReadings(&readings, func() {
				if readings > 1 && readings <= tt.changes+1 {
					k.Table[0].Destinations[0].Weight++
				}
				k.Table[0].Destinations[0].ActiveConns++
			})
			table, err := reconcile.ReadStable(c, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if weight := table.Services[0].Destinations[0].Weight; readings != tt.readings || weight != k.Table[0].Destinations[0].Weight {
				t.Errorf("%d readings, want %d; weight %d, want the last one", readings, tt.readings, weight)
			}
			// With an earlier reading of the same table, one reading is enough.
			tt.changes, readings = 0, 0
			if again, err := reconcile.ReadStable(c, nil, table); again != table || err != nil || readings != 1 {
				t.Errorf("unchanged table: earlier table returned = %t, error %v, %d readings; want true, nil, 1", again == table, err, readings)
			}
		})
	}
}

// countReadings returns an Intercept that counts readings of the table and calls
// before at the beginning of each.
func countReadings(readings *int, before func()) func(*netlinkmsg.Message) syscall.Errno {
	return func(m *netlinkmsg.Message) syscall.Errno {
		// A reading begins with a dump of the services.
		if m.Command == netlinkmsg.GetService && m.Service == nil {
			*readings++
			before()
		}
		return 0
	}
}
