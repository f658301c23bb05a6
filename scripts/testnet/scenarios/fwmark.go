// SPDX-License-Identifier: MIT

package scenarios

import (
	"net/netip"

	"goipvsadm/scripts/testnet"
)

// httpAndTLSPorts are the ports of a server for HTTP, HTTPS and HTTP on 8080.
var httpAndTLSPorts = []string{":80", ":443", ":8080"}

// webMarkRule sets mark 10 on packets to ports 80 and 443 of the virtual address.
var webMarkRule = testnet.MarkRule{Device: "eth0", To: netip.MustParseAddr("172.16.100.10"), Ports: []int{80, 443}, Mark: 10}

var firewallMark = Scenario{
	Name:  "mark",
	Title: "Firewall mark: one service for two ports",
	About: "Direct routing as before. The director's firewall marks packets to ports 80 and 443 with\n" +
		"mark 10, and the virtual service is defined by that mark instead of an address.",
	Plan: drPlan,
	steps: func(r *runner) {
		r.serve(httpAndTLSPorts, "web1", "web2")
		r.runOnDirector(webMarkRule.AddCommands()...)
		r.runOnDirector(
			"ipvsadm -A -f 10 -s rr",
			"ipvsadm -a -f 10 -r 172.16.100.21 -g",
			"ipvsadm -a -f 10 -r 172.16.100.22 -g",
		)
		r.expectListing(`
FWM  10 rr
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		client := r.clientFrom("client", "")
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.expectResponses(client, "https://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		r.comment("Packets to port 8080 are not marked, so no service handles them:")
		r.expectRefused(client, "http://172.16.100.10:8080/")
		r.expectCounters(map[string]int{"10": 40, "172.16.100.21:0": 20, "172.16.100.22:0": 20}, false)
		r.expectHealthy("director")
	},
}
