// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/scripts/testnet"
)

// A findingTest breaks a working network so that one check finds a problem.
type findingTest struct {
	name      string // identifier of the check, and a variant after a slash
	plan      testnet.Plan
	rules     string         // table of the director
	prepare   func(*testbed) // runs before breakWith
	breakWith []string       // commands of the form HOST: COMMAND
	traffic   []string       // addresses to which the client connects until the test ends
	probe     bool           // whether the doctor sends probes
	iptables  bool           // whether the test requires iptables
	sctp      bool           // whether the test requires SCTP
	sysctl    string         // path of a required sysctl below /proc/sys

	severity string   // severity of the finding; by default, that of the check
	want     string   // service and server of the finding; further findings follow a "|"
	remedy   int      // index of the remedy to run; none is run if it is advice
	replace  []string // pairs: placeholder in the remedy, and its replacement
	cleanup  []string // commands to run after the remedy
}

// routeThroughDirector makes the server's replies pass through the director
// although the client is on the same subnet.
const routeThroughDirector = "web1: ip route replace 10.1.0.0/24 via 10.1.0.1"

var findingTests = []findingTest{
	{name: "forwarding-off", plan: natPlan, rules: natRules, traffic: natTraffic,
		breakWith: []string{"director: sysctl -w net.ipv4.ip_forward=0"}},
	{name: "forwarding-off/interface", plan: natPlan, rules: natRules, traffic: natTraffic,
		breakWith: []string{"director: sysctl -w net.ipv4.conf.eth1.forwarding=0"}},
	{name: "forwarding-off/IPv6", plan: ip6NATPlan, rules: ip6NATRules, traffic: []string{"[fd02::110]:80"},
		breakWith: []string{"director: sysctl -w net.ipv6.conf.all.forwarding=0"}},

	{name: "send-redirects", plan: oneSubnetPlan, rules: oneSubnetRules, traffic: []string{"10.1.0.100:80"},
		breakWith: []string{
			routeThroughDirector,
			"web1: sysctl -w net.ipv4.conf.eth0.accept_redirects=0",
			"director: sysctl -w net.ipv4.conf.all.send_redirects=1",
		}},

	{name: "vip-not-local", plan: drPlan, rules: drRules, want: "172.16.100.10:80", traffic: drTraffic,
		breakWith: []string{"director: ip address del 172.16.100.10/32 dev eth0"}},
	{name: "vip-not-local/idle", plan: drPlan, rules: drRules, want: "172.16.100.10:80", severity: "hint",
		breakWith: []string{"director: ip address del 172.16.100.10/32 dev eth0"},
		cleanup:   []string{"director: ip address add 172.16.100.10/32 dev eth0"}},
	{name: "vip-not-local/routed", plan: tunPlan, rules: singleTunRules, want: "10.0.2.10:80", traffic: tunTraffic,
		breakWith: []string{
			"director: ip address del 10.0.2.10/32 dev eth0",
			"director: ip route add blackhole 10.0.2.10", // otherwise the packets would return to the router
			"router: ip route replace 10.0.2.10 via 10.0.2.2",
		},
		cleanup: []string{"director: ip route del blackhole 10.0.2.10"}},
	{name: "vip-not-local/IPv6", plan: ip6DRPlan, rules: ip6DRRules, want: "[fd03::10]:80", probe: true, severity: "warning",
		breakWith: []string{"director: ip address del fd03::10/128 dev eth0"}},
	{name: "vip-link-down", plan: twoLinksPlan, rules: "-A -t 10.7.0.1:80\n-a -t 10.7.0.1:80 -r 172.16.100.21:80 -g", want: "10.7.0.1:80",
		breakWith: []string{"director: ip link set eth1 down"}},
	{name: "vip-on-lo", plan: drPlan, rules: drRules, want: "172.16.100.10:80", traffic: drTraffic,
		breakWith: []string{"director: ip address del 172.16.100.10/32 dev eth0", "director: ip address add 172.16.100.10/32 dev lo"},
		cleanup:   []string{"director: ip address add 172.16.100.10/32 dev eth0", "director: ip address del 172.16.100.10/32 dev lo"}},

	{name: "vip-on-lo/IPv6", plan: ip6DRPlan, rules: ip6DRRules, want: "[fd03::10]:80",
		breakWith: []string{"director: ip address del fd03::10/128 dev eth0", "director: ip address add fd03::10/128 dev lo"},
		cleanup:   []string{"director: ip address add fd03::10/128 dev eth0 nodad", "director: ip address del fd03::10/128 dev lo"}},

	{name: "rp-filter", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"client: sysctl -w net.ipv4.conf.all.arp_announce=2", // keep ARP working
			"client: ip route replace 172.16.100.10/32 dev eth0 src 10.9.9.9",
			"director: sysctl -w net.ipv4.conf.eth0.rp_filter=1",
		},
		traffic: drTraffic},
	{name: "packets-not-seen", iptables: true, plan: drPlan, rules: drRules, want: "172.16.100.10:80", traffic: drTraffic, severity: "warning",
		breakWith: []string{"director: iptables-legacy -A INPUT -m length --length 20:1500 -p tcp --dport 80 -j DROP"},
		cleanup:   []string{"director: iptables-legacy -F INPUT"}},

	{name: "rp-filter/NAT", plan: asymmetricPlan, rules: asymmetricRules, traffic: natTraffic,
		breakWith: []string{"director: sysctl -w net.ipv4.conf.eth2.rp_filter=1"}},

	{name: "conntrack-off", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		breakWith: []string{"director: iptables-legacy -A FORWARD -m state --state ESTABLISHED -j ACCEPT"}},

	{name: "drop-entry", plan: drPlan, rules: drRules, breakWith: []string{"director: sysctl -w net.ipv4.vs.drop_entry=3"}},
	{name: "drop-packet", plan: drPlan, rules: drRules, breakWith: []string{"director: sysctl -w net.ipv4.vs.drop_packet=3"}},
	{name: "secure-tcp", plan: drPlan, rules: drRules, breakWith: []string{"director: sysctl -w net.ipv4.vs.secure_tcp=3"}},

	{name: "expire-nodest-conn", severity: "hint", plan: drPlan, rules: drRules, prepare: func(tb *testbed) { tb.keepOpen("http://172.16.100.10/", 2) },
		breakWith: []string{"director: ipvsadm -d -t 172.16.100.10:80 -r 172.16.100.21:80"}},

	{name: "sync-interface-gone", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link del eth1",
		}},
	{name: "sync-interface-down", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 down",
		}},
	{name: "sync-interface-down/backup", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"director: ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 down",
		}},
	{name: "sync-no-multicast", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 multicast off",
		}},
	{name: "sync-no-address", plan: twoLinksPlan, rules: singleDRRules,
		breakWith: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip address flush dev eth1",
		}},

	{name: "no-servers", plan: drPlan, rules: drRules + "\n-A -t 172.16.100.10:81", want: "172.16.100.10:81",
		replace: []string{"SERVER", "172.16.100.21"}},
	{name: "no-servers/remove", plan: drPlan, rules: drRules + "\n-A -f 9 -6", want: "9", remedy: 1},
	{name: "all-weights-zero", plan: drPlan, rules: strings.ReplaceAll(drRules, "-g", "-g -w 0"), want: "172.16.100.10:80"},
	{name: "scheduler-none", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s none -p 90"), want: "172.16.100.10:80"},
	{name: "weights-ignored", plan: drPlan, rules: drRules + " -w 3", want: "172.16.100.10:80"},
	{name: "failover-equal", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s fo"), want: "172.16.100.10:80"},
	{name: "mark-never-seen", severity: "warning", plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", want: "10",
		traffic:  []string{"172.16.100.10:80", "172.16.100.10:8080"},
		iptables: true},
	{name: "mark-never-seen/remove", severity: "hint", plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", want: "10",
		traffic: drTraffic, remedy: 1},
	{name: "persistence-netmask-zero", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 60 -M 0.0.0.0"),
		traffic: drTraffic, want: "172.16.100.10:80"},
	{name: "expire-quiescent-template", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 60"),
		want:    "172.16.100.10:80 172.16.100.22:80",
		prepare: func(tb *testbed) { tb.keepOpen("http://172.16.100.10/", 1) },
		breakWith: []string{
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0",
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.22 -g -w 0",
			"director: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.1 -g",
		}},

	{name: "server-no-route", plan: tunPlan, rules: singleTunRules, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ip route del default"},
		replace:   []string{"GATEWAY", "10.0.2.1"}},
	{name: "server-no-route/unreachable", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ip route add unreachable 10.0.3.11"},
		replace:   []string{"GATEWAY", "10.0.2.1"}},
	{name: "server-no-route/blackhole", plan: tunPlan, rules: tunRules, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ip route add blackhole 10.0.3.11"}, remedy: 1},
	{name: "server-no-route/on the link", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: ip route add blackhole 192.168.1.11"}},
	{name: "dr-through-gateway", plan: tunPlan, rules: strings.Replace(tunRules, "-i", "-g", 1), traffic: tunTraffic,
		want: "10.0.2.10:80 10.0.3.11:80"},
	{name: "nat-same-network", plan: oneSubnetPlan, rules: oneSubnetRules, traffic: []string{"10.1.0.100:80"},
		want: "10.1.0.100:80 10.1.0.11:80"},
	{name: "neighbour-failed", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80", remedy: 1,
		breakWith: []string{"web1: ip link set eth0 down"}},
	{name: "neighbour-failed/probe", plan: drPlan, rules: drRules, probe: true, severity: "warning",
		want: "172.16.100.10:80 172.16.100.21:80", remedy: 1,
		breakWith: []string{"web1: ip link set eth0 down"}},
	{name: "neighbour-failed/gateway", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ip route replace 10.0.3.11 via 10.0.2.99"},
		cleanup:   []string{"director: ip route del 10.0.3.11 via 10.0.2.99"}},
	{name: "neighbour-failed/VIP is the only address", plan: drPlan, rules: singleDRRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{
			"director: ip address flush dev eth0",
			"director: ip address add 172.16.100.10/24 dev eth0",
			"director: ip neigh flush dev eth0",
		},
		cleanup: []string{
			"director: ip address flush dev eth0",
			"director: ip address add 172.16.100.2/24 dev eth0",
			"director: ip address add 172.16.100.10/32 dev eth0",
		}},
	{name: "local-not-listening", plan: drPlan, rules: drRules + "\n-a -t 172.16.100.10:80 -r 172.16.100.2 -g",
		want: "172.16.100.10:80 172.16.100.2:80", severity: "warning", remedy: 1},
	{name: "local-not-listening/NAT", plan: drPlan, rules: drRules + "\n-a -t 172.16.100.10:80 -r 172.16.100.2:8081 -m",
		want: "172.16.100.10:80 172.16.100.2:8081", severity: "warning", remedy: 1},
	{name: "tunnel-mtu", plan: tunPlan, rules: singleTunRules, want: "10.0.2.10:80 10.0.3.11:80", traffic: tunTraffic,
		breakWith: []string{"director: sysctl -w net.ipv4.vs.pmtu_disc=0"}},
	{name: "tunnel-mtu/larger MTU", plan: tunPlan, rules: singleTunRules, want: "10.0.2.10:80 10.0.3.11:80", remedy: 1,
		breakWith: []string{"director: sysctl -w net.ipv4.vs.pmtu_disc=0"}},
	{name: "over-threshold", severity: "hint", plan: drPlan, rules: drRules + " -x 2", want: "172.16.100.10:80 172.16.100.22:80",
		prepare: func(tb *testbed) { tb.keepOpen("http://172.16.100.10/", 5) }},
	{name: "threshold-unreachable", plan: drPlan, rules: drRules + " -x 2000000000", want: "172.16.100.10:80 172.16.100.22:80"},
	{name: "threshold-unreachable/one-packet scheduling", plan: drPlan, want: "172.16.100.10:53 172.16.100.21:53",
		rules: "-A -u 172.16.100.10:53 -o\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g -x 100"},

	{name: "nat-no-answers", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"web1: ip route replace default via 192.168.1.254"},
		cleanup:   []string{"web1: ip route replace default via 192.168.1.1"}},
	{name: "nat-no-answers/INVALID packets", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		want:      "192.168.2.110:80 192.168.1.11:80|conntrack-off",
		breakWith: []string{"director: iptables-legacy -A FORWARD -m state --state INVALID -j DROP"}},
	{name: "server-refuses", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80", remedy: 1,
		prepare: func(tb *testbed) { tb.servers["web1"].Close() }},
	{name: "server-refuses/IPv6", plan: ip6NATPlan, rules: ip6NATRules, traffic: []string{"[fd02::110]:80"}, remedy: 1,
		want:    "[fd02::110]:80 [fd01::11]:80",
		prepare: func(tb *testbed) { tb.servers["web1"].Close() },
		cleanup: []string{"director: ipvsadm -C"}},
	{name: "server-silent", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo"}},
	{name: "server-silent/not listening", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		prepare: func(tb *testbed) { tb.servers["web1"].Close() }, remedy: 1},
	{name: "server-silent/tunnel", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"web1: ip address del 10.0.2.10/32 dev tunl0"}},
	{name: "service-silent", plan: drPlan, rules: singleDRRules, traffic: drTraffic, want: "172.16.100.10:80", severity: "warning",
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo"}},
	{name: "service-silent/IPv6", plan: ip6DRPlan, rules: ip6DRRules, traffic: []string{"[fd03::10]:80"}, want: "[fd03::10]:80",
		severity: "warning", breakWith: []string{"web1: ip address del fd03::10/128 dev lo"}},
	{name: "director-as-client", plan: drPlan, rules: drRules, want: "172.16.100.10:80",
		prepare: func(tb *testbed) { tb.startTrafficFrom("director", drTraffic...) },
		cleanup: []string{"director: ipvsadm -C"}},
	{name: "estimation-off", sysctl: runEstimation, plan: drPlan, rules: drRules, breakWith: []string{"director: sysctl -w net.ipv4.vs.run_estimation=0"}},

	{name: "address-claimed", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"web1: sysctl -w net.ipv4.conf.all.arp_ignore=0"}},
	{name: "address-claimed/tunnel", plan: drPlan, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		rules:     strings.ReplaceAll(drRules, "-g", "-i"),
		breakWith: []string{"web1: sysctl -w net.ipv4.conf.all.arp_ignore=0"}},
	{name: "address-claimed/other host", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80",
		severity: "hint", breakWith: []string{"client: ip address add 172.16.100.10/32 dev eth0"},
		cleanup: []string{"client: ip address del 172.16.100.10/32 dev eth0"}},
	{name: "address-claimed/IPv6", plan: ip6DRPlan, rules: ip6DRRules, probe: true, want: "[fd03::10]:80 [fd03::21]:80",
		breakWith: []string{"web1: ip address add fd03::10/128 dev eth0 nodad"}},
	{name: "probe-refused", plan: drPlan, rules: drRules, probe: true, severity: "warning", want: "172.16.100.10:80 172.16.100.21:80", remedy: 1,
		prepare: func(tb *testbed) { tb.servers["web1"].Close() }},
	{name: "probe-refused/with traffic", plan: drPlan, rules: drRules, traffic: drTraffic, probe: true,
		want:    "172.16.100.10:80 172.16.100.21:80",
		prepare: func(tb *testbed) { tb.servers["web1"].Close() }, remedy: 1},
	{name: "probe-no-answer/VIP", plan: drPlan, rules: drRules, probe: true, severity: "warning", want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo"}},
	{name: "probe-no-answer", plan: drPlan, rules: drRules, probe: true, severity: "warning", want: "172.16.100.10:80 172.16.100.21:80", remedy: 1,
		breakWith: []string{"web1: ip route add blackhole 172.16.100.2"}},
	{name: "probe-no-echo", plan: drPlan, probe: true, want: "172.16.100.10:53 172.16.100.21:53",
		cleanup: []string{"web1: sysctl -w net.ipv4.icmp_echo_ignore_all=0"},
		rules:   "-A -u 172.16.100.10:53\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g\n-a -u 172.16.100.10:53 -r 172.16.100.22 -g",
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", drUDP)
			tb.serveUDP("web2", drUDP)
		}, breakWith: []string{"web1: sysctl -w net.ipv4.icmp_echo_ignore_all=1"}},
}

// TestFindings verifies that each check finds exactly its problem, and that
// nothing is found after its remedy has been run.
func TestFindings(t *testing.T) {
	all := slices.Concat(findingTests, causeTests, failureTests, misconfiguredTests)
	for i := range all {
		tt := &all[i]
		if missing := missingFeature(tt.iptables, tt.sctp, tt.sysctl); missing != "" {
			t.Logf("missing: %s, for %s", missing, tt.name)
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tb := newTestbed(t, fmt.Sprintf("r%d-", i), tt.plan)
			tb.restore(tt.rules)
			if tt.prepare != nil {
				tt.prepare(tb)
			}
			tb.run(tt.breakWith...)
			tb.startTraffic(tt.traffic...)
			var args []string
			if tt.probe {
				args = []string{"--probe"}
			}
			id, _, _ := strings.Cut(tt.name, "/")
			want := strings.Split(strings.TrimSpace(id+" "+tt.want), "|")
			slices.Sort(want)
			wantSeverity := cmp.Or(tt.severity, severity(id))
			d := tb.examineUntil(func(d *diagnosis) bool {
				i := slices.IndexFunc(d.Findings, func(f finding) bool { return f.ID == id })
				return len(d.Findings) >= len(want) && i >= 0 && d.Findings[i].Severity == wantSeverity
			}, args...)
			slices.SortFunc(d.Findings, func(a, b finding) int { return strings.Compare(a.String(), b.String()) })
			d.expect(t, want...)
			if t.Failed() {
				return
			}
			f := d.Findings[slices.IndexFunc(d.Findings, func(f finding) bool { return f.ID == id })]
			if isProblem := f.Severity != "hint"; f.Severity != wantSeverity || (d.status == 1) != isProblem {
				t.Errorf("exit status %d with severity %s, want severity %s", d.status, f.Severity, wantSeverity)
			}
			if remedy := f.Do[tt.remedy]; remedy.Command != "" {
				host := tb.remedyHost(tt.plan, remedy.On)
				command := strings.NewReplacer(tt.replace...).Replace(remedy.Command)
				t.Logf("%s; %s: %s", f.Seen, host.Name, command)
				tb.shell(host, command)
			}
			tb.run(tt.cleanup...)
			if len(tt.traffic) > 0 {
				time.Sleep(time.Second)
			}
			tb.examineUntil(func(d *diagnosis) bool { return len(d.Findings) == 0 }, args...).expectHealthy(t)
		})
	}
}

// remedyHost returns the host on which to run a remedy: the test machine for "", or the
// host with an address.
func (tb *testbed) remedyHost(plan testnet.Plan, on string) *testnet.Netns {
	tb.t.Helper()
	if on == "" {
		return home(tb.t)
	}
	for _, host := range plan {
		for _, link := range host.Links {
			for _, a := range link.Addresses {
				if strings.HasPrefix(a, on+"/") && link.To != "lo" && link.To != "tunl0" {
					return tb.network.Host(host.Name)
				}
			}
		}
	}
	tb.t.Fatalf("no host has the address %s", on)
	return nil
}

// severity returns the severity of a check, or "" if it does not exist.
func severity(id string) string {
	for _, c := range doctor.Checks() {
		if c.ID == id {
			return c.Severity.String()
		}
	}
	return ""
}

// separatelyTested are the checks that are tested elsewhere because they
// concern the whole kernel or another program.
var separatelyTested = []string{"conn-table-small", "conntrack-full", "other-program", "port-ignored"}

func TestAllChecksTested(t *testing.T) {
	tested := slices.Clone(separatelyTested)
	for _, tt := range slices.Concat(findingTests, causeTests, failureTests, misconfiguredTests) {
		id, _, _ := strings.Cut(tt.name, "/")
		tested = append(tested, id)
	}
	for _, c := range doctor.Checks() {
		if !slices.Contains(tested, c.ID) {
			t.Errorf("no test for %s", c.ID)
		}
	}
	for _, id := range tested {
		if severity(id) == "" {
			t.Errorf("no check %s", id)
		}
	}
}
