package doctor

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

// TestDiagnose runs all checks on facts that differ from healthyFacts. The
// kernel tests cover what each check finds; most rows here cover what the
// checks must not report.
func TestDiagnose(t *testing.T) {
	silent := &ipvs.Stats{Conns: 5, InPackets: 15, InBytes: 900}
	stuck := Conns{Total: 5, SynRecv: 5, StuckSynRecv: 5, Clients: []netip.Addr{addr("192.0.2.99")}, VIP: addr("192.0.2.1")}
	const (
		service = "TCP 192.0.2.1:80"
		server1 = "TCP 192.0.2.1:80 10.0.0.11:80"
		server2 = "TCP 192.0.2.1:80 10.0.0.12:80"
	)
	server1Neighbor := neighborKey{inside, addr("10.0.0.11")}
	for _, tt := range []struct {
		name   string
		change func(f *Facts)
		want   []string // identifier, service and server of each finding
	}{
		{name: "healthy", change: func(*Facts) {}},
		{name: "only the table is known", change: func(f *Facts) { *f = Facts{Services: f.Services} }},
		{name: "conntrack full without services", change: func(f *Facts) {
			f.Services = nil
			f.Sysctls["net/netfilter/nf_conntrack_count"] = 65536
		}},
		{name: "conntrack full with an unreadable table", change: func(f *Facts) {
			f.Services, f.TableUnreadable = nil, true
			f.Sysctls["net/netfilter/nf_conntrack_count"] = 65536
		}, want: []string{"conntrack-full"}},

		{name: "no replies from one server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
		}, want: []string{"nat-no-answers " + server1}},
		{name: "no replies yet to new connections of a working server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, Conns{Total: 5, SynRecv: 1, Established: 4}
		}},
		{name: "no reply yet to a first packet", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 1, InPackets: 1}, Conns{Total: 1, SynRecv: 1}
		}},
		{name: "idle server that has never replied", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Stats, d.Conns = new(ipvs.Stats), *silent, stuck
		}, want: []string{"nat-no-answers " + server1}},
		{name: "zeroed counters", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = nil, stuck
		}},
		{name: "UDP without replies from any server", change: func(f *Facts) {
			f.Services[0].Protocol = ipvs.UDP
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Delta, f.Services[0].Servers[i].Conns = silent, Conns{Total: 5}
			}
		}},
		{name: "UDP without replies from one of two servers", change: func(f *Facts) {
			s, d := f.firstServer()
			s.Protocol, d.Delta, d.Conns = ipvs.UDP, silent, Conns{Total: 5}
		}, want: []string{"nat-no-answers UDP 192.0.2.1:80 10.0.0.11:80"}},
		{name: "no replies in the clients' subnet", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Clients = []netip.Addr{addr("10.0.0.50")}
		}, want: []string{"nat-same-network " + server1}},
		{name: "no replies in a small part of the connection table", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Partial = true
		}},
		{name: "no replies in a large part of the connection table", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Total, d.Conns.SynRecv, d.Conns.Partial = 12, 12, true
		}, want: []string{"nat-no-answers " + server1}},

		{name: "no replies because forwarding is off", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
		}, want: []string{"forwarding-off"}},
		{name: "ip_forward off but forwarding on for the interface", change: func(f *Facts) {
			f.Sysctls["net/ipv4/ip_forward"] = 0
		}},
		{name: "forwarding off without NAT", change: func(f *Facts) {
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Method = ipvs.Tunneling
			}
		}},

		{name: "redirects with clients on the servers' link", change: func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
		}, want: []string{"send-redirects"}},
		{name: "redirects with conntrack, which allows SNAT", change: func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
			f.Sysctls["net/ipv4/vs/conntrack"] = 1
		}},

		{name: "VIP on another host", change: moveVIP, want: []string{"vip-not-local " + service}},
		{name: "VIP on another host, with traffic", change: func(f *Facts) {
			moveVIP(f)
			f.Services[0].Delta = &ipvs.Stats{InPackets: 1}
		}},
		{name: "VIP on another host, moved by keepalived", change: func(f *Facts) {
			moveVIP(f)
			f.Processes = []netstate.Process{{ID: 7, Name: "keepalived"}}
		}, want: []string{"other-program"}},
		{name: "VIP on another host, moved by Pacemaker", change: func(f *Facts) {
			moveVIP(f)
			f.Processes = []netstate.Process{{ID: 7, Name: "pacemakerd"}}
		}},
		{name: "service for all addresses", change: func(f *Facts) {
			moveVIP(f)
			f.Services[0].AddrPort = ap("0.0.0.0:80")
		}},
		{name: "VIP on a link that is down, with traffic through another link", change: func(f *Facts) {
			f.Links[outside-1].Up = false
		}},
		{name: "VIP on a link without ARP that is down", change: func(f *Facts) {
			f.Services[0].Delta = nil
			f.Links[outside-1].Up, f.Links[outside-1].NeedsNeigh = false, false
		}},
		{name: "VIP on a link that is down", change: func(f *Facts) {
			f.Services[0].Delta = nil
			f.Links[outside-1].Up = false
		}, want: []string{"vip-link-down " + service}},
		{name: "VIP on a link without carrier", change: func(f *Facts) {
			f.Services[0].Delta = nil
			f.Links[outside-1].LowerUp = false
		}, want: []string{"vip-link-down " + service}},
		{name: "VIP on lo, routed to the director", change: func(f *Facts) {
			f.Addresses[1] = netstate.Address{Link: lo, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
			f.Services[0].Servers[0].Method = ipvs.DirectRouting
		}},

		{name: "rp_filter drops without a suspect link", change: func(f *Facts) { f.ReversePathDrops = 1000 }},
		{name: "rp_filter drops with another reverse route", change: func(f *Facts) {
			f.ReversePathDrops = 1000
			f.Routes[testNetAddr(netip.IPv4Unspecified())] = netstate.Route{Type: netstate.Unicast, Link: inside}
		}, want: []string{"rp-filter"}},
		{name: "rp_filter drops with loose mode on the suspect link", change: func(f *Facts) {
			f.ReversePathDrops = 1000
			f.Routes[testNetAddr(netip.IPv4Unspecified())] = netstate.Route{Type: netstate.Unicast, Link: inside}
			f.Sysctls["net/ipv4/conf/eth0/rp_filter"] = 2
		}},
		{name: "no replies with fewer rp_filter drops than packets sent", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			f.ReversePathDrops = 3
		}, want: []string{"nat-no-answers " + server1}},
		{name: "no replies with rp_filter drops but no strict link", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			f.ReversePathDrops = 15
			f.Sysctls["net/ipv4/conf/all/rp_filter"] = 0
		}, want: []string{"nat-no-answers " + server1}},
		{name: "replies dropped by rp_filter", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			f.ReversePathDrops = 15
		}, want: []string{"rp-filter"}},

		{name: "neighbor being resolved", change: func(f *Facts) {
			delete(f.NeighborsBefore, server1Neighbor)
			f.Neighbors[server1Neighbor] = netstate.Incomplete
		}},
		{name: "neighbor unresolved at both samples", change: func(f *Facts) {
			f.NeighborsBefore[server1Neighbor] = netstate.Failed
			f.Neighbors[server1Neighbor] = netstate.Incomplete
		}, want: []string{"neighbour-failed " + server1}},
		{name: "no neighbor entries despite traffic", change: func(f *Facts) {
			f.Neighbors, f.NeighborsBefore = nil, nil
		}, want: []string{"neighbour-failed " + server1, "neighbour-failed " + server2}},
		{name: "no neighbor entries on a link without ARP", change: func(f *Facts) {
			f.Neighbors, f.NeighborsBefore = nil, nil
			f.Links[inside-1].NeedsNeigh = false
		}},
		{name: "no neighbor entries on another subnet", change: func(f *Facts) {
			f.Neighbors, f.NeighborsBefore = nil, nil
			f.Addresses = f.Addresses[:2]
		}},
		{name: "drained server that is down", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight = 0
			f.Neighbors[server1Neighbor] = netstate.Failed
			f.Routes[addr("10.0.0.11")] = netstate.Route{}
		}},

		{name: "only resets from a server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 3, InPackets: 3, OutPackets: 3, OutBytes: 120}, Conns{Total: 3}
		}, want: []string{"server-refuses " + server1}},
		{name: "short replies from a server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 3, InPackets: 9, OutPackets: 6, OutBytes: 252}, Conns{Total: 3}
		}},

		{name: "single SYN to an idle service", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 1, SynRecv: 1, StuckSynRecv: 1}, Conns{})
			f.Services[0].Delta = new(ipvs.Stats)
		}},
		{name: "SYNs to an idle service that had other traffic", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{})
			f.Services[0].Delta = new(ipvs.Stats)
		}},
		{name: "SYNs to a service that never had other traffic", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{})
			f.Services[0].Delta = new(ipvs.Stats)
			f.Services[0].Stats = ipvs.Stats{Conns: 5, InPackets: 5}
		}, want: []string{"service-silent " + service}},
		{name: "retransmitted SYN", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 1, SynRecv: 1, StuckSynRecv: 1, VIP: addr("192.0.2.1")}, Conns{})
			f.Services[0].Delta = &ipvs.Stats{InPackets: 1}
		}, want: []string{"service-silent " + service}},
		{name: "one of two servers silent", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{Total: 1, Established: 1})
		}, want: []string{"server-silent " + server1}},
		{name: "stuck connection to a working server", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 9, SynRecv: 1, Established: 8, StuckSynRecv: 1}, Conns{})
		}},

		{name: "same problem in three services", change: func(f *Facts) {
			f.Neighbors[server1Neighbor] = netstate.Failed
			for port := range uint16(2) {
				s := f.Services[0]
				s.AddrPort = netip.AddrPortFrom(s.AddrPort.Addr(), 81+port)
				f.Services = append(f.Services, s)
			}
		}, want: []string{"neighbour-failed " + server1 + " +2"}},

		{name: "probe refused by a server with established connections", change: refuseProbe},
		{name: "probe refused by an idle server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = nil, Conns{}
			refuseProbe(f)
		}, want: []string{"probe-refused " + server1}},
		{name: "VIP claimed by the director itself", change: func(f *Facts) {
			f.Links[inside-1].HardwareAddr = []byte{2, 0, 0, 0, 0, 1}
			f.ARPReplies = []netprobe.Reply{{Link: outside, Addr: addr("192.0.2.1"), HardwareAddr: []byte{2, 0, 0, 0, 0, 1}}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := healthyFacts()
			tt.change(f)
			var got []string
			for _, x := range Diagnose(f) {
				text := x.Check.ID
				if x.Service != nil {
					text += " " + x.Service.String()
				}
				if x.Server != nil {
					text += " " + x.Server.AddrPort.String()
				}
				if x.MoreServices() > 0 {
					text += " +" + strconv.Itoa(x.MoreServices())
				}
				got = append(got, text)
				if x.Evidence == "" || len(x.Remedies) == 0 {
					t.Errorf("%s: no evidence or no remedy", text)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// moveVIP moves the VIP to another host and stops its traffic.
func moveVIP(f *Facts) {
	f.Addresses[1] = netstate.Address{Link: outside, Prefix: netip.MustParsePrefix("192.0.2.2/24")}
	f.Routes[addr("192.0.2.1")] = netstate.Route{Type: netstate.Unicast, Link: outside}
	f.Services[0].Delta = new(ipvs.Stats)
}

// useDirectRouting makes both servers use direct routing, with the given
// connections.
func useDirectRouting(f *Facts, conns1, conns2 Conns) {
	for i, conns := range []Conns{conns1, conns2} {
		d := &f.Services[0].Servers[i]
		d.Method, d.Conns = ipvs.DirectRouting, conns
	}
}

// refuseProbe adds a probe that the first server refused.
func refuseProbe(f *Facts) {
	f.Probed = true
	f.ProbeResults = []netprobe.Result{{
		Target:  netprobe.Target{AddrPort: ap("10.0.0.11:80"), Source: addr("10.0.0.1")},
		Outcome: netprobe.Refused,
	}}
}
