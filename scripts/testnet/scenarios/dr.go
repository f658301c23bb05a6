package scenarios

import "goipvsadm/scripts/testnet"

// quiet keeps a server from claiming in ARP the address that it shares with the director.
var quiet = map[string]string{
	"net/ipv4/conf/all/arp_ignore":   "1",
	"net/ipv4/conf/all/arp_announce": "2",
}

var drPlan = testnet.Plan{
	{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.1/24", "172.16.100.3/24"}}}},
	{Name: "director", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.2/24", "172.16.100.10/32"}}}},
	{Name: "web1", Sysctls: quiet, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"172.16.100.21/24"}},
		{To: "lo", Addresses: []string{"172.16.100.10/32"}},
	}},
	{Name: "web2", Sysctls: quiet, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"172.16.100.22/24"}},
		{To: "lo", Addresses: []string{"172.16.100.10/32"}},
	}},
}

const (
	drClient  = "172.16.100.1"
	drClient2 = "172.16.100.3" // the client's second address, to stand for another client
)

var drAddress = map[string]string{"web1": "172.16.100.21", "web2": "172.16.100.22"}

var directRouting = Setup{
	Name:  "dr",
	Title: "LVS-DR: the director forwards frames, the servers answer by themselves",
	About: "All are in one network. The servers have the virtual address 172.16.100.10 too, on lo,\n" +
		"and keep quiet about it (arp_ignore 1, arp_announce 2), so that the client finds the director.",
	Plan: drPlan,
	play: func(s *runner) {
		s.serve(webPort, "web1", "web2")
		s.director(
			"ipvsadm -A -t 172.16.100.10:80 -s rr",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
		)
		s.listing(`
TCP  172.16.100.10:80 rr
  -> 172.16.100.21:80             Route   1      0          0         
  -> 172.16.100.22:80             Route   1      0          0         
`)
		s.ask(s.from("client", ""), "http://172.16.100.10/", testnet.ResponseCounts{"web1": 20, "web2": 20})
		s.comment("The director sees nothing of the answers: OutPkts stays 0.")
		s.counters(map[string]int{"172.16.100.10:80": 40, "172.16.100.21:80": 20, "172.16.100.22:80": 20}, false)
		open := s.hold(s.from("client", ""), "http://172.16.100.10/")
		s.entries("director", established, []string{"TCP", "ESTABLISHED", "172.16.100.1:*", "172.16.100.10:80", drAddress[open.server] + ":80"})
		s.examined("director")
	},
}
