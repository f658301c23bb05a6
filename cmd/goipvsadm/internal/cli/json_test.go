package cli

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// busy returns a table in the kernel's order, which differs from the listing's:
// services of ports 3, 1 and 2, each with two servers.
func busy() *ipvstest.FakeKernel {
	k := &ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
	for _, port := range []uint16{3, 1, 2} {
		e := ipvstest.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)),
			Scheduler:  "rr", Netmask: ipvs.FullNetmask(ipvs.IPv4),
			Stats: ipvs.Stats{InPPS: uint64(port % 3), CPS: uint64(port)},
		}}
		for _, addr := range []string{"198.51.100.2:80", "198.51.100.1:80"} {
			e.Destinations = append(e.Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort(addr), Weight: 1})
		}
		k.Table = append(k.Table, e)
	}
	return k
}

// A tableDocument is what the tests look at of a table in JSON.
type tableDocument struct {
	Services []struct {
		Port    int
		Servers []struct{ Address string }
	}
}

// outline writes a table as ports with the last digits of servers: "1:12 2:12".
func (d tableDocument) outline() string {
	var words []string
	for _, s := range d.Services {
		word := fmt.Sprint(s.Port, ":")
		for _, server := range s.Servers {
			word += server.Address[len(server.Address)-1:]
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestJSONTable(t *testing.T) {
	k := busy()
	for _, tt := range []struct{ options, want string }{
		{"-j", "1:12 2:12 3:12"},
		{"--json --nosort", "3:21 1:21 2:21"},
		{"-j -n --stats --rate --exact --thresholds --persistent-conn --tun-info", "1:12 2:12 3:12"},
		{"-j -t 192.0.2.1:2", "2:12"},
		{"-j --top 2", "2:12 1:12"},
		{"-j --top 9", "2:12 1:12 3:12"},
	} {
		t.Run(tt.options, func(t *testing.T) {
			got := run(k, "", append([]string{"goipvsadm", "-L"}, words(tt.options)...)...)
			if got.status != 0 || got.stderr != "" {
				t.Fatalf("%+v", got)
			}
			var table tableDocument
			jsonouttest.Decode(t, []byte(got.stdout), &table)
			if outline := table.outline(); outline != tt.want {
				t.Errorf("%s, want %s", outline, tt.want)
			}
		})
	}
	// The other options change nothing.
	if got, want := run(k, "", "goipvsadm", "-Ljn", "--rate"), run(k, "", "goipvsadm", "-L", "-j"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestJSONSettings(t *testing.T) {
	k := busy()
	for _, tt := range []struct{ line, want string }{
		{"-L -j --timeout", `{"timeouts":{"tcp":900,"tcp_fin":120,"udp":300}}` + "\n"},
		{"-L -j --daemon", `{"daemons":[]}` + "\n"},
	} {
		got := run(k, "", append([]string{"goipvsadm"}, words(tt.line)...)...)
		if got != (result{0, tt.want, ""}) {
			t.Errorf("%s: %+v", tt.line, got)
		}
	}
}

// Where nothing was read, nothing is printed that might be taken for a table.
func TestJSONOfNothing(t *testing.T) {
	k := busy()
	if got := run(k, "", "goipvsadm", "-L", "-j", "-f", "1"); got != (result{1, "", "No such service\n"}) {
		t.Errorf("a service that is not there: %+v", got)
	}
	for _, refused := range []netlinkmsg.Command{netlinkmsg.GetService, netlinkmsg.GetConfig, netlinkmsg.GetDaemon} {
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == refused {
				return syscall.ENOMEM
			}
			return 0
		}
		line := map[netlinkmsg.Command]string{
			netlinkmsg.GetService: "-L -j", netlinkmsg.GetConfig: "-L -j --timeout", netlinkmsg.GetDaemon: "-L -j --daemon",
		}[refused]
		got := run(k, "", append([]string{"goipvsadm"}, words(line)...)...)
		if got != (result{1, "", "Memory allocation problem\n"}) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// A table that was not read to its end is not valid JSON.
func TestJSONCutShort(t *testing.T) {
	k := busy()
	servers := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			if servers++; servers == 2 {
				return syscall.ENOMEM
			}
		}
		return 0
	}
	got := run(k, "", "goipvsadm", "-L", "-j")
	if got.status != 1 || got.stderr != "Memory allocation problem\n" {
		t.Errorf("%d, %q", got.status, got.stderr)
	}
	if !strings.Contains(got.stdout, `"port":1,`) || jsonouttest.Validate([]byte(got.stdout)) == nil {
		t.Errorf("printed %q", got.stdout)
	}
}

// --top without --watch goes by the kernel's rates.
func TestTop(t *testing.T) {
	got := run(busy(), "", "goipvsadm", "-L", "-n", "--top", "1", "--rate")
	want := "" +
		"IP Virtual Server version 1.2.1 (size=4096)\n" +
		"Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n" +
		"  -> RemoteAddress:Port\n" +
		"TCP  192.0.2.1:2                         2        2        0        0        0\n" +
		"  -> 198.51.100.1:80                     0        0        0        0        0\n" +
		"  -> 198.51.100.2:80                     0        0        0        0        0\n"
	if got != (result{0, want, ""}) {
		t.Errorf("%+v, want\n%s", got, want)
	}
}
