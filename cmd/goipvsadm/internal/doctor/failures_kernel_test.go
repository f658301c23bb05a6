// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"strings"

	"goipvsadm/scripts/testnet"
)

// Addresses and tables of failureTests.
const (
	natUDP = "192.168.2.110:53"
	drUDP  = "172.16.100.10:53"
	tunUDP = "10.0.2.10:53"

	natUDPRules = `-A -u 192.168.2.110:53 -s rr
-a -u 192.168.2.110:53 -r 192.168.1.11:53 -m
-a -u 192.168.2.110:53 -r 192.168.1.12:53 -m`
	tunUDPRules = `-A -u 10.0.2.10:53 -s rr
-a -u 10.0.2.10:53 -r 10.0.3.11:53 -i
-a -u 10.0.2.10:53 -r 10.0.4.12:53 -i`
	drUDPRules = `-A -u 172.16.100.10:53 -s rr
-a -u 172.16.100.10:53 -r 172.16.100.21:53 -g
-a -u 172.16.100.10:53 -r 172.16.100.22:53 -g`
	natSCTPRules = `-A --sctp-service 192.168.2.110:9000 -s rr
-a --sctp-service 192.168.2.110:9000 -r 192.168.1.11:9000 -m
-a --sctp-service 192.168.2.110:9000 -r 192.168.1.12:9000 -m`
	drSCTPRules = `-A --sctp-service 172.16.100.10:9000 -s rr
-a --sctp-service 172.16.100.10:9000 -r 172.16.100.21:9000 -g
-a --sctp-service 172.16.100.10:9000 -r 172.16.100.22:9000 -g`
)

// flushNeighbors makes the director resolve the addresses of servers again, as it does some
// time after they have stopped.
const flushNeighbors = "director: ip neigh flush dev eth0"

// failureTests are tests of servers that reject packets or do not reply (with TCP, UDP and
// SCTP), of clients of such servers with weight 0, of thresholds, and of firewall marks.
var failureTests = []findingTest{
	{name: "server-refuses/UDP", plan: natPlan, rules: natUDPRules, want: natUDP + " 192.168.1.11:53", remedy: 1,
		prepare: func(tb *testbed) {
			tb.serveUDP("web2", ":53")
			tb.startUDP(natUDP)
		}},
	{name: "server-refuses/UDP, all servers", plan: natPlan, rules: natUDPRules, want: natUDP + " 192.168.1.11:53|server-refuses " + natUDP + " 192.168.1.12:53",
		prepare: func(tb *testbed) { tb.startUDP(natUDP) }, cleanup: []string{"director: ipvsadm -C"}},
	{name: "server-refuses/SCTP", sctp: true, plan: natPlan, rules: natSCTPRules, want: "192.168.2.110:9000 192.168.1.11:9000", remedy: 1,
		prepare: func(tb *testbed) {
			tb.serveSCTP("web2", 9000)
			tb.startSCTP("192.168.2.110:9000")
		}},
	{name: "server-refuses/firewall", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80", remedy: 1,
		breakWith: []string{"web1: iptables-legacy -A INPUT -p tcp --dport 80 -j REJECT"}},
	{name: "server-silent/SCTP", sctp: true, plan: drPlan, rules: drSCTPRules, want: "172.16.100.10:9000 172.16.100.21:9000",
		prepare: func(tb *testbed) {
			tb.serveSCTPAtBoth()
			tb.run("web1: ip address del 172.16.100.10/32 dev lo")
			tb.startSCTP("172.16.100.10:9000")
		}, cleanup: []string{"client: sleep 4"}},
	{name: "nat-no-answers/SCTP", sctp: true, plan: natPlan, rules: natSCTPRules, want: "192.168.2.110:9000 192.168.1.11:9000",
		prepare: func(tb *testbed) {
			tb.serveSCTPAtBoth()
			tb.run("web1: ip route del default")
			tb.startSCTP("192.168.2.110:9000")
		}, cleanup: []string{"web1: ip route add default via 192.168.1.1", "client: sleep 4"}},
	{name: "nat-no-answers/DNS", severity: "warning", plan: natPlan, rules: natUDPRules[:strings.LastIndex(natUDPRules, "\n")], want: natUDP + " 192.168.1.11:53",
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", ":53")
			tb.run("web1: ip route del default")
			tb.startUDP(natUDP)
		}, cleanup: []string{"web1: ip route add default via 192.168.1.1"}},
	{name: "nat-no-answers/IPv6, route probed", plan: ip6NATPlan, rules: ip6NATRules, traffic: []string{"[fd02::110]:80"}, probe: true,
		want: "[fd02::110]:80 [fd01::11]:80", breakWith: []string{"web1: ip route del default via fd01::1"}},
	{name: "nat-no-answers/and another port refuses", iptables: true, plan: natPlan, probe: true,
		rules:   "-A -t 192.168.2.110:80 -s rr\n-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m\n-A -t 192.168.2.110:8080\n-a -t 192.168.2.110:8080 -r 192.168.1.11:8080 -m",
		traffic: []string{"192.168.2.110:80", "192.168.2.110:8080"},
		want:    "192.168.2.110:80 192.168.1.11:80|probe-refused 192.168.2.110:8080 192.168.1.11:8080",
		prepare: func(tb *testbed) { tb.replaceServer("web1", ":80") }, breakWith: []string{serverFirewall},
		replace: []string{"iptables", "iptables-legacy"}, cleanup: []string{"director: ipvsadm -D -t 192.168.2.110:8080", "client: sleep 8"}},
	{name: "probe-no-answer/IPv6 VIP", plan: ip6DRPlan, rules: ip6DRRules, traffic: []string{"[fd03::10]:80"}, want: "[fd03::10]:80 [fd03::21]:80",
		probe: true, breakWith: []string{"web1: ip address del fd03::10/128 dev lo"}},
	{name: "server-silent/tunnel rejected", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"web1: ip link set tunl0 down"}},
	{name: "probe-refused/UDP", severity: "warning", plan: drPlan, rules: drUDPRules, probe: true, want: drUDP + " 172.16.100.21:53", remedy: 1,
		prepare: func(tb *testbed) { tb.serveUDP("web2", drUDP) }},
	{name: "probe-refused/UDP with traffic", plan: drPlan, rules: drUDPRules, probe: true, want: drUDP + " 172.16.100.21:53", remedy: 1,
		prepare: func(tb *testbed) {
			tb.serveUDP("web2", drUDP)
			tb.startUDP(drUDP)
		}},
	{name: "probe-refused/SCTP", sctp: true, severity: "warning", plan: drPlan, rules: drSCTPRules, probe: true,
		want: "172.16.100.10:9000 172.16.100.21:9000", remedy: 1,
		prepare: func(tb *testbed) { tb.serveSCTP("web2", 9000) }},
	{name: "nat-no-answers/permanent neighbor entry", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: ip neigh replace 192.168.1.11 lladdr 02:00:00:00:00:99 dev eth1 nud permanent"}},
	{name: "probe-no-answer/permanent neighbor entry", plan: natPlan, rules: natRules, traffic: natTraffic, probe: true, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: ip neigh replace 192.168.1.11 lladdr 02:00:00:00:00:99 dev eth1 nud permanent"}},
	{name: "probe-vip-no-answer", plan: tunPlan, rules: tunUDPRules, probe: true, want: tunUDP + " 10.0.3.11:53",
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", tunUDP)
			tb.serveUDP("web2", tunUDP)
			tb.startUDP(tunUDP)
		},
		breakWith: []string{"web1: sysctl -w net.ipv4.conf.all.rp_filter=1"}},
	{name: "probe-no-answer/forwarding method", plan: natPlan, traffic: natTraffic, rules: natRules, probe: true,
		want:      "192.168.2.110:80 192.168.1.12:80|mixed-forwarding 192.168.2.110:80 192.168.1.12:80",
		breakWith: []string{"director: ipvsadm -e -t 192.168.2.110:80 -r 192.168.1.12:80"}, cleanup: []string{"client: sleep 4"}},
	{name: "one-packet-nat", plan: natPlan, rules: strings.ReplaceAll(natUDPRules, "-s rr", "-s rr -o"), want: natUDP,
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", ":53")
			tb.serveUDP("web2", ":53")
			tb.startUDP(natUDP)
		}},
	{name: "neighbour-failed/UDP", plan: drPlan, rules: drUDPRules, want: drUDP + " 172.16.100.21:53", remedy: 1,
		prepare: func(tb *testbed) {
			tb.serveUDP("web2", drUDP)
			tb.startUDP(drUDP)
		}, breakWith: []string{"web1: ip link set eth0 down", flushNeighbors, "client: sleep 4"}},

	{name: "dead-server-clients", plan: drPlan, rules: drUDPRules, want: drUDP + " 172.16.100.21:53",
		prepare: func(tb *testbed) {
			tb.serveUDP("web2", drUDP)
			tb.startUDP(drUDP)
		}, breakWith: []string{
			"director: ipvsadm -e -u 172.16.100.10:53 -r 172.16.100.21 -g -w 0", "web1: ip link set eth0 down", flushNeighbors, "client: sleep 4"}},
	{name: "dead-server-clients/pooled connections", severity: "warning", plan: drPlan, rules: drRules, want: "172.16.100.10:80 172.16.100.21:80", traffic: drTraffic,
		prepare: func(tb *testbed) { tb.keepOpen("http://172.16.100.10/", 2) },
		breakWith: []string{
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0", "web1: ip link set eth0 down",
			"director: ip neigh replace 172.16.100.21 dev eth0 nud failed",
		}},
	{name: "dead-server-clients/persistent", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 300"), traffic: drTraffic,
		want: "172.16.100.10:80 172.16.100.21:80",
		prepare: func(tb *testbed) {
			tb.run("director: ipvsadm -d -t 172.16.100.10:80 -r 172.16.100.22")
			tb.keepOpen("http://172.16.100.10/", 1)
			tb.run("director: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g")
		}, breakWith: []string{
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0", "web1: ip link set eth0 down", flushNeighbors,
		}, cleanup: []string{"director: sysctl -w net.ipv4.vs.expire_nodest_conn=1", "director: ipvsadm -d -t 172.16.100.10:80 -r 172.16.100.21"}},
	{name: "dead-server-clients/port used again", plan: drPlan, rules: drRules, want: "172.16.100.10:80 172.16.100.21:80",
		prepare: func(tb *testbed) {
			tb.reconnect("172.16.100.10:80", 7001, 7002, 7003, 7004)
			tb.run("director: sysctl -w net.ipv4.vs.conn_reuse_mode=0",
				"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0", "web1: ip link set eth0 down", flushNeighbors, "client: sleep 4")
		}, cleanup: []string{"client: sleep 4"}},
	{name: "dead-server-clients/NAT sends nothing", plan: natPlan, rules: natUDPRules, want: natUDP + " 192.168.1.11:53",
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", ":53")
			tb.serveUDP("web2", ":53")
			tb.startUDP(natUDP)
		}, breakWith: []string{"director: ipvsadm -e -u 192.168.2.110:53 -r 192.168.1.11 -m -w 0", "web1: ip route del default"}},

	{name: "over-threshold/lower", severity: "warning", plan: drPlan, rules: drRules + " -x 20 -y 2", want: "172.16.100.10:80 172.16.100.22:80", traffic: drTraffic,
		prepare: func(tb *testbed) {
			tb.run("director: ipvsadm --set 0 1 0") // closed connections are not counted for long
			tb.keepOpenUntil("web2", 20, 17)
			tb.run("client: sleep 3")
		}},
	{name: "over-threshold/all servers", plan: drPlan, rules: singleDRRules + " -x 20", want: "172.16.100.10:80 172.16.100.21:80", traffic: drTraffic,
		prepare: func(tb *testbed) {
			tb.run("director: ipvsadm --set 0 1 0")
			tb.keepOpen("http://172.16.100.10/", 20)
		}},

	{name: "mark-incomplete", iptables: true, plan: drPlan, want: "10", traffic: []string{"172.16.100.10:80", "172.16.100.10:8080"},
		rules:     "-A -f 10 -s rr\n-a -f 10 -r 172.16.100.21 -g\n-a -f 10 -r 172.16.100.22 -g",
		breakWith: []string{"director: iptables-legacy -t mangle -A PREROUTING -d 172.16.100.10 -p tcp --dport 80 -j MARK --set-mark 10"}},
	{name: "mark-incomplete/UDP", iptables: true, plan: drPlan, want: "10", traffic: []string{drUDP},
		rules: "-A -f 10 -s rr\n-a -f 10 -r 172.16.100.21 -g\n-a -f 10 -r 172.16.100.22 -g",
		prepare: func(tb *testbed) {
			for _, host := range []string{"web1", "web2"} {
				tb.replaceServer(host, ":53")
				tb.serveUDP(host, drUDP)
			}
			tb.run("director: iptables-legacy -t mangle -A PREROUTING -d 172.16.100.10 -p tcp --dport 53 -j MARK --set-mark 10")
			tb.startUDP(drUDP)
		}},
	{name: "server-silent/forwarding method", plan: natPlan, traffic: natTraffic, rules: strings.ReplaceAll(natRules, "-s rr", "-s wrr"), want: "192.168.2.110:80 192.168.1.12:80",
		breakWith: []string{
			"director: ipvsadm -a -t 192.168.2.110:80 -r 192.168.1.13:80 -m -w 0",
			"director: ipvsadm -e -t 192.168.2.110:80 -r 192.168.1.12:80 -w 2",
			"director: ipvsadm -e -t 192.168.2.110:80 -r 192.168.1.13:80 -w 0",
		}, cleanup: []string{"client: sleep 4"}},
}

// keepOpenUntil opens connections until a server has the given number of them, and then
// closes all of these but left, which stay open until the test ends.
func (tb *testbed) keepOpenUntil(server string, open, left int) {
	tb.t.Helper()
	var conns []*testnet.KeepAliveConn
	for len(conns) < open {
		conn, name, err := testnet.Client{Netns: tb.network.Host("client")}.OpenKeepAlive("http://172.16.100.10/")
		if err != nil {
			tb.t.Fatal(err)
		}
		if strings.TrimSpace(name) == server {
			conns = append(conns, conn)
			continue
		}
		conn.Close()
	}
	for _, conn := range conns[left:] {
		conn.Close()
	}
	tb.t.Cleanup(func() {
		for _, conn := range conns[:left] {
			conn.Close()
		}
	})
}
