// SPDX-License-Identifier: MIT

package reconcile_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/ipvs/reconcile"
	"goipvsadm/netlinkmsg"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

var (
	web    = ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))
	web6   = ipvs.AddrKey(ipvs.TCP, ap("[2001:db8::1]:80"))
	dns    = ipvs.AddrKey(ipvs.UDP, ap("192.0.2.53:53"))
	fwmark = ipvs.MarkKey(7, ipvs.IPv4)
)

func service(key ipvs.ServiceKey, destinations ...ipvs.Destination) reconcile.Service {
	return reconcile.Service{Service: ipvs.Service{ServiceKey: key}, Destinations: destinations}
}

func server(addr string, weight uint32) ipvs.Destination {
	return ipvs.Destination{AddrPort: ap(addr), Weight: weight}
}

func dial(t *testing.T, k *ipvstest.FakeKernel) *ipvs.Client {
	t.Helper()
	c, err := k.Dial()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// apply applies want to k and returns the changes made, one per line.
func apply(t *testing.T, k *ipvstest.FakeKernel, want *reconcile.Table, o reconcile.Options) (string, error) {
	t.Helper()
	var made strings.Builder
	o.OnChange = func(c *reconcile.Change) { fmt.Fprintln(&made, c) }
	err := reconcile.Apply(dial(t, k), want, o)
	return made.String(), err
}

// TestApply applies a sequence of tables to the same kernel.
func TestApply(t *testing.T) {
	var k ipvstest.FakeKernel
	k.Timeouts = ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}
	for _, step := range []struct {
		name    string
		want    reconcile.Table
		options reconcile.Options
		changes []string
	}{
		{
			name: "empty kernel table",
			want: reconcile.Table{
				Services: []reconcile.Service{
					service(web, server("198.51.100.1:80", 1), server("198.51.100.2:80", 1)),
					service(fwmark),
				},
				Timeouts: ipvs.Timeouts{UDP: 60},
				Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0"}},
			},
			changes: []string{
				change(ipvs.OpSetTimeouts, ""),
				change(ipvs.OpAddService, "TCP 192.0.2.1:80"),
				change(ipvs.OpAddDestination, "198.51.100.1:80 of TCP 192.0.2.1:80"),
				change(ipvs.OpAddDestination, "198.51.100.2:80 of TCP 192.0.2.1:80"),
				change(ipvs.OpAddService, "FWM 7 IPv4"),
				change(ipvs.OpStartDaemon, "master"),
			},
		},
		{
			name: "same table with an IPv4-mapped service address",
			want: reconcile.Table{Services: []reconcile.Service{
				service(ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80")), server("198.51.100.1:80", 1), server("198.51.100.2:80", 1)),
				service(ipvs.ServiceKey{Mark: 7}),
			}},
		},
		{
			name: "update, additions and removals",
			want: reconcile.Table{Services: []reconcile.Service{
				service(web, server("198.51.100.1:80", 0), server("198.51.100.3:80", 1)),
				service(web6),
			}},
			changes: []string{
				change(ipvs.OpAddDestination, "198.51.100.3:80 of TCP 192.0.2.1:80"),
				change(ipvs.OpAddService, "TCP [2001:db8::1]:80"),
				change(ipvs.OpUpdateDestination, "198.51.100.1:80 of TCP 192.0.2.1:80"),
				change(ipvs.OpRemoveDestination, "198.51.100.2:80 of TCP 192.0.2.1:80"),
				change(ipvs.OpRemoveService, "FWM 7 IPv4"),
			},
		},
		{
			name: "KeepWeights",
			want: reconcile.Table{Services: []reconcile.Service{
				service(web, server("198.51.100.1:80", 9), server("198.51.100.3:80", 9)),
				service(web6),
			}},
			options: reconcile.Options{KeepWeights: true},
		},
		{
			name: "backup daemon instead of master",
			want: reconcile.Table{
				Services: []reconcile.Service{
					service(web, server("198.51.100.1:80", 0), server("198.51.100.3:80", 1)),
					service(web6),
				},
				Daemons: []ipvs.Daemon{{State: ipvs.Backup, Interface: "eth0"}},
			},
			changes: []string{
				change(ipvs.OpStartDaemon, "backup"),
				change(ipvs.OpStopDaemon, "master"),
			},
		},
		{
			name:    "empty wanted table with AllowEmpty",
			options: reconcile.Options{AllowEmpty: true},
			changes: []string{
				change(ipvs.OpRemoveService, "TCP 192.0.2.1:80"),
				change(ipvs.OpRemoveService, "TCP [2001:db8::1]:80"),
			},
		},
	} {
		t.Run(step.name, func(t *testing.T) {
			changes, err := apply(t, &k, &step.want, step.options)
			if diff := cmp.Diff(strings.Join(step.changes, ""), changes); diff != "" || err != nil {
				t.Fatalf("error %v, changes (-want +got):\n%s", err, diff)
			}
			if changes, err := apply(t, &k, &step.want, step.options); changes != "" || err != nil {
				t.Errorf("second Apply: changes %q, error %v, want none", changes, err)
			}
		})
	}
}

// change returns the text of a change, with a newline.
func change(op ipvs.Operation, operand string) string {
	return strings.TrimSuffix(op.String()+" "+operand, " ") + "\n"
}

// TestApplyKernelError applies more changes than fit in one commit, one of which the kernel
// rejects. A second call of Apply must make this change and the removal that was skipped.
func TestApplyKernelError(t *testing.T) {
	var k ipvstest.FakeKernel
	if _, err := apply(t, &k, &reconcile.Table{Services: []reconcile.Service{service(fwmark)}}, reconcile.Options{}); err != nil {
		t.Fatal(err)
	}
	want := &reconcile.Table{Services: []reconcile.Service{service(dns)}}
	for i := range 300 {
		want.Services[0].Destinations = append(want.Services[0].Destinations, server(fmt.Sprintf("10.0.%d.%d:53", i/200, i%200+1), 1))
	}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.NewDestination && m.Destination.AddrPort == ap("10.0.0.150:53") {
			return syscall.ENOMEM
		}
		return 0
	}
	var failed []string
	onError := func(c *reconcile.Change, err error) {
		failed = append(failed, fmt.Sprintf("%v: %t", c, errors.Is(err, syscall.ENOMEM)))
	}
	changes, err := apply(t, &k, want, reconcile.Options{OnError: onError})
	skipped := new(reconcile.SkippedError)
	if !errors.Is(err, syscall.ENOMEM) || !errors.As(err, &skipped) || skipped.Removals != 1 {
		t.Errorf("error = %v, want ENOMEM and one skipped removal", err)
	}
	if want := "\nreconcile: errors occurred; skipped removals: 1"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error = %q, want suffix %q", err, want)
	}
	addition := change(ipvs.OpAddDestination, "10.0.0.150:53 of UDP 192.0.2.53:53")
	if want := []string{strings.TrimSuffix(addition, "\n") + ": true"}; !cmp.Equal(failed, want) {
		t.Errorf("OnError calls: %q, want %q", failed, want)
	}
	if n := strings.Count(changes, "\n"); n != 300 || strings.Contains(changes, ipvs.OpRemoveService.String()) {
		t.Errorf("%d changes made, want 300 additions:\n%s", n, changes)
	}

	k.Intercept = nil
	changes, err = apply(t, &k, want, reconcile.Options{})
	if changes != addition+change(ipvs.OpRemoveService, "FWM 7 IPv4") || err != nil {
		t.Errorf("second Apply: changes %q, error %v, want the failed addition and the skipped removal", changes, err)
	}
}

// A deadSocket accepts requests and stops delivering replies after a number of
// sends.
type deadSocket struct {
	ipvs.Socket
	sends, limit int
	sendErr      error // returned by Send beyond the limit
}

func (s *deadSocket) Send(b []byte) error {
	if s.sends++; s.sends > s.limit && s.sendErr != nil {
		return s.sendErr
	}
	return s.Socket.Send(b)
}

func (s *deadSocket) Receive(b []byte) (int, error) {
	if s.sends > s.limit {
		return 0, ipvs.ErrTimeout
	}
	return s.Socket.Receive(b)
}

func TestExecuteConnectionLost(t *testing.T) {
	// 300 services replace one. Each commit is a single send.
	want := new(reconcile.Table)
	for i := range 300 {
		want.Services = append(want.Services, service(ipvs.MarkKey(uint32(i+1), ipvs.IPv4)))
	}
	have := &reconcile.Table{Services: []reconcile.Service{service(web)}}
	for _, tt := range []struct {
		name        string
		sendErr     error
		first, last string
	}{
		{name: "no reply", first: "FWM 129 IPv4", last: "FWM 256 IPv4"},
		{name: "send error", sendErr: syscall.ECONNREFUSED, first: "FWM 129 IPv4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			c := ipvs.NewClient(&deadSocket{Socket: k.Socket(), limit: 1, sendErr: tt.sendErr}, ipvstest.Family)
			made := 0
			o := reconcile.Options{
				OnChange: func(*reconcile.Change) { made++ },
				OnError:  func(c *reconcile.Change, err error) { t.Errorf("OnError(%v, %v)", c, err) },
			}
			err := reconcile.Execute(c, reconcile.Compare(want, have, o), o)
			lost, skipped := new(reconcile.ConnLostError), new(reconcile.SkippedError)
			if !errors.As(err, &lost) || !errors.As(err, &skipped) || skipped.Removals != 1 || made != 128 {
				t.Fatalf("%d changes made, want 128; error = %v, want a ConnLostError and one skipped removal", made, err)
			}
			if lost.First.Service.ServiceKey.String() != tt.first {
				t.Errorf("First = %v, want %s", lost.First, tt.first)
			}
			if tt.last == "" && lost.Last != nil || tt.last != "" && (lost.Last == nil || lost.Last.Service.ServiceKey.String() != tt.last) {
				t.Errorf("Last = %v, want %q", lost.Last, tt.last)
			}
			if text := lost.Error(); !strings.Contains(text, lost.First.String()) || !strings.HasSuffix(text, lost.Err.Error()) {
				t.Errorf("error = %q, want the first change and the error of the socket", text)
			}
		})
	}
}

func TestApplyInvalidTable(t *testing.T) {
	var k ipvstest.FakeKernel
	if _, err := apply(t, &k, &reconcile.Table{Services: []reconcile.Service{service(web)}}, reconcile.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		want       reconcile.Table
	}{
		{
			name: "empty",
			text: "reconcile: refusing to remove all services",
		},
		{
			name: "duplicate service",
			text: "reconcile: duplicate service TCP 192.0.2.1:80",
			want: reconcile.Table{Services: []reconcile.Service{
				service(web), service(ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80"))),
			}},
		},
		{
			name: "duplicate destination",
			text: "reconcile: duplicate destination 198.51.100.1:80 of TCP 192.0.2.1:80",
			want: reconcile.Table{Services: []reconcile.Service{
				service(web, server("198.51.100.1:80", 1), server("198.51.100.1:80", 2)),
			}},
		},
		{
			name: "IPv4-mapped destination",
			text: "reconcile: destination [::ffff:198.51.100.1]:80 of TCP 192.0.2.1:80 is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)",
			want: reconcile.Table{Services: []reconcile.Service{
				service(web, server("[::ffff:198.51.100.1]:80", 1)),
			}},
		},
		{
			name: "IPv4-mapped sync group",
			text: "reconcile: sync group ::ffff:224.0.0.82 is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)",
			want: reconcile.Table{
				Services: []reconcile.Service{service(web)},
				Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "lo", Group: netip.MustParseAddr("::ffff:224.0.0.82")}},
			},
		},
		{
			name: "duplicate daemon",
			text: "reconcile: duplicate master daemon",
			want: reconcile.Table{
				Services: []reconcile.Service{service(web)},
				Daemons:  []ipvs.Daemon{{State: ipvs.Master}, {State: ipvs.Master}},
			},
		},
	} {
		if changes, err := apply(t, &k, &tt.want, reconcile.Options{}); changes != "" || err == nil || err.Error() != tt.text {
			t.Errorf("%s: changes %q, error %v, want %s", tt.name, changes, err, tt.text)
		}
	}
	if n := len(k.Changes()); n != 1 {
		t.Errorf("%d changes, want only the addition of the service", n)
	}
}

func TestRead(t *testing.T) {
	k := ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900}, Daemons: []ipvs.Daemon{{State: ipvs.Master, Interface: "lo"}}}
	for _, key := range []ipvs.ServiceKey{web, dns} {
		k.Table = append(k.Table, ipvstest.Entry{Service: ipvs.Service{ServiceKey: key}, Destinations: []ipvs.Destination{server("198.51.100.1:80", 1)}})
	}
	c := dial(t, &k)
	all, err := reconcile.Read(c, nil)
	if err != nil || len(all.Services) != 2 || len(all.Services[1].Destinations) != 1 || all.Timeouts.TCP != 900 || len(all.Daemons) != 1 {
		t.Errorf("Read(nil) = %+v, %v, want the whole table", all, err)
	}
	partial, err := reconcile.Read(c, &reconcile.Table{Services: []reconcile.Service{service(web)}})
	if err != nil || len(partial.Services[0].Destinations) != 1 || len(partial.Services[1].Destinations) != 0 || len(partial.Daemons) != 0 {
		t.Errorf("Read(one service) = %+v, %v, want both services, and only the destinations of the first", partial, err)
	}
	if text := fmt.Sprintf("%+v", partial.Services[0]); !strings.Contains(text, "TCP 192.0.2.1:80") || !strings.Contains(text, "Weight:1") {
		t.Errorf("Service.String() = %s, want key and destinations", text)
	}
}
