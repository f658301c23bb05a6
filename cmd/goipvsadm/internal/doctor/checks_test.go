package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

var (
	ap   = netip.MustParseAddrPort
	addr = netip.MustParseAddr
)

const (
	lo = iota + 1
	outside
	inside
)

// wellFacts are those of a director with one service and two servers, with
// NAT, which is well: packets go in and come out.
func healthyFacts() *Facts {
	traffic := &ipvs.Stats{Conns: 5, InPackets: 50, OutPackets: 40, InBytes: 5000, OutBytes: 4000}
	server := func(at string) Server {
		return Server{
			Destination: ipvs.Destination{AddrPort: ap(at), Method: ipvs.Masquerading, Weight: 1, Stats: *traffic},
			Counted:     traffic,
			Conns:       Conns{Total: 5, Established: 5, Clients: []netip.Addr{addr("192.0.2.99")}, Virtual: addr("192.0.2.1")},
		}
	}
	f := &Facts{
		Program: "goipvsadm",
		Services: []Service{{
			Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "wlc",
				Netmask: ipvs.FullNetmask(ipvs.IPv4), Stats: *traffic},
			Counted: traffic,
			Servers: []Server{server("10.0.0.11:80"), server("10.0.0.12:80")},
		}},
		Buckets: 4096,
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
		Neighbours:       Neighbours{{inside, addr("10.0.0.11")}: 2, {inside, addr("10.0.0.12")}: 2},
		NeighboursBefore: Neighbours{{inside, addr("10.0.0.11")}: 2, {inside, addr("10.0.0.12")}: 2},
		Routes: map[netip.Addr]netstate.Route{
			addr("192.0.2.1"):                    {Type: netstate.Local, Link: lo},
			addr("192.0.2.99"):                   {Type: netstate.Unicast, Link: outside, Source: addr("192.0.2.1")},
			addr("10.0.0.11"):                    {Type: netstate.Unicast, Link: inside, Source: addr("10.0.0.1")},
			addr("10.0.0.12"):                    {Type: netstate.Unicast, Link: inside, Source: addr("10.0.0.1")},
			testNetAddr(netip.IPv4Unspecified()): {Type: netstate.Unicast, Link: outside, Gateway: addr("192.0.2.254")},
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
			"net/ipv4/vs/drop_entry":            1, // may be switched on
			"net/netfilter/nf_conntrack_count":  500,
			"net/netfilter/nf_conntrack_max":    65536,
		},
		Memory: 1 << 30,
	}
	return f
}

// one returns the first server of the first service.
func (f *Facts) one() (*Service, *Server) { return &f.Services[0], &f.Services[0].Servers[0] }

// Findings for facts that differ from those of a director that is well. The
// kernel tests show what each check finds; these show above all what it does
// not.
func TestDiagnose(t *testing.T) {
	silent := &ipvs.Stats{Conns: 5, InPackets: 15, InBytes: 900}
	waits := Conns{Total: 5, SynRecv: 5, StuckSynRecv: 5, Clients: []netip.Addr{addr("192.0.2.99")}, Virtual: addr("192.0.2.1")}
	const one = "TCP 192.0.2.1:80 10.0.0.11:80"
	for _, tt := range []struct {
		name   string
		change func(f *Facts)
		want   []string
	}{
		{"all is well", func(*Facts) {}, nil},
		{"nothing is known", func(f *Facts) { *f = Facts{Services: f.Services} }, nil},
		{"there is no table", func(f *Facts) { f.Services = nil; f.Sysctls["net/netfilter/nf_conntrack_count"] = 65536 }, nil},
		{"the table cannot be read", func(f *Facts) {
			f.Services, f.TableUnreadable = nil, true
			f.Sysctls["net/netfilter/nf_conntrack_count"] = 65536
		}, []string{"conntrack-full"}},

		{"no answers from one", func(f *Facts) { _, d := f.one(); d.Counted, d.Conns = silent, waits }, []string{"nat-no-answers " + one}},
		{"answers are but late", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, Conns{Total: 5, SynRecv: 1, Established: 4}
		}, nil},
		{"a first packet without an answer yet", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = &ipvs.Stats{Conns: 1, InPackets: 1}, Conns{Total: 1, SynRecv: 1}
		}, nil},
		{"an idle server that never answered", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Stats, d.Conns = new(ipvs.Stats), *silent, waits
		}, []string{"nat-no-answers " + one}},
		{"counters that were set to zero", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = nil, waits
		}, nil},
		{"a protocol of UDP without answers", func(f *Facts) {
			f.Services[0].Protocol = ipvs.UDP
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Counted, f.Services[0].Servers[i].Conns = silent, Conns{Total: 5}
			}
		}, nil},
		{"a server of UDP that does not answer as the others do", func(f *Facts) {
			s, d := f.one()
			s.Protocol, d.Counted, d.Conns = ipvs.UDP, silent, Conns{Total: 5}
		}, []string{"nat-no-answers UDP 192.0.2.1:80 10.0.0.11:80"}},
		{"no answers because nothing is forwarded", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
		}, []string{"forwarding-off"}},
		{"ip_forward is off, and the interface forwards", func(f *Facts) { f.Sysctls["net/ipv4/ip_forward"] = 0 }, nil},
		{"nothing is forwarded, and nobody needs it", func(f *Facts) {
			f.Sysctls["net/ipv4/conf/eth1/forwarding"] = 0
			for i := range f.Services[0].Servers {
				f.Services[0].Servers[i].Method = ipvs.Tunneling
			}
		}, nil},
		{"no answers, in the clients' network", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			d.Conns.Clients = []netip.Addr{addr("10.0.0.50")}
		}, []string{"nat-same-network " + one}},

		{"redirects where they do harm", func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
		}, []string{"send-redirects"}},
		{"redirects where SNAT may be at work", func(f *Facts) {
			f.Routes[addr("192.0.2.99")] = netstate.Route{Type: netstate.Unicast, Link: inside}
			f.Sysctls["net/ipv4/vs/conntrack"] = 1
		}, nil},

		{"the address is elsewhere", func(f *Facts) { elsewhere(f) }, []string{"vip-not-local TCP 192.0.2.1:80"}},
		{"the address is elsewhere, and packets come", func(f *Facts) {
			elsewhere(f)
			f.Services[0].Counted = &ipvs.Stats{InPackets: 1}
		}, nil},
		{"the address is elsewhere, and keepalived moves it", func(f *Facts) {
			elsewhere(f)
			f.Processes = []netstate.Process{{ID: 7, Name: "keepalived"}}
		}, []string{"other-program"}},
		{"the address is elsewhere, and pacemaker moves it", func(f *Facts) {
			elsewhere(f)
			f.Processes = []netstate.Process{{ID: 7, Name: "pacemakerd"}}
		}, nil},
		{"all addresses are served", func(f *Facts) {
			elsewhere(f)
			f.Services[0].AddrPort = ap("0.0.0.0:80")
		}, nil},
		{"the address is on an interface that is down, and packets come by another", func(f *Facts) { f.Links[outside-1].Up = false }, nil},
		{"the address is on a link without ARP that is down", func(f *Facts) {
			f.Services[0].Counted = nil
			f.Links[outside-1].Up, f.Links[outside-1].NeedsNeigh = false, false
		}, nil},
		{"the address is on a link that is down", func(f *Facts) {
			f.Services[0].Counted = nil
			f.Links[outside-1].Up = false
		}, []string{"vip-link-down TCP 192.0.2.1:80"}},
		{"an address on lo that is routed here", func(f *Facts) {
			f.Addresses[1] = netstate.Address{Link: lo, Prefix: netip.MustParsePrefix("192.0.2.1/32")}
			f.Services[0].Servers[0].Method = ipvs.DirectRouting
		}, nil},

		{"packets are dropped, and no link is suspect", func(f *Facts) { f.ReversePath = 1000 }, nil},
		{"packets are dropped, and the way back is another", func(f *Facts) {
			f.ReversePath = 1000
			f.Routes[testNetAddr(netip.IPv4Unspecified())] = netstate.Route{Type: netstate.Unicast, Link: inside}
		}, []string{"rp-filter"}},
		{"packets are dropped, though not strictly there", func(f *Facts) {
			f.ReversePath = 1000
			f.Routes[testNetAddr(netip.IPv4Unspecified())] = netstate.Route{Type: netstate.Unicast, Link: inside}
			f.Sysctls["net/ipv4/conf/eth0/rp_filter"] = 2
		}, nil},
		{"no answers, and few packets of others are dropped", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			f.ReversePath = 3
		}, []string{"nat-no-answers " + one}},
		{"no answers, and packets are dropped where nothing is strict", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			f.ReversePath = 15
			f.Sysctls["net/ipv4/conf/all/rp_filter"] = 0
		}, []string{"nat-no-answers " + one}},
		{"answers are dropped", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			f.ReversePath = 15
		}, []string{"rp-filter"}},

		{"the neighbour is being asked for", func(f *Facts) {
			delete(f.NeighboursBefore, neighbourKey{inside, addr("10.0.0.11")})
			f.Neighbours[neighbourKey{inside, addr("10.0.0.11")}] = netstate.Incomplete
		}, nil},
		{"the neighbour has been asked for all the while", func(f *Facts) {
			f.NeighboursBefore[neighbourKey{inside, addr("10.0.0.11")}] = netstate.Failed
			f.Neighbours[neighbourKey{inside, addr("10.0.0.11")}] = netstate.Incomplete
		}, []string{"neighbour-failed " + one}},
		{"no neighbour, though there was traffic", func(f *Facts) { f.Neighbours, f.NeighboursBefore = nil, nil },
			[]string{"neighbour-failed " + one, "neighbour-failed TCP 192.0.2.1:80 10.0.0.12:80"}},
		{"no neighbour on a link that has none", func(f *Facts) {
			f.Neighbours, f.NeighboursBefore = nil, nil
			f.Links[inside-1].NeedsNeigh = false
		}, nil},
		{"no neighbour in a network that is reached otherwise", func(f *Facts) {
			f.Neighbours, f.NeighboursBefore = nil, nil
			f.Addresses = f.Addresses[:2]
		}, nil},
		{"a drained server that is gone", func(f *Facts) {
			_, d := f.one()
			d.Weight = 0
			f.Neighbours[neighbourKey{inside, addr("10.0.0.11")}] = netstate.Failed
			f.Routes[addr("10.0.0.11")] = netstate.Route{}
		}, nil},

		{"a server that refuses", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = &ipvs.Stats{Conns: 3, InPackets: 3, OutPackets: 3, OutBytes: 120}, Conns{Total: 3}
		}, []string{"server-refuses " + one}},
		{"a server that answers shortly", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = &ipvs.Stats{Conns: 3, InPackets: 9, OutPackets: 6, OutBytes: 252}, Conns{Total: 3}
		}, nil},

		{"a lonely packet to an idle service", func(f *Facts) {
			routed(f, Conns{Total: 1, SynRecv: 1, StuckSynRecv: 1}, Conns{})
			f.Services[0].Counted = new(ipvs.Stats)
		}, nil},
		{"first packets to an idle service that had others", func(f *Facts) {
			routed(f, waits, Conns{})
			f.Services[0].Counted = new(ipvs.Stats)
		}, nil},
		{"first packets to a service that never had others", func(f *Facts) {
			routed(f, waits, Conns{})
			f.Services[0].Counted = new(ipvs.Stats)
			f.Services[0].Stats = ipvs.Stats{Conns: 5, InPackets: 5}
		}, []string{"service-silent TCP 192.0.2.1:80"}},
		{"connections that were not looked at", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			d.Conns.Partial = true
		}, nil},
		{"many that were looked at, and more that were not", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = silent, waits
			d.Conns.Total, d.Conns.SynRecv, d.Conns.Partial = 12, 12, true
		}, []string{"nat-no-answers " + one}},
		{"a client that asks again", func(f *Facts) {
			routed(f, Conns{Total: 1, SynRecv: 1, StuckSynRecv: 1, Virtual: addr("192.0.2.1")}, Conns{})
			f.Services[0].Counted = &ipvs.Stats{InPackets: 1}
		}, []string{"service-silent TCP 192.0.2.1:80"}},
		{"one of two that is silent", func(f *Facts) { routed(f, waits, Conns{Total: 1, Established: 1}) }, []string{"server-silent " + one}},
		{"a new connection beside others", func(f *Facts) { routed(f, Conns{Total: 9, SynRecv: 1, Established: 8, StuckSynRecv: 1}, Conns{}) }, nil},

		{"the same trouble in three services", func(f *Facts) {
			f.Neighbours[neighbourKey{inside, addr("10.0.0.11")}] = netstate.Failed
			for port := range uint16(2) {
				s := f.Services[0]
				s.AddrPort = netip.AddrPortFrom(s.AddrPort.Addr(), 81+port)
				f.Services = append(f.Services, s)
			}
		}, []string{"neighbour-failed " + one + " +2"}},

		{"refused at its own address, and well", func(f *Facts) {
			f.Probed = true
			f.Reached = []netprobe.Result{{Target: netprobe.Target{AddrPort: ap("10.0.0.11:80"), Source: addr("10.0.0.1")}, Outcome: netprobe.Refused}}
		}, nil},
		{"refused, and idle", func(f *Facts) {
			_, d := f.one()
			d.Counted, d.Conns = nil, Conns{}
			f.Probed = true
			f.Reached = []netprobe.Result{{Target: netprobe.Target{AddrPort: ap("10.0.0.11:80"), Source: addr("10.0.0.1")}, Outcome: netprobe.Refused}}
		}, []string{"probe-refused " + one}},
		{"the director hears itself", func(f *Facts) {
			f.Links[inside-1].HardwareAddr = []byte{2, 0, 0, 0, 0, 1}
			f.ARPReplies = []netprobe.Reply{{Link: outside, Addr: addr("192.0.2.1"), HardwareAddr: []byte{2, 0, 0, 0, 0, 1}}}
		}, nil},
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
				if x.MoreServices > 0 {
					text += " +" + humanize.Count(x.MoreServices, "")
				}
				got = append(got, text)
				if x.Evidence == "" || len(x.Remedies) == 0 {
					t.Errorf("%s: nothing seen, or nothing to do", text)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// elsewhere takes the virtual address away from a director without traffic.
func elsewhere(f *Facts) {
	f.Addresses[1] = netstate.Address{Link: outside, Prefix: netip.MustParsePrefix("192.0.2.2/24")}
	f.Routes[addr("192.0.2.1")] = netstate.Route{Type: netstate.Unicast, Link: outside}
	f.Services[0].Counted = new(ipvs.Stats)
}

// routed makes the servers those of direct routing, with connections.
func routed(f *Facts, one, two Conns) {
	for i, conns := range []Conns{one, two} {
		d := &f.Services[0].Servers[i]
		d.Method, d.Conns = ipvs.DirectRouting, conns
	}
}

// Commands are for where the director is, and named as it was called.
func TestCommands(t *testing.T) {
	f := healthyFacts()
	s, d := f.one()
	for _, tt := range []struct{ netns, want string }{
		{"", "ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{"lb", "ip netns exec lb ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{"/proc/7/ns/net", "nsenter --net=/proc/7/ns/net ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
	} {
		f.Program, f.NetNS = "ipvsadm", tt.netns
		if got := f.drain(s, d).Command; got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	if got := sysctlCommand(1, "net/ipv4/conf/eth0.100/rp_filter"); got != "sysctl -w net.ipv4.conf.eth0/100.rp_filter=1" {
		t.Error(got)
	}
	for n, want := range map[int]string{0: "0 packets", 1: "1 packet", 999: "999 packets", 1000: "1,000 packets", 1234567: "1,234,567 packets"} {
		if got := humanize.Count(n, "packet"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What was counted between two readings of the table.
func TestBetween(t *testing.T) {
	before := &ipvs.Stats{Conns: 1, InPackets: 10, OutPackets: 5, InBytes: 100, OutBytes: 50}
	after := &ipvs.Stats{Conns: 3, InPackets: 20, OutPackets: 5, InBytes: 150, OutBytes: 50}
	if got := statsDelta(before, after); *got != (ipvs.Stats{Conns: 2, InPackets: 10, InBytes: 50}) {
		t.Errorf("%+v", got)
	}
	if statsDelta(after, before) != nil || statsDelta(nil, after) != nil {
		t.Error("something was counted across the counters' being set to zero")
	}
}

// The server of a connection, which does not tell its mark.
func TestIndex(t *testing.T) {
	table := []Service{
		{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))},
			Servers: []Server{{Destination: ipvs.Destination{AddrPort: ap("10.0.0.11:8080")}}}},
		{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.2:0"))},
			Servers: []Server{{Destination: ipvs.Destination{AddrPort: ap("10.0.0.12:0")}}}},
		{Service: ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4)},
			Servers: []Server{{Destination: ipvs.Destination{AddrPort: ap("10.0.0.13:0")}}, {Destination: ipvs.Destination{AddrPort: ap("10.0.0.11:8080")}}}},
	}
	ix := newIndex(table)
	for _, tt := range []struct {
		protocol        ipvs.Protocol
		virtual, server string
		want            string // the server, and the service
	}{
		{ipvs.TCP, "192.0.2.1:80", "10.0.0.11:8080", "10.0.0.11:8080 TCP 192.0.2.1:80"},
		{ipvs.TCP, "192.0.2.2:443", "10.0.0.12:443", "10.0.0.12:0 TCP 192.0.2.2:0"},
		{ipvs.TCP, "192.0.2.3:80", "10.0.0.13:80", "10.0.0.13:0"},
		{ipvs.UDP, "192.0.2.3:53", "10.0.0.11:8080", "10.0.0.11:8080"},
		{ipvs.TCP, "192.0.2.1:80", "10.0.0.99:8080", "TCP 192.0.2.1:80"}, // it was removed
		{ipvs.UDP, "192.0.2.1:80", "10.0.0.99:80", ""},
	} {
		d, s := ix.find(&ipvs.Connection{Protocol: tt.protocol, VIP: ap(tt.virtual), Destination: ap(tt.server)})
		var got []string
		if d != nil {
			got = append(got, d.AddrPort.String())
		}
		if s != nil {
			got = append(got, s.ServiceKey.String())
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s -> %s: %q, want %q", tt.virtual, tt.server, got, tt.want)
		}
	}
}
