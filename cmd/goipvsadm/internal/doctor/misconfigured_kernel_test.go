// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"slices"
	"strings"

	"goipvsadm/scripts/testnet"
)

// misconfiguredTests are tests of settings that do not fit the network, such as
// netmasks, routes, tunnel types and protocols.
var misconfiguredTests = []findingTest{
	{name: "server-silent/VIP with the netmask of the network", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo", "web1: ip address add 172.16.100.10/24 dev lo"}},
	{name: "probe-no-answer/VIP with the netmask of the network", plan: drPlan, rules: drRules, traffic: drTraffic, probe: true,
		want: "172.16.100.10:80 172.16.100.21:80", remedy: 2,
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo", "web1: ip address add 172.16.100.10/24 dev lo"}},
	{name: "service-silent/rp_filter", severity: "warning", plan: multihomedPlan, rules: gatewayRules, traffic: []string{"10.0.0.10:80"},
		want: "10.0.0.10:80", remedy: 3,
		breakWith: []string{"web1: sysctl -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1"}},
	{name: "server-silent/other tunnel type", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ipvsadm -e -t 10.0.2.10:80 -r 10.0.3.11:80 -i --tun-type gre"}},
	{name: "neighbour-failed/VIP with a short netmask", plan: tunPlan, rules: singleTunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: ip address del 10.0.2.10/32 dev eth0", "director: ip address add 10.0.2.10/8 dev eth0"}},
	{name: "other-protocol", plan: drPlan, rules: strings.ReplaceAll(drUDPRules, "-u", "-t"), want: drUDP,
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", drUDP)
			tb.serveUDP("web2", drUDP)
			tb.startUDP(drUDP)
		}},
	{name: "nat-replies-lost", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{
			"director: ip route add default via 192.168.2.77 table 100",
			"director: ip rule add from 192.168.2.110 lookup 100",
		}, cleanup: []string{"director: ip rule del from 192.168.2.110 lookup 100", "client: sleep 4"}},
	{name: "client-filtered", iptables: true, plan: clientsPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80",
		prepare:   func(tb *testbed) { tb.startTrafficFrom("client2", natTraffic...) },
		breakWith: []string{"director: iptables-legacy -A INPUT -s 192.168.2.3 -p tcp --dport 80 -j REJECT"},
		cleanup:   []string{"director: iptables-legacy -F INPUT"}},
	{name: "server-address-claimed", severity: "warning", plan: drPlanWith("intruder", "172.16.100.4"), rules: drRules, probe: true,
		want:      "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"intruder: ip address add 172.16.100.21/24 dev eth0"},
		cleanup:   []string{"intruder: ip address del 172.16.100.21/24 dev eth0", flushNeighbors}},
	{name: "sync-wrong-interface", plan: twoLinksPlan, rules: masterRules, traffic: masterTraffic, prepare: (*testbed).startMaster,
		breakWith: []string{"director: ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 5"}},
}

// Networks of misconfiguredTests.
var (
	// Direct routing with a server that replies through another interface than the one
	// that receives the requests.
	multihomedPlan = testnet.Plan{
		gatewayPlan[0],
		{Name: "router", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: append(slices.Clone(gatewayPlan[1].Links),
			testnet.Link{To: "front", Addresses: []string{"10.5.0.1/24"}})},
		gatewayPlan[2],
		{Name: "web1", Gateway: "10.5.0.1", Sysctls: drPlan[2].Sysctls, Links: append(slices.Clone(gatewayPlan[3].Links),
			testnet.Link{To: "front", Addresses: []string{"10.5.0.11/24"}})},
	}

	// NAT with two clients.
	clientsPlan = append(slices.Clone(natPlan), testnet.Host{Name: "client2",
		Links: []testnet.Link{{To: "outside", Addresses: []string{"192.168.2.3/24"}}}})
)
