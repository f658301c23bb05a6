package scenarios

import "goipvsadm/scripts/testnet"

// quiet keeps a server from claiming in ARP the address that it shares with the director.
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
	drSecondClientAddr = "172.16.100.3" // the client's second address, to stand for another client
)

var drServerAddr = map[string]string{"web1": "172.16.100.21", "web2": "172.16.100.22"}

var directRouting = Scenario{
	Name:  "dr",
	Title: "LVS-DR: the director forwards frames, the servers answer by themselves",
	About: "All are in one network. The servers have the virtual address 172.16.100.10 too, on lo,\n" +
		"and keep quiet about it (arp_ignore 1, arp_announce 2), so that the client finds the director.",
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
		r.comment("The director sees nothing of the answers: OutPkts stays 0.")
		r.expectCounters(map[string]int{"172.16.100.10:80": 40, "172.16.100.21:80": 20, "172.16.100.22:80": 20}, false)
		open := r.openConn(r.clientFrom("client", ""), "http://172.16.100.10/")
		r.expectConnections("director", established, []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", drServerAddr[open.server] + ":80"})
		r.expectHealthy("director")
	},
}
