package scenarios

var persistence = Setup{
	Name:  "persistence",
	Title: "Persistence: a client stays on its server",
	About: "Direct routing, and two clients, 172.16.100.1 and 172.16.100.3. Round robin would send a\n" +
		"client here and there; for 3600 seconds after its first connection it does not.",
	Plan: drPlan,
	play: func(s *runner) {
		s.serve(webAndTLS, "web1", "web2")
		one, two := s.from("client", drClient), s.from("client", drClient2)

		s.comment("Per port: each port is a service of its own, with a memory of its own.")
		s.director(
			"ipvsadm -A -t 172.16.100.10:80 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"ipvsadm -A -t 172.16.100.10:443 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:443 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:443 -r 172.16.100.22 -g",
		)
		s.listing(`
TCP  172.16.100.10:80 rr persistent 3600
  -> 172.16.100.21:80             Route   1      0          0         
  -> 172.16.100.22:80             Route   1      0          0         
TCP  172.16.100.10:443 rr persistent 3600
  -> 172.16.100.21:443            Route   1      0          0         
  -> 172.16.100.22:443            Route   1      0          0         
`)
		first := s.expectPersistent(one, "http://172.16.100.10/", 10, "")
		second := s.expectPersistent(two, "http://172.16.100.10/", 10, other(first))
		s.expectPersistent(two, "https://172.16.100.10/", 10, first)
		s.expectPersistent(two, "http://172.16.100.10/", 5, second)
		s.comment("What the director remembers stands among the connections, with source port 0.")
		s.entries("director", "grep ':0 '",
			[]string{"TCP", "*", drClient + ":0", "172.16.100.10:80", drAddress[first] + ":80"},
			[]string{"TCP", "*", drClient2 + ":0", "172.16.100.10:80", drAddress[second] + ":80"},
			[]string{"TCP", "*", drClient2 + ":0", "172.16.100.10:443", drAddress[first] + ":443"})

		s.examined("director")

		s.comment("Per mark: ports 80 and 443 share one memory.")
		s.director("ipvsadm -C")
		s.director(marking.Set()...)
		s.director(
			"ipvsadm -A -f 10 -s rr -p 3600",
			"ipvsadm -a -f 10 -r 172.16.100.21 -g",
			"ipvsadm -a -f 10 -r 172.16.100.22 -g",
		)
		s.listing(`
FWM  10 rr persistent 3600
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		first = s.expectPersistent(one, "http://172.16.100.10/", 10, "")
		second = s.expectPersistent(two, "http://172.16.100.10/", 10, other(first))
		s.expectPersistent(one, "https://172.16.100.10/", 10, first)
		s.expectPersistent(two, "https://172.16.100.10/", 10, second)
		s.entries("director", "grep '0.0.0.10:0 '",
			[]string{"IP", "*", drClient + ":0", "0.0.0.10:0", drAddress[first] + ":0"},
			[]string{"IP", "*", drClient2 + ":0", "0.0.0.10:0", drAddress[second] + ":0"})

		s.examined("director")

		s.comment("Per client: port 0 is all ports.")
		s.director("ipvsadm -C")
		s.director(marking.Unset()...)
		s.director(
			"ipvsadm -A -t 172.16.100.10:0 -s rr -p 3600",
			"ipvsadm -a -t 172.16.100.10:0 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:0 -r 172.16.100.22 -g",
		)
		s.listing(`
TCP  172.16.100.10:0 rr persistent 3600
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		first = s.expectPersistent(one, "http://172.16.100.10/", 10, "")
		s.expectPersistent(two, "http://172.16.100.10:8080/", 10, other(first))
		s.expectPersistent(one, "https://172.16.100.10/", 10, first)
		s.expectPersistent(one, "http://172.16.100.10:8080/", 10, first)
		s.entries("director", "grep '172.16.100.10:0 '",
			[]string{"TCP", "*", drClient + ":0", "172.16.100.10:0", drAddress[first] + ":0"},
			[]string{"TCP", "*", drClient2 + ":0", "172.16.100.10:0", drAddress[other(first)] + ":0"})
		s.examined("director")
	},
}

func other(server string) string {
	if server == "web1" {
		return "web2"
	}
	return "web1"
}
