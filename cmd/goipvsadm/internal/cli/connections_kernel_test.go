// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of the filters of -L and -L -c with real connections.

package cli_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/scripts/testnet"
)

// A filterLab is a listLab with these connections:
//   - four from 10.8.3.2 to 10.8.3.100:80, two on each server,
//   - one from 10.8.3.7 to 10.8.3.100:80, which stays established,
//   - one from 10.8.3.2 to 10.8.3.200:80, which has a firewall mark, on 10.8.4.11.
type filterLab struct {
	*listLab
	busy, idle string // the servers with and without the established connection
}

func newFilterLab(t *testing.T) *filterLab {
	t.Helper()
	l := &filterLab{listLab: newListLab(t)}
	program, err := os.Readlink(filepath.Join(l.tool.Bin, "ipvsadm"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(l.tool.Bin, "goipvsadm")); err != nil {
		t.Fatal(err)
	}
	if err := l.client.Netns.IP("addr add 10.8.3.7/24 dev eth0"); err != nil {
		t.Fatal(err)
	}
	from2 := testnet.Client{Netns: l.client.Netns, Source: netip.MustParseAddr("10.8.3.2")}
	for _, url := range []string{"http://10.8.3.100/", "http://10.8.3.100/", "http://10.8.3.100/", "http://10.8.3.100/", "http://10.8.3.200/"} {
		if _, err := from2.Get(url); err != nil {
			t.Fatal(err)
		}
	}
	from7 := testnet.Client{Netns: l.client.Netns, Source: netip.MustParseAddr("10.8.3.7")}
	connection, server, err := from7.OpenKeepAlive("http://10.8.3.100/")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	l.busy, l.idle = "10.8.4.11", "10.8.4.12"
	if server == "two" {
		l.busy, l.idle = l.idle, l.busy
	}
	return l
}

// counts returns what -L -c --count -j prints for each server: its address, connections,
// established connections and templates.
func (l *filterLab) counts(options string) string {
	l.t.Helper()
	var document struct {
		Counts []struct {
			Protocol               string
			Address                string `json:"server_address"`
			Port                   int    `json:"server_port"`
			Connections, Templates int
			States                 []struct {
				State       string
				Connections int
			}
		} `json:"connection_counts"`
	}
	jsonouttest.Decode(l.t, []byte(l.shell("goipvsadm -L -c --count -j "+options, 0).Stdout), &document)
	var servers []string
	for _, c := range document.Counts {
		established, sum := 0, 0
		for _, state := range c.States {
			sum += state.Connections
			if state.State == "ESTABLISHED" {
				established = state.Connections
			}
		}
		if sum != c.Connections {
			l.t.Errorf("%s: %d connections in all states, %d in total", options, sum, c.Connections)
		}
		servers = append(servers, fmt.Sprintf("%s %s:%d %d %d %d", c.Protocol, c.Address, c.Port, c.Connections, established, c.Templates))
	}
	return strings.Join(servers, ", ")
}

func TestConnectionFilters(t *testing.T) {
	l := newFilterLab(t)
	// The connection of the firewall mark and its template are on 10.8.4.11.
	one, two := "tcp 10.8.4.11:80 4 1 0", "tcp 10.8.4.12:80 2 0 0"
	if l.busy == "10.8.4.12" {
		one, two = "tcp 10.8.4.11:80 3 0 0", "tcp 10.8.4.12:80 3 1 0"
	}
	const template = " 10.8.4.11:0 0 0 1"
	for _, tt := range []struct{ options, want string }{
		{options: "", want: template + ", " + one + ", " + two},
		{options: "--client 10.8.3.7", want: "tcp " + l.busy + ":80 1 1 0"},
		{options: "--client 10.8.3.7/32 --state established", want: "tcp " + l.busy + ":80 1 1 0"},
		{options: "--client 10.8.3.7 --state time_wait"},
		{options: "--client 10.8.3.7 --server " + l.idle},
		{options: "--client 10.8.3.7 --vip 10.8.3.200"},
		{options: "--client 10.8.3.0/29 --server 10.8.4.12", want: two},
		{options: "--client 10.8.3.8/29"},
		{options: "--client fd08:3::2"},
		{options: "--server " + l.idle + ":80 -t 10.8.3.100:80", want: "tcp " + l.idle + ":80 2 0 0"},
		{options: "--server 10.8.4.11:81"},
		{options: "--server 10.8.4.12", want: two},
		{options: "--server 10.8.4.11:80", want: one},
		{options: "--vip 10.8.3.200", want: "tcp 10.8.4.11:80 1 0 0"},
		{options: "--vip 0.0.0.10"}, // what the kernel lists as the VIP of the template: mark 10
		{options: "-t 10.8.3.200:80", want: "tcp 10.8.4.11:80 1 0 0"},
		{options: "-u 10.8.3.100:80"},
	} {
		if got := l.counts(tt.options); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.options, got, tt.want)
		}
	}

	// The listing and its JSON form have the same connections.
	line := regexp.MustCompile(`^IPVS connection entries\npro .*\nTCP \d\d:\d\d  ESTABLISHED 10\.8\.3\.7:\d+ +10\.8\.3\.100:80 +` + l.busy + `:80\n$`)
	if got := l.shell("goipvsadm -L -c -n --client 10.8.3.7", 0).Stdout; !line.MatchString(got) {
		t.Errorf("--client 10.8.3.7: %q", got)
	}
	var all listDocument
	l.list("-c --client 10.8.3.7", &all)
	if len(all.Connections) != 1 || all.Connections[0].Server != l.busy || all.Connections[0].State != "ESTABLISHED" {
		t.Errorf("--client 10.8.3.7: %+v", all.Connections)
	}

	// Under the name ipvsadm, a service with -c is an error, as in ipvsadm; the filters
	// are not.
	const conflict = "The option 'service-address' conflicts with the 'connection' option in the 'list' command\n"
	if got := l.shell("ipvsadm -L -c -n -t 10.8.3.100:80", 2); got.Stderr != conflict || got.Stdout != "" {
		t.Errorf("ipvsadm -L -c -t: %+v", got)
	}
	if got := l.shell("ipvsadm -L -c -n --client 10.8.3.7", 0).Stdout; !line.MatchString(got) {
		t.Errorf("ipvsadm --client 10.8.3.7: %q", got)
	}
}

// TestServerFilter lists the services of a server.
func TestServerFilter(t *testing.T) {
	l := newListLab(t)
	for _, tt := range []struct{ options, want string }{
		{options: "--server 10.8.4.11", want: " 10 10.8.3.100:80 10.8.3.100:5060"},
		{options: "--server 10.8.4.11:80", want: " 10.8.3.100:80"},
		{options: "--server 10.8.4.12", want: " 10.8.3.100:80"},
		{options: "--server [fd08:4::11]", want: " fd08:3::100:0 4000000000"},
		{options: "--server 10.8.4.13"},
		{options: "--server 10.8.4.11 -f 10", want: " 10"},
		{options: "--server 10.8.4.12 -f 10"},
	} {
		var table listDocument
		l.list(tt.options, &table)
		got := make(map[string]bool)
		for _, s := range table.Services {
			if s.Mark != 0 {
				got[fmt.Sprint(s.Mark)] = true
			} else {
				got[fmt.Sprintf("%s:%d", s.Address, s.Port)] = true
			}
		}
		want := strings.Fields(tt.want)
		for _, service := range want {
			if !got[service] {
				t.Errorf("%s: no service %s", tt.options, service)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %v, want %s", tt.options, got, tt.want)
		}
	}
}

// TestWatchConnectionsTerminal watches the connections of a client while they change.
func TestWatchConnectionsTerminal(t *testing.T) {
	l := newFilterLab(t)
	terminal, err := l.director.Terminal(100, 24, l.command("-L", "-c", "-n", "--count", "--watch=1", "--client", "10.8.3.7", "--state", "established"))
	if err != nil {
		t.Fatal(err)
	}
	waitFor := func(text string) {
		t.Helper()
		if _, err := terminal.ReadUntil(text); err != nil {
			t.Fatal(err)
		}
	}
	waitFor("1 connection from 10.8.3.7 in ESTABLISHED  every 1s, h helps, q quits")
	waitFor("TCP " + l.busy + ":80 ")
	from7 := testnet.Client{Netns: l.client.Netns, Source: netip.MustParseAddr("10.8.3.7")}
	connection, _, err := from7.OpenKeepAlive("http://10.8.3.100/")
	if err != nil {
		t.Fatal(err)
	}
	waitFor("2 connections from 10.8.3.7 in ESTABLISHED")
	connection.Close()
	waitFor("1 connection from 10.8.3.7 in ESTABLISHED")
	if err := terminal.Type("q"); err != nil {
		t.Fatal(err)
	}
	if rest, status, err := terminal.Wait(); err != nil || status != 0 {
		t.Errorf("after q: %q, %d, %v", rest, status, err)
	}
}
