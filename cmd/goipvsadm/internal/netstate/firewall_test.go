// SPDX-License-Identifier: MIT

package netstate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// describe returns the outcomes as text.
func describe(outcomes []Outcome) string {
	var parts []string
	for _, o := range outcomes {
		text := map[Verdict]string{Drop: "drop", Reject: "reject", Translate: "translate", SetMark: "mark", SourceNAT: "source"}[o.Verdict]
		if o.Rule != nil {
			text += fmt.Sprintf(" by %s", o.Rule.Text)
		} else {
			text += fmt.Sprintf(" by policy of %s", o.Chain.Name)
		}
		if !o.Certain {
			text = "maybe " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func TestEvaluateIPTables(t *testing.T) {
	reply := &Packet{Protocol: 6, Source: netip.MustParseAddrPort("10.0.0.11:80"), Destination: netip.MustParseAddrPort("192.0.2.9:40000"),
		InLink: "eth1", OutLink: "eth0", State: "INVALID"}
	request := &Packet{Protocol: 6, Destination: netip.MustParseAddrPort("192.0.2.1:80"), InLink: "eth0", State: "NEW", Local: true}
	for _, tt := range []struct {
		name, rules, hook string
		packet            *Packet
		want              string
	}{
		{name: "policy drop", rules: "*filter\n:FORWARD DROP [7:99]\n", hook: "forward", packet: reply, want: "drop by policy of FORWARD"},
		{name: "policy accept", rules: "*filter\n:FORWARD ACCEPT [7:99]\n", hook: "forward", packet: reply},
		{name: "established only", hook: "forward", packet: reply, want: "drop by policy of FORWARD",
			rules: "*filter\n:FORWARD DROP [0:0]\n[1:2] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"},
		{name: "established only, tracked reply", hook: "forward",
			packet: &Packet{Protocol: 6, Source: reply.Source, Destination: reply.Destination, State: "ESTABLISHED"},
			rules:  "*filter\n:FORWARD DROP [0:0]\n[1:2] -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"},
		{name: "Docker's chains", hook: "forward", packet: reply, want: "drop by policy of FORWARD",
			rules: "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n:DOCKER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -j DOCKER\n-A FORWARD -i docker0 ! -o docker0 -j ACCEPT\n-A DOCKER-USER -j RETURN\n"},
		{name: "accepted in Docker's chain for users", hook: "forward", packet: reply,
			rules: "*filter\n:FORWARD DROP [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -s 10.0.0.0/24 -p tcp -m tcp --sport 80 -j ACCEPT\n"},
		{name: "rule with a port", hook: "input", packet: request, want: "drop by -A INPUT -p tcp -m tcp --dport 80 -j DROP",
			rules: "*filter\n:INPUT ACCEPT [0:0]\n[3:180] -A INPUT -p tcp -m tcp --dport 80 -j DROP\n"},
		{name: "rule with another port", hook: "input", packet: request,
			rules: "*filter\n:INPUT ACCEPT [0:0]\n[3:180] -A INPUT -p tcp -m tcp --dport 81:90 -j DROP\n"},
		{name: "list of ports", hook: "input", packet: request, want: "reject by -A INPUT -p tcp -m multiport --dports 22,79:81 -j REJECT --reject-with icmp-port-unreachable",
			rules: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m multiport --dports 22,79:81 -j REJECT --reject-with icmp-port-unreachable\n"},
		{name: "negated source", hook: "forward", packet: reply, want: "drop by -A FORWARD ! -s 192.168.0.0/16 -j DROP",
			rules: "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD ! -s 192.168.0.0/16 -j DROP\n"},
		{name: "unknown source", hook: "input", packet: request, want: "maybe drop by -A INPUT -s 192.0.2.0/24 -j DROP",
			rules: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 192.0.2.0/24 -j DROP\n"},
		{name: "policy after a rule that may match", hook: "input", packet: request, want: "maybe drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n-A INPUT -m recent --rcheck --name X --rsource -j ACCEPT\n"},
		{name: "policy after a log rule that may match", hook: "input", packet: request, want: "drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n-A INPUT -m limit --limit 5/min -j LOG\n"},
		{name: "policy after a chain that may log", hook: "input", packet: request, want: "drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -m recent --rcheck --name X --rsource -j X\n-A X -s 192.0.2.0/24 -j RETURN\n-A X -j LOG\n"},
		{name: "policy after a chain that may accept", hook: "input", packet: request, want: "maybe drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -m recent --rcheck --name X --rsource -j X\n-A X -p tcp -j ACCEPT\n"},
		{name: "policy after a chain that may queue", hook: "input", packet: request, want: "maybe drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -m recent --rcheck --name X --rsource -j X\n-A X -j NFQUEUE\n"},
		{name: "rule after a return that may match", hook: "input", packet: request,
			want:  "maybe drop by -A X -p tcp -j DROP; maybe drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -j X\n-A X -s 192.0.2.0/24 -j RETURN\n-A X -p tcp -j DROP\n"},
		{name: "rule after a goto that may match", hook: "input", packet: request,
			want:  "maybe drop by -A X -p tcp -j DROP; maybe drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n:Y - [0:0]\n-A INPUT -j X\n-A X -s 192.0.2.0/24 -g Y\n-A X -p tcp -j DROP\n-A Y -j LOG\n"},
		{name: "mark after a log rule that may match", hook: "prerouting", packet: request,
			want:  "mark by -A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0xa/0xffffffff",
			rules: "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m limit --limit 5/min -j LOG\n-A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0xa/0xffffffff\n"},
		{name: "comment that contains an option", hook: "input", packet: request,
			rules: "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m comment --comment \"the \\\"-s\\\" here\" -m tcp --dport 80 -j ACCEPT\n"},
		{name: "redirect", hook: "prerouting", packet: request, want: "translate by -A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080",
			rules: "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080\n"},
		{name: "Docker's DNAT for local addresses", hook: "prerouting", packet: request, want: "translate by -A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80",
			rules: "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A DOCKER -i docker0 -j RETURN\n-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80\n"},
		{name: "mark, then accept", hook: "prerouting", packet: request, want: "mark by -A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0xa/0xffffffff",
			rules: "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j MARK --set-xmark 0xa/0xffffffff\n"},
		{name: "chain with the name of a target in lower case", hook: "input", packet: request, want: "drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:accept - [0:0]\n-A INPUT -j accept\n"},
		{name: "goto", hook: "input", packet: request, want: "drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -g X\n-A INPUT -j ACCEPT\n-A X -p udp -j ACCEPT\n"},
		{name: "return", hook: "input", packet: request, want: "drop by policy of INPUT",
			rules: "*filter\n:INPUT DROP [0:0]\n:X - [0:0]\n-A INPUT -j X\n-A X -j RETURN\n-A X -j ACCEPT\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &Firewall{Chains: ParseIPTables(tt.rules, "iptables-legacy", "ip")}
			if got := describe(f.Evaluate(tt.hook, tt.packet)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEvaluateNFT(t *testing.T) {
	request := &Packet{Protocol: 6, Destination: netip.MustParseAddrPort("192.0.2.1:80"), State: "NEW", Local: true}
	chain := func(hook, policy, rules string) string {
		if rules != "" {
			rules = `,{"rule":{"family":"inet","table":"t","chain":"c","handle":3,"expr":[` + rules + `]}}`
		}
		return `{"nftables":[{"metainfo":{"version":"1.0.6"}},{"table":{"family":"inet","name":"t"}},` +
			`{"chain":{"family":"inet","table":"t","name":"c","handle":1,"type":"filter","hook":"` + hook + `","prio":0,"policy":"` + policy + `"}}` + rules + `]}`
	}
	for _, tt := range []struct {
		name, ruleset, hook, want string
	}{
		{name: "policy drop", ruleset: chain("input", "drop", ""), hook: "input", want: "drop by policy of c"},
		{name: "set of ports", hook: "input", want: "drop by policy of c",
			ruleset: chain("input", "drop", `{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[22,443]}}},{"counter":{"packets":5,"bytes":9}},{"accept":null}`)},
		{name: "range of ports", hook: "input",
			ruleset: chain("input", "drop", `{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"range":[79,81]}}},{"accept":null}`)},
		{name: "port of another protocol", hook: "input",
			ruleset: chain("input", "accept", `{"match":{"op":"==","left":{"payload":{"protocol":"udp","field":"dport"}},"right":80}},{"drop":null}`)},
		{name: "established", hook: "input", want: "drop by policy of c",
			ruleset: chain("input", "drop", `{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"accept":null}`)},
		{name: "prefix", hook: "input", want: "drop by ip daddr 192.0.2.0/24 drop",
			ruleset: chain("input", "accept", `{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":{"prefix":{"addr":"192.0.2.0","len":24}}}},{"drop":null}`)},
		{name: "named set", hook: "input", want: "maybe drop by ip daddr @x drop",
			ruleset: chain("input", "accept", `{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":"@x"}},{"drop":null}`)},
		{name: "mark", hook: "prerouting", want: "mark by tcp dport 80 meta mark set 0x10",
			ruleset: chain("prerouting", "accept", `{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":80}},{"mangle":{"key":{"meta":{"key":"mark"}},"value":16}}`)},
		{name: "mark, then log", hook: "prerouting", want: "mark by meta mark set 0x10 log",
			ruleset: chain("prerouting", "accept", `{"mangle":{"key":{"meta":{"key":"mark"}},"value":16}},{"log":null}`)},
		{name: "limited log, then policy", hook: "input", want: "drop by policy of c",
			ruleset: chain("input", "drop", `{"limit":{"rate":5,"per":"minute"}},{"log":null}`)},
		{name: "queue, then policy", hook: "input", want: "maybe drop by policy of c",
			ruleset: chain("input", "drop", `{"queue":null}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chains, err := parseNFT([]byte(tt.ruleset))
			if err != nil {
				t.Fatal(err)
			}
			f := &Firewall{Chains: chains}
			if got := describe(f.Evaluate(tt.hook, request)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEvaluateManyRules(t *testing.T) {
	f := &Firewall{Chains: []Chain{{Family: "ip", Table: "filter", Name: "INPUT", Hook: "input", Drops: true, Rules: make([]Rule, maxVisits+1)}}}
	if got := f.Evaluate("input", &Packet{Destination: netip.MustParseAddrPort("192.0.2.1:80")}); got != nil {
		t.Errorf("got %q, want no outcomes", describe(got))
	}
}

func TestFirewallSince(t *testing.T) {
	read := func(policy, packets int, rule string) *Firewall {
		return &Firewall{Chains: ParseIPTables(fmt.Sprintf("*filter\n:INPUT DROP [%d:0]\n[%d:0] -A INPUT %s\n", policy, packets, rule), "iptables-legacy", "ip")}
	}
	for _, tt := range []struct {
		name         string
		old          *Firewall
		policy, rule uint64
	}{
		{name: "increased", old: read(3, 10, "-j LOG"), policy: 4, rule: 2},
		{name: "zeroed", old: read(8, 15, "-j LOG")},
		{name: "replaced rule", old: read(3, 10, "-j ACCEPT"), policy: 4},
		{name: "first reading"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := read(7, 12, "-j LOG")
			f.Since(tt.old)
			if c := &f.Chains[0]; c.PolicyPackets != tt.policy || c.Rules[0].Packets != tt.rule {
				t.Errorf("policy %d, rule %d; want %d and %d", c.PolicyPackets, c.Rules[0].Packets, tt.policy, tt.rule)
			}
		})
	}
}
