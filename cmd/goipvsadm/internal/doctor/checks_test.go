// SPDX-License-Identifier: MIT

package doctor

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
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
	stuck := Conns{Total: 5, SynRecv: 5, StuckSynRecv: 5, New: 5, VIP: ap("192.0.2.1:80"),
		Clients: []netip.Addr{addr("192.0.2.99")}, StuckClients: []netip.Addr{addr("192.0.2.99")}}
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
		}, want: []string{"warning conntrack-full"}},
		{name: "conntrack drops packets", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			f.Sysctls["net/netfilter/nf_conntrack_count"] = 65536
			f.Counters.ConntrackDrops = 9
		}, want: []string{"conntrack-full"}},

		{name: "no replies from one server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
		}, want: []string{"nat-no-answers " + server1}},
		{name: "no replies yet to new connections of a working server", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, Conns{Total: 5, SynRecv: 1, Established: 4, Completed: 4}
		}},
		{name: "no replies to a client that no server accepts, while others were served", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Total, d.Conns.Established = 9, 4
		}, want: []string{"hint nat-no-answers " + server1}},
		{name: "no replies to two clients, while others were served", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Total, d.Conns.Established = 9, 4
			d.Conns.NewClients = []netip.Addr{addr("192.0.2.98")}
		}, want: []string{"nat-no-answers " + server1}},
		{name: "no replies to a client that was served before", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.Total, d.Conns.Established = 9, 4
			f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&d.Destination}}
		}, want: []string{"nat-no-answers " + server1}},
		{name: "no servers", change: func(f *Facts) { f.Services[0].Servers = nil }, want: []string{"no-servers " + service}},
		{name: "no servers in a cluster", change: func(f *Facts) {
			f.Services[0].Servers = nil
			f.Processes = []netstate.Process{{Name: "kube-proxy"}}
		}, want: []string{"other-program", "hint no-servers " + service}},
		{name: "no servers in a cluster, with clients", change: func(f *Facts) {
			f.Services[0].Servers = nil
			f.Processes = []netstate.Process{{Name: "kube-proxy"}}
			f.Arrivals = map[ipvs.ServiceKey]*Arrivals{f.Services[0].ServiceKey: {Packets: 1, Clients: []netip.Addr{addr("192.0.2.99")}}}
		}, want: []string{"no-servers " + service, "other-program"}},
		{name: "no reply yet to a first packet", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 1, InPackets: 1}, Conns{Total: 1, SynRecv: 1}
		}},
		{name: "no reply ever from a server that is idle now", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Stats, d.Conns = new(ipvs.Stats), *silent, stuck
		}, want: []string{"nat-no-answers " + server1}},
		{name: "zeroed counters", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = nil, stuck
		}},
		{name: "zeroed counters of a service", change: func(f *Facts) { f.Services[0].Delta = nil }},
		{name: "zeroed counters of a server without replies", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Stats, d.Conns = nil, ipvs.Stats{InPackets: 3}, stuck
		}, want: []string{"nat-no-answers " + server1}},
		{name: "UDP without replies from any server", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Stats.OutPackets = 0
		}},
		{name: "DNS without replies from any server", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Stats.OutPackets = 0
			f.Services[0].AddrPort = ap("192.0.2.1:53")
			f.Services[0].Servers = f.Services[0].Servers[:1]
		}, want: []string{"warning nat-no-answers UDP 192.0.2.1:53 10.0.0.11:80"}},
		{name: "UDP without replies from any server, after they replied", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Servers = f.Services[0].Servers[:1]
		}, want: []string{"warning nat-no-answers UDP 192.0.2.1:80 10.0.0.11:80"}},
		{name: "UDP with one-packet scheduling, whose replies are not counted", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Flags = ipvs.OnePacketScheduling
			f.Services[0].Scheduler = "rr"
		}},
		{name: "UDP packets rejected", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Servers[1].Delta = &ipvs.Stats{InPackets: 15, OutPackets: 15}
			f.Rejections = map[Endpoint]*Rejection{{ipvs.UDP, ap("10.0.0.12:80")}: {Packets: 3, Reporter: addr("10.0.0.12")}}
			f.Services[0].Servers = f.Services[0].Servers[1:]
		}, want: []string{"server-refuses UDP 192.0.2.1:80 10.0.0.12:80"}},
		{name: "one of several UDP packets rejected", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Servers[1].Delta = &ipvs.Stats{InPackets: 4, OutPackets: 1}
			f.Rejections = map[Endpoint]*Rejection{{ipvs.UDP, ap("10.0.0.12:80")}: {Packets: 1, Reporter: addr("10.0.0.12")}}
			f.Services[0].Servers = f.Services[0].Servers[1:]
		}, want: []string{"server-refuses UDP 192.0.2.1:80 10.0.0.12:80"}},
		{name: "UDP packets rejected by a server that replies to others", change: func(f *Facts) {
			f.Services[0].Protocol = ipvs.UDP
			f.Rejections = map[Endpoint]*Rejection{{ipvs.UDP, ap("10.0.0.12:80")}: {Packets: 3, Reporter: addr("10.0.0.12")}}
			f.Replies = map[Endpoint]int{{ipvs.UDP, ap("10.0.0.12:80")}: 7}
		}},
		{name: "TCP packets rejected by a gateway", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 3, InPackets: 3, OutPackets: 3, OutBytes: 264}, Conns{Total: 3, SynRecv: 3, StuckSynRecv: 1}
			f.Rejections = map[Endpoint]*Rejection{{ipvs.TCP, ap("10.0.0.11:80")}: {Packets: 3, Reporter: addr("10.0.0.254")}}
		}, want: []string{"server-refuses " + server1}},
		{name: "packet rejected by a server whose connections complete", change: func(f *Facts) {
			f.Rejections = map[Endpoint]*Rejection{{ipvs.TCP, ap("10.0.0.11:80")}: {Packets: 3, Reporter: addr("10.0.0.11")}}
		}},
		{name: "one-packet scheduling with NAT, replies arrive", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Flags, f.Services[0].Scheduler = ipvs.OnePacketScheduling, "rr"
			f.Replies = map[Endpoint]int{{ipvs.UDP, ap("10.0.0.12:80")}: 7}
		}, want: []string{"one-packet-nat UDP 192.0.2.1:80"}},
		{name: "one-packet scheduling with NAT and a counting scheduler, replies arrive", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Flags, f.Services[0].Scheduler = ipvs.OnePacketScheduling, "wlc"
			f.Replies = map[Endpoint]int{{ipvs.UDP, ap("10.0.0.12:80")}: 7}
		}, want: []string{"one-packet-nat UDP 192.0.2.1:80"}},
		{name: "one-packet scheduling with NAT, idle", change: func(f *Facts) {
			silenceUDP(f)
			makeIdle(f)
			f.Services[0].Flags, f.Services[0].Scheduler = ipvs.OnePacketScheduling, "rr"
		}, want: []string{"hint one-packet-nat UDP 192.0.2.1:80"}},

		{name: "drained server that replies", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight = 0
		}},
		{name: "drained server that is down, without traffic", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight, d.Delta, d.Conns = 0, new(ipvs.Stats), Conns{Total: 3, Established: 3}
			f.Neighbors[server1Neighbor] = netstate.Failed
		}},
		{name: "drained server that is down, with open connections", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight, d.Delta, d.Conns = 0, new(ipvs.Stats), Conns{Total: 3, Established: 3, Open: 1}
			f.Neighbors[server1Neighbor] = netstate.Failed
		}, want: []string{"warning dead-server-clients " + server1}},
		{name: "connections to a drained server that is down", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight, d.Delta, d.Conns = 0, &ipvs.Stats{InPackets: 2}, Conns{Total: 3, Established: 3, Open: 3}
			f.Neighbors[server1Neighbor] = netstate.Failed
		}, want: []string{"dead-server-clients " + server1}},
		{name: "drained server with direct routing that does not reply on its own address", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 3, Established: 3, Open: 3}, Conns{Total: 1, Established: 1, Completed: 1})
			f.Services[0].Servers[0].Weight = 0
			probe(f, netprobe.Silent)
		}},
		{name: "drained server with direct routing that does not reply on the VIP", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 3, Established: 3, Open: 3}, Conns{Total: 1, Established: 1, Completed: 1})
			f.Services[0].Servers[0].Weight = 0
			probe(f, netprobe.Silent)
			probeVIP(f, netprobe.Silent)
		}, want: []string{"dead-server-clients " + server1}},
		{name: "connections to a drained server that sends nothing", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Weight, d.Delta, d.Conns = 0, &ipvs.Stats{InPackets: 4}, Conns{Total: 3, Established: 3, Open: 3}
		}, want: []string{"dead-server-clients " + server1}},
		{name: "UDP without replies to a drained server", change: func(f *Facts) {
			silenceUDP(f)
			f.Services[0].Stats.OutPackets = 0
			f.Services[0].Servers[0].Weight = 0
		}},
		{name: "old handshake of one client with a drained server", change: func(f *Facts) {
			useDirectRouting(f, stuckConns("192.0.2.99"), Conns{Total: 1, Established: 1, Completed: 1})
			d := &f.Services[0].Servers[0]
			d.Weight, d.Delta, d.Conns.StuckSynRecv = 0, new(ipvs.Stats), 1
		}},

		{name: "connections to a removed server", change: func(f *Facts) {
			f.Orphans = []Orphan{{Service: f.Services[0].ServiceKey, Server: ap("10.0.0.13:80"), Client: ap("192.0.2.99:4000"), VIP: ap("192.0.2.1:80")}}
		}, want: []string{"hint expire-nodest-conn"}},
		{name: "packets to a removed server", change: func(f *Facts) {
			f.Orphans = []Orphan{{Service: f.Services[0].ServiceKey, Server: ap("10.0.0.13:80"), Client: ap("192.0.2.99:4000"), VIP: ap("192.0.2.1:80")}}
			f.OrphanPackets = 2
		}, want: []string{"expire-nodest-conn"}},

		{name: "server between its thresholds gets its share", change: func(f *Facts) {
			f.Services[0].Scheduler = "rr"
			_, d := f.firstServer()
			d.UpperThreshold, d.ActiveConns = 100, 80
		}},
		{name: "server between its thresholds gets nothing", change: func(f *Facts) {
			f.Services[0].Scheduler = "rr"
			f.Services[0].Delta = &ipvs.Stats{Conns: 6, InPackets: 50, OutPackets: 40}
			_, d := f.firstServer()
			d.UpperThreshold, d.ActiveConns, d.Delta = 100, 80, &ipvs.Stats{InPackets: 30, OutPackets: 20}
		}, want: []string{"warning over-threshold " + server1}},
		{name: "server between its thresholds gets no connection, of too few to judge", change: func(f *Facts) {
			f.Services[0].Scheduler = "rr"
			_, d := f.firstServer()
			d.UpperThreshold, d.ActiveConns, d.Delta = 100, 80, &ipvs.Stats{InPackets: 30, OutPackets: 20}
		}},
		{name: "all servers have reached their thresholds", change: func(f *Facts) {
			f.Services[0].Delta = &ipvs.Stats{InPackets: 50, OutPackets: 40}
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
			for i := range f.Services[0].Servers {
				d := &f.Services[0].Servers[i]
				d.UpperThreshold, d.LowerThreshold, d.ActiveConns = 100, 50, 60
				d.Delta = &ipvs.Stats{InPackets: 30, OutPackets: 20}
			}
		}, want: []string{"over-threshold " + server1, "over-threshold " + server2}},

		{name: "mark that no rule sets, while a rule sets another", change: func(f *Facts) {
			useIdleMark(f)
			f.Firewall = settingMark(8)
		}, want: []string{"mark-never-seen FWM 7 IPv4"}},
		{name: "mark that tc may set", change: func(f *Facts) {
			useIdleMark(f)
			f.Firewall, f.HasIngressFilter = settingMark(8), true
		}, want: []string{"hint mark-never-seen FWM 7 IPv4"}},
		{name: "packets without a mark for a port of the service", change: func(f *Facts) {
			useMark(f)
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:443"), Client: addr("192.0.2.99"), Packets: 3}}
		}, want: []string{"mark-incomplete FWM 7 IPv4"}},
		{name: "UDP packets without a mark for a port of the service", change: func(f *Facts) {
			useMark(f)
			f.Services[0].Servers[0].Conns.VIP = ap("192.0.2.1:53")
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:53"), Client: addr("192.0.2.98"), Packets: 3}}
		}, want: []string{"mark-incomplete FWM 7 IPv4"}},
		{name: "UDP packets without a mark of clients that try HTTP/3", change: func(f *Facts) {
			useMark(f)
			f.Services[0].Servers[0].Conns.VIP = ap("192.0.2.1:443")
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:443"), Client: addr("192.0.2.99"), Packets: 3}}
		}, want: []string{"hint mark-incomplete FWM 7 IPv4"}},
		{name: "UDP packets without a mark to another port", change: func(f *Facts) {
			useMark(f)
			f.Services[0].Servers[0].Conns.VIP = ap("192.0.2.1:53")
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:161"), Client: addr("192.0.2.98"), Packets: 3}}
		}},
		{name: "TCP packets without a mark of another client to a port of the service", change: func(f *Facts) {
			useMark(f)
			f.Services[0].Servers[0].Conns.VIP = ap("192.0.2.1:53")
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:53"), Client: addr("192.0.2.98"), Packets: 3}}
		}},
		{name: "packets without a mark of a host that is not a client", change: func(f *Facts) {
			useMark(f)
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:443"), Client: addr("192.0.2.98"), Packets: 3}}
		}},
		{name: "too few packets without a mark to tell a client from a port scan", change: func(f *Facts) {
			useMark(f)
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:443"), Client: addr("192.0.2.99"), Packets: 2}}
		}},
		{name: "packets without a mark to a program of the director", change: func(f *Facts) {
			useMark(f)
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:22"), Client: addr("192.0.2.99"), Packets: 3}}
			f.Listening = []netstate.Socket{{Protocol: 6, AddrPort: ap("0.0.0.0:22")}}
		}},
		{name: "UDP packets to a TCP service of DNS", change: func(f *Facts) {
			f.Services[0].AddrPort = ap("192.0.2.1:53")
			f.ListeningRead = true
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:53"), Client: addr("192.0.2.99"), Packets: 3}}
		}, want: []string{"other-protocol TCP 192.0.2.1:53"}},
		{name: "UDP packets to a TCP service, which may be HTTP/3", change: func(f *Facts) {
			f.ListeningRead = true
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:80"), Client: addr("192.0.2.99"), Packets: 3}}
		}, want: []string{"hint other-protocol " + service}},
		{name: "UDP packets to a program of the director", change: func(f *Facts) {
			f.Services[0].AddrPort = ap("192.0.2.1:53")
			f.ListeningRead = true
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.UDP, Target: ap("192.0.2.1:53"), Client: addr("192.0.2.99"), Packets: 3}}
			f.Listening = []netstate.Socket{{Protocol: 17, AddrPort: ap("0.0.0.0:53")}}
		}},
		{name: "TCP packets to a TCP service that match no service", change: func(f *Facts) {
			f.ListeningRead = true
			f.UnmatchedTargets = []UnmatchedTarget{{Protocol: ipvs.TCP, Target: ap("192.0.2.1:80"), Client: addr("192.0.2.99"), Packets: 3}}
		}},
		{name: "replies to a neighbor that is not resolved", change: func(f *Facts) {
			f.loseReplies("192.0.2.99")
			k := neighborKey{outside, addr("192.0.2.77")}
			f.NeighborsBefore, f.Neighbors[k] = Neighbors{k: netstate.Incomplete}, netstate.Failed
		}, want: []string{"nat-replies-lost " + server1}},
		{name: "replies to several clients are lost", change: func(f *Facts) {
			f.loseReplies("192.0.2.99", "192.0.2.98")
		}, want: []string{"warning nat-replies-lost " + server1}},
		{name: "half-open connections of several clients", change: func(f *Facts) {
			f.loseReplies("192.0.2.99", "192.0.2.98")
			f.Services[0].Servers[0].Delta.InPackets = 5
		}},
		{name: "replies to one client are lost", change: func(f *Facts) { f.loseReplies("192.0.2.99") }},
		{name: "two hosts with the address of a server", change: func(f *Facts) {
			f.claimServerAddress()
			_, d := f.firstServer()
			d.Conns = stuckConns("192.0.2.99", "192.0.2.98")
			d.Delta = silent
		}, want: []string{"server-address-claimed " + server1}},
		{name: "two hosts with the address of a server without traffic", change: func(f *Facts) {
			makeIdle(f)
			f.claimServerAddress()
		}, want: []string{"warning server-address-claimed " + server1}},
		{name: "a working server with two interfaces", change: func(f *Facts) { f.claimServerAddress() }, want: []string{"hint server-address-claimed " + server1}},
		{name: "a server that replies twice", change: func(f *Facts) {
			f.claimServerAddress()
			f.ARPReplies[1].HardwareAddr = f.ARPReplies[0].HardwareAddr
		}},
		{name: "sync messages on another interface", change: func(f *Facts) {
			f.Daemons = []ipvs.Daemon{{State: ipvs.Backup, Interface: f.Links[0].Name, SyncID: 5}}
			f.SyncMessages = []netprobe.SyncMessage{{Link: f.Links[1].Index, Source: addr("10.0.0.9"), Group: ap("224.0.0.81:8848"), SyncID: 5}}
		}, want: []string{"sync-wrong-interface"}},
		{name: "sync messages on both interfaces", change: func(f *Facts) {
			f.Daemons = []ipvs.Daemon{{State: ipvs.Backup, Interface: f.Links[0].Name, SyncID: 5}}
			m := netprobe.SyncMessage{Source: addr("10.0.0.9"), Group: ap("224.0.0.81:8848"), SyncID: 5}
			for _, l := range f.Links[:2] {
				m.Link = l.Index
				f.SyncMessages = append(f.SyncMessages, m)
			}
		}},
		{name: "sync messages of another pair on another interface", change: func(f *Facts) {
			f.Daemons = []ipvs.Daemon{{State: ipvs.Backup, Interface: f.Links[0].Name, SyncID: 5}}
			f.SyncMessages = []netprobe.SyncMessage{{Link: f.Links[1].Index, Source: addr("10.0.0.9"), Group: ap("224.0.0.81:8848"), SyncID: 6}}
		}},
		{name: "UDP without replies from one of two servers", change: func(f *Facts) {
			s, d := f.firstServer()
			s.Protocol, d.Delta, d.Conns = ipvs.UDP, silent, Conns{Total: 5}
		}, want: []string{"nat-no-answers UDP 192.0.2.1:80 10.0.0.11:80"}},
		{name: "no replies in the clients' subnet", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			d.Conns.StuckClients = []netip.Addr{addr("10.0.0.50")}
		}, want: []string{"nat-same-network " + server1}},
		{name: "no replies to few packets, with unread connections", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = &ipvs.Stats{Conns: 1, InPackets: 2}, Conns{Partial: true}
		}},
		{name: "no replies to many packets, with unread connections", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, Conns{Partial: true}
		}, want: []string{"nat-no-answers " + server1}},

		{name: "forwarding off with replies", change: func(f *Facts) {
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
		}},
		{name: "forwarding off without traffic", change: func(f *Facts) {
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
			makeIdle(f)
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Stats = ipvs.Stats{}
			}
		}, want: []string{"warning forwarding-off"}},
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

		{name: "server that is a client of its own service", change: func(f *Facts) {
			f.connectToItself()
		}, want: []string{"nat-hairpin " + server1}},
		{name: "server that is a client of its own service and is masqueraded now", change: func(f *Facts) {
			d := f.connectToItself()
			f.Completing = map[ClientServer]bool{{addr("10.0.0.11"), &d.Destination}: true}
		}},

		{name: "redirects with clients on the servers' link", change: func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
		}, want: []string{"send-redirects"}},
		{name: "redirects with conntrack, which allows SNAT", change: func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
			f.Sysctls["net/ipv4/vs/conntrack"] = 1
		}},

		{name: "VIP on no interface", change: removeVIP, want: []string{"hint vip-not-local " + service}},
		{name: "VIP on no interface, with unanswered ARP requests", change: func(f *Facts) {
			removeVIP(f)
			f.ARPRequests = map[netip.Addr]int{addr("192.0.2.1"): 3}
		}, want: []string{"vip-not-local " + service}},
		{name: "VIP on no interface, with packets for it", change: func(f *Facts) {
			removeVIP(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
		}, want: []string{"vip-not-local " + service}},
		{name: "VIP on no interface, and no reply to ARP", change: func(f *Facts) {
			removeVIP(f)
			f.Probed, f.ARPProbed = true, true
		}, want: []string{"warning vip-not-local " + service}},
		{name: "VIP on no interface, and only clients on the director itself", change: func(f *Facts) {
			removeVIP(f)
			f.Probed, f.ARPProbed = true, true
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Conns = Conns{Total: 2, FromDirector: 2}
			}
		}, want: []string{"hint vip-not-local " + service}},
		{name: "VIP on another host", change: func(f *Facts) {
			removeVIP(f)
			f.Neighbors[neighborKey{outside, addr("192.0.2.1")}] = reachable
		}},
		{name: "VIP on another host that replies to ARP", change: func(f *Facts) {
			removeVIP(f)
			f.Probed, f.ARPProbed = true, true
			f.ARPReplies = []netprobe.Reply{{Link: outside, Addr: addr("192.0.2.1"), HardwareAddr: []byte{2, 0, 0, 0, 0, 9}}}
		}},
		{name: "VIP local in a routing table for some packets", change: func(f *Facts) {
			removeVIP(f)
			f.MaybeLocal = map[netip.Addr]bool{addr("192.0.2.1"): true}
		}},
		{name: "VIP on no interface, with traffic", change: func(f *Facts) {
			removeVIP(f)
			f.Services[0].Delta = &ipvs.Stats{InPackets: 1}
		}},
		{name: "VIP on no interface, moved by keepalived", change: func(f *Facts) {
			removeVIP(f)
			f.Processes, f.HasVRRP = []netstate.Process{{ID: 7, Name: "keepalived"}}, true
		}, want: []string{"other-program"}},
		{name: "VIP on no interface, moved by Pacemaker", change: func(f *Facts) {
			removeVIP(f)
			f.Processes = []netstate.Process{{ID: 7, Name: "pacemakerd"}}
		}},
		{name: "service for all addresses", change: func(f *Facts) {
			removeVIP(f)
			f.Services[0].AddrPort = ap("0.0.0.0:80")
		}},
		{name: "VIP on a link that is down, with traffic through another link", change: func(f *Facts) {
			f.Links[outside-1].Up = false
		}},
		{name: "VIP on a link without ARP that is down", change: func(f *Facts) {
			makeIdle(f)
			f.Links[outside-1].Up, f.Links[outside-1].NeedsNeigh = false, false
		}},
		{name: "VIP on a link that is down", change: func(f *Facts) {
			makeIdle(f)
			f.Links[outside-1].Up = false
		}, want: []string{"vip-link-down " + service}},
		{name: "VIP on a link without carrier", change: func(f *Facts) {
			makeIdle(f)
			f.Links[outside-1].LowerUp = false
		}, want: []string{"vip-link-down " + service}},
		{name: "VIP on a bridge without ports", change: func(f *Facts) {
			makeIdle(f)
			f.Links[outside-1].LowerUp, f.Links[outside-1].Kind = false, "bridge"
		}, want: []string{"hint vip-link-down " + service}},
		{name: "VIP on lo, routed to the director", change: func(f *Facts) {
			f.Addresses[1] = netstate.Address{Link: lo, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
			f.Services[0].Servers[0].Method = ipvs.DirectRouting
		}},

		{name: "rp_filter drops without a suspect link", change: func(f *Facts) { f.ReversePathDrops = 1000 }},
		{name: "rp_filter drops of packets for the service", change: func(f *Facts) {
			f.ReversePathDrops = 10
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
		}, want: []string{"rp-filter"}},
		{name: "rp_filter drops of other packets", change: func(f *Facts) {
			f.ReversePathDrops = 10
			makeIdle(f)
			f.Arrivals = arrivals(f, 0)
		}},
		{name: "rp_filter drops of other packets, with packets for a service that works", change: func(f *Facts) {
			f.ReversePathDrops = 10
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
		}},
		{name: "packets that IPVS does not see, with loose rp_filter", change: func(f *Facts) {
			f.ReversePathDrops = 10
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99", "192.0.2.98")
			f.Sysctls["net/ipv4/conf/eth0/rp_filter"] = 2
		}, want: []string{"packets-not-seen " + service}},
		{name: "packets of one host that IPVS does not see", change: func(f *Facts) {
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
		}, want: []string{"hint packets-not-seen " + service}},
		{name: "rule that drops the packets of one of the clients", change: func(f *Facts) {
			f.Arrivals = arrivals(f, 3, "192.0.2.99", "192.0.2.98")
			f.Firewall = dropping("192.0.2.99/32")
		}, want: []string{"client-filtered " + service}},
		{name: "rule that drops the packets of the only client", change: func(f *Facts) {
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
			f.Firewall = dropping("192.0.2.99/32")
		}, want: []string{"hint packets-not-seen " + service}},
		{name: "packets of one host to a service that never had others", change: func(f *Facts) {
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99")
			f.Services[0].Stats = ipvs.Stats{}
		}, want: []string{"warning packets-not-seen " + service}},
		{name: "packets to a service whose servers are overloaded", change: func(f *Facts) {
			makeIdle(f)
			f.Arrivals = arrivals(f, 3, "192.0.2.99", "192.0.2.98")
			for i := range f.Services[0].Servers {
				d := &f.Services[0].Servers[i]
				d.UpperThreshold, d.ActiveConns = 5, 5
			}
		}, want: []string{"over-threshold " + server1, "over-threshold " + server2}},

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
		{name: "old neighbor entry of an idle server", change: func(f *Facts) {
			makeIdle(f)
			f.Neighbors[server1Neighbor], f.NeighborsBefore[server1Neighbor] = netstate.Failed, netstate.Failed
		}},
		{name: "neighbor entry of an idle server that does not reply to a probe", change: func(f *Facts) {
			makeIdle(f)
			f.Neighbors[server1Neighbor] = netstate.Failed
			probe(f, netprobe.Silent)
		}, want: []string{"warning neighbour-failed " + server1}},
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
		{name: "SYNs of one client to a service that never had other traffic", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{})
			f.Services[0].Delta = new(ipvs.Stats)
			f.Services[0].Stats = ipvs.Stats{Conns: 5, InPackets: 5}
		}, want: []string{"hint service-silent " + service}},
		{name: "SYNs of two clients", change: func(f *Facts) {
			useDirectRouting(f, stuckConns("192.0.2.98", "192.0.2.99"), Conns{})
		}, want: []string{"service-silent " + service}},
		{name: "SYNs of two clients, after others worked", change: func(f *Facts) {
			conns := stuckConns("192.0.2.98", "192.0.2.99")
			conns.Established = 20 // before the first sample
			useDirectRouting(f, conns, Conns{})
		}, want: []string{"service-silent " + service}},
		{name: "retransmitted SYNs of one client", change: func(f *Facts) {
			useDirectRouting(f, stuckConns("192.0.2.99"), Conns{})
			f.Services[0].Delta = &ipvs.Stats{InPackets: 1}
		}, want: []string{"warning service-silent " + service}},
		{name: "retransmitted SYNs of one client, after others worked", change: func(f *Facts) {
			conns := stuckConns("192.0.2.99")
			conns.Established = 20
			useDirectRouting(f, conns, Conns{})
			f.Services[0].Delta = &ipvs.Stats{InPackets: 1}
		}},
		{name: "one of two servers silent", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{Total: 1, Established: 1, Completed: 1})
			f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&f.Services[0].Servers[1].Destination}}
		}, want: []string{"server-silent " + server1}},
		{name: "one of two servers silent, after it worked", change: func(f *Facts) {
			conns := stuckConns("192.0.2.99")
			conns.Established = 20
			useDirectRouting(f, conns, Conns{Total: 1, Established: 1, Completed: 1})
			f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&f.Services[0].Servers[0].Destination, &f.Services[0].Servers[1].Destination}}
		}, want: []string{"server-silent " + server1}},
		{name: "one of two servers was silent, and has no traffic", change: func(f *Facts) {
			conns := stuckConns("192.0.2.99")
			conns.Established = 20
			useDirectRouting(f, conns, Conns{Total: 1, Established: 1, Completed: 1})
			f.Services[0].Servers[0].Delta = new(ipvs.Stats)
			f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&f.Services[0].Servers[1].Destination}}
		}},
		{name: "one of two servers silent for one client that has no other server", change: func(f *Facts) {
			useDirectRouting(f, stuck, Conns{Total: 1, Established: 1, Completed: 1})
		}, want: []string{"hint server-silent " + server1}},
		{name: "one of two servers silent for two clients that have no other server", change: func(f *Facts) {
			useDirectRouting(f, stuckConns("192.0.2.98", "192.0.2.99"), Conns{Total: 1, Established: 1, Completed: 1})
		}, want: []string{"server-silent " + server1}},
		{name: "connections that monitors have reset", change: func(f *Facts) { silenceEarlier(f, ipvs.Stats{Conns: 5, InPackets: 10}) }},
		{name: "connections of clients that have given up", change: func(f *Facts) { silenceEarlier(f, ipvs.Stats{Conns: 5, InPackets: 15}) },
			want: []string{"service-silent " + service}},
		{name: "connections from the director itself", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 13, Established: 10, SynRecv: 3, FromDirector: 3, VIP: ap("192.0.2.1:80")}, Conns{})
			f.Services[0].Servers[0].Delta = &ipvs.Stats{Conns: 3, InPackets: 3}
			f.Neighbors[server1Neighbor] = netstate.Failed
		}, want: []string{"director-as-client " + service}},
		{name: "stuck connection to a working server", change: func(f *Facts) {
			useDirectRouting(f, Conns{Total: 9, SynRecv: 1, Established: 8, Completed: 8, StuckSynRecv: 1}, Conns{})
		}},

		{name: "same problem in three services", change: func(f *Facts) {
			f.Neighbors[server1Neighbor] = netstate.Failed
			f.Services[0].Servers[0].Delta = &ipvs.Stats{InPackets: 3}
			for port := range uint16(2) {
				s := f.Services[0]
				s.AddrPort = netip.AddrPortFrom(s.AddrPort.Addr(), 81+port)
				f.Services = append(f.Services, s)
			}
		}, want: []string{"neighbour-failed " + server1 + " +2"}},

		{name: "probe refused by a server whose connections complete", change: func(f *Facts) {
			probe(f, netprobe.Refused)
		}, want: []string{"hint probe-refused " + server1}},
		{name: "probe refused by an idle server, after it worked", change: func(f *Facts) {
			makeIdle(f)
			probe(f, netprobe.Refused)
		}, want: []string{"warning probe-refused " + server1}},
		{name: "probe refused by an idle server with direct routing", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			makeIdle(f)
			probe(f, netprobe.Refused)
		}, want: []string{"hint probe-refused " + server1}},
		{name: "probe refused by a server that accepts connections to the VIP", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			makeIdle(f)
			probe(f, netprobe.Refused)
			probeVIP(f, netprobe.Answered)
		}},
		{name: "probe of the VIP refused", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			makeIdle(f)
			probe(f, netprobe.Answered)
			probeVIP(f, netprobe.Refused)
		}, want: []string{"warning probe-refused " + server1}},
		{name: "probe of the VIP silent", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			makeIdle(f)
			probe(f, netprobe.Answered)
			probeVIP(f, netprobe.Silent)
		}, want: []string{"warning probe-no-answer " + server1}},
		{name: "UDP server that does not reply on the VIP, unlike another", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			f.Services[0].Protocol = ipvs.UDP
			f.ProbeResults = []netprobe.Result{{Target: netprobe.Target{AddrPort: ap("10.0.0.11:0"), ICMP: true}, Outcome: netprobe.Answered}}
			f.Datagrams = map[*ipvs.Destination]netprobe.PathReply{
				&f.Services[0].Servers[0].Destination: {},
				&f.Services[0].Servers[1].Destination: {Echo: true},
			}
		}, want: []string{"probe-vip-no-answer UDP 192.0.2.1:80 10.0.0.11:80"}},
		{name: "no UDP server replies on the VIP", change: func(f *Facts) {
			useDirectRouting(f, Conns{}, Conns{})
			f.Services[0].Protocol = ipvs.UDP
			f.ProbeResults = []netprobe.Result{{Target: netprobe.Target{AddrPort: ap("10.0.0.11:0"), ICMP: true}, Outcome: netprobe.Answered}}
			f.Datagrams = map[*ipvs.Destination]netprobe.PathReply{
				&f.Services[0].Servers[0].Destination: {},
				&f.Services[0].Servers[1].Destination: {},
			}
		}},
		{name: "probe silent while clients get no replies", change: func(f *Facts) {
			_, d := f.firstServer()
			d.Delta, d.Conns = silent, stuck
			probe(f, netprobe.Silent)
		}, want: []string{"probe-no-answer " + server1}},
		{name: "VIP claimed by a server", change: func(f *Facts) {
			claimVIP(f, "10.0.0.11")
		}, want: []string{"address-claimed " + server1}},
		{name: "VIP claimed by a server that is the active director", change: func(f *Facts) {
			claimVIP(f, "10.0.0.11")
			f.Daemons = []ipvs.Daemon{{State: ipvs.Backup, Interface: "eth1"}}
		}, want: []string{"hint address-claimed " + server1}},
		{name: "VIP claimed by an unknown host", change: func(f *Facts) {
			claimVIP(f, "10.0.0.99")
		}, want: []string{"hint address-claimed " + service}},
		{name: "VIP claimed while this director hides it", change: func(f *Facts) {
			claimVIP(f, "10.0.0.11")
			f.Addresses[1] = netstate.Address{Link: lo, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
			f.Sysctls["net/ipv4/conf/all/arp_ignore"] = 1
		}},
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
				if x.Severity != x.Check.Severity {
					text = x.Severity.String() + " " + text
				}
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

// silenceUDP makes the service one for UDP whose servers send no replies.
func silenceUDP(f *Facts) {
	f.Services[0].Protocol = ipvs.UDP
	for i := range f.Services[0].Servers {
		d := &f.Services[0].Servers[i]
		d.Delta, d.Conns = &ipvs.Stats{Conns: 5, InPackets: 15, InBytes: 900}, Conns{Total: 5, VIP: ap("192.0.2.1:80")}
	}
}

// useMark makes the service one for a firewall mark, with a client.
func useMark(f *Facts) {
	f.Services[0].ServiceKey = ipvs.MarkKey(7, ipvs.IPv4)
	f.ListeningRead = true
	f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&f.Services[0].Servers[0].Destination}}
}

// useIdleMark is like useMark, for a service that no packet has reached.
func useIdleMark(f *Facts) {
	useMark(f)
	makeIdle(f)
	f.Services[0].Stats = ipvs.Stats{}
}

// settingMark returns a firewall with a rule that sets a mark.
func settingMark(mark uint32) *netstate.Firewall {
	rule := netstate.Rule{Text: "-j MARK", Verdict: netstate.SetMark, Mark: mark, Mask: ^uint32(0)}
	return &netstate.Firewall{Chains: []netstate.Chain{{Tool: "iptables", Family: "ip", Table: "mangle", Name: "PREROUTING", Hook: "prerouting", Rules: []netstate.Rule{rule}}}}
}

// dropping returns a firewall with a rule that drops the packets of clients.
func dropping(clients string) *netstate.Firewall {
	rules := "*filter\n:INPUT ACCEPT [0:0]\n[3:180] -A INPUT -s " + clients + " -j DROP\n"
	return &netstate.Firewall{Chains: netstate.ParseIPTables(rules, "iptables", "ip")}
}

// removeVIP removes the VIP from the director and stops its traffic.
func removeVIP(f *Facts) {
	f.Addresses[1] = netstate.Address{Link: outside, Prefix: netip.MustParsePrefix("192.0.2.2/24")}
	f.Routes[addr("192.0.2.1")] = netstate.Route{Type: netstate.Unicast, Link: outside}
	makeIdle(f)
}

// useDirectRouting makes both servers use direct routing, with the given
// connections.
func useDirectRouting(f *Facts, conns1, conns2 Conns) {
	for i, conns := range []Conns{conns1, conns2} {
		d := &f.Services[0].Servers[i]
		d.Method, d.Conns = ipvs.DirectRouting, conns
	}
}

// silenceEarlier makes connections of two clients stuck, without traffic between the
// samples.
func silenceEarlier(f *Facts, stats ipvs.Stats) {
	conns := stuckConns("192.0.2.98", "192.0.2.99")
	conns.New = 0
	useDirectRouting(f, conns, Conns{})
	makeIdle(f)
	for i := range f.Services[0].Servers {
		f.Services[0].Servers[i].Stats = stats
	}
}

// makeIdle removes all traffic between the samples. Counters and connections
// show that the servers worked before.
func makeIdle(f *Facts) {
	f.Services[0].Delta = new(ipvs.Stats)
	for i := range f.Services[0].Servers {
		d := &f.Services[0].Servers[i]
		d.Delta = new(ipvs.Stats)
		d.Conns.New, d.Conns.Completed = 0, 0
	}
}

// arrivals returns the number of packets of clients for the first service that arrive on
// the outside link.
func arrivals(f *Facts, packets int, clients ...string) map[ipvs.ServiceKey]*Arrivals {
	a := &Arrivals{Packets: packets, Link: outside}
	for _, c := range clients {
		a.Clients = append(a.Clients, addr(c))
	}
	return map[ipvs.ServiceKey]*Arrivals{f.Services[0].ServiceKey: a}
}

// stuckConns returns connections of the given clients that stay in SYN_RECV.
func stuckConns(clients ...string) Conns {
	c := Conns{Total: 5, SynRecv: 5, StuckSynRecv: 5, VIP: ap("192.0.2.1:80")}
	for _, client := range clients {
		c.StuckClients = append(c.StuckClients, addr(client))
	}
	c.Clients = c.StuckClients
	return c
}

// probe adds the result of a probe of the first server.
func probe(f *Facts, o netprobe.Outcome) {
	f.Probed = true
	f.ProbeResults = []netprobe.Result{{
		Target:  netprobe.Target{AddrPort: ap("10.0.0.11:80"), Source: addr("10.0.0.1")},
		Outcome: o,
	}}
}

// probeVIP adds the result of a probe of the VIP at the first server.
func probeVIP(f *Facts, o netprobe.Outcome) {
	s, d := f.firstServer()
	f.VIPOutcomes = map[ipvs.DestinationKey]netprobe.Outcome{s.key(d): o}
}

// claimVIP adds ARP replies of a host for an address of its own and for the VIP.
func claimVIP(f *Facts, host string) {
	f.Probed, f.ARPProbed = true, true
	hardwareAddr := []byte{2, 0, 0, 0, 0, 9}
	f.ARPReplies = []netprobe.Reply{
		{Link: outside, Addr: addr("192.0.2.1"), HardwareAddr: hardwareAddr},
		{Link: outside, Addr: addr(host), HardwareAddr: hardwareAddr},
	}
}

// loseReplies makes the connections of the given clients to the first server stay in
// SYN_RECV although it replies, and stops the traffic of the other servers.
func (f *Facts) loseReplies(clients ...string) {
	makeIdle(f)
	_, d := f.firstServer()
	d.Conns, d.Delta = stuckConns(clients...), &ipvs.Stats{Conns: 5, InPackets: 9, InBytes: 540, OutPackets: 9, OutBytes: 540}
}

// connectToItself makes connections of the first server to itself stay in SYN_RECV.
func (f *Facts) connectToItself() *Server {
	_, d := f.firstServer()
	d.Conns = stuckConns("10.0.0.11")
	return d
}

// claimServerAddress adds ARP replies of two hosts for the address of the first server.
func (f *Facts) claimServerAddress() {
	f.Probed, f.ARPProbed = true, true
	for i := range byte(2) {
		f.ARPReplies = append(f.ARPReplies, netprobe.Reply{Link: inside, Addr: addr("10.0.0.11"), HardwareAddr: []byte{2, 0, 0, 0, 1, i}})
	}
}

// TestVIPNetmaskCause expects the netmask of the VIP among the causes only if another
// address shows that the network is smaller: without that address, the remedy would remove
// the only route to the network.
func TestVIPNetmaskCause(t *testing.T) {
	for _, tt := range []struct {
		name  string
		other string // another address of the link
		want  bool
	}{
		{name: "another address in a smaller network", other: "10.9.0.1/24", want: true},
		{name: "another address in the same network", other: "10.9.0.1/8"},
		{name: "no other address", other: "127.0.0.2/8"},
	} {
		f := healthyFacts()
		f.Services[0].AddrPort = ap("10.0.0.1:80")
		f.Routes[addr("10.0.0.1")] = f.Routes[addr("192.0.2.1")]
		f.Addresses = []netstate.Address{
			{Link: inside, Prefix: netip.MustParsePrefix("10.0.0.1/8")},
			{Link: inside, Prefix: netip.MustParsePrefix(tt.other)},
		}
		f.Neighbors[neighborKey{inside, addr("10.0.0.11")}] = netstate.Failed
		findings := Diagnose(f)
		i := slices.IndexFunc(findings, func(x Finding) bool { return x.Check.ID == "neighbour-failed" })
		if i < 0 {
			t.Fatalf("%s: no finding", tt.name)
		}
		x := &findings[i]
		isCause := slices.Contains(x.Causes, "the VIP 10.0.0.1/8 has a netmask that includes the server, which is behind a gateway")
		changes := strings.Contains(x.Remedies[0].CommandLine(), "ip address del")
		if isCause != tt.want || changes != tt.want {
			t.Errorf("%s: causes %q, first remedy %q", tt.name, x.Causes, x.Remedies[0].CommandLine())
		}
	}
}

// TestNoRetransmissionCause expects a missing listener as the first cause if clients do
// not retransmit: the server rejects their connections by packets that do not pass the
// director.
func TestNoRetransmissionCause(t *testing.T) {
	const missing, listener = "the VIP 192.0.2.1 is not configured on the server", "nothing on the server listens on port 80 of the VIP"
	for _, tt := range []struct {
		name        string
		clients     []string
		packets     uint64
		established int
		want        string // beginning of the first cause
	}{
		{name: "retransmissions", clients: []string{"192.0.2.98", "192.0.2.99"}, packets: 15, want: missing},
		{name: "no retransmissions", clients: []string{"192.0.2.98", "192.0.2.99"}, packets: 5, want: listener},
		{name: "no retransmissions, after it worked", clients: []string{"192.0.2.98", "192.0.2.99"}, packets: 5, established: 9, want: listener},
		{name: "retransmissions of one client", clients: []string{"192.0.2.99"}, packets: 15, want: missing},
		{name: "no retransmissions of one client", clients: []string{"192.0.2.99"}, packets: 5, want: listener},
	} {
		f := healthyFacts()
		conns := stuckConns(tt.clients...)
		conns.Established = tt.established
		useDirectRouting(f, conns, Conns{})
		delta := &ipvs.Stats{Conns: 5, InPackets: tt.packets}
		f.Services[0].Delta, f.Services[0].Stats, f.Services[0].Servers[0].Delta = delta, *delta, delta
		findings := Diagnose(f)
		if len(findings) != 1 || findings[0].Check.ID != "service-silent" || !strings.HasPrefix(findings[0].Causes[0], tt.want) {
			t.Errorf("%s: got %+v, want service-silent with the first cause %q", tt.name, findings, tt.want)
		}
	}
}

// TestDownServerCause expects the cause that the server is down if it sends no replies
// now, and either has sent replies before or does not reply to probes.
func TestDownServerCause(t *testing.T) {
	down, route := "the server or its link is down", "the server's route to the clients does not lead through the director"
	silent := ipvs.Stats{Conns: 5, InPackets: 15}
	for _, tt := range []struct {
		name   string
		change func(f *Facts, d *Server)
		want   string // beginning of the first cause
	}{
		{name: "never replied", change: func(_ *Facts, d *Server) { d.Stats = silent }, want: route},
		{name: "replied before", change: func(_ *Facts, d *Server) { d.Stats.OutPackets = 9 }, want: down},
		{name: "accepted connections before", change: func(f *Facts, d *Server) {
			d.Stats, d.Conns.Established = silent, 1
			f.WorkingClients = map[netip.Addr][]*ipvs.Destination{addr("192.0.2.99"): {&d.Destination}}
		}, want: down},
		{name: "replied before, behind a gateway", change: func(f *Facts, d *Server) {
			d.Stats.OutPackets = 9
			f.Routes[d.AddrPort.Addr()] = netstate.Route{Type: netstate.Unicast, Link: inside, Gateway: addr("10.0.0.254")}
			f.Neighbors[neighborKey{inside, addr("10.0.0.254")}] = reachable
		}, want: "the server or the gateway 10.0.0.254 is down"},
		{name: "does not reply to probes", change: func(f *Facts, d *Server) {
			d.Stats, f.Probed = silent, true
			f.Paths = map[*ipvs.Destination]PathResult{&d.Destination: {}}
		}, want: down},
		{name: "replies to a probe of the director", change: func(f *Facts, d *Server) {
			d.Stats.OutPackets, f.Probed = 9, true
			f.Paths = map[*ipvs.Destination]PathResult{&d.Destination: {FromDirector: netprobe.PathReply{Echo: true}}}
		}, want: route},
	} {
		f := healthyFacts()
		_, d := f.firstServer()
		d.Delta, d.Conns = &silent, stuckConns("192.0.2.99")
		tt.change(f, d)
		findings := Diagnose(f)
		i := slices.IndexFunc(findings, func(x Finding) bool { return x.Check.ID == "nat-no-answers" })
		if i < 0 || !strings.HasPrefix(findings[i].Causes[0], tt.want) {
			t.Errorf("%s: got %+v, want nat-no-answers with the first cause %q", tt.name, findings, tt.want)
		}
	}
}

// TestPacketsNotSeenRule expects the rule that drops the packets of the client in the
// evidence, and no rule for other clients.
func TestPacketsNotSeenRule(t *testing.T) {
	for _, tt := range []struct {
		clients string // source of the rule
		want    bool
	}{
		{clients: "192.0.2.99/32", want: true},
		{clients: "192.0.2.98/32"},
	} {
		f := healthyFacts()
		makeIdle(f)
		f.Arrivals = arrivals(f, 3, "192.0.2.99")
		f.Firewall = dropping(tt.clients)
		findings := Diagnose(f)
		if len(findings) != 1 || strings.Contains(findings[0].Evidence, "-A INPUT -s "+tt.clients+" -j DROP") != tt.want {
			t.Errorf("rule for %s: got %+v, want one finding that contains the rule: %v", tt.clients, findings, tt.want)
		}
	}
}
