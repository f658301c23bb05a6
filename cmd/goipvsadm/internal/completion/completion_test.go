package completion

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

func key(p ipvs.Protocol, address string) ipvs.ServiceKey {
	return ipvs.AddrKey(p, netip.MustParseAddrPort(address))
}

// system is a director with a few services, and one more in a namespace.
var system = Source{
	Services: func(netns string) []ipvs.Service {
		if netns == "blue" {
			return []ipvs.Service{{ServiceKey: key(ipvs.TCP, "203.0.113.9:25"), Scheduler: "lc"}}
		}
		return []ipvs.Service{
			{ServiceKey: key(ipvs.TCP, "192.0.2.2:80"), Scheduler: "rr"},
			{ServiceKey: key(ipvs.TCP, "192.0.2.1:80"), Scheduler: "wlc"},
			{ServiceKey: key(ipvs.TCP, "[2001:db8::1]:80"), Scheduler: "sh"},
			{ServiceKey: key(ipvs.UDP, "192.0.2.1:53"), Scheduler: "rr"},
			{ServiceKey: ipvs.MarkKey(3000000000, ipvs.IPv4), Scheduler: "rr"},
			{ServiceKey: ipvs.MarkKey(7, ipvs.IPv6), Scheduler: "rr"},
		}
	},
	Destinations: func(netns string, k ipvs.ServiceKey) []ipvs.Destination {
		switch {
		case netns == "" && k == key(ipvs.TCP, "192.0.2.1:80"):
			return []ipvs.Destination{
				{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Method: ipvs.Masquerading, Weight: 5},
				{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Method: ipvs.DirectRouting},
			}
		case netns == "" && k == ipvs.MarkKey(7, ipvs.IPv6):
			return []ipvs.Destination{{AddrPort: netip.MustParseAddrPort("[2001:db8::5]:0")}}
		}
		return nil
	},
	Interfaces: func() []string { return []string{"eth0", "lo"} },
	NetNS:      func() []string { return []string{"blue", "green"} },
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"--ad", "--add-service --add-server"},
		{"-L --st", "--stats"},
		{"-D -", "--tcp-service -t --udp-service -u --sctp-service --fwmark-service -f --netns -N"},
		{"-D ", "--tcp-service --udp-service --sctp-service --fwmark-service --netns"},
		{"-E -t ", "192.0.2.1:80 192.0.2.2:80 [2001:db8::1]:80"},
		{"-E -t 192.0.2.2", "192.0.2.2:80"},
		{"-E -t [", "[2001:db8::1]:80"},
		{"-Et 192.0.2.2", "192.0.2.2:80"},
		{"-D --tcp-service=192.0.2.2", "--tcp-service=192.0.2.2:80"},
		{"-Z -u ", "192.0.2.1:53"},
		{"-L --sctp-service ", ""},
		{"-a -f ", "3000000000 7"},
		{"-A -t ", ""},
		{"-E -N blue -t ", "203.0.113.9:25"},
		{"-e -t 192.0.2.1:80 -r ", "198.51.100.1:80 198.51.100.2:80"},
		{"-d -t 192.0.2.1:80 -r 198.51.100.2", "198.51.100.2:80"},
		{"-d -f 7 -6 -r ", "[2001:db8::5]:0"},
		{"-d -f 7 -r ", ""},
		{"-d -r ", ""},
		{"-a -t 192.0.2.1:80 -r ", ""},
		{"-d -N blue -t 192.0.2.1:80 -r ", ""},
		{"-A -t 192.0.2.9:80 -s w", "wrr wlc"},
		{"-A -t 192.0.2.9:80 -s sh -b ", "sh-fallback sh-port flag-1 flag-2 flag-3"},
		{"-A -t 192.0.2.9:80 -s mh -b mh-port,m", "mh-port,mh-fallback"},
		{"-A -t 192.0.2.9:80 --pe ", "sip"},
		{"-a -t 192.0.2.1:80 -r 198.51.100.3 -i --tun-type g", "gue gre"},
		{"-L --metrics=", "--metrics=prometheus --metrics=openmetrics"},
		{"-L --metrics=o", "--metrics=openmetrics"},
		{"--start-daemon ", "master backup"},
		{"--stop-daemon b", "backup"},
		{"--start-daemon master --mcast-interface ", "eth0 lo"},
		{"--start-daemon master --mcast-interface=l", "--mcast-interface=lo"},
		{"-L --netns ", "blue green"},
		{"-L -w ", ""},
		{"-e -t 192.0.2.1:80 -r 198.51.100.2 -w ", ""},
		{"-L -c=", ""},
		{"-h ", ""},
	} {
		t.Run(tt.line, func(t *testing.T) {
			words := strings.Split(tt.line, " ")
			typed := words[len(words)-1]
			p := command.NewParser("NAME", resolve.System())
			var got []string
			for _, proposal := range system.Candidates(p.ParseUnfinished(words[:len(words)-1], typed)) {
				got = append(got, proposal.Word)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Candidate
	}{
		{"-S", Candidate{"-S", "print the table as rules for -R"}},
		{"-A -t 192.0.2.9:80 -s rr", Candidate{"rr", "round robin: each server in its turn"}},
		{"-E -f 7", Candidate{"7", "rr, IPv6"}},
		{"-d -t 192.0.2.1:80 -r 198.51.100.2", Candidate{"198.51.100.2:80", "Masq, weight 5"}},
	} {
		words := strings.Split(tt.line, " ")
		p := command.NewParser("NAME", resolve.System())
		got := system.Candidates(p.ParseUnfinished(words[:len(words)-1], words[len(words)-1]))
		if len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
}
