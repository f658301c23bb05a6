// SPDX-License-Identifier: MIT

package completion

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

func serviceKey(p ipvs.Protocol, address string) ipvs.ServiceKey {
	return ipvs.AddrKey(p, netip.MustParseAddrPort(address))
}

// source has a table with several services, and in the network namespace blue a table
// with one service.
var source = Source{
	Services: func(netns string) []ipvs.Service {
		if netns == "blue" {
			return []ipvs.Service{{ServiceKey: serviceKey(ipvs.TCP, "203.0.113.9:25"), Scheduler: "lc"}}
		}
		return []ipvs.Service{
			{ServiceKey: serviceKey(ipvs.TCP, "192.0.2.2:80"), Scheduler: "rr"},
			{ServiceKey: serviceKey(ipvs.TCP, "192.0.2.1:80"), Scheduler: "wlc"},
			{ServiceKey: serviceKey(ipvs.TCP, "[2001:db8::1]:80"), Scheduler: "sh"},
			{ServiceKey: serviceKey(ipvs.UDP, "192.0.2.1:53"), Scheduler: "rr"},
			{ServiceKey: ipvs.MarkKey(3000000000, ipvs.IPv4), Scheduler: "rr"},
			{ServiceKey: ipvs.MarkKey(7, ipvs.IPv6), Scheduler: "rr"},
		}
	},
	Destinations: func(netns string, k ipvs.ServiceKey) []ipvs.Destination {
		switch {
		case netns == "" && k == serviceKey(ipvs.TCP, "192.0.2.1:80"):
			return []ipvs.Destination{
				{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Method: ipvs.Masquerading, Weight: 5},
				{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Method: ipvs.DirectRouting},
			}
		case netns == "" && k == ipvs.MarkKey(7, ipvs.IPv6):
			return []ipvs.Destination{{AddrPort: netip.MustParseAddrPort("[2001:db8::5]:0")}}
		}
		return nil
	},
	Clients: func(netns string, filter ipvs.ConnectionFilter) []netip.Addr {
		if filter.Destination.IsValid() {
			return []netip.Addr{netip.MustParseAddr("203.0.113.6")}
		}
		a, b := netip.MustParseAddr("203.0.113.6"), netip.MustParseAddr("203.0.113.5")
		return []netip.Addr{a, netip.MustParseAddr("2001:db8::99"), b, a}
	},
	Interfaces: func() []string { return []string{"eth0", "lo"} },
	NetNS:      func() []string { return []string{"blue", "green"} },
}

// complete returns the candidates for the last word of line.
func complete(line string) []Candidate {
	words := strings.Split(line, " ")
	last := len(words) - 1
	p := command.NewParser("NAME", resolve.System())
	return source.Candidates(p.ParsePartial(words[:last], words[last]))
}

func TestCandidates(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{line: "--ad", want: "--add-service --add-server"},
		{line: "-L --st", want: "--stats"},
		{line: "--check "}, // the shell completes file names
		{line: "--check -", want: "--apply --netns -N"},
		{line: "--diff --keep-weights "},
		{line: "--apply --save-undo "},
		{line: "--apply --co", want: "--confirm"},
		{line: "--monitor --i", want: "--initial"},
		{line: "--monitor -u ", want: "192.0.2.1:53"},
		{line: "-D -", want: "--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f --netns -N"},
		{line: "-D ", want: "--tcp-service --udp-service --sctp-service --fwmark-service --netns"},
		{line: "-E -t ", want: "192.0.2.1:80 192.0.2.2:80 [2001:db8::1]:80"},
		{line: "-E -t 192.0.2.2", want: "192.0.2.2:80"},
		{line: "-E -t [", want: "[2001:db8::1]:80"},
		{line: "-Et 192.0.2.2", want: "192.0.2.2:80"},
		{line: "-D --tcp-service=192.0.2.2", want: "--tcp-service=192.0.2.2:80"},
		{line: "-Z -u ", want: "192.0.2.1:53"},
		{line: "-L --sctp-service "},
		{line: "-a -f ", want: "3000000000 7"},
		{line: "-A -t "},
		{line: "-E -N blue -t ", want: "203.0.113.9:25"},
		{line: "-e -t 192.0.2.1:80 -r ", want: "198.51.100.1:80 198.51.100.2:80"},
		{line: "-d -t 192.0.2.1:80 -r 198.51.100.2", want: "198.51.100.2:80"},
		{line: "-d -f 7 -6 -r ", want: "[2001:db8::5]:0"},
		{line: "-d -f 7 -r "},
		{line: "-d -r ", want: "198.51.100.1 198.51.100.1:80 198.51.100.2 198.51.100.2:80 2001:db8::5 [2001:db8::5]:0"},
		{line: "-e --all-services -r 198.51.100.2", want: "198.51.100.2 198.51.100.2:80"},
		{line: "-a -r "},
		{line: "-d -t 192.0.2.1:80 --all", want: ""},
		{line: "-d --all", want: "--all-services"},
		{line: "-e --all-services --k", want: "--keep"},
		{line: "-E -t 192.0.2.1:80 --k", want: "--keep"},
		{line: "-A -t 192.0.2.9:80 --k"},
		{line: "-e --all-services --tun-t", want: "--tun-type"},
		{line: "-a -t 192.0.2.1:80 -r "},
		{line: "-d -N blue -t 192.0.2.1:80 -r "},
		{line: "-A -t 192.0.2.9:80 -s w", want: "wrr wlc"},
		{line: "-A -t 192.0.2.9:80 -s sh -b ", want: "sh-fallback sh-port flag-1 flag-2 flag-3"},
		{line: "-A -t 192.0.2.9:80 -s mh -b mh-port,m", want: "mh-port,mh-fallback"},
		{line: "-A -t 192.0.2.9:80 --pe ", want: "sip"},
		{line: "-a -t 192.0.2.1:80 -r 198.51.100.3 -i --tun-type g", want: "gue gre"},
		{line: "-L --server ", want: "198.51.100.1 198.51.100.1:80 198.51.100.2 198.51.100.2:80 2001:db8::5 [2001:db8::5]:0"},
		{line: "-L -c --server=[", want: "--server=[2001:db8::5]:0"},
		{line: "-L -c -t 192.0.2.1:80 --server ", want: "198.51.100.1:80 198.51.100.2:80"},
		{line: "-L -c -t 192.0.2.2:80 --server "},
		{line: "-L -c --vip ", want: "192.0.2.1:53 192.0.2.1:80 192.0.2.2:80 [2001:db8::1]:80"},
		{line: "-L -c --vip 192.0.2.2", want: "192.0.2.2:80"},
		{line: "-L -c -N blue --vip ", want: "203.0.113.9:25"},
		{line: "-L -c --client ", want: "203.0.113.5 203.0.113.6 2001:db8::99"},
		{line: "-L -c --server 198.51.100.1 --client ", want: "203.0.113.6"},
		{line: "-L -c --state SYN", want: "SYN_SENT SYN_RECV SYNACK"},
		{line: "-L -c --state est", want: "established"},
		{line: "-L -c --server 198.51.100.1 --state UDP --vip 192.0.2.1 --", want: "--syncid --numeric --persistent-conn --tun-info --exact --nosort" +
			" --sort --netns --json --watch --client --count"},
		{line: "-L -c -t 192.0.2.1:80 --v"}, // the service has a VIP
		{line: "-L --cl"},                   // requires -c
		{line: "-L --metrics=", want: "--metrics=prometheus --metrics=openmetrics"},
		{line: "-L --metrics=o", want: "--metrics=openmetrics"},
		{line: "--start-daemon ", want: "master backup"},
		{line: "--stop-daemon b", want: "backup"},
		{line: "--start-daemon master --mcast-interface ", want: "eth0 lo"},
		{line: "--start-daemon master --mcast-interface=l", want: "--mcast-interface=lo"},
		{line: "-L --netns ", want: "blue green"},
		{line: "-L -w "},
		{line: "-e -t 192.0.2.1:80 -r 198.51.100.2 -w "},
		{line: "-L -c="},
		{line: "-h dr", want: "drain"},
		{line: "-h al", want: "all all-services allow-empty"},
		{line: "-h --al", want: "--all --all-services --allow-empty"},
		{line: "--help=wat", want: "--help=watch"},
		{line: "-h drain "},
		{line: "-v "},
	} {
		t.Run(tt.line, func(t *testing.T) {
			var got []string
			for _, c := range complete(tt.line) {
				got = append(got, c.Word)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("candidates = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDescriptions(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Candidate
	}{
		{line: "-S", want: Candidate{Word: "-S", Description: "print the table as rules for -R"}},
		{line: "-A -t 192.0.2.9:80 -s rr", want: Candidate{Word: "rr", Description: "round robin"}},
		{line: "-h zer", want: Candidate{Word: "zero", Description: "zero the counters"}},
		{line: "-E -f 7", want: Candidate{Word: "7", Description: "rr, IPv6"}},
		{line: "-d -r 198.51.100.2:", want: Candidate{Word: "198.51.100.2:80", Description: "1 service"}},
		{line: "-d -t 192.0.2.1:80 -r 198.51.100.2", want: Candidate{Word: "198.51.100.2:80", Description: "Masq, weight 5"}},
	} {
		if got := complete(tt.line); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: candidates = %q, want %q", tt.line, got, tt.want)
		}
	}
}
