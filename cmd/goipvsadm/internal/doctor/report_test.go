package doctor

import (
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"

	"github.com/google/go-cmp/cmp"
)

// A report as people read it.
func TestReport(t *testing.T) {
	f := healthyFacts()
	f.Elapsed, f.Connections, f.All = 2200*time.Millisecond, 83, true
	const looked = "Looked at 1 service with 2 servers, 83 connections, 3 interfaces; traffic of 2.2 s\n"
	report := func(want string) {
		t.Helper()
		if diff := cmp.Diff(want, string(Append(nil, f, Diagnose(f), resolve.Numeric{}))); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	}
	report(looked + "Nothing found\n")

	f.Missing = []Unavailable{{"connections", "permission denied"}}
	f.Connections, f.All, f.Probed = 20000, false, true
	f.Reached = []netprobe.Result{
		{Outcome: netprobe.Answered, After: 1200 * time.Microsecond},
		{Outcome: netprobe.Answered, After: 300 * time.Microsecond},
		{Outcome: netprobe.Refused}, {}, {},
	}
	report("Looked at 1 service with 2 servers, the first 20,000 connections, 3 interfaces; traffic of 2.2 s\n" +
		"Asked 5 servers: 2 answered, the first after 0.3 ms, the last after 1.2 ms; 1 refused; 2 did not answer\n" +
		"Not looked at: connections: permission denied\n" +
		"Nothing found\n")

	f = healthyFacts()
	f.Elapsed, f.Connections, f.All = 2200*time.Millisecond, 83, true
	f.Sysctls["net/ipv4/vs/drop_entry"] = 2
	f.Neighbours[neighbourKey{inside, addr("10.0.0.12")}] = netstate.Failed
	_, d := f.one()
	d.Counted = &ipvs.Stats{Conns: 41, InPackets: 1830}
	d.Conns.Total, d.Conns.SynRecv, d.Conns.StuckSynRecv, d.Conns.Established = 41, 41, 30, 0
	f.Services[0].Scheduler = "rr"
	f.Services[0].Servers[1].Weight = 5
	mark := f.Services[0]
	mark.ServiceKey = ipvs.MarkKey(7, ipvs.IPv6)
	mark.Servers = nil
	f.Services = append(f.Services, mark)
	report(`Looked at 2 services with 2 servers, 83 connections, 3 interfaces; traffic of 2.2 s

The director
  warning: connections are dropped at random [drop-entry]
    seen: net.ipv4.vs.drop_entry: the kernel has switched it on (2), for memory is short
    why:  drop_entry removes entries of half-open connections, in defence against floods or want of memory
    do:   sysctl -w net.ipv4.vs.drop_entry=0

TCP 192.0.2.1:80
  hint: the weights make no difference [weights-ignored]
    seen: the scheduler is rr, the weights are 1, 5 …
    why:  the scheduler knows no weight but 0
    do:   goipvsadm -E -t 192.0.2.1:80 -s wrr

TCP 192.0.2.1:80 -> 10.0.0.11:80 (Masq)
  error: answers do not come back through the director [nat-no-answers]
    seen: 1,830 packets to the server in this reading, none from it; 41 of its 41 connections wait in SYN_RECV
    why:  with NAT the director must be the server's way to its clients
    do:   on 10.0.0.11: ip route replace default via 10.0.0.1

TCP 192.0.2.1:80 -> 10.0.0.12:80 (Masq)
  error: nobody answers at the server's address [neighbour-failed]
    seen: the server has the neighbour entry FAILED on eth1; 50 packets to the server in this reading
    why:  its link-layer address is asked for and not told: it is off, not on this link, or has another address
    do:   goipvsadm -e -t 192.0.2.1:80 -r 10.0.0.12:80 -m -w 0
    or:   goipvsadm -d -t 192.0.2.1:80 -r 10.0.0.12:80

FWM 7 IPv6
  error: the service has no servers [no-servers]
    seen: the table has none
    why:  all its connections are refused
    do:   goipvsadm -a -f 7 -6 -r SERVER
    or:   goipvsadm -D -f 7 -6
`)
}
