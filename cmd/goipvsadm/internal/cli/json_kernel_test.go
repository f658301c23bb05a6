// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of -j with real connections.

package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/scripts/testnet"
)

// A listLab is a network of a client, a director and two servers with IPv4 and IPv6
// addresses.
type listLab struct{ *lab }

const listRules = `
	-A -t 10.8.3.100:80 -s rr
	-a -t 10.8.3.100:80 -r 10.8.4.11:80 -m -w 5 -x 200 -y 100
	-a -t 10.8.3.100:80 -r 10.8.4.12:80 -m
	-A -t [fd08:3::100]:0 -s sh -p 60 -M 64 -b sh-port
	-a -t [fd08:3::100]:0 -r [fd08:4::11]:0 -i --tun-type gue --tun-port 5555 --tun-csum
	-A -u 10.8.3.100:53 -s rr -o
	-A -u 10.8.3.100:5060 -s rr -p 300 --pe sip
	-a -u 10.8.3.100:5060 -r 10.8.4.11:5060 -m
	-A -f 10 -s wlc -p 60 -M 255.255.255.0
	-a -f 10 -r 10.8.4.11:0 -m
	-A -f 4000000000 -6 -s mh -p 60
	-a -f 4000000000 -6 -r [fd08:4::11]:0 -m
	-A --sctp-service 10.8.3.100:9 -s lc
`

func newListLab(t *testing.T) *listLab {
	t.Helper()
	l := &listLab{newLab(t, testnet.Plan{
		{Name: "client", Links: []testnet.Link{{To: "outside", Addresses: []string{"10.8.3.2/24", "fd08:3::2/64"}}}},
		{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
			{To: "outside", Addresses: []string{"10.8.3.1/24", "10.8.3.100/24", "10.8.3.200/24", "fd08:3::1/64", "fd08:3::200/64"}},
			{To: "inside", Addresses: []string{"10.8.4.1/24", "fd08:4::1/64"}},
		}},
		{Name: "one", Gateway: "10.8.4.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.4.11/24", "fd08:4::11/64"}}}},
		{Name: "two", Gateway: "10.8.4.1", Links: []testnet.Link{{To: "inside", Addresses: []string{"10.8.4.12/24"}}}},
	}, "one", "two")}
	for _, rule := range []testnet.MarkRule{
		{Device: "eth0", To: netip.MustParseAddr("10.8.3.200"), Mark: 10},
		{Device: "eth0", To: netip.MustParseAddr("fd08:3::200"), Mark: 4000000000},
	} {
		for _, line := range rule.AddCommands() {
			l.shell(line, 0)
		}
	}
	l.shell("modprobe ip_vs_pe_sip", 0)
	l.shell("ipvsadm -R <<-RULES"+strings.ReplaceAll(listRules, "\t", "")+"RULES", 0)
	return l
}

// waitCounters waits until the kernel has updated all counters. It updates them every
// two seconds.
func (l *listLab) waitCounters() {
	l.t.Helper()
	err := testnet.Eventually(func() error {
		var all listDocument
		l.list("", &all)
		counted := 0
		for _, s := range all.Services {
			switch s.Stats.Connections {
			case 20, 1:
				counted++
			}
		}
		if counted < 4 {
			return errors.New("counters were not updated")
		}
		return nil
	})
	if err != nil {
		l.t.Fatalf("%v:\n%s", err, l.shell("ipvsadm -L -n --stats", 0).Stdout)
	}
}

// list decodes a JSON listing and validates it against the schema.
func (l *listLab) list(options string, v any) {
	l.t.Helper()
	jsonouttest.Decode(l.t, []byte(l.shell("ipvsadm -L -j "+options, 0).Stdout), v)
}

// A listDocument has the members of all JSON documents that the tests check.
type listDocument struct {
	Services []struct {
		Address, Protocol string
		Port              int
		Mark              uint64
		SchedulerFlags    []string `json:"scheduler_flags"`
		OnePacket         bool     `json:"one_packet"`
		Persistence       struct {
			Enabled         bool
			Timeout         int
			Netmask, Engine string
			PrefixLength    int `json:"prefix_length"`
		}
		Stats   listStats
		Servers []struct {
			Address, Forward string
			Weight           int
			Upper            int             `json:"upper_threshold"`
			Lower            int             `json:"lower_threshold"`
			Inactive         int             `json:"inactive_connections"`
			Tunnel           json.RawMessage `json:",omitempty"`
			Stats            listStats
		}
	}
	Connections []struct {
		Protocol, State, Engine string
		Virtual                 string `json:"virtual_address"`
		Client                  string `json:"client_address"`
		Server                  string `json:"server_address"`
		ServerPort              int    `json:"server_port"`
		ClientPort              int    `json:"client_port"`
		Mark                    uint64
		Expires                 int    `json:"expires_in"`
		Data                    string `json:"engine_data"`
	}
	Timeouts struct {
		TCP, UDP int
		Fin      int `json:"tcp_fin"`
	}
	Daemons []struct {
		State     string
		ID        int    `json:"syncid"`
		Interface string `json:"mcast_interface"`
	}
}

type listStats struct {
	Connections uint64
	InPackets   uint64 `json:"in_packets"`
	OutBytes    uint64 `json:"out_bytes"`
}

// callID has characters that JSON escapes.
const callID = `<a"b\c>/[d]?{e}%*@client`

func TestJSONKernel(t *testing.T) {
	l := newListLab(t)
	tally, err := l.client.CountResponses("http://10.8.3.100/", 20)
	if err != nil || tally["one"] != 10 || tally["two"] != 10 {
		t.Fatalf("responses by server: %v, %v; want 10 each", tally, err)
	}
	l.sendDatagram("10.8.3.200:7777", "fwmark")
	l.sendDatagram("[fd08:3::200]:7777", "fwmark")
	l.sendDatagram("10.8.3.100:5060", "INVITE sip:b@example.org SIP/2.0\r\nCall-ID: "+callID+"\r\nCSeq: 1 INVITE\r\n\r\n")
	l.waitCounters()

	t.Run("table", func(t *testing.T) {
		var all, again listDocument
		l.list("", &all)
		l.list("--stats --exact --persistent-conn -n", &again)
		var names []string
		for _, s := range all.Services {
			names = append(names, fmt.Sprintf("%s/%s/%d/%d", s.Protocol, s.Address, s.Port, s.Mark))
		}
		// ipvsadm's order compares marks as signed numbers.
		want := "//0/4000000000 tcp/10.8.3.100/80/0 udp/10.8.3.100/53/0 udp/10.8.3.100/5060/0 sctp/10.8.3.100/9/0 tcp/fd08:3::100/0/0 //0/10"
		if got := strings.Join(names, " "); got != want {
			t.Fatalf("services %s, want %s", got, want)
		}
		web := all.Services[1]
		if web.Stats.Connections != 20 || web.Stats.InPackets < 80 || web.Stats.OutBytes < 20*100 || web.Persistence.Enabled {
			t.Errorf("TCP service: %+v", web)
		}
		for i, s := range web.Servers {
			if s.Stats.Connections != 10 || s.Forward != "masq" || s.Tunnel != nil || s.Stats != again.Services[1].Servers[i].Stats {
				t.Errorf("server of the TCP service: %+v", s)
			}
		}
		if s := web.Servers[0]; s.Weight != 5 || s.Upper != 200 || s.Lower != 100 {
			t.Errorf("server with thresholds: %+v", s)
		}
		if s := all.Services[2]; !s.OnePacket {
			t.Errorf("one-packet service: %+v", s)
		}
		if s := all.Services[3]; s.Persistence.Engine != "sip" || s.OnePacket || s.Persistence.Timeout != 300 {
			t.Errorf("SIP service: %+v", s)
		}
		six := all.Services[5]
		if six.Persistence.PrefixLength != 64 || len(six.SchedulerFlags) != 1 || six.SchedulerFlags[0] != "sh-port" {
			t.Errorf("IPv6 service: %+v", six)
		}
		if s := six.Servers[0]; s.Forward != "tunnel" || string(s.Tunnel) != `{"type":"gue","port":5555,"flags":["csum"]}` {
			t.Errorf("server of the IPv6 service: %+v, tunnel %s", s, s.Tunnel)
		}
		if s := all.Services[6]; s.Persistence.Netmask != "255.255.255.0" || s.Stats.Connections != 1 {
			t.Errorf("firewall-mark service: %+v", s)
		}
	})

	t.Run("one service", func(t *testing.T) {
		var one listDocument
		l.list("-f 4000000000 -6", &one)
		if len(one.Services) != 1 || one.Services[0].Mark != 4000000000 || one.Services[0].Stats.Connections != 1 {
			t.Errorf("listing of one service: %+v", one.Services)
		}
		result := l.shell("ipvsadm -L -j -f 9", 1)
		if result.Stdout != "" || result.Stderr != "No such service\n" {
			t.Errorf("listing of a missing service: %+v", result)
		}
	})

	t.Run("connections", func(t *testing.T) {
		var all listDocument
		l.list("-c", &all)
		seen := make(map[string]int)
		for _, c := range all.Connections {
			switch {
			case c.Mark != 0 && c.ClientPort == 0:
				seen[fmt.Sprint("mark ", c.Mark, " ", c.Client)]++
			case c.Protocol == "tcp" && c.Virtual == "10.8.3.100" && c.ServerPort == 80 && c.State == "TIME_WAIT" && c.Expires > 0:
				seen["web "+c.Server]++
			case c.Engine == "sip" && c.Data == callID:
				seen["sip"]++
			}
		}
		for name, want := range map[string]int{
			"mark 10 10.8.3.0": 1, "mark 4000000000 fd08:3::2": 1, "web 10.8.4.11": 10, "web 10.8.4.12": 10,
		} {
			if seen[name] != want {
				t.Errorf("%s: %d connections, want %d", name, seen[name], want)
			}
		}
		if seen["sip"] == 0 {
			t.Errorf("no SIP connection: %+v", all.Connections)
		}
	})

	t.Run("settings", func(t *testing.T) {
		var settings listDocument
		l.shell("ipvsadm --set 1000 0 2678400", 0)
		l.list("--timeout", &settings)
		if settings.Timeouts.TCP != 1000 || settings.Timeouts.Fin != 120 || settings.Timeouts.UDP != 2678400 {
			t.Errorf("timeouts: %+v", settings.Timeouts)
		}
		l.list("--daemon", &settings)
		if len(settings.Daemons) != 0 {
			t.Errorf("daemons before one was started: %+v", settings.Daemons)
		}
		l.shell("ipvsadm --start-daemon backup --mcast-interface eth1 --syncid 7; sleep 0.2", 0)
		l.list("--daemon", &settings)
		l.shell("ipvsadm --stop-daemon backup", 0)
		if len(settings.Daemons) != 1 || settings.Daemons[0].State != "backup" || settings.Daemons[0].ID != 7 || settings.Daemons[0].Interface != "eth1" {
			t.Errorf("daemons: %+v", settings.Daemons)
		}
	})

	t.Run("jq", func(t *testing.T) {
		for line, want := range map[string]string{
			`ipvsadm -L -j | jq -r '.services[] | select(.port == 80) | .servers[] | "\(.address) \(.stats.connections)"'`: "10.8.4.11 10\n10.8.4.12 10\n",
			`ipvsadm -L -c -j | jq '[.connections[] | select(.state == "TIME_WAIT")] | length'`:                            "20\n",
			`ipvsadm -L --timeout -j | jq .timeouts.tcp`:                                                                   "1000\n",
			`ipvsadm -L --daemon -j | jq -c .`:                                                                             `{"daemons":[]}` + "\n",
		} {
			if got := l.shell(line, 0); got.Stdout != want || got.Stderr != "" {
				t.Errorf("%s: %+v, want %q", line, got, want)
			}
		}
	})
}
