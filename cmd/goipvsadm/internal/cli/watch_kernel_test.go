//go:build kernel

// Watching real connections.

package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/scripts/testnet"
)

// traffic makes requests until end is called, which the end of the test does too. It
// returns how many there were so far.
func (l *listLab) traffic() (requests *atomic.Uint64, end func()) {
	requests = new(atomic.Uint64)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			requests.Add(1)
			if _, err := l.client.Get("http://10.8.3.100/"); err != nil {
				l.t.Error(err)
				return
			}
		}
	}()
	end = func() {
		stop.Store(true)
		<-done
	}
	l.t.Cleanup(end)
	return requests, end
}

func (l *listLab) program(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.tool.Bin, "ipvsadm"), args...)
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	return cmd
}

// A watchDocument is what the tests look at of a reading.
type watchDocument struct {
	Time     time.Time
	Services []struct {
		Stats    listStats
		Measured *struct {
			Connections float64 `json:"connections_per_second"`
			OutBytes    float64 `json:"out_bytes_per_second"`
		}
	}
}

// What was measured is what the counters say, until they are set to zero.
func TestWatchInJSON(t *testing.T) {
	l := newListLab(t)
	requests, endTraffic := l.traffic()
	cmd := l.program("-L", "-j", "--watch=2", "-t", "10.8.3.100:80", "-N", "director")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	next := func() watchDocument {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("no further reading")
		}
		var document watchDocument
		jsonouttest.Decode(t, lines.Bytes(), &document)
		if len(document.Services) != 1 || document.Services[0].Stats.Connections > requests.Load() {
			t.Fatalf("after %d requests: %s", requests.Load(), lines.Bytes())
		}
		return document
	}
	before := next()
	if before.Services[0].Measured != nil {
		t.Error("the first reading measures something")
	}
	for compared := 0; compared < 2; {
		document := next()
		measured, stats, earlier := document.Services[0].Measured, document.Services[0].Stats, before.Services[0].Stats
		elapsed := document.Time.Sub(before.Time)
		before = document
		if stats.Connections == earlier.Connections {
			continue // it repeats what was measured last
		}
		compared++
		// Both rates are for the same time.
		measuredTime := float64(stats.Connections-earlier.Connections) / measured.Connections
		if got, want := measured.OutBytes*measuredTime, float64(stats.OutBytes-earlier.OutBytes); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%v bytes per second in %v s, want %v bytes", measured.OutBytes, measuredTime, want)
		}
		// That time is measured by another clock than document.Time, which a busy machine reads later.
		if difference := time.Duration(measuredTime*float64(time.Second)) - elapsed; difference.Abs() > testnet.TestTimeout/30 {
			t.Errorf("measured in %v s, between readings %v apart", measuredTime, elapsed)
		}
	}

	// Without traffic, which could bring the counters past where they were.
	endTraffic()
	l.run("ipvsadm -Z", 0)
	zeroed := false
	for range 5 {
		zeroed = zeroed || next().Services[0].Measured == nil
	}
	if !zeroed {
		t.Error("something was measured across the counters' being set to zero")
	}

	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

var (
	escapes     = regexp.MustCompile("\x1b\\[[?0-9;]*[a-zA-Z]")
	serviceRow  = regexp.MustCompile(`(?m)^TCP  10\.8\.3\.100:80 rr +(\d+) +(\d+) +([0-9.]+) `)
	serverShare = regexp.MustCompile(`(?m)^[ ^v] -> 10\.8\.4\.1[12]:80 .* (\d+)% ([#.]+) *$`)
)

// On a terminal, the busiest service comes first, with the rate of its
// connections and its servers' shares.
func TestWatchOnATerminal(t *testing.T) {
	l := newListLab(t)
	requests, _ := l.traffic()
	terminal, err := l.director.Terminal(100, 30, l.program("-Ln", "--watch=2", "--top=1"))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(testnet.TestTimeout); time.Now().Before(end); {
		frame, err := terminal.ReadUntil("\x1b[J")
		if err != nil {
			t.Fatal(err)
		}
		frame = strings.ReplaceAll(escapes.ReplaceAllString(frame, ""), "\r", "")
		row := serviceRow.FindStringSubmatch(frame)
		shares := serverShare.FindAllStringSubmatch(frame, -1)
		if row == nil || row[3] == "0" || len(shares) != 2 {
			continue // nothing was counted yet
		}
		rate, err := strconv.ParseFloat(row[3], 64)
		if err != nil || rate > float64(requests.Load()) {
			t.Errorf("%v connections per second after %d", rate, requests.Load())
		}
		percent := 0
		for _, share := range shares {
			n, _ := strconv.Atoi(share[1])
			percent += n
			if part := float64(strings.Count(share[2], "#")) / float64(len(share[2])); math.Abs(part-float64(n)/100) > 0.1 {
				t.Errorf("%d%% is drawn %s", n, share[2])
			}
		}
		if percent < 99 || percent > 101 || !strings.Contains(frame, "  the busiest 1 of 7 services  every 2s, ? helps, q quits") {
			t.Errorf("%s", frame)
		}
		if err := terminal.Type("q"); err != nil {
			t.Fatal(err)
		}
		rest, status, err := terminal.Wait()
		if err != nil || status != 0 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049l") {
			t.Errorf("after q: %q, %d, %v", rest, status, err)
		}
		return
	}
	t.Error("no connections were seen")
}

// A key ends it where the terminal is stopped by Ctrl-S, and whether something
// waits to be shown there or not.
func TestWatchOnAStoppedTerminal(t *testing.T) {
	l := newListLab(t)
	for _, readings := range []time.Duration{0, 2} {
		terminal, err := l.director.Terminal(80, 24, l.program("-Ln", "--watch=1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := terminal.ReadUntil("\x1b[J"); err != nil {
			t.Fatal(err)
		}
		if err := terminal.Type("\x13"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(readings * time.Second)
		if err := terminal.Type("q"); err != nil {
			t.Fatal(err)
		}
		rest, status, err := terminal.Wait()
		if err != nil || status != 0 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049l") {
			t.Errorf("q after %d readings: %q, %d, %v", readings, rest, status, err)
		}
	}
}

// What is watched goes away.
func TestWatchWithoutAService(t *testing.T) {
	l := newListLab(t)
	terminal, err := l.director.Terminal(80, 24, l.program("-Ln", "--watch=1", "-f", "10"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := terminal.ReadUntil("FWM  10 wlc persistent 60"); err != nil {
		t.Fatal(err)
	}
	l.run("ipvsadm -D -f 10", 0)
	rest, status, err := terminal.Wait()
	if err != nil || status != 1 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049lNo such service\r\n") {
		t.Errorf("%q, %d, %v", rest, status, err)
	}
}

// The sign of a server that is over its threshold is there while the kernel
// gives it no connections, and no longer.
func TestWatchThresholds(t *testing.T) {
	l := newListLab(t)
	// Connections of UDP are over after so many seconds: one that a busy machine lets end
	// before its time takes the server out of its overload.
	l.run("ipvsadm -C; ipvsadm --set 0 0 3", 0)
	l.run("ipvsadm -A -u 10.8.3.100:5353 -s rr", 0)
	for _, tt := range []struct {
		server   string // a new one, since connections outlive a server that is removed
		limits   string
		up, down int // of connections: with so many the server is over its threshold, and is so no more
	}{
		{"10.8.4.11:5353", "-x 4 -y 2", 4, 1},
		{"10.8.4.12:5353", "-x 4", 4, 2},
	} {
		t.Run(tt.limits, func(t *testing.T) {
			l.t = t
			l.run("ipvsadm -a -u 10.8.3.100:5353 -r "+tt.server+" -m "+tt.limits, 0)
			defer l.run("ipvsadm -d -u 10.8.3.100:5353 -r "+tt.server, 0)
			talk := l.talkers()
			terminal, err := l.director.Terminal(100, 30, l.program("-Ln", "--watch=1"))
			if err != nil {
				t.Fatal(err)
			}
			screen := new(testnet.Screen)
			screen.Resize(100, 30)
			shows := func(sign string, conns int) {
				t.Helper()
				row := regexp.MustCompile(fmt.Sprintf(`(?m)^\%s -> %s +1 +0 +%d `, sign, regexp.QuoteMeta(tt.server), conns))
				for end := time.Now().Add(testnet.TestTimeout); time.Now().Before(end); {
					frame, err := terminal.ReadUntil("\x1b[J")
					if err != nil {
						t.Fatal(err)
					}
					screen.Write([]byte(frame))
					if row.MatchString(screen.String()) {
						return
					}
				}
				t.Fatalf("no %q and %d connections on\n%s", sign, conns, screen)
			}
			talk(tt.up - 1)
			shows(" ", tt.up-1)
			talk(tt.up)
			shows("^", tt.up)
			talk(tt.up + 1) // in vain
			shows("^", tt.up)
			for n := tt.up - 1; n > tt.down; n-- {
				talk(n)
				shows("^", n)
				talk(n + 1) // in vain
				shows("^", n)
			}
			talk(tt.down)
			shows(" ", tt.down)
			talk(tt.down + 1)
			shows(" ", tt.down+1)
			if err := terminal.Type("q"); err != nil {
				t.Fatal(err)
			}
			if _, _, err := terminal.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// talkers returns a function that says how many talk to the UDP service from
// then on, again and again until the test ends. Each is a connection.
func (l *listLab) talkers() (talk func(n int)) {
	var many atomic.Int64
	var conns []net.Conn
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for len(conns) < int(many.Load()) {
				conn, err := l.client.Netns.Dial(context.Background(), "udp", netip.Addr{}, "10.8.3.100:5353")
				if err != nil {
					l.t.Error(err)
					return
				}
				conns = append(conns, conn)
			}
			for _, conn := range conns[:many.Load()] {
				conn.Write([]byte("x")) // an answer that there is nobody is none of ours
			}
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	l.t.Cleanup(func() {
		close(over)
		<-done
		for _, conn := range conns {
			conn.Close()
		}
	})
	return func(n int) { many.Store(int64(n)) }
}
