// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"slices"

	"goipvsadm/scripts/testnet"
	"goipvsadm/scripts/testnet/scenarios"
)

// scenarioPlan returns the network of a scenario.
func scenarioPlan(name string) testnet.Plan {
	for _, s := range scenarios.All() {
		if s.Name == name {
			return s.Plan
		}
	}
	panic("no scenario " + name)
}

// Networks: those of the scenarios, and variants.
var (
	natPlan = scenarioPlan("nat")
	drPlan  = scenarioPlan("dr")
	tunPlan = scenarioPlan("tun")

	// NAT with client, director and server in one subnet.
	oneSubnetPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.2/24"}}}},
		{Name: "director", Sysctls: map[string]string{
			"net/ipv4/ip_forward":                  "1",
			"net/ipv4/conf/all/send_redirects":     "0",
			"net/ipv4/conf/default/send_redirects": "0",
		}, Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.1/24", "10.1.0.100/32"}}}},
		{Name: "web1", Sysctls: map[string]string{"net/ipv4/conf/all/accept_redirects": "0"},
			Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.11/24"}}}},
	}

	// NAT with two links between director and server: requests use one of them,
	// replies the other.
	asymmetricPlan = testnet.Plan{
		natPlan[0],
		{Name: "director", Sysctls: natPlan[1].Sysctls, Links: append(slices.Clone(natPlan[1].Links),
			testnet.Link{To: "back", Addresses: []string{"192.168.3.1/24"}})},
		{Name: "web1", Gateway: "192.168.3.1", Sysctls: map[string]string{"net/ipv4/conf/all/arp_announce": "2"}, Links: []testnet.Link{
			{To: "inside", Addresses: []string{"192.168.1.11/24"}},
			{To: "back", Addresses: []string{"192.168.3.11/24"}},
		}},
	}

	// NAT with IPv6.
	ip6NATPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"fd02::1/64"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv6/conf/all/forwarding": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"fd02::110/64"}},
			{To: "inside", Addresses: []string{"fd01::1/64"}},
		}},
		{Name: "web1", Gateway: "fd01::1", Links: []testnet.Link{{To: "inside", Addresses: []string{"fd01::11/64"}}}},
	}

	// Direct routing with IPv6.
	ip6DRPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"fd03::1/64"}}}},
		{Name: "director", Links: []testnet.Link{{To: "lan", Addresses: []string{"fd03::2/64", "fd03::10/128"}}}},
		{Name: "web1", Links: []testnet.Link{
			{To: "lan", Addresses: []string{"fd03::21/64"}},
			{To: "lo", Addresses: []string{"fd03::10/128"}},
		}},
	}

	// Direct routing with the director's default route on a second interface.
	twoLinksPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{
			{To: "lan", Addresses: []string{"172.16.100.1/24"}},
			{To: "lo", Addresses: []string{"10.9.9.9/32"}},
		}},
		{Name: "director", Gateway: "10.7.0.254", Links: []testnet.Link{
			{To: "lan", Addresses: []string{"172.16.100.2/24", "172.16.100.10/32"}},
			{To: "other", Addresses: []string{"10.7.0.1/24"}},
		}},
		{Name: "web1", Gateway: "172.16.100.1", Sysctls: drPlan[2].Sysctls, Links: drPlan[2].Links},
		{Name: "director2", Links: []testnet.Link{
			{To: "lan", Addresses: []string{"172.16.100.4/24"}},
			{To: "other", Addresses: []string{"10.7.0.4/24"}},
		}},
	}
)

// Tables for these networks.
const (
	natRules = `-A -t 192.168.2.110:80 -s rr
-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m
-a -t 192.168.2.110:80 -r 192.168.1.12:80 -m`
	asymmetricRules = `-A -t 192.168.2.110:80 -s rr
-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m`
	oneSubnetRules = `-A -t 10.1.0.100:80 -s rr
-a -t 10.1.0.100:80 -r 10.1.0.11:80 -m`
	ip6NATRules = `-A -t [fd02::110]:80 -s rr
-a -t [fd02::110]:80 -r [fd01::11]:80 -m`
	ip6DRRules = `-A -t [fd03::10]:80 -s rr
-a -t [fd03::10]:80 -r [fd03::21]:80 -g`
	drRules = `-A -t 172.16.100.10:80 -s rr
-a -t 172.16.100.10:80 -r 172.16.100.21:80 -g
-a -t 172.16.100.10:80 -r 172.16.100.22:80 -g`
	singleDRRules = `-A -t 172.16.100.10:80 -s rr
-a -t 172.16.100.10:80 -r 172.16.100.21:80 -g`
	tunRules = `-A -t 10.0.2.10:80 -s rr
-a -t 10.0.2.10:80 -r 10.0.3.11:80 -i
-a -t 10.0.2.10:80 -r 10.0.4.12:80 -i`
	singleTunRules = `-A -t 10.0.2.10:80 -s rr
-a -t 10.0.2.10:80 -r 10.0.3.11:80 -i`
)

var (
	natTraffic = []string{"192.168.2.110:80"}
	drTraffic  = []string{"172.16.100.10:80"}
	tunTraffic = []string{"10.0.2.10:80"}
)
