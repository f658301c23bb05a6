// SPDX-License-Identifier: MIT

package scenarios

import "goipvsadm/scripts/testnet"

// tunnelSysctls disable rp_filter: packets arrive through the tunnel, but replies to their
// sources leave through another interface.
var tunnelSysctls = map[string]string{
	"net/ipv4/conf/all/rp_filter":   "0",
	"net/ipv4/conf/tunl0/rp_filter": "0",
}

var tunPlan = testnet.Plan{
	{Name: "client", Gateway: "10.0.1.1", Links: []testnet.Link{{To: "here", Addresses: []string{"10.0.1.2/24"}}}},
	{Name: "router", Sysctls: forwardingSysctls, Links: []testnet.Link{
		{To: "here", Addresses: []string{"10.0.1.1/24"}},
		{To: "there", Addresses: []string{"10.0.2.1/24"}},
		{To: "berlin", Addresses: []string{"10.0.3.1/24"}},
		{To: "madrid", Addresses: []string{"10.0.4.1/24"}},
	}},
	{Name: "director", Gateway: "10.0.2.1", Links: []testnet.Link{
		{To: "there", Addresses: []string{"10.0.2.2/24", "10.0.2.10/32"}},
	}},
	{Name: "web1", Gateway: "10.0.3.1", Sysctls: tunnelSysctls, Links: []testnet.Link{
		{To: "berlin", Addresses: []string{"10.0.3.11/24"}},
		{To: "tunl0", Addresses: []string{"10.0.2.10/32"}},
	}},
	{Name: "web2", Gateway: "10.0.4.1", Sysctls: tunnelSysctls, Links: []testnet.Link{
		{To: "madrid", Addresses: []string{"10.0.4.12/24"}},
		{To: "tunl0", Addresses: []string{"10.0.2.10/32"}},
	}},
}

// tunServerAddr maps servers to their addresses and ports.
var tunServerAddr = map[string]string{"web1": "10.0.3.11:80", "web2": "10.0.4.12:80"}

var tunnel = Scenario{
	Name:  "tun",
	Title: "LVS-TUN: IP-in-IP tunnels",
	About: "Client, director and servers are in four networks, connected by a router. The director sends\n" +
		"packets through IP-in-IP tunnels to the servers, which have the virtual address 10.0.2.10 on\n" +
		"tunl0 (rp_filter=0) and reply to the client directly.",
	Plan: tunPlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		r.runOnDirector(
			"ipvsadm -A -t 10.0.2.10:80 -s rr",
			"ipvsadm -a -t 10.0.2.10:80 -r 10.0.3.11 -i",
			"ipvsadm -a -t 10.0.2.10:80 -r 10.0.4.12 -i",
		)
		r.expectListing(`
TCP  10.0.2.10:80 rr
  -> 10.0.3.11:80                 Tunnel  1      0          0         
  -> 10.0.4.12:80                 Tunnel  1      0          0         
`)
		r.expectResponses(r.clientFrom("client", ""), "http://10.0.2.10/", testnet.ResponseCounts{"web1": 20, "web2": 20})
		r.expectCounters(map[string]int{"10.0.2.10:80": 40, "10.0.3.11:80": 20, "10.0.4.12:80": 20}, false)
		open := r.openConn(r.clientFrom("client", ""), "http://10.0.2.10/")
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "10.0.1.2:*", "10.0.2.10:80", tunServerAddr[open.server]})
		r.expectHealthy("director")
	},
}
