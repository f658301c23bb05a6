package watch_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

// many returns a table of 30 services with two servers each. The last of them
// has the most packets, the first the most connections, and the 17th the most
// bytes.
func many() *ipvstest.FakeKernel {
	k := new(ipvstest.FakeKernel)
	for n := range uint64(30) {
		service := ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n + 1)}), 80))
		e := ipvstest.Entry{Service: ipvs.Service{ServiceKey: service, Scheduler: "rr", Netmask: ipvs.FullNetmask(ipvs.IPv4)}}
		bytes := 1000 * n
		if n == 16 {
			bytes = 1e6
		}
		e.Service.Stats = ipvs.Stats{CPS: 30 - n, InPPS: 100 + n, InBPS: bytes}
		for server := range 2 {
			e.Destinations = append(e.Destinations, ipvs.Destination{Weight: 1,
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

// marked returns a table with a server for each mark, of which one loses its
// share in the third reading.
func marked() *ipvstest.FakeKernel {
	k := table("nothing")
	servers := k.Table[0].Destinations
	servers[0].ActiveConns, servers[1].ActiveConns = 100, 100
	servers[1].UpperThreshold = 50
	servers[2].Weight = 0
	readings := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetService {
			if readings++; readings == 3 {
				servers[0].ActiveConns = 1
			}
		}
		return 0
	}
	return k
}

// first waits until the first address is that, in an order.
func (p *pty) first(address string) {
	p.t.Helper()
	p.wait(address+" as the first", func(e *testnet.Screen) bool {
		lines := strings.Split(e.String(), "\n")
		return strings.Contains(lines[3], " "+address+" ") || strings.HasSuffix(lines[3], " "+address)
	})
}

// second waits until the row below the first is that.
func (p *pty) second(address string) {
	p.t.Helper()
	p.wait(address+" as the second", func(e *testnet.Screen) bool {
		return strings.Contains(strings.Split(e.String(), "\n")[4], " "+address+" ")
	})
}

func TestScrollKeys(t *testing.T) {
	for name, keys := range map[string]struct{ up, down, pageUp, pageDown, home, end string }{
		"xterm":       {up: "\x1b[A", down: "\x1b[B", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1b[H", end: "\x1b[F"},
		"application": {up: "\x1bOA", down: "\x1bOB", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1bOH", end: "\x1bOF"},
		"linux":       {up: "\x1b[A", down: "\x1b[B", pageUp: "\x1b[5~", pageDown: "\x1b[6~", home: "\x1b[1~", end: "\x1b[4~"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, program(t, "many", "-Ln", "--watch=1"), 80, 24)
			p.shows("\n... 1 more server, 23 more services\n")
			p.press(keys.down)
			p.second("10.1.1.2:80") // its service stays above it
			p.first("10.0.0.1:80")
			p.shows("\n... 1 line above, 23 more services\n")
			p.press(keys.down + keys.down)
			p.first("10.0.0.2:80")
			p.press(keys.up)
			p.second("10.0.0.2:80")
			p.press(keys.pageDown)
			p.shows("\n... 22 lines above, ")
			p.press(keys.pageUp)
			p.shows("\n... 2 lines above, ")
			p.press(keys.end)
			p.shows("\n  -> 10.1.30.2:80 ", "\n... 70 lines above\n")
			p.press(keys.pageDown + keys.down) // there is no more
			p.press(keys.up)
			p.shows("\n... 69 lines above, 1 more server\n")
			// A larger terminal has room for all.
			p.resize(80, 100)
			p.first("10.0.0.1:80")
			p.shows("\n  -> 10.1.30.2:80 ")
			p.resize(80, 24)
			p.press(keys.end + keys.home)
			p.first("10.0.0.1:80")
			p.press("q")
			p.ends(0, "")
		})
	}
}

// Figures of what was scrolled to are measured as well.
func TestMeasuredAfterScrolling(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=1"), 80, 24)
	p.shows("23 more services")
	p.press("\x1b[F")
	row := regexp.MustCompile(`(?m)^TCP  10\.0\.0\.30:80 rr  .* [0-9.]+  2[89][0-9]{3}$`)
	p.wait("what the last service does", func(e *testnet.Screen) bool { return row.MatchString(e.String()) })
	p.wait("what its servers do", func(e *testnet.Screen) bool {
		return regexp.MustCompile(`(?m)^  -> 10\.1\.30\.2:80 +1 +0 +0 +0 +0 `).MatchString(e.String())
	})
	p.press("q")
	p.ends(0, "")
}

func TestOrderKey(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.first("10.0.0.1:80 rr")
	for _, tt := range []struct{ first, head string }{
		{"10.0.0.30:80 rr", "  30 services by packets  "},
		{"10.0.0.1:80 rr", "  30 services by connections  "},
		{"10.0.0.17:80 rr", "  30 services by bytes  "},
		{"10.0.0.1:80 rr", "  30 services  "},
	} {
		p.press("s") // not only at the next reading
		p.shows(tt.head)
		p.first(tt.first)
	}
	p.press("\x1b[F")
	p.shows("70 lines above")
	p.press("s")
	p.first("10.0.0.30:80 rr")
	p.press("q")
	p.ends(0, "")
}

// With --top, the first are always so in some order.
func TestOrderKeyWithTop(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=60", "--top=2"), 80, 24)
	for _, tt := range []struct{ first, head string }{
		{"10.0.0.30:80 rr", "  the busiest 2 of 30 services  "},
		{"10.0.0.1:80 rr", "  the first 2 of 30 services by connections  "},
		{"10.0.0.17:80 rr", "  the first 2 of 30 services by bytes  "},
		{"10.0.0.30:80 rr", "  the busiest 2 of 30 services  "},
	} {
		p.shows(tt.head)
		p.first(tt.first)
		p.press("s")
	}
	p.press("q")
	p.ends(0, "")
}

func TestFilterKeys(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.shows("23 more services")
	p.press("/")
	p.shows("Filter: _  (Enter keeps it, Esc drops it)\n")
	p.press("10.1.3") // it holds while it is typed, and q is no key then
	p.shows("Filter: 10.1.3_", "\n  -> 10.1.3.2:80 ", "\n  -> 10.1.30.2:80 ")
	p.press("0.q")
	p.wait("nothing that has it", func(e *testnet.Screen) bool {
		return strings.Contains(e.String(), "Filter: 10.1.30.q_") && !strings.Contains(e.String(), "TCP")
	})
	p.press("\x7f2:\r")
	p.shows("  30 services, 1 with \"10.1.30.2:\"  ")
	p.first("10.0.0.30:80 rr")
	p.second("10.1.30.2:80")
	p.press("/")
	p.shows("Filter: 10.1.30.2:_")
	p.press("\x1b[A\xc3\xa4") // nothing to be typed
	p.press("\x15" + "10.0.0.2:\n")
	p.shows("  30 services, 1 with \"10.0.0.2:\"  ", "\n  -> 10.1.2.1:80 ", "\n  -> 10.1.2.2:80 ")
	p.press("/" + "x\x1b")
	p.shows("  30 services  ", "23 more services")
	p.press("/rr\r")
	p.shows("30 with \"rr\"  ")
	p.press("\x1b")
	p.shows("  30 services  ")
	p.press("/1")
	p.shows("Filter: 1_")
	p.press("\x03")
	p.ends(0, "")
}

// By name too, which is not known at first.
func TestFilterByName(t *testing.T) {
	p := start(t, program(t, "nothing", "-L", "--watch=60"), 80, 24)
	p.shows("TCP  localhost:")
	p.press("/LOCALHOST\r")
	p.shows("1 service, 1 with", "-> 198.51.100.4:")
	p.press("q")
	p.ends(0, "")
}

func TestHelpKey(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=60"), 80, 24)
	p.shows("  30 services  every 1m0s, ? helps, q quits\n")
	for _, back := range []string{"?", "x", "\x1b"} {
		p.press("?")
		p.shows("Keys: any but q goes back, q quits\n", "\nUp, Down ", "\nPgUp, PgDn ", "\nHome, End ", "\ns ", "\n/ ", "\nq, Ctrl-C ")
		p.colours(map[string]string{"0 -> ": "30;43", "^ -> ": "1;37;41", "v -> ": "1;37;45"})
		p.press(back)
		p.shows("10.0.0.1:80 rr")
	}
	p.press("?")
	p.shows("Keys: ")
	p.press("q")
	p.ends(0, "")
}

// Where there is little room, how to get out is said all the same.
func TestKeysOnANarrowTerminal(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=1"), 20, 5)
	p.shows("30 services  q quits\n", "\n... 2 more servers,\n")
	p.press("?")
	p.shows("q quits\n\nUp, Down        scro\n")
	p.press("?/abc")
	p.shows("Filter: abc_\n")
	p.press("\x1b")
	p.shows("q quits\n")
	p.resize(9, 2)
	p.shows("q quits\n")
	p.press("\x1b[6~\x1b[B\x1b[F\x1b[A")
	p.press("q")
	p.ends(0, "")
}

// What is to be seen from across the room.
func TestColours(t *testing.T) {
	p := start(t, program(t, "marks", "-Ln", "--watch=1"), 80, 24)
	p.shows("\n  -> 198.51.100.1:80 ", "\n^ -> 198.51.100.2:80 ", "\n0 -> 198.51.100.3:80 ")
	p.colours(map[string]string{"198.51.100.2:80": "1;37;41", "198.51.100.3:80": "30;43"})
	p.shows("\nv -> 198.51.100.1:80 ")
	p.colours(map[string]string{"198.51.100.1:80": "1;37;45", "198.51.100.2:80": "1;37;41", "198.51.100.3:80": "30;43"})
	p.press("q")
	p.ends(0, "")
}

// Signs say it where there are no colours, or none are wanted.
func TestWithoutColours(t *testing.T) {
	for name, environment := range map[string][]string{
		"NO_COLOR":           {"NO_COLOR=1", "COLORTERM=truecolor"},
		"a terminal without": {"TERM=vt220", "COLORTERM="},
		"a monochrome one":   {"TERM=xterm-mono", "COLORTERM="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := program(t, "marks", "-Ln", "--watch=1")
			cmd.Env = append(cmd.Env, environment...)
			p := start(t, cmd, 80, 24)
			p.shows("\n^ -> 198.51.100.2:80 ", "\n0 -> 198.51.100.3:80 ")
			p.press("q")
			p.ends(0, "")
			p.mu.Lock()
			defer p.mu.Unlock()
			if regexp.MustCompile("\x1b\\[[0-9;]*m").Match(p.raw.Bytes()) {
				t.Errorf("colours: %q", p.raw.Bytes())
			}
		})
	}
	// An empty variable says nothing.
	cmd := program(t, "marks", "-Ln", "--watch=1")
	cmd.Env = append(cmd.Env, "NO_COLOR=")
	p := start(t, cmd, 80, 24)
	p.colours(map[string]string{"198.51.100.2:80": "1;37;41", "198.51.100.3:80": "30;43"})
	p.press("q")
	p.ends(0, "")
}

// Lines on a dumb terminal are no longer than it is wide, and have no signs.
func TestLinesOnADumbTerminal(t *testing.T) {
	for _, term := range []string{"dumb", ""} {
		for _, width := range []int{40, 80, 132} {
			t.Run(fmt.Sprint(term, width), func(t *testing.T) {
				t.Parallel()
				cmd := program(t, "marks", "-Ln", "--watch=1")
				cmd.Env = append(cmd.Env, "TERM="+term)
				p := start(t, cmd, width, 100)
				p.wait("two listings", func(e *testnet.Screen) bool { return strings.Count(e.String(), "\n  -> 198.51.100.4:80") == 2 })
				p.press("\x03")
				p.ends(0, "")
				p.mu.Lock()
				defer p.mu.Unlock()
				for line := range bytes.SplitSeq(p.raw.Bytes(), []byte("\r\n")) {
					if len(line) >= width {
						t.Errorf("%d columns: %q", width, line)
					}
				}
			})
		}
	}
}
