// SPDX-License-Identifier: MIT

package scenarios

import "goipvsadm/scripts/testnet"

var httpPort = []string{":80"}

// established is a filter for established connections in the output of -L -c.
const established = "grep ESTABLISHED"

// forwardingSysctls make a host a router.
var forwardingSysctls = map[string]string{"net/ipv4/ip_forward": "1"}

var natPlan = testnet.Plan{
	{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"192.168.2.1/24"}}}},
	{Name: "director", Sysctls: forwardingSysctls, Links: []testnet.Link{
		{To: "outside", Addresses: []string{"192.168.2.110/24"}},
		{To: "inside", Addresses: []string{"192.168.1.1/24"}},
	}},
	{Name: "web1", Gateway: "192.168.1.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"192.168.1.11/24"}}}},
	{Name: "web2", Gateway: "192.168.1.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"192.168.1.12/24"}}}},
}

var nat = Scenario{
	Name:  "nat",
	Title: "LVS-NAT: network address translation",
	About: "The client connects to 192.168.2.110 on the director. The servers are in a private network\n" +
		"whose default router is the director, so that it translates addresses in both directions.",
	Plan: natPlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		r.runOnDirector(
			"ipvsadm -A -t 192.168.2.110:80 -s rr",
			"ipvsadm -a -t 192.168.2.110:80 -r 192.168.1.11:80 -m -w 1",
			"ipvsadm -a -t 192.168.2.110:80 -r 192.168.1.12:80 -m -w 1",
		)
		r.expectListing(`
TCP  192.168.2.110:80 rr
  -> 192.168.1.11:80              Masq    1      0          0         
  -> 192.168.1.12:80              Masq    1      0          0         
`)
		r.expectResponses(r.clientFrom("client", ""), "http://192.168.2.110/", testnet.ResponseCounts{"web1": 20, "web2": 20})
		r.expectCounters(map[string]int{"192.168.2.110:80": 40, "192.168.1.11:80": 20, "192.168.1.12:80": 20}, true)

		r.comment("An open connection is listed as ESTABLISHED:")
		open := r.openConn(r.clientFrom("client", ""), "http://192.168.2.110/")
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "192.168.2.1:*", "192.168.2.110:80", natServerAddr[open.server]})
		r.expectHealthy("director")
	},
}

// natServerAddr maps servers to their addresses and ports, as in the output of -L -c.
var natServerAddr = map[string]string{"web1": "192.168.1.11:80", "web2": "192.168.1.12:80"}
