// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"goipvsadm/scripts/testnet"
)

// serverFirewall drops packets from clients to a server.
const serverFirewall = "web1: iptables-legacy -A INPUT -p tcp --dport 80 ! -s 192.168.1.0/24 -j DROP"

// causeTests are tests of faults that have the same symptoms and different
// causes, and of settings that do not work together.
var causeTests = []findingTest{
	{name: "firewall-drops", iptables: true, plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80",
		breakWith: []string{"director: iptables-legacy -A INPUT -p tcp --dport 80 -j DROP"}},
	{name: "firewall-drops/raw", iptables: true, plan: drPlan, rules: drRules, traffic: drTraffic, severity: "error", want: "172.16.100.10:80",
		breakWith: []string{"director: iptables-legacy -t raw -A PREROUTING -d 172.16.100.10 -j DROP"}},
	{name: "firewall-drops/chain for an interface", iptables: true, plan: drPlan, rules: drRules, traffic: drTraffic, severity: "error", want: "172.16.100.10:80",
		breakWith: []string{
			"director: iptables-legacy -N edge",
			"director: iptables-legacy -A edge -p tcp --dport 80:90 -j REJECT",
			"director: iptables-legacy -A INPUT -i eth0 -j edge",
		}},
	{name: "firewall-drops-forwarded", iptables: true, plan: drPlan, rules: drUDPRules, want: drUDP + " 172.16.100.21:53",
		prepare: func(tb *testbed) {
			tb.serveUDP("web1", drUDP)
			tb.startUDP(drUDP)
		},
		breakWith: []string{
			"director: iptables-legacy -t mangle -N edge",
			"director: iptables-legacy -t mangle -A edge -p udp --dport 53 -j DROP",
			"director: iptables-legacy -t mangle -A OUTPUT -o eth0 -j edge",
		}},
	{name: "firewall-drops-forwarded/NAT", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: iptables-legacy -t mangle -A POSTROUTING -d 192.168.1.0/24 -p tcp --dport 80 -j DROP"}},
	{name: "firewall-drops-forwarded/tunnel", iptables: true, plan: tunPlan, rules: singleTunRules, traffic: tunTraffic, want: "10.0.2.10:80 10.0.3.11:80",
		breakWith: []string{"director: iptables-legacy -A OUTPUT -p 4 -j DROP"}},
	{name: "nat-replies-lost/POSTROUTING", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: iptables-legacy -t mangle -A POSTROUTING -s 192.168.2.110 -p tcp -j DROP"}},
	{name: "nat-no-answers/raw table", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{
			"director: iptables-legacy -t raw -N edge",
			"director: iptables-legacy -t raw -A edge -p tcp --sport 80 -j DROP",
			"director: iptables-legacy -t raw -A PREROUTING -i eth1 -j edge",
		}},
	{name: "dnat-before-ipvs", iptables: true, plan: drPlan, rules: drRules, traffic: drTraffic, want: "172.16.100.10:80",
		breakWith: []string{"director: iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080"}},

	{name: "nat-no-answers/FORWARD policy", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		want:      "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: iptables-legacy -P FORWARD DROP"}},
	{name: "nat-no-answers/FORWARD rules for tracked connections", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic,
		want: "192.168.2.110:80 192.168.1.11:80|conntrack-off",
		breakWith: []string{
			"director: iptables-legacy -P FORWARD DROP",
			"director: iptables-legacy -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
			"director: iptables-legacy -A FORWARD -i eth0 -m conntrack --ctstate NEW -j ACCEPT",
		}},
	{name: "nat-no-answers/server firewall", iptables: true, plan: natPlan, rules: natRules, traffic: natTraffic, probe: true,
		want: "192.168.2.110:80 192.168.1.11:80", breakWith: []string{serverFirewall}, replace: []string{"iptables", "iptables-legacy"}, cleanup: []string{"client: sleep 8"}},
	{name: "nat-no-answers/no default route, probed", plan: natPlan, rules: natRules, traffic: natTraffic, probe: true,
		want: "192.168.2.110:80 192.168.1.11:80", breakWith: []string{"web1: ip route del default"}},
	{name: "nat-same-network/masquerading", iptables: true, plan: oneSubnetPlan, rules: oneSubnetRules, traffic: []string{"10.1.0.100:80"},
		want:      "10.1.0.100:80 10.1.0.11:80",
		breakWith: []string{"director: iptables-legacy -t nat -A POSTROUTING -p tcp --dport 80 -j MASQUERADE"}},
	{name: "client-no-route", plan: farPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80 192.168.1.11:80",
		breakWith: []string{"director: ip route del default"}, replace: []string{"GATEWAY", "192.168.2.2"}},
	{name: "nat-loopback", plan: natPlan, rules: natRules + "\n-A -t 192.168.2.110:81\n-a -t 192.168.2.110:81 -r 127.0.0.1:81 -m",
		want: "192.168.2.110:81 127.0.0.1:81", traffic: []string{"192.168.2.110:81"},
		prepare: func(tb *testbed) { tb.serve("director", ":81") }},
	{name: "nat-hairpin", plan: natPlan, rules: natRules, want: "192.168.2.110:80 192.168.1.11:80",
		prepare: func(tb *testbed) { tb.startTrafficFrom("web1", natTraffic...) }, cleanup: []string{"web1: sleep 4"}},
	{name: "nat-hairpin/masquerading", iptables: true, plan: natPlan, rules: natRules, want: "192.168.2.110:80 192.168.1.11:80", remedy: 1,
		prepare: func(tb *testbed) { tb.startTrafficFrom("web1", natTraffic...) }, cleanup: []string{"web1: sleep 4"}},

	{name: "service-silent/director is gateway", plan: gatewayPlan, rules: gatewayRules, traffic: []string{"10.0.0.10:80"}, probe: true,
		want:      "10.0.0.10:80",
		breakWith: []string{"web1: ip route replace default via 10.0.0.2"}, replace: []string{"GATEWAY", "10.0.0.1"}},
	{name: "address-claimed/VIP on the server's link", plan: drPlan, rules: drRules, probe: true, want: "172.16.100.10:80 172.16.100.21:80",
		breakWith: []string{"web1: ip address del 172.16.100.10/32 dev lo", "web1: ip address add 172.16.100.10/32 dev eth0"}},
	{name: "vip-arp-ignored", severity: "hint", plan: natPlan, rules: strings.ReplaceAll(natRules, "110:80", "120:80"), want: "192.168.2.120:80",
		breakWith: []string{
			"director: ip address add 192.168.2.120/32 dev lo",
			"director: sysctl -w net.ipv4.conf.all.arp_ignore=1",
		},
		cleanup: []string{"director: ip address add 192.168.2.120/32 dev eth0", "director: ip address del 192.168.2.120/32 dev lo"}},
	{name: "vip-dad-failed/own address", severity: "warning", plan: ip6DRPlan, rules: ip6DRRules,
		breakWith: []string{
			"director: ip address add fd03::3/64 dev eth0 nodad", // keeps the servers reachable
			"director: ip address del fd03::2/64 dev eth0",
			"client: ip address add fd03::2/64 dev eth0 nodad",
			"director: ip address add fd03::2/64 dev eth0",
			"director: for i in $(seq 50); do ip -6 address show dadfailed | grep -q fd03::2 && break; sleep .1; done",
			"client: ip address del fd03::2/64 dev eth0",
		}, cleanup: []string{"director: sleep 3"}},
	{name: "vip-dad-failed", severity: "warning", plan: ip6DRPlan, rules: ip6DRRules, want: "[fd03::10]:80",
		breakWith: []string{
			"director: ip address del fd03::10/128 dev eth0",
			"client: ip address add fd03::10/64 dev eth0 nodad",
			"director: ip address add fd03::10/128 dev eth0",
			"director: for i in $(seq 50); do ip -6 address show dadfailed | grep -q fd03::10 && break; sleep .1; done",
			"client: ip address del fd03::10/64 dev eth0",
		}, cleanup: []string{"director: sleep 3"}},
	{name: "default-route-lost", plan: ip6NATPlan, rules: ip6NATRules, traffic: []string{"[fd02::110]:80"},
		prepare: func(tb *testbed) {
			// The client's network is not on the link of the director.
			tb.run("director: ip address del fd02::110/64 dev eth0", "director: ip address add fd02::110/128 dev eth0 nodad",
				"client: ip route add fd02::110/128 dev eth0")
		}, cleanup: []string{"director: ip route add fd02::/64 dev eth0"}},
	{name: "director-loop", plan: twoLinksPlan, rules: drRules[:strings.LastIndex(drRules, "\n")] + "\n-a -t 172.16.100.10:80 -r 172.16.100.2:80 -g",
		want: "172.16.100.10:80", traffic: drTraffic,
		prepare: func(tb *testbed) { tb.serve("director", ":80") },
		breakWith: []string{
			"director: ip address del 172.16.100.10/32 dev eth0",
			"director: sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
			"director: ip address add 172.16.100.10/32 dev lo",
			"director2: ip address add 172.16.100.10/32 dev eth0",
			"director2: ipvsadm -A -t 172.16.100.10:80 -s rr",
			"director2: ipvsadm -a -t 172.16.100.10:80 -r 172.16.100.2 -g",
		}},

	{name: "backup-only", plan: natPlan, rules: natRules, traffic: natTraffic, want: "192.168.2.110:80",
		breakWith: []string{
			"director: ipvsadm --start-daemon backup --mcast-interface eth1",
			"director: sysctl -w net.ipv4.vs.backup_only=1",
		}, cleanup: []string{"director: sleep 3"}},
	{name: "sync-id-mismatch", plan: twoLinksPlan, rules: masterRules, traffic: masterTraffic, prepare: (*testbed).startMaster,
		breakWith: []string{"director: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 6"}},
	{name: "sync-id-mismatch/group", plan: twoLinksPlan, rules: masterRules, traffic: masterTraffic, prepare: (*testbed).startMaster,
		breakWith: []string{"director: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 5 --mcast-group 224.0.0.82"}},
	{name: "sync-blocked", iptables: true, plan: twoLinksPlan, rules: masterRules, traffic: masterTraffic, prepare: (*testbed).startMaster,
		breakWith: []string{
			"director: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 5",
			"director: iptables-legacy -A INPUT -p udp -j DROP",
		}},
	{name: "sync-no-service", plan: twoLinksPlan, rules: singleDRRules, traffic: masterTraffic, prepare: (*testbed).startMaster,
		breakWith: []string{"director: ipvsadm --start-daemon backup --mcast-interface eth0 --syncid 5"},
		cleanup:   []string{"director: ipvsadm -R <<-END\n" + masterRules + "\nEND\n"}},

	{name: "hash-without-fallback", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s sh") + " -w 0", want: "172.16.100.10:80"},
	{name: "hash-without-fallback/mh", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s mh -b mh-port") + " -w 0", want: "172.16.100.10:80"},
	{name: "one-packet-scheduler", plan: drPlan, want: "172.16.100.10:53",
		rules: "-A -u 172.16.100.10:53 -s wlc -o\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g\n-a -u 172.16.100.10:53 -r 172.16.100.22 -g"},
	{name: "ftp-helper", plan: natPlan, rules: strings.ReplaceAll(natRules, ":80", ":21"), want: "192.168.2.110:21",
		breakWith: []string{"director: rmmod ip_vs_ftp || true"}},
	{name: "ftp-persistence", plan: drPlan, rules: strings.ReplaceAll(drRules, ":80", ":21"), want: "172.16.100.10:21"},
	{name: "mixed-forwarding", plan: natPlan, rules: strings.ReplaceAll(natRules, "-s rr", "-s wrr"), want: "192.168.2.110:80 192.168.1.12:80",
		breakWith: []string{"director: ipvsadm -e -t 192.168.2.110:80 -r 192.168.1.12:80 -w 2"}},
	{name: "persistence-netmask-holes", plan: drPlan, rules: strings.ReplaceAll(drRules, "-s rr", "-s rr -p 300 -M 0.0.0.24"),
		want: "172.16.100.10:80"},
	{name: "tunnel-pmtu", iptables: true, plan: tunPlan, rules: singleTunRules, want: "10.0.2.10:80 10.0.3.11:80",
		prepare: func(tb *testbed) {
			tb.run("client: iptables-legacy -A INPUT -p icmp -j DROP") // before the client learns the MTU
			tb.run("client: sysctl -w net.ipv4.tcp_orphan_retries=1")
			tb.run("client: ip link set dev eth0 gso_max_segs 1") // Linux 5.10 fragments packets that it has merged
			tb.startUploads("10.0.2.10:80")
		}, replace: []string{"iptables", "iptables-legacy"}, cleanup: []string{"client: sleep 4"}},
	{name: "timeout-short", plan: drPlan, rules: drRules, breakWith: []string{"director: ipvsadm --set 20 0 0"}},
	{name: "mark-never-seen/another mark is set", iptables: true, plan: drPlan, rules: "-A -f 16 -s rr\n-a -f 16 -r 172.16.100.21 -g", want: "16", traffic: drTraffic,
		breakWith: []string{"director: iptables-legacy -t mangle -A PREROUTING -d 172.16.100.10 -p tcp --dport 80 -j MARK --set-mark 10"},
		remedy:    0, replace: []string{"ADDRESS", "172.16.100.10", "PORT", "80"}},
	{name: "expire-nodest-conn/UDP", plan: drPlan,
		rules:     "-A -u 172.16.100.10:53 -s rr\n-a -u 172.16.100.10:53 -r 172.16.100.21 -g\n-a -u 172.16.100.10:53 -r 172.16.100.22 -g",
		prepare:   func(tb *testbed) { tb.startUDP("172.16.100.10:53") },
		breakWith: []string{"director: ipvsadm -d -u 172.16.100.10:53 -r 172.16.100.22"}, cleanup: []string{"director: sleep 3"}},
}

// Networks and tables of causeTests.
var (
	// NAT with the client behind a router.
	farPlan = testnet.Plan{
		{Name: "client", Gateway: "198.51.100.1", Links: []testnet.Link{{To: "far", Addresses: []string{"198.51.100.9/24"}}}},
		{Name: "router", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "far", Addresses: []string{"198.51.100.1/24"}},
			{To: "outside", Addresses: []string{"192.168.2.2/24"}},
		}},
		{Name: "director", Gateway: "192.168.2.2", Sysctls: natPlan[1].Sysctls, Links: natPlan[1].Links},
		natPlan[2], natPlan[3],
	}

	// Direct routing with the client behind a router.
	gatewayPlan = testnet.Plan{
		{Name: "client", Gateway: "198.51.100.1", Links: []testnet.Link{{To: "far", Addresses: []string{"198.51.100.9/24"}}}},
		{Name: "router", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "far", Addresses: []string{"198.51.100.1/24"}},
			{To: "lan", Addresses: []string{"10.0.0.1/24"}},
		}},
		{Name: "director", Gateway: "10.0.0.1", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"},
			Links: []testnet.Link{{To: "lan", Addresses: []string{"10.0.0.2/24", "10.0.0.10/32"}}}},
		{Name: "web1", Gateway: "10.0.0.1", Sysctls: drPlan[2].Sysctls, Links: []testnet.Link{
			{To: "lan", Addresses: []string{"10.0.0.11/24"}},
			{To: "lo", Addresses: []string{"10.0.0.10/32"}},
		}},
	}
)

const (
	gatewayRules = "-A -t 10.0.0.10:80 -s rr\n-a -t 10.0.0.10:80 -r 10.0.0.11:80 -g"
	masterRules  = "-A -t 172.16.100.40:80 -s rr\n-a -t 172.16.100.40:80 -r 172.16.100.21:80 -g"
)

var masterTraffic = []string{"172.16.100.40:80"}

// startMaster makes director2 an active director with a service of its own.
func (tb *testbed) startMaster() {
	tb.run("director2: ip address add 172.16.100.40/32 dev eth0", "web1: ip address add 172.16.100.40/32 dev lo",
		"director2: ipvsadm -R <<-END\n"+masterRules+"\nEND\n",
		"director2: sysctl -w net.ipv4.vs.sync_threshold='0 1'",
		"director2: ipvsadm --start-daemon master --mcast-interface eth0 --syncid 5")
}

// startUploads makes the client send large requests until the test ends.
func (tb *testbed) startUploads(address string) {
	cookie := strings.Repeat("x", 3000)
	tb.repeat(300*time.Millisecond, func(ctx context.Context) {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			conn, err := tb.network.Host("client").Dial(ctx, "tcp", netip.Addr{}, address)
			if err != nil {
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(3 * time.Second))
			fmt.Fprintf(conn, "GET / HTTP/1.0\r\nCookie: %s\r\n\r\n", cookie)
			io.Copy(io.Discard, conn)
		}()
	})
}
