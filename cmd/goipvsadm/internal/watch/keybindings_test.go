// SPDX-License-Identifier: MIT

package watch_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

// manyServices returns a table of 30 services with two servers each. The last service
// has the highest packet rate, the first the highest connection rate, and the 17th the
// highest byte rate. The first server of a service has the higher connection rate, the
// second the higher packet and byte rate.
func manyServices() *ipvstest.FakeKernel {
	k := new(ipvstest.FakeKernel)
	for n := range uint64(30) {
		service := ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n + 1)}), 80))
		e := ipvstest.Entry{Service: ipvs.Service{ServiceKey: service, Scheduler: "rr", Netmask: ipvs.HostNetmask(ipvs.IPv4)}}
		inBPS := 1000 * n
		if n == 16 {
			inBPS = 1e6
		}
		e.Service.Stats = ipvs.Stats{CPS: 30 - n, InPPS: 100 + n, InBPS: inBPS}
		for server := range 2 {
			e.Destinations = append(e.Destinations, ipvs.Destination{Weight: 1,
				Stats:    ipvs.Stats{CPS: uint64(2 - server), InPPS: uint64(server), InBPS: uint64(server)},
				AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n + 1), byte(server + 1)}), 80)})
		}
		k.Table = append(k.Table, e)
	}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetService {
			for i := range k.Table {
				s := &k.Table[i].Service.Stats
				s.Conns += s.CPS
				s.InPackets += s.InPPS
				s.InBytes += s.InBPS
			}
		}
		return 0
	}
	return k
}

// alertTable returns a table with a server for each alert. One server loses its share in
// the third sample.
func alertTable() *ipvstest.FakeKernel {
	k := fakeTable("default")
	servers := k.Table[0].Destinations
	servers[0].ActiveConns, servers[1].ActiveConns = 100, 100
	servers[1].UpperThreshold = 50
	servers[2].Weight = 0
	samples := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetService {
			if samples++; samples == 3 {
				servers[0].ActiveConns = 1
			}
		}
		return 0
	}
	return k
}

// waitFirstRow waits until the first row shows address.
func (p *pty) waitFirstRow(address string) {
	p.t.Helper()
	p.waitFor(address+" in the first row", func(s *testnet.Screen) bool {
		lines := strings.Split(s.String(), "\n")
		return strings.Contains(lines[3], " "+address+" ") || strings.HasSuffix(lines[3], " "+address)
	})
}

// waitSecondRow waits until the second row shows address.
func (p *pty) waitSecondRow(address string) {
	p.t.Helper()
	p.waitFor(address+" in the second row", func(s *testnet.Screen) bool {
		return strings.Contains(strings.Split(s.String(), "\n")[4], " "+address+" ")
	})
}

func TestScrollKeys(t *testing.T) {
	for _, keys := range []struct{ name, up, down, pageUp, pageDown, home, end string }{ // name of a terminal or mode
		{name: "xterm", up: "\x1b[A", down: "\x1b[B", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1b[H", end: "\x1b[F"},
		{name: "application", up: "\x1bOA", down: "\x1bOB", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1bOH", end: "\x1bOF"},
		{name: "linux", up: "\x1b[A", down: "\x1b[B", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1b[1~", end: "\x1b[4~"},
	} {
		t.Run(keys.name, func(t *testing.T) {
			t.Parallel()
			p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=1"), 80, 24)
			p.waitText("\n... 1 more server, 23 more services\n")
			p.typeKeys(keys.down)
			p.waitSecondRow("10.1.1.2:80") // the service stays in the first row
			p.waitFirstRow("10.0.0.1:80")
			p.waitText("\n... 1 line above, 23 more services\n")
			p.typeKeys(keys.down + keys.down)
			p.waitFirstRow("10.0.0.2:80")
			p.typeKeys(keys.up)
			p.waitSecondRow("10.0.0.2:80")
			p.typeKeys(keys.pageDown)
			p.waitText("\n... 22 lines above, ")
			p.typeKeys(keys.pageUp)
			p.waitText("\n... 2 lines above, ")
			p.typeKeys(keys.end)
			p.waitText("\n  -> 10.1.30.2:80 ", "\n... 70 lines above\n")
			p.typeKeys(keys.pageDown + keys.down) // has no effect at the end
			p.typeKeys(keys.up)
			p.waitText("\n... 69 lines above, 1 more server\n")
			// A larger terminal shows all rows.
			p.resize(80, 100)
			p.waitFirstRow("10.0.0.1:80")
			p.waitText("\n  -> 10.1.30.2:80 ")
			p.resize(80, 24)
			p.typeKeys(keys.end + keys.home)
			p.waitFirstRow("10.0.0.1:80")
			p.typeKeys("q")
			p.waitExit(0, "")
		})
	}
}

// TestRatesAfterScrolling verifies that rates are also shown for rows that were scrolled
// into view.
func TestRatesAfterScrolling(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=1"), 80, 24)
	p.waitText("23 more services")
	p.typeKeys("\x1b[F")
	row := regexp.MustCompile(`(?m)^TCP  10\.0\.0\.30:80 rr  .* [0-9.]+  2[89][0-9]{3} +0$`)
	p.waitFor("rates of the last service", func(s *testnet.Screen) bool { return row.MatchString(s.String()) })
	p.waitFor("rates of its servers", func(s *testnet.Screen) bool {
		return regexp.MustCompile(`(?m)^  -> 10\.1\.30\.2:80 +1 +0 +0 +0 +0 `).MatchString(s.String())
	})
	p.typeKeys("q")
	p.waitExit(0, "")
}

func TestOrderKey(t *testing.T) {
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.waitFirstRow("10.0.0.1:80 rr")
	for _, tt := range []struct{ first, header string }{
		{first: "10.0.0.30:80 rr", header: "  30 services by packets  "},
		{first: "10.0.0.1:80 rr", header: "  30 services by connections  "},
		{first: "10.0.0.17:80 rr", header: "  30 services by bytes  "},
		{first: "10.0.0.1:80 rr", header: "  30 services  "},
	} {
		p.typeKeys("s") // takes effect before the next sample
		p.waitText(tt.header)
		p.waitFirstRow(tt.first)
	}
	p.typeKeys("\x1b[F")
	p.waitText("70 lines above")
	p.typeKeys("s")
	p.waitFirstRow("10.0.0.30:80 rr")
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestOrderKeyWithTop verifies that, with --top, the order by address is skipped.
func TestOrderKeyWithTop(t *testing.T) {
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=60", "--top=2"), 80, 24)
	for _, tt := range []struct{ first, header string }{
		{first: "10.0.0.30:80 rr", header: "  the busiest 2 of 30 services  "},
		{first: "10.0.0.1:80 rr", header: "  the first 2 of 30 services by connections  "},
		{first: "10.0.0.17:80 rr", header: "  the first 2 of 30 services by bytes  "},
		{first: "10.0.0.30:80 rr", header: "  the busiest 2 of 30 services  "},
	} {
		p.waitText(tt.header)
		p.waitFirstRow(tt.first)
		p.typeKeys("s")
	}
	p.typeKeys("q")
	p.waitExit(0, "")
}

func TestFilterKeys(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.waitText("23 more services")
	p.typeKeys("/")
	p.waitText("Filter: _  (Enter: keep, Esc: clear)\n")
	p.typeKeys("10.1.3") // the filter applies immediately
	p.waitText("Filter: 10.1.3_", "\n  -> 10.1.3.2:80 ", "\n  -> 10.1.30.2:80 ")
	p.typeKeys("0.q") // q is part of the filter
	p.waitFor("no matching rows", func(s *testnet.Screen) bool {
		return strings.Contains(s.String(), "Filter: 10.1.30.q_") && !strings.Contains(s.String(), "TCP")
	})
	p.typeKeys("\x7f2:\r")
	p.waitText("  30 services, 1 with \"10.1.30.2:\"  ")
	p.waitFirstRow("10.0.0.30:80 rr")
	p.waitSecondRow("10.1.30.2:80")
	p.typeKeys("/")
	p.waitText("Filter: 10.1.30.2:_")
	p.typeKeys("\x1b[A\xc3\xa4") // ignored: not printable ASCII
	p.typeKeys("\x15" + "10.0.0.2:\n")
	p.waitText("  30 services, 1 with \"10.0.0.2:\"  ", "\n  -> 10.1.2.1:80 ", "\n  -> 10.1.2.2:80 ")
	p.typeKeys("/" + "x\x1b")
	p.waitText("  30 services  ", "23 more services")
	p.typeKeys("/rr\r")
	p.waitText("30 with \"rr\"  ")
	p.typeKeys("\x1b")
	p.waitText("  30 services  ")
	p.typeKeys("/1")
	p.waitText("Filter: 1_")
	p.typeKeys("\x03")
	p.waitExit(0, "")
}

// TestFilterKeysByName verifies that the filter also matches names that have been looked
// up.
func TestFilterKeysByName(t *testing.T) {
	p := startPTY(t, testProgram(t, "default", "-L", "--watch=60"), 80, 24)
	p.waitText("TCP  localhost:")
	p.typeKeys("/LOCALHOST\r")
	p.waitText("1 service, 1 with", "-> 198.51.100.4:")
	p.typeKeys("q")
	p.waitExit(0, "")
}

func TestHelpKey(t *testing.T) {
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.waitText("  30 services  ", "h helps, q quits\n")
	for _, tt := range []struct{ help, back string }{
		{help: "?", back: "?"},
		{help: "h", back: "x"},
		{help: "\x1bOP", back: "\x1b"}, // F1 and Esc
	} {
		p.typeKeys(tt.help)
		p.waitText("Press any key to go back, q to quit\n", "\nUp, Down ", "\nPgUp, PgDn ", "\nHome, End ", "\ns ", "\n/ ", "\nq, Ctrl-C ")
		p.waitColors(map[string]string{"0 -> ": "1;33:0", "^ -> ": "1;31:^", "v -> ": "1;35:v"})
		p.typeKeys(tt.back)
		p.waitText("10.0.0.1:80 rr")
	}
	p.typeKeys("?")
	p.waitText("Press any key")
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestServerOrderKey verifies that the servers of each service are sorted too.
func TestServerOrderKey(t *testing.T) {
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.waitSecondRow("10.1.1.1:80")
	for _, tt := range []struct{ second, header string }{
		{second: "10.1.1.2:80", header: "  30 services, servers by packets  "},
		{second: "10.1.1.1:80", header: "  30 services, servers by connections  "},
		{second: "10.1.1.2:80", header: "  30 services, servers by bytes  "},
		{second: "10.1.1.1:80", header: "  30 services  "},
	} {
		p.typeKeys("r")
		p.waitText(tt.header)
		p.waitSecondRow(tt.second)
		p.waitFirstRow("10.0.0.1:80 rr")
	}
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestIntervalKeys verifies that the interval can be changed, but not below a second,
// and that no samples are read while the display is paused.
func TestIntervalKeys(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "default", "-Ln", "--watch=3"), 140, 24)
	for _, tt := range []struct{ keys, want string }{
		{keys: "+", want: "every 4s"},
		{keys: "=", want: "every 5s"},
		{keys: "------", want: "every 1s"},
	} {
		p.typeKeys(tt.keys)
		p.waitText(tt.want)
	}
	p.waitFor("rates", func(s *testnet.Screen) bool { return serviceRow.MatchString(s.String()) })
	p.typeKeys("p")
	p.waitText("h helps, q quits, paused, p continues\n")
	paused := p.header()
	time.Sleep(2500 * time.Millisecond)
	p.typeKeys("h")
	p.waitText("Press any key")
	p.typeKeys("x")
	p.waitText("paused")
	if got := p.header(); got != paused {
		t.Errorf("paused: header %q, before %q", got, paused)
	}
	p.typeKeys("p")
	p.waitFor("another sample", func(s *testnet.Screen) bool {
		return strings.Contains(s.String(), "every 1s") && s.String()[:20] > paused[:20]
	})
	p.typeKeys("q")
	p.waitExit(0, "")
}

// serviceRow matches the row of a service with rates.
var serviceRow = regexp.MustCompile(`(?m)^TCP .* [1-9][0-9]* +0 +0 +0 +0`)

// header returns the first line of the screen.
func (p *pty) header() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, _, _ := strings.Cut(p.screen.String(), "\n")
	return line
}

// TestTerminalUTF8 verifies that the screen has Unicode characters in a UTF-8 locale.
func TestTerminalUTF8(t *testing.T) {
	t.Parallel()
	cmd := testProgram(t, "alerts", "-Ln", "--watch=1")
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	p := startPTY(t, cmd, 100, 24)
	p.waitText("\n^ -> 198.51.100.2:80 ", "   99% ", "▁ ███████▉\n")
	p.waitColors(map[string]string{"198.51.100.1:80": "1;35:v 1;35:1 1;35:▏",
		"198.51.100.2:80": "1;31:^ 1;31:1 1;31:███████▉", "198.51.100.3:80": "1;33:0 1;33:0"})
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestKeysNarrowTerminal verifies that a small screen still shows how to quit.
func TestKeysNarrowTerminal(t *testing.T) {
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=1"), 20, 5)
	p.waitText("30 services  q quits\n", "\n... 2 more servers,\n")
	p.typeKeys("?")
	p.waitText("q quits\n\nUp, Down        scro\n")
	p.typeKeys("?/abc")
	p.waitText("Filter: abc_\n")
	p.typeKeys("\x1b")
	p.waitText("q quits\n")
	p.resize(9, 2)
	p.waitText("q quits\n")
	p.typeKeys("\x1b[6~\x1b[B\x1b[F\x1b[A")
	p.typeKeys("q")
	p.waitExit(0, "")
}

func TestAlertColors(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "alerts", "-Ln", "--watch=1"), 100, 24)
	p.waitText("\n  -> 198.51.100.1:80 ", "\n^ -> 198.51.100.2:80 ", "\n0 -> 198.51.100.3:80 ")
	p.waitColors(map[string]string{"198.51.100.2:80": "1;31:^ 1;31:1 1;31:####....", "198.51.100.3:80": "1;33:0 1;33:0 1;33:........"})
	p.waitText("\nv -> 198.51.100.1:80 ")
	p.waitColors(map[string]string{"198.51.100.1:80": "1;35:v 1;35:1 1;35:........",
		"198.51.100.2:80": "1;31:^ 1;31:1 1;31:########", "198.51.100.3:80": "1;33:0 1;33:0 1;33:........"})
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestNoColor verifies that, without color, alerts are shown by signs only.
func TestNoColor(t *testing.T) {
	for _, tt := range []struct {
		name        string
		environment []string
	}{
		{name: "NO_COLOR", environment: []string{"NO_COLOR=1", "COLORTERM=truecolor"}},
		{name: "vt220", environment: []string{"TERM=vt220", "COLORTERM="}},
		{name: "xterm-mono", environment: []string{"TERM=xterm-mono", "COLORTERM="}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := testProgram(t, "alerts", "-Ln", "--watch=1")
			cmd.Env = append(cmd.Env, tt.environment...)
			p := startPTY(t, cmd, 80, 24)
			p.waitText("\n^ -> 198.51.100.2:80 ", "\n0 -> 198.51.100.3:80 ")
			p.typeKeys("q")
			p.waitExit(0, "")
			p.mu.Lock()
			defer p.mu.Unlock()
			if regexp.MustCompile("\x1b\\[[0-9;]*m").Match(p.raw.Bytes()) {
				t.Errorf("output with color, want none: %q", p.raw.Bytes())
			}
		})
	}
	// An empty NO_COLOR does not disable color.
	cmd := testProgram(t, "alerts", "-Ln", "--watch=1")
	cmd.Env = append(cmd.Env, "NO_COLOR=")
	p := startPTY(t, cmd, 80, 24)
	p.waitColors(map[string]string{"198.51.100.2:80": "1;31:^ 1;31:1", "198.51.100.3:80": "1;33:0 1;33:0"})
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestDumbTerminalLineWidth verifies that lines on a dumb terminal are shorter than its
// width.
func TestDumbTerminalLineWidth(t *testing.T) {
	for _, term := range []string{"dumb", ""} {
		for _, width := range []int{40, 80, 132} {
			t.Run(fmt.Sprint(term, width), func(t *testing.T) {
				t.Parallel()
				cmd := testProgram(t, "alerts", "-Ln", "--watch=1")
				cmd.Env = append(cmd.Env, "TERM="+term)
				p := startPTY(t, cmd, width, 100)
				p.waitFor("two listings", func(s *testnet.Screen) bool { return strings.Count(s.String(), "\n  -> 198.51.100.4:80") == 2 })
				p.typeKeys("\x03")
				p.waitExit(0, "")
				p.mu.Lock()
				defer p.mu.Unlock()
				for line := range bytes.SplitSeq(p.raw.Bytes(), []byte("\r\n")) {
					if len(line) >= width {
						t.Errorf("line %q has %d columns, want less than %d", line, len(line), width)
					}
				}
			})
		}
	}
}
