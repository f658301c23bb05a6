// SPDX-License-Identifier: MIT

package scenarios

import "goipvsadm/scripts/testnet"

var weights = Scenario{
	Name:  "weights",
	Title: "Weights: unequal servers, and draining one",
	About: "Direct routing with weighted round robin: web2 gets three times as many connections as web1.\n" +
		"A server of weight 0 gets no new connections, while its open ones continue.",
	Plan: drPlan,
	steps: func(r *runner) {
		r.serve(httpPort, "web1", "web2")
		client := r.clientFrom("client", "")
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:80 -s wrr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g -w 1",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g -w 3",
		)
		r.expectListing(`
TCP  172.16.100.10:80 wrr
  -> 172.16.100.21:80             Route   1      0          0         
  -> 172.16.100.22:80             Route   3      0          0         
`)
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 30})

		r.comment("Drain web1 while a connection to it is open:")
		open := r.openConn(client, "http://172.16.100.10/")
		for attempt := 1; attempt < 4 && open.server != "web1"; attempt++ {
			open = r.openConn(client, "http://172.16.100.10/")
		}
		r.runOnDirector("ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0")
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web2": 20})
		open.request()
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", "172.16.100.21:80"})
		r.expectHealthy("director")

		r.comment("Return web1 to service:")
		r.runOnDirector("ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 1")
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 5, "web2": 15})
		r.expectHealthy("director")
	},
}
