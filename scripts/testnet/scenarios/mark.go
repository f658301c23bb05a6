package scenarios

import (
	"net/netip"

	"goipvsadm/scripts/testnet"
)

// webAndTLS are the ports of a server that speaks HTTP and HTTPS, and a third one.
var webAndTLS = []string{":80", ":443", ":8080"}

// marking gives what goes to the virtual address's ports 80 and 443 the mark 10.
var marking = testnet.MarkRule{Device: "eth0", To: netip.MustParseAddr("172.16.100.10"), Ports: []int{80, 443}, Mark: 10}

var firewallMark = Setup{
	Name:  "mark",
	Title: "A firewall mark: two ports, one service",
	About: "Direct routing as before. The director's firewall marks what goes to ports 80 and 443,\n" +
		"and the virtual service is that mark instead of an address.",
	Plan: drPlan,
	play: func(s *runner) {
		s.serve(webAndTLS, "web1", "web2")
		s.director(marking.Set()...)
		s.director(
			"ipvsadm -A -f 10 -s rr",
			"ipvsadm -a -f 10 -r 172.16.100.21 -g",
			"ipvsadm -a -f 10 -r 172.16.100.22 -g",
		)
		s.listing(`
FWM  10 rr
  -> 172.16.100.21:0              Route   1      0          0         
  -> 172.16.100.22:0              Route   1      0          0         
`)
		client := s.from("client", "")
		s.ask(client, "http://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		s.ask(client, "https://172.16.100.10/", testnet.ResponseCounts{"web1": 10, "web2": 10})
		s.comment("Port 8080 has no mark, and so no service.")
		s.refused(client, "http://172.16.100.10:8080/")
		s.counters(map[string]int{"10": 40, "172.16.100.21:0": 20, "172.16.100.22:0": 20}, false)
		s.examined("director")
	},
}
