// SPDX-License-Identifier: MIT

package scenarios

var persistence = Scenario{
	Name:  "persistence",
	Title: "Persistence: each client stays on one server",
	About: "Direct routing and two clients, 172.16.100.1 and 172.16.100.3. The scheduler, round robin,\n" +
		"selects a server for a client's first connection; later connections go to the same server\n" +
		"until the persistence timeout of 3600 seconds.",
	Plan: drPlan,
	steps: func(r *runner) {
		r.serve(httpAndTLSPorts, "web1", "web2")
		client1, client2 := r.clientFrom("client", drClientAddr), r.clientFrom("client", drSecondClientAddr)

		r.comment("Per port: each port is a separate service, with its own persistence:")
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:80 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"ipvsadm -A -t 172.16.100.10:443 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:443 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:443 -r 172.16.100.22 -g",
		)
		r.expectListing(`
TCP  172.16.100.10:80 rr persistent 3600
  -> 172.16.100.21:80             Route   1      0          0         
  -> 172.16.100.22:80             Route   1      0          0         
TCP  172.16.100.10:443 rr persistent 3600
  -> 172.16.100.21:443            Route   1      0          0         
  -> 172.16.100.22:443            Route   1      0          0         
`)
		first := r.expectPersistent(client1, "http://172.16.100.10/", 10, "")
		second := r.expectPersistent(client2, "http://172.16.100.10/", 10, otherServer(first))
		r.expectPersistent(client2, "https://172.16.100.10/", 10, first)
		r.expectPersistent(client2, "http://172.16.100.10/", 5, second)
		r.comment("Persistence templates are listed among the connections, with source port 0:")
		r.expectConnections("director", "grep ':0 '",
			[]string{"TCP", "*", drClientAddr + ":0", "172.16.100.10:80", drServerAddr[first] + ":80"},
			[]string{"TCP", "*", drSecondClientAddr + ":0", "172.16.100.10:80", drServerAddr[second] + ":80"},
			[]string{"TCP", "*", drSecondClientAddr + ":0", "172.16.100.10:443", drServerAddr[first] + ":443"})
		r.expectHealthy("director")

		r.comment("Per firewall mark: ports 80 and 443 share their persistence:")
		r.runOnDirector("ipvsadm -C")
		r.runOnDirector(webMarkRule.AddCommands()...)
		r.runOnDirector(
			"ipvsadm -A -f 10 -s rr -p 3600",
			"ipvsadm -a -f 10 -r 172.16.100.21 -g",
			"ipvsadm -a -f 10 -r 172.16.100.22 -g",
		)
		r.expectListing(`
FWM  10 rr persistent 3600
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		first = r.expectPersistent(client1, "http://172.16.100.10/", 10, "")
		second = r.expectPersistent(client2, "http://172.16.100.10/", 10, otherServer(first))
		r.expectPersistent(client1, "https://172.16.100.10/", 10, first)
		r.expectPersistent(client2, "https://172.16.100.10/", 10, second)
		r.expectConnections("director", "grep '0.0.0.10:0 '",
			[]string{"IP", "*", drClientAddr + ":0", "0.0.0.10:0", drServerAddr[first] + ":0"},
			[]string{"IP", "*", drSecondClientAddr + ":0", "0.0.0.10:0", drServerAddr[second] + ":0"})
		r.expectHealthy("director")

		r.comment("Per client: port 0 is a service for all ports:")
		r.runOnDirector("ipvsadm -C")
		r.runOnDirector(webMarkRule.RemoveCommands()...)
		r.runOnDirector(
			"ipvsadm -A -t 172.16.100.10:0 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:0 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:0 -r 172.16.100.22 -g",
		)
		r.expectListing(`
TCP  172.16.100.10:0 rr persistent 3600
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		first = r.expectPersistent(client1, "http://172.16.100.10/", 10, "")
		r.expectPersistent(client2, "http://172.16.100.10:8080/", 10, otherServer(first))
		r.expectPersistent(client1, "https://172.16.100.10/", 10, first)
		r.expectPersistent(client1, "http://172.16.100.10:8080/", 10, first)
		r.expectConnections("director", "grep '172.16.100.10:0 '",
			[]string{"TCP", "*", drClientAddr + ":0", "172.16.100.10:0", drServerAddr[first] + ":0"},
			[]string{"TCP", "*", drSecondClientAddr + ":0", "172.16.100.10:0", drServerAddr[otherServer(first)] + ":0"})
		r.expectHealthy("director")
	},
}

func otherServer(server string) string {
	if server == "web1" {
		return "web2"
	}
	return "web1"
}
