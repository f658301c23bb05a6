//go:build kernel

// Every check, on a real kernel with real traffic: a set-up is broken in just
// the way that the check knows.

package doctor_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/scripts/testnet"
)

// A row is a set-up that is broken.
type row struct {
	name   string // the check, and a word if there are several rows for it
	plan   testnet.Plan
	rules  string   // of the director's table
	broken []string // by these commands, each as HOST: COMMAND

	traffic []string // addresses to which the client connects all the while
	before  func(*bench)
	probe   bool

	iptables bool // whether it takes netfilter's tables, which some kernels have not

	want string // services and servers of the finding, as they are asked for
	do   int    // which of the printed commands is run

	// replace is what stands in a command for what the doctor cannot know, and
	// the command that is run in its place.
	replace []string
	cured   []string // commands that are to be run besides
}

// The networks: those of the classic set-ups, and some more.
var (
	natPlan = classicPlan("nat")
	drPlan  = classicPlan("dr")
	tunPlan = classicPlan("tun")

	// All in one network, with NAT: the servers go through the director
	// wherever they go.
	oneNetworkPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.2/24"}}}},
		{Name: "director", Sysctls: map[string]string{
			"net/ipv4/ip_forward":                  "1",
			"net/ipv4/conf/all/send_redirects":     "0",
			"net/ipv4/conf/default/send_redirects": "0",
		}, Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.1/24", "10.1.0.100/32"}}}},
		{Name: "web1", Sysctls: map[string]string{"net/ipv4/conf/all/accept_redirects": "0"},
			Links: []testnet.Link{{To: "lan", Addresses: []string{"10.1.0.11/24"}}}},
	}

	// NAT with two networks between director and server: packets take one of
	// them there, and the other back.
	twoWaysPlan = testnet.Plan{
		natPlan[0],
		{Name: "director", Sysctls: natPlan[1].Sysctls, Links: append(slices.Clone(natPlan[1].Links),
			testnet.Link{To: "back", Addresses: []string{"192.168.3.1/24"}})},
		{Name: "web1", Gateway: "192.168.3.1", Sysctls: map[string]string{"net/ipv4/conf/all/arp_announce": "2"}, Links: []testnet.Link{
			{To: "inside", Addresses: []string{"192.168.1.11/24"}},
			{To: "back", Addresses: []string{"192.168.3.11/24"}},
		}},
	}

	// NAT for IPv6.
	sixPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"fd02::1/64"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv6/conf/all/forwarding": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"fd02::110/64"}},
			{To: "inside", Addresses: []string{"fd01::1/64"}},
		}},
		{Name: "web1", Gateway: "fd01::1", Links: []testnet.Link{{To: "inside", Addresses: []string{"fd01::11/64"}}}},
	}

	// Direct routing for IPv6.
	sixDRPlan = testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "lan", Addresses: []string{"fd03::1/64"}}}},
		{Name: "director", Links: []testnet.Link{{To: "lan", Addresses: []string{"fd03::2/64", "fd03::10/128"}}}},
		{Name: "web1", Links: []testnet.Link{
			{To: "lan", Addresses: []string{"fd03::21/64"}},
			{To: "lo", Addresses: []string{"fd03::10/128"}},
		}},
	}

	// Direct routing with a second interface of the director, which is the way
	// to everywhere.
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

// The tables that go with them.
const (
	natRules = `-A -t 192.168.2.110:80 -s rr
-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m
-a -t 192.168.2.110:80 -r 192.168.1.12:80 -m`
	twoWaysRules = `-A -t 192.168.2.110:80 -s rr
-a -t 192.168.2.110:80 -r 192.168.1.11:80 -m`
	oneNetworkRules = `-A -t 10.1.0.100:80 -s rr
-a -t 10.1.0.100:80 -r 10.1.0.11:80 -m`
	sixRules = `-A -t [fd02::110]:80 -s rr
-a -t [fd02::110]:80 -r [fd01::11]:80 -m`
	sixDRRules = `-A -t [fd03::10]:80 -s rr
-a -t [fd03::10]:80 -r [fd03::21]:80 -g`
	drRules = `-A -t 172.16.100.10:80 -s rr
-a -t 172.16.100.10:80 -r 172.16.100.21:80 -g
-a -t 172.16.100.10:80 -r 172.16.100.22:80 -g`
	oneDRRules = `-A -t 172.16.100.10:80 -s rr
-a -t 172.16.100.10:80 -r 172.16.100.21:80 -g`
	tunRules = `-A -t 10.0.2.10:80 -s rr
-a -t 10.0.2.10:80 -r 10.0.3.11:80 -i
-a -t 10.0.2.10:80 -r 10.0.4.12:80 -i`
	oneTunRules = `-A -t 10.0.2.10:80 -s rr
-a -t 10.0.2.10:80 -r 10.0.3.11:80 -i`
)

var (
	natTraffic = []string{"192.168.2.110:80"}
	drTraffic  = []string{"172.16.100.10:80"}
	tunTraffic = []string{"10.0.2.10:80"}
)

// Where the client does not answer for the default route of a server.
const throughDirector = "web1: ip route replace 10.1.0.0/24 via 10.1.0.1"

var rows = []row{
	{name: "forwarding-off", plan: natPlan, rules: natRules, traffic: natTraffic,
		broken: []string{"director: sysctl -w net.ipv4.ip_forward=0"}},
	{name: "forwarding-off/interface", plan: natPlan, rules: natRules, traffic: natTraffic,
		broken: []string{"director: sysctl -w net.ipv4.conf.eth1.forwarding=0"}},
	{name: "forwarding-off/IPv6", plan: sixPlan, rules: sixRules, traffic: []string{"[fd02::110]:80"},
		broken: []string{"director: sysctl -w net.ipv6.conf.all.forwarding=0"}},

	{name: "send-redirects", plan: oneNetworkPlan, rules: oneNetworkRules, traffic: []string{"10.1.0.100:80"},
		broken: []string{throughDirector, "director: sysctl -w net.ipv4.conf.all.send_redirects=1"}},

	{name: "vip-not-local", plan: drPlan, rules: drRules, want: "172.16.100.10:80",
		broken: []string{"director: ip address del 172.16.100.10/32 dev eth0"}},
	{name: "vip-not-local/IPv6", plan: sixDRPlan, rules: sixDRRules, want: "[fd03::10]:80",
		broken: []string{"director: ip address del fd03::10/128 dev eth0"}},
	{name: "vip-link-down", plan: twoLinksPlan, rules: "-A -t 10.7.0.1:80\n-a -t 10.7.0.1:80 -r 172.16.100.21:80 -g", want: "10.7.0.1:80",
		broken: []string{"director: ip link set eth1 down"}},
	{name: "vip-on-lo", plan: drPlan, rules: drRules, want: "172.16.100.10:80", traffic: drTraffic,
		broken: []string{"director: ip address del 172.16.100.10/32 dev eth0", "director: ip address add 172.16.100.10/32 dev lo"}},

	{name: "vip-on-lo/IPv6", plan: sixDRPlan, rules: sixDRRules, want: "[fd03::10]:80",
		broken: []string{"director: ip address del fd03::10/128 dev eth0", "director: ip address add fd03::10/128 dev lo"}},

	{name: "rp-filter", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"client: sysctl -w net.ipv4.conf.all.arp_announce=2", // ARP is not what fails
			"client: ip route replace 172.16.100.10/32 dev eth0 src 10.9.9.9",
			"director: sysctl -w net.ipv4.conf.eth0.rp_filter=1",
		},
		traffic: drTraffic},

	{name: "rp-filter/NAT", plan: twoWaysPlan, rules: twoWaysRules, traffic: natTraffic,
		broken: []string{"director: sysctl -w net.ipv4.conf.eth2.rp_filter=1"}},

	{name: "conntrack-off", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		broken: []string{"director: iptables-legacy -A FORWARD -m state --state ESTABLISHED -j ACCEPT"}},

	{name: "drop-entry", plan: drPlan, rules: drRules, broken: []string{"director: sysctl -w net.ipv4.vs.drop_entry=3"}},
	{name: "drop-packet", plan: drPlan, rules: drRules, broken: []string{"director: sysctl -w net.ipv4.vs.drop_packet=3"}},
	{name: "secure-tcp", plan: drPlan, rules: drRules, broken: []string{"director: sysctl -w net.ipv4.vs.secure_tcp=3"}},

	{name: "expire-nodest-conn", plan: drPlan, rules: drRules, before: func(b *bench) { b.hold("http://172.16.100.10/", 2) },
		broken: []string{"director: ipvsadm -d -t 172.16.100.10:80 -r 172.16.100.21:80"}},

	{name: "sync-interface-gone", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link del eth1",
		}},
	{name: "sync-interface-down", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 down",
		}},
	{name: "sync-interface-down/backup", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"director: ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 down",
		}},
	{name: "sync-no-multicast", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip link set eth1 multicast off",
		}},
	{name: "sync-no-address", plan: twoLinksPlan, rules: oneDRRules,
		broken: []string{
			"director: ipvsadm --start-daemon master --mcast-interface eth1 --syncid 7",
			"director: ip address flush dev eth1",
		}},

	{name: "no-servers", plan: drPlan, rules: drRules + "\n-A -t 172.16.100.10:81", want: "172.16.100.10:81",
		replace: []string{"SERVER", "172.16.100.21"}},
	{name: "no-servers/removed", plan: drPlan, rules: drRules + "\n-A -f 9 -6", want: "9", do: 1},
	{name: "all-weights-zero", plan: drPlan, rules: strings.ReplaceAll(drRules, "-g", "-g -w 0"), want: "172.16.100.10:80"},
	{name: "scheduler-none", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s none -p 90"), want: "172.16.100.10:80"},
	{name: "weights-ignored", plan: drPlan, rules: drRules + " -w 3", want: "172.16.100.10:80"},
	{name: "failover-equal", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s fo"), want: "172.16.100.10:80"},
	{name: "failover-equal/ovf", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s ovf"), want: "172.16.100.10:80"},
	{name: "mark-never-seen", plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", want: "10",
		traffic:  []string{"172.16.100.10:80", "172.16.100.10:8080"},
		iptables: true,
		replace:  []string{"ADDRESS", "172.16.100.10", "PORT", "8080", "iptables", "iptables-legacy"}},
	{name: "mark-never-seen/removed", plan: drPlan, rules: drRules + "\n-A -f 10\n-a -f 10 -r 172.16.100.21 -g", want: "10",
		traffic: drTraffic, do: 1},
	{name: "persistence-netmask-zero", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 60 -M 0.0.0.0"),
		traffic: drTraffic, want: "172.16.100.10:80"},
	{name: "expire-quiescent-template", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 60"),
		want:   "172.16.100.10:80 172.16.100.22:80",
		before: func(b *bench) { b.hold("http://172.16.100.10/", 1) },
		broken: []string{
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.21 -g -w 0",
			"director: ipvsadm -e -t 172.16.100.10:80 -r 172.16.100.22 -g -w 0",
			"director: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.1 -g",
		}},

	{name: "server-no-route", plan: tunPlan, rules: oneTunRules, want: "10.0.2.10:80 10.0.3.11:80",
		broken:  []string{"director: ip route del default"},
		replace: []string{"GATEWAY", "10.0.2.1"}},
	{name: "server-no-route/unreachable", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		broken:  []string{"director: ip route add unreachable 10.0.3.11"},
		replace: []string{"GATEWAY", "10.0.2.1"}},
	{name: "server-no-route/blackhole", plan: tunPlan, rules: tunRules, want: "10.0.2.10:80 10.0.3.11:80",
		broken: []string{"director: ip route add blackhole 10.0.3.11"}, do: 1},
	{name: "dr-through-gateway", plan: tunPlan, rules: strings.Replace(tunRules, "-i", "-g", 1), traffic: tunTraffic,
		want: "10.0.2.10:80 10.0.3.11:80"},
	{name: "nat-same-network", plan: oneNetworkPlan, rules: oneNetworkRules, traffic: []string{"10.1.0.100:80"},
		want: "10.1.0.100:80 10.1.0.11:80"},
	{name: "neighbour-failed", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		broken: []string{"web1: ip link set eth0 down"}},
	{name: "neighbour-failed/gateway", plan: tunPlan, rules: tunRules, traffic: tunTraffic, do: 1, want: "10.0.2.10:80 10.0.3.11:80",
		broken: []string{"director: ip route replace 10.0.3.11 via 10.0.2.99"}},
	{name: "local-not-listening", plan: drPlan, rules: drRules + "\n-a -t 172.16.100.10:80 -r 172.16.100.2 -g",
		want: "172.16.100.10:80 172.16.100.2:80"},
	{name: "local-not-listening/NAT", plan: drPlan, rules: drRules + "\n-a -t 172.16.100.10:80 -r 172.16.100.2:8081 -m",
		want: "172.16.100.10:80 172.16.100.2:8081", do: 1},
	{name: "tunnel-mtu", plan: tunPlan, rules: oneTunRules, want: "10.0.2.10:80 10.0.3.11:80", traffic: tunTraffic,
		broken: []string{"director: sysctl -w net.ipv4.vs.pmtu_disc=0"}},
	{name: "tunnel-mtu/larger", plan: tunPlan, rules: oneTunRules, want: "10.0.2.10:80 10.0.3.11:80", do: 1,
		broken: []string{"director: sysctl -w net.ipv4.vs.pmtu_disc=0"}},
	{name: "over-threshold", plan: drPlan, rules: drRules + " -x 2", want: "172.16.100.10:80 172.16.100.22:80",
		before: func(b *bench) { b.hold("http://172.16.100.10/", 5) }},
	{name: "threshold-unreachable", plan: drPlan, rules: drRules + " -x 2000000000", want: "172.16.100.10:80 172.16.100.22:80"},
	{name: "threshold-unreachable/one packet", plan: drPlan, want: "172.16.100.10:53 172.16.100.21:53",
		rules: "-A -u 172.16.100.10:53 -o\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g -x 100"},

	{name: "nat-no-answers", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		broken: []string{"web1: ip route replace default via 192.168.1.254"}},
	{name: "nat-no-answers/invalid", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, do: 1,
		want:   "192.168.2.110:80 192.168.1.11:80|conntrack-off|nat-no-answers 192.168.2.110:80 192.168.1.12:80",
		broken: []string{"director: iptables-legacy -A FORWARD -m state --state INVALID -j DROP"}},
	{name: "server-refuses", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		before: func(b *bench) { b.servers["web1"].Close() }},
	{name: "server-refuses/IPv6", plan: sixPlan, rules: sixRules, traffic: []string{"[fd02::110]:80"}, do: 1,
		want:   "[fd02::110]:80 [fd01::11]:80",
		before: func(b *bench) { b.servers["web1"].Close() },
		cured:  []string{"director: ipvsadm -C"}},
	{name: "server-silent", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		broken: []string{"web1: ip address del 172.16.100.10/32 dev lo"}},
	{name: "server-silent/not listening", plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80 172.16.100.21:80",
		before: func(b *bench) { b.servers["web1"].Close() }, do: 1},
	{name: "server-silent/tunnel", plan: tunPlan, rules: tunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		broken: []string{"web1: ip address del 10.0.2.10/32 dev tunl0"}},
	{name: "service-silent", plan: drPlan, rules: oneDRRules, traffic: drTraffic, want: "172.16.100.10:80",
		broken: []string{"web1: ip address del 172.16.100.10/32 dev lo"}},
	{name: "service-silent/IPv6", plan: sixDRPlan, rules: sixDRRules, traffic: []string{"[fd03::10]:80"}, want: "[fd03::10]:80",
		broken: []string{"web1: ip address del fd03::10/128 dev lo"}},

	{name: "address-claimed", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		broken: []string{"web1: sysctl -w net.ipv4.conf.all.arp_ignore=0"}},
	{name: "address-claimed/tunnel", plan: drPlan, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		rules:  strings.ReplaceAll(drRules, "-g", "-i"),
		broken: []string{"web1: sysctl -w net.ipv4.conf.all.arp_ignore=0"}},
	{name: "address-claimed/stranger", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80",
		broken: []string{"client: ip address add 172.16.100.10/32 dev eth0"}},
	{name: "address-claimed/IPv6", plan: sixDRPlan, rules: sixDRRules, probe: true, want: "[fd03::10]:80 [fd03::21]:80",
		broken: []string{"web1: ip address add fd03::10/128 dev eth0 nodad"}},
	{name: "probe-refused", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		before: func(b *bench) { b.servers["web1"].Close() }},
	{name: "probe-refused/with traffic", plan: drPlan, rules: drRules, traffic: drTraffic, probe: true,
		want:   "172.16.100.10:80 172.16.100.21:80",
		before: func(b *bench) { b.servers["web1"].Close() }},
	{name: "probe-no-answer", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		broken: []string{"web1: ip route add blackhole 172.16.100.2"}},
	{name: "probe-no-echo", plan: drPlan, probe: true, want: "172.16.100.10:53 172.16.100.21:53",
		rules:  "-A -u 172.16.100.10:53\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g\n-a -u 172.16.100.10:53 -r 172.16.100.22 -g",
		broken: []string{"web1: sysctl -w net.ipv4.icmp_echo_ignore_all=1"}},
}

// hold opens connections and keeps them until the test ends.
func (b *bench) hold(url string, n int) {
	b.t.Helper()
	for range n {
		held, _, err := testnet.Client{Netns: b.network.Host("client")}.OpenKeepAlive(url)
		if err != nil {
			b.t.Fatal(err)
		}
		b.t.Cleanup(held.Close)
	}
}

// on returns the host that has an address.
func (b *bench) on(plan testnet.Plan, address string) *testnet.Netns {
	b.t.Helper()
	for _, host := range plan {
		for _, link := range host.Links {
			for _, a := range link.Addresses {
				if strings.HasPrefix(a, address+"/") && link.To != "lo" && link.To != "tunl0" {
					return b.network.Host(host.Name)
				}
			}
		}
	}
	b.t.Fatalf("nobody has %s", address)
	return nil
}

// Each check finds what is broken, that alone, and nothing once its command
// was run.
func TestFindings(t *testing.T) {
	for i := range rows {
		r := &rows[i]
		if r.iptables && !testnet.HasIPTables() {
			t.Logf("missing: iptables, for %s", r.name)
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, fmt.Sprintf("r%d-", i), r.plan)
			b.shell(b.network.Host("director"), "ipvsadm -R <<-END\n"+r.rules+"\nEND\n")
			if r.before != nil {
				r.before(b)
			}
			b.run(r.broken...)
			b.traffic(r.traffic...)
			var args []string
			if r.probe {
				args = []string{"--probe"}
			}
			id, _, _ := strings.Cut(r.name, "/")
			var want []string
			for part := range strings.SplitSeq(strings.TrimSpace(id+" "+r.want), "|") {
				want = append(want, part)
			}
			slices.Sort(want)
			d := b.examine("director", args...)
			// On a busy machine what counters and connections tell may come some readings late.
			for range 5 {
				if len(d.Findings) >= len(want) {
					break
				}
				d = b.examine("director", args...)
			}
			slices.SortFunc(d.Findings, func(a, b finding) int { return strings.Compare(a.String(), b.String()) })
			d.finds(t, want...)
			if t.Failed() {
				return
			}
			f := d.Findings[slices.IndexFunc(d.Findings, func(f finding) bool { return f.ID == id })]
			if wanted := severity(id) != "hint"; (d.status == 1) != wanted {
				t.Errorf("exit status %d with a finding that is a %s", d.status, f.Severity)
			}
			do := f.Do[r.do]
			command := strings.NewReplacer(r.replace...).Replace(do.Command)
			home, err := testnet.Home()
			if err != nil {
				t.Fatal(err)
			}
			where := home
			switch hardware, err := net.ParseMAC(do.On); {
			case err == nil:
				where = b.has(hardware)
			case do.On != "":
				where = b.on(r.plan, do.On)
			}
			t.Logf("%s; %s: %s", f.Seen, where.Name, command)
			b.shell(where, command)
			b.run(r.cured...)
			if len(r.traffic) > 0 {
				time.Sleep(time.Second)
			}
			b.examine("director", args...).healthy(t)
		})
	}
}

// has returns the host with a link address.
func (b *bench) has(hardware net.HardwareAddr) *testnet.Netns {
	b.t.Helper()
	host := b.network.Host("client")
	b.shell(host, "ip link | grep -i "+hardware.String())
	return host
}

func severity(id string) string {
	for _, c := range doctor.Checks() {
		if c.ID == id {
			return c.Severity.String()
		}
	}
	return ""
}

// apart are the checks with tests of their own: what they look at is of the
// whole kernel, or not a matter of a command.
var apart = []string{"conn-table-small", "conntrack-full", "other-program"}

// No check is without a row.
func TestEveryCheckHasARow(t *testing.T) {
	tested := slices.Clone(apart)
	for _, r := range rows {
		id, _, _ := strings.Cut(r.name, "/")
		tested = append(tested, id)
	}
	for _, c := range doctor.Checks() {
		if !slices.Contains(tested, c.ID) {
			t.Errorf("no test for %s", c.ID)
		}
	}
	for _, id := range tested {
		if severity(id) == "" {
			t.Errorf("%s is no check", id)
		}
	}
}

// An address on an interface without a carrier: no command mends that.
func TestNoCarrier(t *testing.T) {
	b := newBench(t, "", twoLinksPlan)
	b.run("director: ipvsadm -A -t 10.7.0.1:80 && ipvsadm -a -t 10.7.0.1:80 -r 172.16.100.21:80 -g")
	b.shell(b.network.Switches(), "ip link set cable2 down")
	b.examine("director").finds(t, "vip-link-down 10.7.0.1:80")
	b.shell(b.network.Switches(), "ip link set cable2 up")
	time.Sleep(time.Second)
	b.examine("director").healthy(t)
}

// A table of connections with few buckets. That is a parameter of the module,
// which is loaded anew; the file that the command writes goes to a place that
// is thrown away.
func TestConnTableSmall(t *testing.T) {
	if err := unix.Mount("tmpfs", "/etc/modprobe.d", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Unmount("/etc/modprobe.d", unix.MNT_DETACH)
		load(t)
	})
	load(t, "conn_tab_bits=8")
	crowd := func() *diagnosis {
		b := newBench(t, "", drPlan)
		b.run("director: ipvsadm -A -u 172.16.100.10:53 -s rr && ipvsadm -a -u 172.16.100.10:53 -r 172.16.100.21 -g")
		err := b.network.Host("client").Do(func() error {
			for port := range 2100 {
				conn, err := net.DialUDP("udp", &net.UDPAddr{Port: 2000 + port}, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("172.16.100.10:53")))
				if err != nil {
					return err
				}
				conn.Write([]byte("?"))
				conn.Close()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		d := b.examine("director")
		b.run("director: ipvsadm -C")
		b.network.Close()
		return d
	}
	d := crowd()
	if size := buckets(t); 2100 <= 8*size {
		t.Logf("the table has grown by itself, to %d buckets", size)
		d.healthy(t)
		return
	}
	d.finds(t, "conn-table-small")
	if t.Failed() {
		return
	}
	home, err := testnet.Home()
	if err != nil {
		t.Fatal(err)
	}
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	if r, err := tool.Shell(home, d.Findings[0].Do[0].Command); err != nil || r.Status != 0 {
		t.Fatal(r, err)
	}
	load(t)
	crowd().healthy(t)
}

// buckets returns the size of the connection table.
func buckets(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/net/ip_vs")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "(size=")
	text, _, _ = strings.Cut(text, ")")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// load loads IPVS anew.
func load(t *testing.T, parameters ...string) {
	t.Helper()
	unload(t)
	if out, err := exec.Command("modprobe", append([]string{"ip_vs"}, parameters...)...).CombinedOutput(); err != nil {
		t.Fatalf("load IPVS: %v: %s", err, out)
	}
}

func unload(t *testing.T) {
	t.Helper()
	// A namespace takes a moment to go, and its table with it.
	err := testnet.Eventually(func() error {
		out, err := exec.Command("sh", "-c", "for m in $(lsmod | sed -n 's/^\\(ip_vs_[a-z]*\\) .*/\\1/p'); do modprobe -r $m; done; modprobe -r ip_vs").CombinedOutput()
		if err != nil {
			return fmt.Errorf("unload IPVS: %w: %s", err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The limit of tracked connections is of the whole kernel.
func TestConntrackFull(t *testing.T) {
	if !testnet.HasIPTables() {
		t.Log("missing: iptables, so that nothing is tracked")
		return
	}
	b := newBench(t, "", drPlan)
	b.shell(b.network.Host("director"), "ipvsadm -R <<-END\n"+drRules+"\nEND\n")
	b.serve("director", ":8081")
	b.run("director: iptables-legacy -A INPUT -m state --state ESTABLISHED -j ACCEPT")
	b.hold("http://172.16.100.2:8081/", 10)
	const limit = "/proc/sys/net/netfilter/nf_conntrack_max"
	before, err := os.ReadFile(limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile(limit, before, 0) })
	if err := os.WriteFile(limit, []byte("11"), 0); err != nil {
		t.Fatal(err)
	}
	d := b.examine("director")
	d.finds(t, "conntrack-full")
	if t.Failed() {
		return
	}
	home, err := testnet.Home()
	if err != nil {
		t.Fatal(err)
	}
	b.shell(home, d.Findings[0].Do[0].Command)
	b.examine("director").healthy(t)
}
