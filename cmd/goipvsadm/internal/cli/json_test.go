// SPDX-License-Identifier: MIT

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

// unsortedKernel returns a kernel that reports its services, on ports 3, 1 and 2,
// and their two servers each in an order that differs from the listing's.
func unsortedKernel() *ipvstest.FakeKernel {
	k := &ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
	for _, port := range []uint16{3, 1, 2} {
		e := ipvstest.Entry{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)),
			Scheduler:  "rr", Netmask: ipvs.HostNetmask(ipvs.IPv4),
			Stats: ipvs.Stats{InPPS: uint64(port % 3), CPS: uint64(port)},
		}}
		for _, addr := range []string{"198.51.100.2:80", "198.51.100.1:80"} {
			e.Destinations = append(e.Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort(addr), Weight: 1})
		}
		k.Table = append(k.Table, e)
	}
	return k
}

// A tableDocument has the members of a JSON table that the tests check.
type tableDocument struct {
	Services []struct {
		Port    int
		Servers []struct{ Address string }
	}
}

// outline formats the ports of the services, each with the last digits of its
// servers' addresses: "1:12 2:12".
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
	k := unsortedKernel()
	for _, tt := range []struct{ options, want string }{
		{options: "-j", want: "1:12 2:12 3:12"},
		{options: "--json --nosort", want: "3:21 1:21 2:21"},
		{options: "-j -n --stats --rate --exact --thresholds --persistent-conn --tun-info", want: "1:12 2:12 3:12"},
		{options: "-j -t 192.0.2.1:2", want: "2:12"},
		{options: "-j --top 2", want: "2:12 1:12"},
		{options: "-j --top 9", want: "2:12 1:12 3:12"},
	} {
		t.Run(tt.options, func(t *testing.T) {
			got := run(k, "", words("goipvsadm -L "+tt.options)...)
			if got.status != 0 || got.stderr != "" {
				t.Fatalf("%+v", got)
			}
			var table tableDocument
			jsonouttest.Decode(t, []byte(got.stdout), &table)
			if outline := table.outline(); outline != tt.want {
				t.Errorf("listed %s, want %s", outline, tt.want)
			}
		})
	}
	// Options that select columns are ignored.
	if got, want := run(k, "", "goipvsadm", "-Ljn", "--rate"), run(k, "", "goipvsadm", "-L", "-j"); got != want {
		t.Errorf("-Ljn --rate: %+v, want %+v as with -L -j", got, want)
	}
}

func TestJSONSettings(t *testing.T) {
	k := unsortedKernel()
	for _, tt := range []struct{ line, want string }{
		{line: "-L -j --timeout", want: `{"timeouts":{"tcp":900,"tcp_fin":120,"udp":300}}` + "\n"},
		{line: "-L -j --daemon", want: `{"daemons":[]}` + "\n"},
	} {
		got := run(k, "", words("goipvsadm "+tt.line)...)
		if got != (result{0, tt.want, ""}) {
			t.Errorf("%s: %+v", tt.line, got)
		}
	}
}

// TestJSONKernelError checks that nothing is printed if the first request fails.
func TestJSONKernelError(t *testing.T) {
	k := unsortedKernel()
	if got := run(k, "", "goipvsadm", "-L", "-j", "-f", "1"); got != (result{1, "", "service FWM 1 IPv4: No such service\n"}) {
		t.Errorf("missing service: %+v", got)
	}
	for _, failing := range []netlinkmsg.Command{netlinkmsg.GetService, netlinkmsg.GetConfig, netlinkmsg.GetDaemon} {
		k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == failing {
				return syscall.ENOMEM
			}
			return 0
		}
		line := map[netlinkmsg.Command]string{
			netlinkmsg.GetService: "-L -j", netlinkmsg.GetConfig: "-L -j --timeout", netlinkmsg.GetDaemon: "-L -j --daemon",
		}[failing]
		got := run(k, "", words("goipvsadm "+line)...)
		if got != (result{1, "", "Memory allocation problem\n"}) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// TestJSONTruncated checks that an incomplete table is not valid JSON.
func TestJSONTruncated(t *testing.T) {
	k := unsortedKernel()
	dumps := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			if dumps++; dumps == 2 {
				return syscall.ENOMEM
			}
		}
		return 0
	}
	got := run(k, "", "goipvsadm", "-L", "-j")
	if got.status != 1 || got.stderr != "Memory allocation problem\n" {
		t.Errorf("status %d, stderr %q", got.status, got.stderr)
	}
	if !strings.Contains(got.stdout, `"port":1,`) || jsonouttest.Validate([]byte(got.stdout)) == nil {
		t.Errorf("printed %q", got.stdout)
	}
}
