// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of --watch with real connections.

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

// startTraffic sends HTTP requests until stop is called or the test ends, and counts
// them.
func (l *listLab) startTraffic() (requests *atomic.Uint64, stop func()) {
	requests = new(atomic.Uint64)
	var stopping atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stopping.Load() {
			requests.Add(1)
			if _, err := l.client.Get("http://10.8.3.100/"); err != nil {
				l.t.Error(err)
				return
			}
		}
	}()
	stop = func() {
		stopping.Store(true)
		<-done
	}
	l.t.Cleanup(stop)
	return requests, stop
}

// command returns a command that runs the program, with a terminal type.
func (l *listLab) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(l.tool.Bin, "ipvsadm"), args...)
	cmd.Env = append(cmd.Environ(), "TERM=xterm", "LC_ALL=C")
	return cmd
}

// A watchDocument has the members of a JSON sample that the tests check.
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

// TestWatchJSON checks that the measured rates agree with the counters, and that a
// sample after -Z has no rates.
func TestWatchJSON(t *testing.T) {
	l := newListLab(t)
	requests, stopTraffic := l.startTraffic()
	cmd := l.command("-L", "-j", "--watch=2", "-t", "10.8.3.100:80", "-N", "director")
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
			t.Fatal("no more samples")
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
		t.Error("the first sample has rates")
	}
	for compared := 0; compared < 2; {
		document := next()
		measured, stats, earlier := document.Services[0].Measured, document.Services[0].Stats, before.Services[0].Stats
		elapsed := document.Time.Sub(before.Time)
		before = document
		if stats.Connections == earlier.Connections {
			continue // the sample repeats the previous rates
		}
		compared++
		// Both rates are averages over the same time.
		measuredTime := float64(stats.Connections-earlier.Connections) / measured.Connections
		if got, want := measured.OutBytes*measuredTime, float64(stats.OutBytes-earlier.OutBytes); math.Abs(got-want) > 1e-6*want {
			t.Errorf("%v bytes per second in %v s, want %v bytes", measured.OutBytes, measuredTime, want)
		}
		// The rates are measured with the monotonic clock. document.Time is the wall clock,
		// which a busy machine may not read at the same moment.
		if difference := time.Duration(measuredTime*float64(time.Second)) - elapsed; difference.Abs() > testnet.TestTimeout/30 {
			t.Errorf("measured in %v s, between readings %v apart", measuredTime, elapsed)
		}
	}

	// With traffic, the counters could exceed their old values before the next sample.
	stopTraffic()
	l.shell("ipvsadm -Z", 0)
	zeroed := false
	for range 5 {
		zeroed = zeroed || next().Services[0].Measured == nil
	}
	if !zeroed {
		t.Error("every sample after -Z has rates")
	}

	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
}

var (
	escapes     = regexp.MustCompile("\x1b\\[[?0-9;]*[a-zA-Z]")
	serviceRow  = regexp.MustCompile(`(?m)^TCP  10\.8\.3\.100:80 rr +(\d+) +(\d+) +([0-9.]+) `)
	serverShare = regexp.MustCompile(`(?m)^[ ^v] -> 10\.8\.4\.1[12]:80 .* (\d+)% +(?:[-_.:=+*#]+ )?([#.]+) *$`) // with or without a history
)

// TestWatchTerminal checks the busiest service's connection rate and its servers'
// shares.
func TestWatchTerminal(t *testing.T) {
	l := newListLab(t)
	requests, _ := l.startTraffic()
	terminal, err := l.director.Terminal(100, 30, l.command("-Ln", "--watch=2", "--top=1"))
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
			continue // no connections counted yet
		}
		rate, err := strconv.ParseFloat(row[3], 64)
		if err != nil || rate > float64(requests.Load()) {
			t.Errorf("%v connections per second after %d requests", rate, requests.Load())
		}
		percent := 0
		for _, share := range shares {
			n, _ := strconv.Atoi(share[1])
			percent += n
			if part := float64(strings.Count(share[2], "#")) / float64(len(share[2])); math.Abs(part-float64(n)/100) > 0.1 {
				t.Errorf("bar for %d%%: %s", n, share[2])
			}
		}
		if percent < 99 || percent > 101 || !strings.Contains(frame, "  the busiest 1 of 7 services  ") || !strings.Contains(frame, " conn/s") {
			t.Errorf("unexpected frame:\n%s", frame)
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
	t.Error("no frame shows connections")
}

// TestWatchStoppedTerminal checks that q quits if the terminal is stopped by Ctrl-S,
// with and without output that is blocked.
func TestWatchStoppedTerminal(t *testing.T) {
	l := newListLab(t)
	for _, samples := range []time.Duration{0, 2} {
		terminal, err := l.director.Terminal(80, 24, l.command("-Ln", "--watch=1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := terminal.ReadUntil("\x1b[J"); err != nil {
			t.Fatal(err)
		}
		if err := terminal.Type("\x13"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(samples * time.Second)
		if err := terminal.Type("q"); err != nil {
			t.Fatal(err)
		}
		rest, status, err := terminal.Wait()
		if err != nil || status != 0 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049l") {
			t.Errorf("q after %d samples: %q, %d, %v", samples, rest, status, err)
		}
	}
}

// TestWatchRemovedService checks that --watch restores the terminal and fails if its
// only service is removed.
func TestWatchRemovedService(t *testing.T) {
	l := newListLab(t)
	terminal, err := l.director.Terminal(80, 24, l.command("-Ln", "--watch=1", "-f", "10"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := terminal.ReadUntil("FWM  10 wlc persistent 60"); err != nil {
		t.Fatal(err)
	}
	l.shell("ipvsadm -D -f 10", 0)
	rest, status, err := terminal.Wait()
	if err != nil || status != 1 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049lNo such service\r\n") {
		t.Errorf("after the service was removed: output %q, status %d, %v", rest, status, err)
	}
}

// TestWatchThresholds checks that a server is highlighted exactly while the kernel
// schedules no connections to it.
func TestWatchThresholds(t *testing.T) {
	l := newListLab(t)
	// UDP connections expire after this timeout. If a busy machine delayed their
	// packets longer, the server would no longer be overloaded.
	l.shell("ipvsadm -C; ipvsadm --set 0 0 3", 0)
	l.shell("ipvsadm -A -u 10.8.3.100:5353 -s rr", 0)
	for _, tt := range []struct {
		server   string // different in each case, because connections outlive a removed server
		limits   string
		up, down int // numbers of connections at which overload begins and ends
	}{
		{server: "10.8.4.11:5353", limits: "-x 4 -y 2", up: 4, down: 1},
		{server: "10.8.4.12:5353", limits: "-x 4", up: 4, down: 2},
	} {
		t.Run(tt.limits, func(t *testing.T) {
			l.t = t
			l.shell("ipvsadm -a -u 10.8.3.100:5353 -r "+tt.server+" -m "+tt.limits, 0)
			defer l.shell("ipvsadm -d -u 10.8.3.100:5353 -r "+tt.server, 0)
			setConns := l.startUDPClients()
			terminal, err := l.director.Terminal(100, 30, l.command("-Ln", "--watch=1"))
			if err != nil {
				t.Fatal(err)
			}
			screen := new(testnet.Screen)
			screen.Resize(100, 30)
			waitRow := func(sign string, conns int) {
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
				t.Fatalf("no row with sign %q and %d connections:\n%s", sign, conns, screen)
			}
			setConns(tt.up - 1)
			waitRow(" ", tt.up-1)
			setConns(tt.up)
			waitRow("^", tt.up)
			setConns(tt.up + 1) // not scheduled
			waitRow("^", tt.up)
			for n := tt.up - 1; n > tt.down; n-- {
				setConns(n)
				waitRow("^", n)
				setConns(n + 1) // not scheduled
				waitRow("^", n)
			}
			setConns(tt.down)
			waitRow(" ", tt.down)
			setConns(tt.down + 1)
			waitRow(" ", tt.down+1)
			if err := terminal.Type("q"); err != nil {
				t.Fatal(err)
			}
			if _, _, err := terminal.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// startUDPClients returns a function that sets how many clients send datagrams to
// the UDP service. Each client sends repeatedly until the test ends, and has one
// connection.
func (l *listLab) startUDPClients() (setConns func(n int)) {
	var active atomic.Int64
	var conns []net.Conn
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for len(conns) < int(active.Load()) {
				conn, err := l.client.Netns.Dial(context.Background(), "udp", netip.Addr{}, "10.8.3.100:5353")
				if err != nil {
					l.t.Error(err)
					return
				}
				conns = append(conns, conn)
			}
			for _, conn := range conns[:active.Load()] {
				conn.Write([]byte("x")) // ignore ECONNREFUSED from an ICMP error
			}
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	l.t.Cleanup(func() {
		close(stop)
		<-done
		for _, conn := range conns {
			conn.Close()
		}
	})
	return func(n int) { active.Store(int64(n)) }
}
