// SPDX-License-Identifier: MIT

package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
	"goipvsadm/ipvs"
)

func TestRemedyNetNS(t *testing.T) {
	f := healthyFacts()
	s, d := f.firstServer()
	for _, tt := range []struct{ netns, want string }{
		{netns: "", want: "ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{netns: "lb", want: "ip netns exec lb ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
		{netns: "/proc/7/ns/net", want: "nsenter --net=/proc/7/ns/net ipvsadm -e -t 192.0.2.1:80 -r 10.0.0.11:80 -m -w 0"},
	} {
		f.Program, f.NetNS = "ipvsadm", tt.netns
		if got := commandLine(f.drain(s, d)); got != tt.want {
			t.Errorf("network namespace %q: got %q, want %q", tt.netns, got, tt.want)
		}
	}
}

func TestKeepalivedConfiguration(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{args: "/usr/sbin/keepalived --dont-fork", want: "/etc/keepalived/keepalived.conf"},
		{args: "/usr/sbin/keepalived --dont-fork -f /srv/lb.conf", want: "/srv/lb.conf"},
		{args: "keepalived -f/srv/lb.conf -D", want: "/srv/lb.conf"},
		{args: "keepalived --use-file=/srv/lb.conf", want: "/srv/lb.conf"},
		{args: "keepalived -nlf /srv/lb.conf", want: "/srv/lb.conf"},
		{args: "keepalived -PDf/srv/lb.conf", want: "/srv/lb.conf"},
		{args: "keepalived -Dp /run/lf.pid -r -f -n", want: "/etc/keepalived/keepalived.conf"},
		{args: "keepalived -nuf -f /srv/lb.conf", want: "/srv/lb.conf"},
		{args: "keepalived --use-file /srv/lb.conf -D", want: "/srv/lb.conf"},
		{args: "keepalived -f", want: "/etc/keepalived/keepalived.conf"},
	} {
		f := healthyFacts()
		f.Processes = []netstate.Process{{ID: 7, Name: "keepalived", Args: strings.Fields(tt.args)}}
		findings := Diagnose(f)
		if len(findings) != 1 || findings[0].Remedies[0].Host != "the director, after changing "+tt.want {
			t.Errorf("%s: got %+v, want a remedy for %s", tt.args, findings, tt.want)
		}
	}
}

func TestMasquerade(t *testing.T) {
	for _, tt := range []struct {
		name    string
		service ipvs.ServiceKey
		vip     string // of a connection; "" if none has been read
		from    string // network of the clients, or ""
		want    string // after POSTROUTING
	}{
		{name: "VIP", service: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), want: "-m ipvs --vaddr 192.0.2.1/32"},
		{name: "clients", service: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), from: "10.0.0.11/32", want: "-s 10.0.0.11/32 -m ipvs --vaddr 192.0.2.1/32"},
		{name: "firewall mark", service: ipvs.MarkKey(7, ipvs.IPv4), vip: "192.0.2.7", want: "-m ipvs --vaddr 192.0.2.7/32"},
		{name: "firewall mark, no connections", service: ipvs.MarkKey(7, ipvs.IPv4), want: "-d 10.0.0.11/32"},
	} {
		f := healthyFacts()
		s, d := f.firstServer()
		s.ServiceKey, d.Conns.VIP = tt.service, netip.AddrPort{}
		if tt.vip != "" {
			d.Conns.VIP = netip.AddrPortFrom(addr(tt.vip), 80)
		}
		from := netip.Prefix{}
		if tt.from != "" {
			from = netip.MustParsePrefix(tt.from)
		}
		want := "sysctl -w net.ipv4.vs.conntrack=1 && iptables -t nat -A POSTROUTING " + tt.want + " -j MASQUERADE"
		if got := commandLine(f.masquerade(from, s, d)); got != want {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
}

// TestAcceptCommands verifies the commands that accept packets of services for which the
// protocol or the port of the packets is not that of the service.
func TestAcceptCommands(t *testing.T) {
	for _, tt := range []struct {
		name           string
		service        ipvs.ServiceKey
		server         string
		replies, input string // commands for FORWARD of the director and INPUT of the server
	}{
		{name: "TCP", service: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), server: "10.0.0.11:8080",
			replies: "-s 10.0.0.0/24 -p tcp --sport 8080", input: "-p tcp --dport 8080"},
		{name: "SCTP", service: ipvs.AddrKey(ipvs.SCTP, ap("192.0.2.1:9000")), server: "10.0.0.11:9000",
			replies: "-s 10.0.0.0/24 -p sctp --sport 9000", input: "-p sctp --dport 9000"},
		{name: "all ports", service: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:0")), server: "10.0.0.11:0",
			replies: "-s 10.0.0.0/24 -p tcp", input: "-p tcp --dport 443"},
		{name: "firewall mark", service: ipvs.MarkKey(7, ipvs.IPv4), server: "10.0.0.11:0",
			replies: "-s 10.0.0.0/24", input: "-p tcp --dport 443"},
	} {
		f := healthyFacts()
		s, d := f.firstServer()
		s.ServiceKey, d.AddrPort, d.Conns.VIP = tt.service, ap(tt.server), ap("192.0.2.1:443")
		chain := &netstate.Chain{Tool: "iptables", Table: "filter", Name: "FORWARD"}
		if got, want := commandLine(f.acceptReplies(chain, s, d)), "iptables -I FORWARD "+tt.replies+" -j ACCEPT"; got != want {
			t.Errorf("%s, replies: got %q, want %q", tt.name, got, want)
		}
		if got, want := strings.Join(acceptInput(s, d.AddrPort.Addr(), s.serverPort(d)), " "), "iptables -I INPUT "+tt.input+" -j ACCEPT"; got != want {
			t.Errorf("%s, input: got %q, want %q", tt.name, got, want)
		}
	}
}

func TestSysctlCommand(t *testing.T) {
	const want = "sysctl -w net.ipv4.conf.eth0/100.rp_filter=1"
	if got := strings.Join(sysctlCommand(1, "net/ipv4/conf/eth0.100/rp_filter"), " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func commandLine(r Remedy) string { return r.CommandLine() }

func TestQuoteWord(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{word: "eth0.100", want: "eth0.100"},
		{word: "[fd00::1]:80", want: "[fd00::1]:80"},
		{word: "", want: "''"},
		{word: "a;reboot", want: "'a;reboot'"},
		{word: "$(id)", want: "'$(id)'"},
		{word: "a'b", want: `'a'\''b'`},
		{word: "e\x1b[31m", want: `$'e\x1b[31m'`},
	} {
		if got := quoteWord(tt.word); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.word, got, tt.want)
		}
	}
}
