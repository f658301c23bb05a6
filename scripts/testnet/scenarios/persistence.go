package scenarios

var persistence = Scenario{
	Name:  "persistence",
	Title: "Persistence: a client stays on its server",
	About: "Direct routing, and two clients, 172.16.100.1 and 172.16.100.3. Round robin would send a\n" +
		"client here and there; for 3600 seconds after its first connection it does not.",
	Plan: drPlan,
	steps: func(r *runner) {
		r.serve(httpAndTLSPorts, "web1", "web2")
		one, two := r.clientFrom("client", drClientAddr), r.clientFrom("client", drSecondClientAddr)

		r.comment("Per port: each port is a service of its own, with a memory of its own.")
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
		first := r.expectPersistent(one, "http://172.16.100.10/", 10, "")
		second := r.expectPersistent(two, "http://172.16.100.10/", 10, otherServer(first))
		r.expectPersistent(two, "https://172.16.100.10/", 10, first)
		r.expectPersistent(two, "http://172.16.100.10/", 5, second)
		r.comment("What the director remembers stands among the connections, with source port 0.")
		r.expectConnections("director", "grep ':0 '",
			[]string{"TCP", "*", drClientAddr + ":0", "172.16.100.10:80", drServerAddr[first] + ":80"},
			[]string{"TCP", "*", drSecondClientAddr + ":0", "172.16.100.10:80", drServerAddr[second] + ":80"},
			[]string{"TCP", "*", drSecondClientAddr + ":0", "172.16.100.10:443", drServerAddr[first] + ":443"})

		r.expectHealthy("director")

		r.comment("Per mark: ports 80 and 443 share one memory.")
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
		first = r.expectPersistent(one, "http://172.16.100.10/", 10, "")
		second = r.expectPersistent(two, "http://172.16.100.10/", 10, otherServer(first))
		r.expectPersistent(one, "https://172.16.100.10/", 10, first)
		r.expectPersistent(two, "https://172.16.100.10/", 10, second)
		r.expectConnections("director", "grep '0.0.0.10:0 '",
			[]string{"IP", "*", drClientAddr + ":0", "0.0.0.10:0", drServerAddr[first] + ":0"},
			[]string{"IP", "*", drSecondClientAddr + ":0", "0.0.0.10:0", drServerAddr[second] + ":0"})

		r.expectHealthy("director")

		r.comment("Per client: port 0 is all ports.")
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
		first = r.expectPersistent(one, "http://172.16.100.10/", 10, "")
		r.expectPersistent(two, "http://172.16.100.10:8080/", 10, otherServer(first))
		r.expectPersistent(one, "https://172.16.100.10/", 10, first)
		r.expectPersistent(one, "http://172.16.100.10:8080/", 10, first)
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
