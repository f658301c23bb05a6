package scenarios

import (
	"net/netip"

	"goipvsadm/scripts/testnet"
)

// webAndTLS are the ports of a server that speaks HTTP and HTTPS, and a third one.
var httpAndTLSPorts = []string{":80", ":443", ":8080"}

// marking gives what goes to the virtual address's ports 80 and 443 the mark 10.
var webMarkRule = testnet.MarkRule{Device: "eth0", To: netip.MustParseAddr("172.16.100.10"), Ports: []int{80, 443}, Mark: 10}

var firewallMark = Scenario{
	Name:  "mark",
	Title: "A firewall mark: two ports, one service",
	About: "Direct routing as before. The director's firewall marks what goes to ports 80 and 443,\n" +
		"and the virtual service is that mark instead of an address.",
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
		r.comment("Port 8080 has no mark, and so no service.")
		r.expectRefused(client, "http://172.16.100.10:8080/")
		r.expectCounters(map[string]int{"10": 40, "172.16.100.21:0": 20, "172.16.100.22:0": 20}, false)
		r.expectHealthy("director")
	},
}
