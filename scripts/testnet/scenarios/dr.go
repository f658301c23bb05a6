// SPDX-License-Identifier: MIT

package scenarios

import "goipvsadm/scripts/testnet"

// noARPSysctls keep a server from answering ARP requests for the virtual address and
// from announcing it.
var noARPSysctls = map[string]string{
	"net/ipv4/conf/all/arp_ignore":   "1",
	"net/ipv4/conf/all/arp_announce": "2",
}

var drPlan = testnet.Plan{
	{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.1/24", "172.16.100.3/24"}}}},
	{Name: "director", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.2/24", "172.16.100.10/32"}}}},
	{Name: "web1", Sysctls: noARPSysctls, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"172.16.100.21/24"}},
		{To: "lo", Addresses: []string{"172.16.100.10/32"}},
	}},
	{Name: "web2", Sysctls: noARPSysctls, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"172.16.100.22/24"}},
		{To: "lo", Addresses: []string{"172.16.100.10/32"}},
	}},
}

const (
	drClientAddr       = "172.16.100.1"
	drSecondClientAddr = "172.16.100.3" // second address of the client host, used as another client
)

// drServerAddr maps servers to their addresses.
var drServerAddr = map[string]string{"web1": "172.16.100.21", "web2": "172.16.100.22"}

var directRouting = Scenario{
	Name:  "dr",
	Title: "LVS-DR: direct routing",
	About: "Client, director and servers share one network. The servers also have the virtual address\n" +
		"172.16.100.10, on lo, but do not answer ARP for it (arp_ignore=1, arp_announce=2). The director\n" +
		"forwards packets unmodified, and the servers reply to the client directly.",
	Plan: drPlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:80 -s rr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
		)
		r.expectListing(`
TCP  172.16.100.10:80 rr
  -> 172.16.100.21:80             Route   1      0          0         
  -> 172.16.100.22:80             Route   1      0          0         
`)
		r.expectResponses(r.clientFrom("client", ""), "http://172.16.100.10/", testnet.ResponseCounts{"web1": 20, "web2": 20})
		r.comment("Replies bypass the director, so OutPkts stays 0:")
		r.expectCounters(map[string]int{"172.16.100.10:80": 40, "172.16.100.21:80": 20, "172.16.100.22:80": 20}, false)
		open := r.openConn(r.clientFrom("client", ""), "http://172.16.100.10/")
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", drServerAddr[open.server] + ":80"})
		r.expectHealthy("director")
	},
}
