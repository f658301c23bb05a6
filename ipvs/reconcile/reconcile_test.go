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
	web  = ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))
	web6 = ipvs.AddrKey(ipvs.TCP, ap("[2001:db8::1]:80"))
	dns  = ipvs.AddrKey(ipvs.UDP, ap("192.0.2.53:53"))
	mark = ipvs.MarkKey(7, ipvs.IPv4)
)

func service(key ipvs.ServiceKey, destinations ...ipvs.Destination) reconcile.Service {
	return reconcile.Service{Service: ipvs.Service{ServiceKey: key}, Destinations: destinations}
}

func server(addr string, weight uint32) ipvs.Destination {
	return ipvs.Destination{AddrPort: ap(addr), Weight: weight}
}

// apply applies want and returns what was done, a change a line.
func apply(t *testing.T, k *ipvstest.FakeKernel, want *reconcile.Table, o reconcile.Options) (string, error) {
	t.Helper()
	c, err := k.Dial()
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	o.OnChange = func(c *reconcile.Change) { fmt.Fprintln(&lines, c) }
	err = reconcile.Apply(c, want, o)
	return lines.String(), err
}

func TestApply(t *testing.T) {
	var k ipvstest.FakeKernel
	k.Timeouts = ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}
	steps := []struct {
		name    string
		want    reconcile.Table
		options reconcile.Options
		done    string
	}{
		{"all is new", reconcile.Table{
			Services: []reconcile.Service{service(web, server("198.51.100.1:80", 1), server("198.51.100.2:80", 1)), service(mark)},
			Timeouts: ipvs.Timeouts{UDP: 60},
			Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0"}},
		}, reconcile.Options{}, "" +
			"set timeouts\nadd service TCP 192.0.2.1:80\nadd destination 198.51.100.1:80 of TCP 192.0.2.1:80\n" +
			"add destination 198.51.100.2:80 of TCP 192.0.2.1:80\nadd service FWM 7 IPv4\nstart daemon master\n"},
		{"nothing, as addresses of sockets for both families have it", reconcile.Table{
			Services: []reconcile.Service{
				service(ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80")), server("[::ffff:198.51.100.1]:80", 1), server("198.51.100.2:80", 1)),
				service(ipvs.ServiceKey{Mark: 7})},
		}, reconcile.Options{}, ""},
		{"an edit, an addition and a removal", reconcile.Table{
			Services: []reconcile.Service{service(web, server("198.51.100.1:80", 0), server("198.51.100.3:80", 1)), service(web6)},
		}, reconcile.Options{}, "" +
			"edit destination 198.51.100.1:80 of TCP 192.0.2.1:80\nadd destination 198.51.100.3:80 of TCP 192.0.2.1:80\n" +
			"add service TCP [2001:db8::1]:80\n" +
			"delete destination 198.51.100.2:80 of TCP 192.0.2.1:80\ndelete service FWM 7 IPv4\n"},
		{"weights are kept", reconcile.Table{
			Services: []reconcile.Service{service(web, server("198.51.100.1:80", 9), server("198.51.100.3:80", 9)), service(web6)},
		}, reconcile.Options{KeepWeights: true}, ""},
		{"other daemons", reconcile.Table{
			Services: []reconcile.Service{service(web, server("198.51.100.1:80", 0), server("198.51.100.3:80", 1)), service(web6)},
			Daemons:  []ipvs.Daemon{{State: ipvs.Backup, Interface: "eth0"}},
		}, reconcile.Options{}, "stop daemon master\nstart daemon backup\n"},
		{"all goes", reconcile.Table{}, reconcile.Options{AllowEmpty: true}, "delete service TCP 192.0.2.1:80\ndelete service TCP [2001:db8::1]:80\n"},
	}
	for _, tt := range steps {
		t.Run(tt.name, func(t *testing.T) {
			done, err := apply(t, &k, &tt.want, tt.options)
			if diff := cmp.Diff(tt.done, done); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
			if again, err := apply(t, &k, &tt.want, tt.options); again != "" || err != nil {
				t.Errorf("and then %q, %v", again, err)
			}
		})
	}
}

// A table of more changes than are under way at a time, of which the kernel
// refuses one: all else is added, and nothing removed until that is mended.
func TestApplyRefused(t *testing.T) {
	var k ipvstest.FakeKernel
	if _, err := apply(t, &k, &reconcile.Table{Services: []reconcile.Service{service(mark)}}, reconcile.Options{}); err != nil {
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
	done, err := apply(t, &k, want, reconcile.Options{})
	const text = "ipvs: add destination 10.0.0.150:53 of UDP 192.0.2.53:53: cannot allocate memory\n" +
		"plan: nothing was removed because of this (still to remove: 1)"
	if !errors.Is(err, syscall.ENOMEM) || err.Error() != text {
		t.Errorf("error = %v", err)
	}
	if n := strings.Count(done, "\n"); n != 300 || strings.Contains(done, "delete") {
		t.Errorf("%d changes made", n)
	}
	k.Intercept = nil
	done, err = apply(t, &k, want, reconcile.Options{})
	if done != "add destination 10.0.0.150:53 of UDP 192.0.2.53:53\ndelete service FWM 7 IPv4\n" || err != nil {
		t.Errorf("the second time: %q, %v", done, err)
	}
}

// What cannot be wanted is refused before anything is done.
func TestApplyRefuses(t *testing.T) {
	var k ipvstest.FakeKernel
	if _, err := apply(t, &k, &reconcile.Table{Services: []reconcile.Service{service(web)}}, reconcile.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text string
		want       reconcile.Table
	}{
		{"nothing", reconcile.ErrEmptyTable.Error(), reconcile.Table{}},
		{"a service twice", "plan: service TCP 192.0.2.1:80 is there twice",
			reconcile.Table{Services: []reconcile.Service{service(web), service(ipvs.AddrKey(ipvs.TCP, ap("[::ffff:192.0.2.1]:80")))}}},
		{"a destination twice", "plan: destination 198.51.100.1:80 of TCP 192.0.2.1:80 is there twice",
			reconcile.Table{Services: []reconcile.Service{service(web, server("198.51.100.1:80", 1), server("198.51.100.1:80", 2))}}},
		{"a daemon twice", "plan: the master daemon is there twice",
			reconcile.Table{Services: []reconcile.Service{service(web)}, Daemons: []ipvs.Daemon{{State: ipvs.Master}, {State: ipvs.Master}}}},
	} {
		if done, err := apply(t, &k, &tt.want, reconcile.Options{}); done != "" || err == nil || err.Error() != tt.text {
			t.Errorf("%s: %q, %v", tt.name, done, err)
		}
	}
	if len(k.Table) != 1 {
		t.Error("the table was changed")
	}
}

// Read reads no more than it is asked for; without a wanted table, everything.
func TestRead(t *testing.T) {
	k := ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900}, Daemons: []ipvs.Daemon{{State: ipvs.Master, Interface: "lo"}}}
	for _, key := range []ipvs.ServiceKey{web, dns} {
		k.Table = append(k.Table, ipvstest.Entry{Service: ipvs.Service{ServiceKey: key}, Destinations: []ipvs.Destination{server("198.51.100.1:80", 1)}})
	}
	c, _ := k.Dial()
	all, err := reconcile.Read(c, nil)
	if err != nil || len(all.Services) != 2 || len(all.Services[1].Destinations) != 1 || all.Timeouts.TCP != 900 || len(all.Daemons) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	some, err := reconcile.Read(c, &reconcile.Table{Services: []reconcile.Service{service(web)}})
	if err != nil || len(some.Services[0].Destinations) != 1 || len(some.Services[1].Destinations) != 0 || len(some.Daemons) != 0 {
		t.Errorf("%+v, %v", some, err)
	}
	if text := fmt.Sprintf("%+v", some.Services[0]); !strings.Contains(text, "TCP 192.0.2.1:80") || !strings.Contains(text, "Weight:1") {
		t.Errorf("%s leaves something out", text)
	}
}
