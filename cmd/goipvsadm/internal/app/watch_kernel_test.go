//go:build kernel

// Watching real connections.

package app_test

import (
	"bufio"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/jsonlist/jsonlisttest"
)

// traffic makes requests until the test ends. It returns how many there were
// so far.
func (l *listLab) traffic() (requests *atomic.Uint64) {
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
	l.t.Cleanup(func() {
		stop.Store(true)
		<-done
	})
	return requests
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
		}
	}
}

// What was measured is what the counters say, until they are set to zero.
func TestWatchInJSON(t *testing.T) {
	l := newListLab(t)
	requests := l.traffic()
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
		jsonlisttest.Decode(t, lines.Bytes(), &document)
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
		counted := document.Services[0].Stats.Connections - before.Services[0].Stats.Connections
		seconds := document.Time.Sub(before.Time).Seconds()
		before = document
		if counted == 0 {
			continue // it repeats what was measured last
		}
		compared++
		got, want := document.Services[0].Measured.Connections, float64(counted)/seconds
		if math.Abs(got-want) > want/100 {
			t.Errorf("%v connections per second, want %v", got, want)
		}
	}

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
	requests := l.traffic()
	terminal, err := l.director.Terminal(100, 30, l.program("-Ln", "--watch=2", "--top=1"))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		frame, err := terminal.Until("\x1b[J")
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

// What is watched goes away.
func TestWatchWithoutAService(t *testing.T) {
	l := newListLab(t)
	terminal, err := l.director.Terminal(80, 24, l.program("-Ln", "--watch=1", "-f", "10"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := terminal.Until("FWM  10 wlc persistent 60"); err != nil {
		t.Fatal(err)
	}
	l.run("ipvsadm -D -f 10", 0)
	rest, status, err := terminal.Wait()
	if err != nil || status != 1 || !strings.HasSuffix(rest, "\x1b[?25h\x1b[?1049lNo such service\r\n") {
		t.Errorf("%q, %d, %v", rest, status, err)
	}
}
