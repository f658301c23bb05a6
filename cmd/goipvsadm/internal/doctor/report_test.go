// SPDX-License-Identifier: MIT

package doctor

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"

	"github.com/google/go-cmp/cmp"
)

func compareReport(t *testing.T, f *Facts, want string) {
	t.Helper()
	if diff := cmp.Diff(want, string(AppendReport(nil, f, Diagnose(f), resolve.Numeric{}))); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestReportNoFindings(t *testing.T) {
	f := healthyFacts()
	f.Elapsed, f.Connections, f.AllConnections = 2200*time.Millisecond, 83, true
	compareReport(t, f, "no problems found\nExamined 1 service with 2 servers, 83 connections, 3 interfaces; sampled traffic for 2.2 s\n")
}

func TestReportProbesAndUnavailable(t *testing.T) {
	f := healthyFacts()
	f.Elapsed, f.Connections, f.Probed = 2200*time.Millisecond, 20000, true
	f.Unavailable = []Unavailable{{What: "connections", Reason: "permission denied"}}
	f.ProbeResults = []netprobe.Result{
		{Outcome: netprobe.Answered, After: 1200 * time.Microsecond},
		{Outcome: netprobe.Answered, After: 300 * time.Microsecond},
		{Outcome: netprobe.Refused}, {Outcome: netprobe.Silent}, {Outcome: netprobe.Silent},
	}
	compareReport(t, f, "not everything could be examined\nExamined 1 service with 2 servers, the first 20,000 connections, 3 interfaces; sampled traffic for 2.2 s\n"+
		"Probed 5 servers: 2 replied after 0.3 ms to 1.2 ms, 1 refused, 2 did not reply\n"+
		"Not examined: connections: permission denied\n")
}

func TestReportFindings(t *testing.T) {
	f := healthyFacts()
	f.Elapsed, f.Connections, f.AllConnections = 2200*time.Millisecond, 83, true
	f.Sysctls["net/ipv4/vs/drop_entry"] = 2
	f.Neighbors[neighborKey{inside, addr("10.0.0.12")}] = netstate.Failed
	_, d := f.firstServer()
	d.Delta = &ipvs.Stats{Conns: 41, InPackets: 1830}
	d.Stats = *d.Delta
	d.Conns.Total, d.Conns.SynRecv, d.Conns.StuckSynRecv, d.Conns.Established = 41, 41, 30, 0
	f.Services[0].Scheduler = "rr"
	f.Services[0].Servers[1].Weight = 5
	mark := f.Services[0]
	mark.ServiceKey = ipvs.MarkKey(7, ipvs.IPv6)
	mark.Servers = nil
	f.Services = append(f.Services, mark)
	compareReport(t, f, `3 errors, 1 warning, 1 hint
Examined 2 services with 2 servers, 83 connections, 3 interfaces; sampled traffic for 2.2 s

TCP 192.0.2.1:80 -> 10.0.0.11:80 (Masq)
  error: no reply traffic from server (NAT) [nat-no-answers]
    seen: 1,830 packets to the server in this sample, none from it; 41 of 41 connections in SYN_RECV
    why:  with NAT, the server's replies must be routed through the director; likely causes:
          - the server's route to the clients does not lead through the director (10.0.0.1)
          - the server's firewall drops packets from clients
    do:   run goipvsadm --doctor --probe to find out which of these causes it is

TCP 192.0.2.1:80 -> 10.0.0.12:80 (Masq)
  error: neighbor resolution failed [neighbour-failed]
    seen: the server is FAILED in the neighbor table on eth1; 50 packets to the server in this sample
    why:  no reply to ARP or neighbor discovery: the host is down, on another segment or has another address
    do:   check that 10.0.0.12 is up and on the network of eth1
    or:   goipvsadm -e -t 192.0.2.1:80 -r 10.0.0.12:80 -m -w 0

FWM 7 IPv6
  error: service has no servers [no-servers]
    seen: no servers in the table
    why:  new connections are rejected
    do:   goipvsadm -a -f 7 -6 -r SERVER
    or:   goipvsadm -D -f 7 -6

The director
  warning: drop_entry defense is active [drop-entry]
    seen: net.ipv4.vs.drop_entry is 2: activated by the kernel because memory is low
    why:  the kernel removes half-open connections at random to save memory
    do:   sysctl -w net.ipv4.vs.drop_entry=0

TCP 192.0.2.1:80
  hint: scheduler ignores weights [weights-ignored]
    seen: the scheduler is rr, but servers have different weights, such as 1 and 5
    why:  this scheduler only distinguishes weight 0 from other weights
    do:   goipvsadm -E -t 192.0.2.1:80 -s wrr
`)
}

// TestReportMerged expects one finding for many services and servers with the
// same problem, whose evidence differs in its figures.
func TestReportMerged(t *testing.T) {
	f := healthyFacts()
	f.Elapsed, f.Connections, f.AllConnections = 2200*time.Millisecond, 83, true
	f.Services = nil
	for i := range 1000 {
		f.Services = append(f.Services, Service{Service: ipvs.Service{
			ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(addr("192.0.2.1"), uint16(1000+i))), Scheduler: "rr"}})
	}
	compareReport(t, f, `1 error
Examined 1,000 services with 0 servers, 83 connections, 3 interfaces; sampled traffic for 2.2 s

TCP 192.0.2.1:1000
  error: service has no servers [no-servers]
    seen: no servers in the table
    also: 999 more services: TCP 192.0.2.1:1001, TCP 192.0.2.1:1002, TCP 192.0.2.1:1003, …
    why:  new connections are rejected
    do:   goipvsadm -a -t 192.0.2.1:1000 -r SERVER
    or:   goipvsadm -D -t 192.0.2.1:1000
`)
}

// TestReportEscapes expects no control character in the report.
func TestReportEscapes(t *testing.T) {
	f := healthyFacts()
	makeIdle(f)
	f.Links[outside-1].Up, f.Links[outside-1].Name = false, "e\x1b[31m"
	report := string(AppendReport(nil, f, Diagnose(f), resolve.Numeric{}))
	if want := `ip link set dev $'e\x1b[31m' up`; termsafe.HasControl(strings.ReplaceAll(report, "\n", "")) || !strings.Contains(report, want) {
		t.Errorf("got %q, want no control character and %q", report, want)
	}
}
