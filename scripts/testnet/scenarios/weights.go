package scenarios

import "goipvsadm/scripts/testnet"

var weights = Scenario{
	Name:  "weights",
	Title: "Weights: three times the work for one server, none for another",
	About: "Direct routing with weighted round robin. A weight of 0 drains a server: it gets no new\n" +
		"connections, and keeps those that it has.",
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

		r.comment("web1 is drained while one connection to it is open.")
		open := r.openConn(client, "http://172.16.100.10/")
		for turn := 1; turn < 4 && open.server != "web1"; turn++ {
			open = r.openConn(client, "http://172.16.100.10/")
		}
		r.runOnDirector("ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0")
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web2": 20})
		open.request()
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", "172.16.100.21:80"})

		r.expectHealthy("director")

		r.comment("And back to work.")
		r.runOnDirector("ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 1")
		r.expectResponses(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 5, "web2": 15})
		r.expectHealthy("director")
	},
}
