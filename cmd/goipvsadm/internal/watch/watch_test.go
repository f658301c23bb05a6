// SPDX-License-Identifier: MIT

package watch_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/cli"
	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
	"goipvsadm/scripts/testnet"
)

// scenarioVariable is an environment variable. If it is set, the test binary runs the
// program on an in-memory table. The value names the scenario; see fakeTable.
const scenarioVariable = "GOIPVSADM_WATCH_TEST"

func TestMain(m *testing.M) {
	if scenario := os.Getenv(scenarioVariable); scenario != "" {
		os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, fakeTable(scenario).Dial))
	}
	// Children must not inherit an ignored SIGHUP if the tests run under nohup.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	// Most tests only wait for samples, so that many can run in parallel.
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// fakeTable returns the table of a scenario. Except in the scenarios many and alerts, it
// has one service, with 1,000 more connections in each sample. In the scenarios enomem,
// removed and panic, the third sample fails.
func fakeTable(scenario string) *ipvstest.FakeKernel {
	switch scenario {
	case "many":
		return manyServices()
	case "alerts":
		return alertTable()
	}
	service := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("127.0.0.1:80"))
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{
		Service: ipvs.Service{ServiceKey: service, Scheduler: "rr", Netmask: ipvs.HostNetmask(ipvs.IPv4)},
		Destinations: []ipvs.Destination{
			{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Weight: 1, ActiveConns: 30},
			{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Weight: 1, InactiveConns: 10},
			{AddrPort: netip.MustParseAddrPort("198.51.100.3:80"), Weight: 1},
			{AddrPort: netip.MustParseAddrPort("198.51.100.4:80"), Weight: 1},
		},
	}}}
	samples := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command != netlinkmsg.GetService {
			return 0
		}
		k.Table[0].Service.Stats.Conns += 1000
		if samples++; samples == 3 {
			switch scenario {
			case "enomem":
				return syscall.ENOMEM
			case "removed":
				return syscall.ESRCH
			case "panic":
				panic("test panic")
			}
		}
		return 0
	}
	return k
}

// testProgram returns a command that runs the program in a scenario.
func testProgram(t *testing.T, scenario string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if self, err = filepath.Abs(self); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "goipvsadm"
	if emulator := os.Getenv("GOIPVSADM_EMULATOR"); emulator != "" { // as in make cross-test
		cmd = exec.Command(emulator, append([]string{self}, args...)...)
	}
	cmd.Env = append(os.Environ(), scenarioVariable+"="+scenario, "TERM=xterm", "LC_ALL=C")
	return cmd
}

// serviceRate matches the row of a service with its connections per second.
var serviceRate = regexp.MustCompile(`(?m)^TCP .* (\d+)$`)

func TestTerminal(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "default", "-Ln", "--watch=1"), 62, 24)
	p.waitFor("the alternate screen without a cursor", func(s *testnet.Screen) bool { return s.Alternate && s.CursorHidden })
	p.waitText("  1 service  ", "q quits\n", "\nTCP  127.0.0.1:80 rr ",
		"\n  -> 198.51.100.1:80              1     30      0      0   75%\n",
		"\n  -> 198.51.100.2:80              1      0     10      0   25%\n")
	p.waitFor("connections per second", func(s *testnet.Screen) bool {
		m := serviceRate.FindStringSubmatch(s.String())
		if m == nil {
			return false
		}
		n, err := strconv.Atoi(m[1])
		return err == nil && n > 0
	})
	// A wider terminal shows more columns, a lower one fewer rows.
	p.resize(140, 24)
	p.waitText(" Forward Weight Active  InAct Conn/s ", "  75% ", " ######")
	p.resize(40, 6)
	p.waitText("\n  -> RemoteAddress:Port    Active Conn/s\n", "\n  -> 198.51.100.1:80", "\n... 3 more servers\n")
	p.typeKeys("x")
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestExit verifies that the terminal is restored however the program exits.
func TestExit(t *testing.T) {
	for _, tt := range []struct {
		name     string
		scenario string
		keys     string
		signal   syscall.Signal
		status   int
		stderr   string // prefix of standard error
	}{
		{name: "q", scenario: "default", keys: "q"},
		{name: "Q", scenario: "default", keys: "Q"},
		{name: "Ctrl-C", scenario: "default", keys: "\x03"},
		{name: "Ctrl-backslash", scenario: "default", keys: "\x1c", status: 131},
		{name: "SIGINT", scenario: "default", signal: syscall.SIGINT},
		{name: "SIGTERM", scenario: "default", signal: syscall.SIGTERM, status: 143},
		{name: "SIGHUP", scenario: "default", signal: syscall.SIGHUP, status: 129},
		{name: "kernel error", scenario: "enomem", status: 1, stderr: "Memory allocation problem\n"},
		{name: "service removed", scenario: "removed", status: 1, stderr: "No such service\n"},
		{name: "panic", scenario: "panic", status: 2, stderr: "panic: test panic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startPTY(t, testProgram(t, tt.scenario, "-Ln", "-t", "127.0.0.1:80", "--watch=1"), 80, 24)
			p.waitText("TCP  127.0.0.1:80 rr ")
			p.typeKeys(tt.keys)
			if tt.signal != 0 {
				if err := p.cmd.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			p.waitExit(tt.status, tt.stderr)
		})
	}
}

// TestStopAndContinue verifies that the terminal is restored while the program is stopped.
func TestStopAndContinue(t *testing.T) {
	p := startPTY(t, testProgram(t, "default", "-Ln", "--watch=1"), 80, 24)
	p.waitText("TCP  127.0.0.1:80 rr ")
	for range 2 {
		p.typeKeys("\x1a")
		p.waitRestored()
		p.waitStopped()
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		p.waitFor("the alternate screen", func(s *testnet.Screen) bool { return s.Alternate && s.CursorHidden })
		p.waitText("TCP  127.0.0.1:80 rr ")
	}
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestTerminalNames verifies that names replace addresses after they have been looked up.
func TestTerminalNames(t *testing.T) {
	p := startPTY(t, testProgram(t, "default", "-L", "--watch=1"), 80, 24)
	p.waitText("TCP  localhost:")
	p.typeKeys("q")
	p.waitExit(0, "")
}

// TestDumbTerminal verifies that a dumb terminal gets a sequence of listings without
// escape sequences.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	cmd := testProgram(t, "default", "-Ln", "--watch=1")
	cmd.Env = append(cmd.Env, "TERM=dumb")
	p := startPTY(t, cmd, 200, 50)
	p.waitFor("two listings", func(s *testnet.Screen) bool { return strings.Count(s.String(), "TCP  127.0.0.1:80 rr") == 2 })
	p.typeKeys("\x03")
	p.waitExit(0, "")
	if bytes.ContainsRune(p.raw.Bytes(), '\x1b') {
		t.Errorf("output with escape sequences, want none: %q", p.raw.Bytes())
	}
}

// startPiped starts cmd with its output in a pipe, and returns a scanner for the output.
func startPiped(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// TestPipe verifies that a pipe gets a sequence of listings, each preceded by its time.
func TestPipe(t *testing.T) {
	t.Parallel()
	cmd := testProgram(t, "default", "-Ln", "--watch=1")
	lines := startPiped(t, cmd)
	var times []time.Time
	var listings []string
	for len(times) < 4 && lines.Scan() {
		stamp, rest, _ := strings.Cut(lines.Text(), "  ")
		if at, err := time.Parse(time.RFC3339, stamp); err == nil && strings.Contains(rest, "1 service") {
			times = append(times, at)
			listings = append(listings, "")
			continue
		}
		listings[len(listings)-1] += lines.Text() + "\n"
	}
	if len(times) < 4 || times[1].Before(times[0]) || times[2].Before(times[1]) {
		t.Errorf("times %v, want four in ascending order", times)
	}
	want := regexp.MustCompile(`^Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port                Forward Weight Active  InAct Conn/s InPkt/s OutPkt/s  InB/s OutB/s Share
TCP  127.0.0.1:80 rr                                      30     10  *[0-9]+       0        0      0      0
  -> 198.51.100.1:80                   Masq         1     30      0      0       0        0      0      0   75% ###############.....
  -> 198.51.100.2:80                   Masq         1      0     10      0       0        0      0      0   25% #####...............
  -> 198.51.100.3:80                   Masq         1      0      0      0       0        0      0      0    0% ....................
  -> 198.51.100.4:80                   Masq         1      0      0      0       0        0      0      0    0% ....................

$`)
	if !want.MatchString(listings[2]) {
		t.Errorf("third listing: got\n%s\nwant a match of\n%s", listings[2], want)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("after SIGTERM: %v, want exit status 143", err)
	}
}

// TestSignalStoppedTerminal verifies that signals end the program even if its terminal is
// stopped by Ctrl-S.
func TestSignalStoppedTerminal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := startPTY(t, testProgram(t, "default", "-Ln", "--watch=1"), 80, 24)
			p.waitText("TCP  127.0.0.1:80 rr ")
			p.typeKeys("\x13")
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			status := 128 + int(s)
			if s == syscall.SIGINT {
				status = 0
			}
			p.waitExit(status, "")
		})
	}
}

// TestKeysStoppedTerminal verifies that keys are handled even if the terminal is stopped
// by Ctrl-S.
func TestKeysStoppedTerminal(t *testing.T) {
	const stop = "\x13"
	for _, tt := range []struct {
		name      string
		earlyKeys []string // typed before the program starts
		keys      []string // the last one ends the program; "" is a pause
	}{
		{name: "q immediately", keys: []string{"q"}},
		{name: "q", keys: []string{"", "q"}},
		{name: "Ctrl-C", keys: []string{"", "\x03"}},
		{name: "other keys before q", keys: []string{"", "\x1b[B", "s", "?", "?", "Q"}},
		{name: "filter before q", keys: []string{"", "/", "q", "\r", "q"}},
		{name: "stopped from the start", earlyKeys: []string{stop}, keys: []string{"", "q"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=1"), 80, 24, tt.earlyKeys...)
			if tt.earlyKeys == nil {
				p.waitFirstRow("10.0.0.1:80 rr")
				p.typeKeys(stop)
			}
			for _, key := range tt.keys {
				if key == "" { // until there is a sample that cannot be displayed
					time.Sleep(1500 * time.Millisecond)
				}
				p.typeKeys(key)
			}
			p.waitExit(0, "")
		})
	}
}

// TestFilterStoppedTerminal verifies that keys typed while the terminal is stopped are
// handled, and that their effect is displayed when the terminal continues.
func TestFilterStoppedTerminal(t *testing.T) {
	t.Parallel()
	p := startPTY(t, testProgram(t, "many", "-Ln", "--watch=1"), 80, 24)
	p.typeKeys("/")
	p.waitText("Filter: _")
	p.typeKeys("\x13")
	time.Sleep(1500 * time.Millisecond)
	p.typeKeys("q.1")
	p.typeKeys("\x11")
	p.waitText("Filter: q.1_")
	p.typeKeys("\x1bq")
	p.waitExit(0, "")
}

// fillPipe fills a pipe, using a separate nonblocking file descriptor.
func fillPipe(t *testing.T, w *os.File) {
	t.Helper()
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", w.Fd()), unix.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 512))
	}
	if err != unix.EAGAIN {
		t.Fatal(err)
	}
}

// pipeBytes returns the number of unread bytes in a pipe.
func pipeBytes(t *testing.T, r *os.File) uint32 {
	t.Helper()
	n, err := unix.IoctlGetUint32(int(r.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSignalFullPipe verifies that signals end the program even if its output pipe is
// full.
func TestSignalFullPipe(t *testing.T) {
	for _, format := range []string{"-n", "-j"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			fillPipe(t, w)
			cmd := testProgram(t, "default", "-L", format, "--watch=1")
			cmd.Stdout = w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(testTimeout, func() { cmd.Process.Kill() })
			defer kill.Stop()
			// Let the program write one listing, then fill the pipe again.
			io.ReadFull(r, make([]byte, 4096))
			for n := pipeBytes(t, r); pipeBytes(t, r) == n; {
				time.Sleep(10 * time.Millisecond)
			}
			fillPipe(t, w)
			time.Sleep(2 * time.Second)
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
				t.Errorf("after SIGTERM: %v, want exit status 143", err)
			}
		})
	}
}

// TestPipeClosed verifies that the program is killed by SIGPIPE if the reader closes the
// pipe.
func TestPipeClosed(t *testing.T) {
	t.Parallel()
	cmd := testProgram(t, "default", "-Ln", "--watch=1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	bufio.NewReader(r).ReadString('\n')
	r.Close()
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGPIPE {
		t.Errorf("%v, want killed by SIGPIPE", cmd.ProcessState)
	}
}

// TestJSON verifies that, with --json, each line is a document with the measured rates.
func TestJSON(t *testing.T) {
	t.Parallel()
	cmd := testProgram(t, "default", "-Lj", "--watch=1", "--top", "3")
	lines := startPiped(t, cmd)
	lines.Buffer(nil, 1<<20)
	for i := range 4 {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var document struct {
			Time     time.Time
			Services []struct {
				Stats    struct{ Connections int }
				Measured *struct {
					Connections float64 `json:"connections_per_second"`
				}
				Servers []struct{ Measured *struct{} }
			}
		}
		jsonouttest.Decode(t, lines.Bytes(), &document)
		service := document.Services[0]
		if document.Time.IsZero() || service.Stats.Connections != 1000*(i+1) || len(service.Servers) != 4 {
			t.Errorf("sample %d: want the time, %d connections and 4 servers, got %s", i, 1000*(i+1), lines.Bytes())
		}
		if early := i < 2; (service.Measured == nil) != early || (service.Servers[3].Measured == nil) != early ||
			!early && service.Measured.Connections <= 0 {
			t.Errorf("sample %d: want rates from the third sample on, got %s", i, lines.Bytes())
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v, want exit status 0", err)
	}
}
