// SPDX-License-Identifier: MIT

package doctor

import (
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

var (
	ap   = netip.MustParseAddrPort
	addr = netip.MustParseAddr
)

// Indexes of the links in healthyFacts.
const (
	lo = iota + 1
	outside
	inside
)

const reachable = netstate.Reachable

// healthyFacts returns the facts of a director without problems: one service
// and two servers with NAT, and traffic in both directions.
func healthyFacts() *Facts {
	traffic := &ipvs.Stats{Conns: 5, InPackets: 50, OutPackets: 40, InBytes: 5000, OutBytes: 4000}
	server := func(addrPort string) Server {
		return Server{
			Destination: ipvs.Destination{AddrPort: ap(addrPort), Method: ipvs.Masquerading, Weight: 1, Stats: *traffic},
			Delta:       traffic,
			Conns:       Conns{Total: 5, Established: 5, New: 5, Completed: 5, Clients: []netip.Addr{addr("192.0.2.99")}, VIP: ap("192.0.2.1:80")},
		}
	}
	return &Facts{
		Program: "goipvsadm",
		Services: []Service{{
			Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "wlc",
				Netmask: ipvs.HostNetmask(ipvs.IPv4), Stats: *traffic},
			Delta:   traffic,
			Servers: []Server{server("10.0.0.11:80"), server("10.0.0.12:80")},
		}},
		ConnTableSize: 4096,
		Links: []netstate.Link{
			{Index: lo, Name: "lo", Up: true, LowerUp: true, Loopback: true, MTU: 65536},
			{Index: outside, Name: "eth0", Up: true, LowerUp: true, Multicast: true, NeedsNeigh: true, MTU: 1500},
			{Index: inside, Name: "eth1", Up: true, LowerUp: true, Multicast: true, NeedsNeigh: true, MTU: 1500},
		},
		Addresses: []netstate.Address{
			{Link: lo, Prefix: netip.MustParsePrefix("127.0.0.1/8")},
			{Link: outside, Prefix: netip.MustParsePrefix("192.0.2.1/24")},
			{Link: inside, Prefix: netip.MustParsePrefix("10.0.0.1/24")},
		},
		Neighbors:       Neighbors{{inside, addr("10.0.0.11")}: reachable, {inside, addr("10.0.0.12")}: reachable},
		NeighborsBefore: Neighbors{{inside, addr("10.0.0.11")}: reachable, {inside, addr("10.0.0.12")}: reachable},
		Routes: map[netip.Addr]netstate.Route{
			addr("192.0.2.1"):                     {Type: netstate.Local, Link: lo},
			addr("192.0.2.99"):                    {Type: netstate.Unicast, Link: outside, Source: addr("192.0.2.1")},
			addr("10.0.0.11"):                     {Type: netstate.Unicast, Link: inside, Source: addr("10.0.0.1")},
			addr("10.0.0.12"):                     {Type: netstate.Unicast, Link: inside, Source: addr("10.0.0.1")},
			internetAddr(netip.IPv4Unspecified()): {Type: netstate.Unicast, Link: outside, Gateway: addr("192.0.2.254")},
		},
		Sysctls: map[string]int{
			"net/ipv4/ip_forward":               1,
			"net/ipv4/conf/all/forwarding":      1,
			"net/ipv4/conf/eth0/forwarding":     1,
			"net/ipv4/conf/eth1/forwarding":     1,
			"net/ipv4/conf/all/send_redirects":  1,
			"net/ipv4/conf/eth1/send_redirects": 1,
			"net/ipv4/conf/all/rp_filter":       1,
			"net/ipv4/vs/conntrack":             0,
			"net/ipv4/vs/pmtu_disc":             1,
			"net/ipv4/vs/expire_nodest_conn":    0,
			"net/ipv4/vs/drop_entry":            1, // automatic mode, not active
			"net/netfilter/nf_conntrack_count":  500,
			"net/netfilter/nf_conntrack_max":    65536,
		},
		Memory: 1 << 30,
	}
}

// firstServer returns the first service and its first server.
func (f *Facts) firstServer() (*Service, *Server) { return &f.Services[0], &f.Services[0].Servers[0] }
