// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/netprobe"
	"goipvsadm/scripts/testnet"
)

// A healthyTest is a network that works, although parts of it may look like a
// problem.
type healthyTest struct {
	name     string
	plan     testnet.Plan
	commands []string       // of the form HOST: COMMAND
	rules    string         // table of the director
	prepare  func(*testbed) // runs before commands
	traffic  []string       // addresses to which a client connects
	from     string         // host of the client; "client" by default
	noise    func(*testbed) // starts traffic that must not be reported
	examine  []string       // hosts; "director" by default
	hints    []string       // identifiers of hints that may be reported
	iptables bool           // whether the test requires iptables
	sctp     bool           // whether the test requires SCTP
	sysctl   string         // path of a required sysctl below /proc/sys
}

// twoNodePlan has two hosts that are both director and server. The one named
// director has the VIP on the LAN.
var twoNodePlan = testnet.Plan{
	{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.1/24"}}}},
	{Name: "director", Sysctls: drPlan[2].Sysctls, Links: []testnet.Link{{To: "lan", Addresses: []string{"172.16.100.21/24", "172.16.100.10/32"}}}},
	{Name: "web2", Sysctls: drPlan[2].Sysctls, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"172.16.100.22/24"}},
		{To: "lo", Addresses: []string{"172.16.100.10/32"}},
	}},
}

// drPlanWith returns drPlan with another host on the LAN.
func drPlanWith(name, addr string) testnet.Plan {
	return append(slices.Clone(drPlan), testnet.Host{Name: name, Links: []testnet.Link{{To: "lan", Addresses: []string{addr + "/24"}}}})
}

// natPlanWith returns natPlan with another host in the clients' network.
func natPlanWith(name, addr string) testnet.Plan {
	return append(slices.Clone(natPlan), testnet.Host{Name: name, Links: []testnet.Link{{To: "outside", Addresses: []string{addr + "/24"}}}})
}

const routedVIPRules = `-A -t 203.0.113.10:80 -s rr
-a -t 203.0.113.10:80 -r 192.168.1.11:80 -m`

var healthyTests = []healthyTest{
	{name: "NAT", plan: natPlan, rules: natRules, traffic: natTraffic},
	{name: "direct routing", plan: drPlan, rules: drRules, traffic: drTraffic},
	{name: "NAT with IPv6", plan: ip6NATPlan, rules: ip6NATRules, traffic: []string{"[fd02::110]:80"}},
	{name: "direct routing with IPv6", plan: ip6DRPlan, rules: ip6DRRules, traffic: []string{"[fd03::10]:80"}},

	{name: "VIP local for packets of an interface", plan: natPlan, rules: routedVIPRules, traffic: []string{"203.0.113.10:80"},
		commands: []string{
			"client: ip route add 203.0.113.10 via 192.168.2.110",
			"director: ip route add local 203.0.113.10 dev lo table 100",
			"director: ip rule add iif eth0 lookup 100 pref 10",
		}},
	{name: "clients on the director, without forwarding", plan: natPlan, from: "director", traffic: []string{"10.99.0.1:80"},
		rules: "-A -t 10.99.0.1:80 -s rr\n-a -t 10.99.0.1:80 -r 192.168.1.11:80 -m\n-a -t 10.99.0.1:80 -r 192.168.1.12:80 -m",
		commands: []string{
			"director: sysctl -w net.ipv4.ip_forward=0",
			"director: ip route add default via 192.168.2.1",
		}, hints: []string{"vip-not-local"}},
	{name: "VIP on a bridge without ports", plan: natPlan, rules: routedVIPRules, traffic: []string{"203.0.113.10:80"},
		commands: []string{
			"client: ip route add 203.0.113.10 via 192.168.2.110",
			"director: ip link add br-vip type bridge",
			"director: ip link set br-vip up",
			"director: ip address add 203.0.113.10/32 dev br-vip",
		}, hints: []string{"vip-link-down"}},
	{name: "VIP on a dummy interface that is down", plan: natPlan, rules: routedVIPRules, traffic: []string{"203.0.113.10:80"},
		commands: []string{
			"client: ip route add 203.0.113.10 via 192.168.2.110",
			"director: ip link add kube-ipvs0 type dummy",
			"director: ip address add 203.0.113.10/32 dev kube-ipvs0",
		}},
	{name: "unrelated packets dropped by rp_filter", plan: natPlan, rules: natRules, traffic: natTraffic,
		commands: []string{
			"director: sysctl -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1",
			"client: ip address add 192.168.1.77/32 dev lo",
			"client: sysctl -w net.ipv4.conf.all.arp_announce=2",
		}, noise: func(tb *testbed) { tb.sendDatagrams("192.168.1.77", "192.168.2.110:9999") }},

	{name: "real address on the server's loopback", plan: drPlan, traffic: drTraffic, hints: []string{"dr-through-gateway"},
		rules: "-A -t 172.16.100.10:80 -s rr\n-a -t 172.16.100.10:80 -r 10.255.0.1:80 -g",
		commands: []string{
			"web1: ip address add 10.255.0.1/32 dev lo",
			"director: ip route add 10.255.0.1 via 172.16.100.21",
		}},
	{name: "servers listen on the VIP only", plan: drPlan, traffic: drTraffic,
		rules: "-A -t 172.16.100.10:80 -s rr -p 600\n-a -t 172.16.100.10:80 -r 172.16.100.21 -g\n-a -t 172.16.100.10:80 -r 172.16.100.22 -g",
		prepare: func(tb *testbed) {
			for _, host := range []string{"web1", "web2"} {
				tb.replaceServer(host, "172.16.100.10:80")
			}
		}},
	{name: "servers redirect the VIP to another port", iptables: true, plan: drPlan, rules: drRules, traffic: drTraffic,
		prepare: func(tb *testbed) {
			for _, host := range []string{"web1", "web2"} {
				tb.replaceServer(host, ":3128")
				tb.run(host + ": iptables-legacy -t nat -A PREROUTING -d 172.16.100.10 -p tcp --dport 80 -j REDIRECT --to-ports 3128")
			}
		}},
	{name: "two directors that are servers", plan: twoNodePlan, examine: []string{"director", "web2"}, traffic: drTraffic,
		rules: "-A -t 172.16.100.10:80 -s rr\n-a -t 172.16.100.10:80 -r 172.16.100.21 -g\n-a -t 172.16.100.10:80 -r 172.16.100.22 -g",
		prepare: func(tb *testbed) {
			tb.serve("director", ":80")
		},
		commands: []string{
			"director: sysctl -w net.ipv4.vs.backup_only=1",
			"web2: sysctl -w net.ipv4.vs.backup_only=1",
			"web2: ipvsadm -A -t 172.16.100.10:80 -s rr",
			"web2: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.21 -g",
			"web2: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.22 -g",
			"director: ipvsadm --start-daemon master --mcast-interface eth0 --syncid 5",
			"web2: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 5",
		}, hints: []string{"address-claimed"}},
	{name: "standby whose VIP is on another director", plan: drPlanWith("director2", "172.16.100.4"), rules: drRules, hints: []string{"vip-not-local"},
		commands: []string{
			"director: ip address del 172.16.100.10/32 dev eth0",
			"director2: ip address add 172.16.100.10/32 dev eth0",
		}},
	{name: "two directors announce the VIP", plan: drPlanWith("director2", "172.16.100.4"), rules: drRules, hints: []string{"address-claimed"},
		commands: []string{"director2: ip address add 172.16.100.10/32 dev eth0"}},

	// keepalived with use_vmac.
	{name: "VIP on a macvlan of VRRP, and a standby", plan: drPlanWith("director2", "172.16.100.4"), rules: drRules, traffic: drTraffic,
		examine: []string{"director", "director2"}, hints: []string{"vip-not-local"},
		commands: []string{
			"director: ip address del 172.16.100.10/32 dev eth0",
			"director: ip link add vrrp.51 link eth0 address 00:00:5e:00:01:33 type macvlan mode private",
			"director: sysctl -w net.ipv4.conf.vrrp/51.rp_filter=0 net.ipv4.conf.vrrp/51.accept_local=1 net.ipv4.conf.eth0.arp_ignore=1",
			"director: ip link set vrrp.51 up",
			"director: ip address add 172.16.100.10/32 dev vrrp.51",
			"director2: ip link add vrrp.51 link eth0 address 00:00:5e:00:01:33 type macvlan mode private",
			"director2: sysctl -w net.ipv4.conf.eth0.arp_ignore=1",
			"director2: ip link set vrrp.51 up",
			"director2: ipvsadm -R <<-END\n" + drRules + "\nEND\n",
		}},

	{name: "sync over GRE", plan: drPlanWith("director2", "172.16.100.4"), rules: drRules, traffic: drTraffic, examine: []string{"director", "director2"},
		commands: []string{
			"director: ip link add gre1 type gre local 172.16.100.2 remote 172.16.100.4",
			"director: ip address add 10.9.9.1/30 dev gre1",
			"director: ip link set gre1 up",
			"director2: ip link add gre1 type gre local 172.16.100.4 remote 172.16.100.2",
			"director2: ip address add 10.9.9.2/30 dev gre1",
			"director2: ip link set gre1 up",
			"director: ipvsadm --start-daemon master --mcast-interface gre1 --syncid 5",
			"director2: ipvsadm -R <<-END\n" + drRules + "\nEND\n",
			"director2: ipvsadm --start-daemon backup --mcast-interface gre1 --syncid 5",
		}},
	{name: "overflow with equal weights", plan: drPlan, traffic: drTraffic,
		rules: "-A -t 172.16.100.10:80 -s ovf\n-a -t 172.16.100.10:80 -r 172.16.100.21 -g -w 100\n-a -t 172.16.100.10:80 -r 172.16.100.22 -g -w 100"},
	{name: "drained server that is down", plan: drPlan, rules: drRules + " -w 0", traffic: drTraffic,
		commands: []string{"web2: ip link set eth0 down"}},
	{name: "old neighbor entry", plan: drPlan, rules: drRules,
		commands: []string{"director: ip neigh replace 172.16.100.21 dev eth0 nud failed"}},
	{name: "fwmark without packets", plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", traffic: drTraffic,
		hints: []string{"mark-never-seen"}},
	{name: "counters that are not updated", sysctl: runEstimation, plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", traffic: drTraffic,
		commands: []string{"director: sysctl -w net.ipv4.vs.run_estimation=0"}, hints: []string{"estimation-off"}},
	{name: "tunnel without path MTU discovery", plan: tunPlan, rules: tunRules, traffic: tunTraffic,
		commands: []string{"director: sysctl -w net.ipv4.vs.pmtu_disc=0"}, hints: []string{"tunnel-mtu"}},
	{name: "connections from the director itself", plan: drPlan, rules: drRules, traffic: drTraffic,
		noise: func(tb *testbed) { tb.startTrafficFrom("director", drTraffic...) }, hints: []string{"director-as-client"}},
	{name: "client whose network loses the replies", iptables: true, plan: drPlanWith("client2", "172.16.100.5"), traffic: drTraffic,
		rules:    "-A -t 172.16.100.10:80 -s rr -p 300\n-a -t 172.16.100.10:80 -r 172.16.100.21 -g\n-a -t 172.16.100.10:80 -r 172.16.100.22 -g",
		commands: []string{"client2: iptables-legacy -A INPUT -s 172.16.100.10 -j DROP"},
		noise:    func(tb *testbed) { tb.startTrafficFrom("client2", drTraffic...) }, hints: []string{"server-silent"}},
	{name: "client that the servers reject", iptables: true, plan: natPlanWith("client2", "192.168.2.66"), rules: natRules,
		commands: []string{
			"web1: iptables-legacy -A INPUT -s 192.168.2.66 -j DROP",
			"web2: iptables-legacy -A INPUT -s 192.168.2.66 -p tcp -j REJECT --reject-with tcp-reset",
		}, noise: func(tb *testbed) {
			for range 6 {
				tb.request(tb.t.Context(), "client", "", natTraffic[0])
			}
			tb.startTrafficFrom("client2", natTraffic...)
			time.Sleep(time.Second) // a connection is stuck if it is in the handshake for longer than a reply takes
		}, hints: []string{"nat-no-answers", "server-refuses"}},
	{name: "firewall that drops the probes", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		commands: []string{
			"director: sysctl -w net.ipv4.vs.conntrack=1",
			"director: iptables-legacy -P OUTPUT DROP",
			"director: iptables-legacy -A OUTPUT -m ipvs --ipvs -j ACCEPT",
			"director: iptables-legacy -A OUTPUT -m state --state ESTABLISHED -j ACCEPT",
		}, hints: []string{"probe-no-answer"}},
	{name: "monitors that do not complete the handshake", plan: drPlan, rules: drRules,
		noise: func(tb *testbed) { tb.monitorHalfOpen("172.16.100.10:80", "172.16.100.1", "172.16.100.3") }},
	{name: "clients on the director, without the VIP", plan: drPlan, rules: strings.ReplaceAll(drRules, "172.16.100.10", "10.99.0.1"), from: "director",
		traffic: []string{"10.99.0.1:80"}, hints: []string{"vip-not-local"},
		commands: []string{
			"director: ip route add default via 172.16.100.1",
			"web1: ip address add 10.99.0.1/32 dev lo",
			"web2: ip address add 10.99.0.1/32 dev lo",
		}},
	{name: "default route for replies only, and a client whose network loses them", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		commands: []string{
			"director: ip route add default via 192.168.2.1 table 100",
			"director: ip rule add iif eth1 lookup 100",
			"director: ip rule add from 192.168.2.110 lookup 100",
			"client: ip address add 10.9.9.9/32 dev lo",
			"client: iptables-legacy -A INPUT -d 10.9.9.9 -j DROP",
		}, noise: func(tb *testbed) { tb.startTrafficWithSource("client", "10.9.9.9", natTraffic...) }},
	{name: "UDP with NAT, drained server", plan: natPlan, rules: natUDPRules, prepare: func(tb *testbed) {
		tb.serveUDP("web1", ":53")
		tb.serveUDP("web2", ":53")
	}, noise: func(tb *testbed) {
		tb.startUDP(natUDP)
		tb.run("director: ipvsadm -e -u 192.168.2.110:53 -r 192.168.1.11 -m -w 0")
	}},
	{name: "UDP with direct routing", plan: drPlan, rules: drUDPRules, prepare: func(tb *testbed) {
		tb.serveUDP("web1", drUDP)
		tb.serveUDP("web2", drUDP)
	}, noise: func(tb *testbed) { tb.startUDP(drUDP) }},
	{name: "UDP without replies, drained server", plan: natPlan, rules: strings.ReplaceAll(natUDPRules, ":53", ":514"), prepare: (*testbed).receiveUDP,
		noise: func(tb *testbed) {
			tb.startUDP("192.168.2.110:514")
			tb.run("director: ipvsadm -e -u 192.168.2.110:514 -r 192.168.1.11 -m -w 0")
		}},
	{name: "one-packet scheduling without replies", plan: natPlan, rules: strings.ReplaceAll(strings.ReplaceAll(natUDPRules, ":53", ":514"), "-s rr", "-s rr -o"),
		prepare: (*testbed).receiveUDP, noise: func(tb *testbed) { tb.startUDP("192.168.2.110:514") }, hints: []string{"one-packet-nat"}},
	{name: "SCTP with NAT", sctp: true, plan: natPlan, rules: natSCTPRules, prepare: (*testbed).serveSCTPAtBoth,
		noise: func(tb *testbed) { tb.startSCTP("192.168.2.110:9000") }},
	{name: "SCTP with direct routing", sctp: true, plan: drPlan, rules: drSCTPRules, prepare: (*testbed).serveSCTPAtBoth,
		noise: func(tb *testbed) { tb.startSCTP("172.16.100.10:9000") }},
	{name: "drained server with open connections", plan: drPlan, rules: drRules, traffic: drTraffic, noise: func(tb *testbed) {
		tb.keepOpen("http://172.16.100.10/", 4)
		tb.run("director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0")
	}},
	{name: "server at half of its threshold", plan: drPlan, rules: drRules + " -x 40 -y 20", traffic: drTraffic,
		noise: func(tb *testbed) { tb.run("director: ipvsadm --set 0 1 0") }},
	{name: "NAT with masquerading in one subnet", iptables: true, plan: oneSubnetPlan, rules: oneSubnetRules, traffic: []string{"10.1.0.100:80"},
		commands: []string{
			"director: iptables-legacy -t nat -A POSTROUTING -d 10.1.0.11 -j MASQUERADE",
			"director: sysctl -w net.ipv4.vs.conntrack=1",
		}},
	{name: "servers that select the route to the director by their address", plan: natPlan, rules: natRules, traffic: natTraffic,
		commands: []string{
			"web1: ip route replace default via 192.168.1.254",
			"web1: ip route add default via 192.168.1.1 table 100",
			"web1: ip rule add from 192.168.1.11 lookup 100",
		}},
	{name: "server with a local route to the VIP", plan: drPlan, rules: drRules, traffic: drTraffic,
		commands: []string{"web1: ip address del 172.16.100.10/32 dev lo", "web1: ip route add local 172.16.100.10 dev lo"}},
	{name: "server that replies through another interface", plan: multihomedPlan, rules: gatewayRules, traffic: []string{"10.0.0.10:80"},
		commands: []string{"web1: sysctl -w net.ipv4.conf.all.rp_filter=2"}},
	{name: "source hashing with fallback and a server in maintenance", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s sh -b sh-fallback") + " -w 0",
		traffic: drTraffic, commands: []string{"web2: ip link set eth0 down"}},
	{name: "two active directors with crossed sync daemons", plan: drPlanWith("director2", "172.16.100.4"), rules: drRules + "\n" + masterRules,
		traffic: []string{"172.16.100.10:80", "172.16.100.40:80"}, examine: []string{"director", "director2"}, hints: []string{"vip-not-local"},
		commands: []string{
			"director2: ip address add 172.16.100.40/32 dev eth0", "web1: ip address add 172.16.100.40/32 dev lo",
			"director2: ipvsadm -R <<-END\n" + drRules + "\n" + masterRules + "\nEND\n",
			"director: ipvsadm --start-daemon master --mcast-interface eth0 --syncid 1",
			"director: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 2",
			"director2: ipvsadm --start-daemon master --mcast-interface eth0 --syncid 2",
			"director2: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 1",
		}},
	{name: "rolling deployment", plan: natPlan, rules: natRules, traffic: natTraffic, noise: (*testbed).rollServers},
	{name: "firewall that accepts the service", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		commands: []string{
			"director: sysctl -w net.ipv4.vs.conntrack=1",
			"director: iptables-legacy -P FORWARD DROP",
			"director: iptables-legacy -A FORWARD -m state --state ESTABLISHED -j ACCEPT",
			"director: iptables-legacy -A INPUT -p tcp --dport 80 -j ACCEPT",
		}},
}

// TestHealthy expects neither errors nor warnings, idle and with traffic, with
// and without probes.
func TestHealthy(t *testing.T) {
	for i := range healthyTests {
		tt := &healthyTests[i]
		if missing := missingFeature(tt.iptables, tt.sctp, tt.sysctl); missing != "" {
			t.Logf("missing: %s, for %s", missing, tt.name)
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tb := newTestbed(t, fmt.Sprintf("h%d-", i), tt.plan)
			if tt.prepare != nil {
				tt.prepare(tb)
			}
			tb.run(tt.commands...)
			tb.restore(tt.rules)
			tb.expectNoProblems(tt, "idle")
			if len(tt.traffic) == 0 && tt.noise == nil {
				return
			}
			from := "client"
			if tt.from != "" {
				from = tt.from
			}
			for _, address := range tt.traffic {
				if _, err := (testnet.Client{Netns: tb.network.Host(from)}).Get("http://" + address + "/"); err != nil {
					t.Fatalf("the network does not work: %v", err)
				}
			}
			if tt.noise != nil {
				tt.noise(tb)
			}
			if len(tt.traffic) > 0 {
				tb.startTrafficFrom(from, tt.traffic...)
			}
			tb.expectNoProblems(tt, "with traffic")
		})
	}
}

// expectNoProblems examines the directors with and without probes.
func (tb *testbed) expectNoProblems(tt *healthyTest, when string) {
	tb.t.Helper()
	hosts := tt.examine
	if hosts == nil {
		hosts = []string{"director"}
	}
	for _, host := range hosts {
		for _, args := range [][]string{nil, {"--probe"}} {
			d := tb.examine(host, args...)
			for _, f := range d.Findings {
				if f.Severity != "hint" || !slices.Contains(tt.hints, f.ID) {
					tb.t.Errorf("%s, %s %v: %s %s: %s", when, host, args, f.Severity, f.String(), f.Seen)
				}
			}
			if d.status != 0 {
				tb.t.Errorf("%s, %s %v: exit status %d, want 0", when, host, args, d.status)
			}
		}
	}
}

// monitorHalfOpen makes addresses of the client test whether a VIP accepts connections,
// until the test ends: it resets each connection instead of completing its handshake.
func (tb *testbed) monitorHalfOpen(vip string, sources ...string) {
	interfaceOf := func(host string) (i *net.Interface) {
		err := tb.network.Host(host).Do(func() (err error) { i, err = net.InterfaceByName("eth0"); return err })
		if err != nil {
			tb.t.Fatal(err)
		}
		return i
	}
	client, director := interfaceOf("client"), interfaceOf("director")
	var paths []netprobe.Path
	for _, source := range sources {
		p := netprobe.Path{
			Protocol:     unix.IPPROTO_TCP,
			Source:       netip.MustParseAddr(source),
			To:           netip.MustParseAddrPort(vip),
			HardwareAddr: director.HardwareAddr,
			Link:         client.Index,
		}
		paths = append(paths, p, p)
	}
	tb.repeat(300*time.Millisecond, func(context.Context) {
		err := tb.network.Host("client").Do(func() error {
			_, err := netprobe.ProbePaths(paths, 100*time.Millisecond)
			return err
		})
		if err != nil {
			tb.t.Error(err)
		}
	})
}

// sendDatagrams sends UDP datagrams from an address of the client until the
// test ends.
func (tb *testbed) sendDatagrams(from, to string) {
	tb.repeat(100*time.Millisecond, func(ctx context.Context) {
		conn, err := tb.network.Host("client").Dial(ctx, "udp", netip.MustParseAddr(from), to)
		if err != nil {
			return
		}
		conn.Write([]byte("?"))
		conn.Close()
	})
}

// rollServers replaces the first server of natRules with one on another port, and back,
// until the test ends, as a controller does when it deploys a new version.
func (tb *testbed) rollServers() {
	commands := []string{
		"-a -t 192.168.2.110:80 -r 192.168.1.11:8080 -m",
		"-e -t 192.168.2.110:80 -r 192.168.1.11:80 -m -w 0",
		"-d -t 192.168.2.110:80 -r 192.168.1.11:80",
		"-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m",
		"-e -t 192.168.2.110:80 -r 192.168.1.11:8080 -m -w 0",
		"-d -t 192.168.2.110:80 -r 192.168.1.11:8080",
	}
	i := 0
	tb.repeat(400*time.Millisecond, func(context.Context) {
		_, _ = tb.tool.Shell(tb.network.Host("director"), "ipvsadm "+commands[i%len(commands)])
		i++
	})
}
