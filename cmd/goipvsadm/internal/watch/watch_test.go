package watch_test

import (
	"bufio"
	"bytes"
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

// With childVariable in its environment, the test's binary is the program, on
// a table in memory of which the variable says what happens to it.
const childVariable = "GOIPVSADM_WATCH_TEST"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr, table(what).Dial))
	}
	// The program gets a SIGHUP that is not ignored, under nohup too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// table returns a table that counts a thousand connections a reading. In its
// third reading the kernel may refuse to answer, the service may be gone, or
// the program may panic.
func table(what string) *ipvstest.FakeKernel {
	switch what {
	case "many":
		return many()
	case "marks":
		return marked()
	}
	service := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("127.0.0.1:80"))
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{
		Service: ipvs.Service{ServiceKey: service, Scheduler: "rr", Netmask: ipvs.FullNetmask(ipvs.IPv4)},
		Destinations: []ipvs.Destination{
			{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Weight: 1, ActiveConns: 30},
			{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Weight: 1, InactiveConns: 10},
			{AddrPort: netip.MustParseAddrPort("198.51.100.3:80"), Weight: 1},
			{AddrPort: netip.MustParseAddrPort("198.51.100.4:80"), Weight: 1},
		},
	}}}
	readings := 0
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command != netlinkmsg.GetService {
			return 0
		}
		k.Table[0].Service.Stats.Conns += 1000
		if readings++; readings == 3 {
			switch what {
			case "refused":
				return syscall.ENOMEM
			case "gone":
				return syscall.ESRCH
			case "panic":
				panic("for the test")
			}
		}
		return 0
	}
	return k
}

// program returns the program with a table to which something happens.
func program(t *testing.T, what string, args ...string) *exec.Cmd {
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
	cmd.Env = append(os.Environ(), childVariable+"="+what, "TERM=xterm")
	return cmd
}

// measured is the row of a service with its connections per second.
var measured = regexp.MustCompile(`(?m)^TCP .* (\d+)$`)

func TestOnATerminal(t *testing.T) {
	p := start(t, program(t, "nothing", "-Ln", "--watch=1"), 62, 24)
	p.wait("another screen without a cursor", func(e *testnet.Screen) bool { return e.Alternate && e.CursorHidden })
	p.shows("  1 service  every 1s, ? helps, q quits\n", "\nTCP  127.0.0.1:80 rr ",
		"\n  -> 198.51.100.1:80           30      0      0   75% ######..\n",
		"\n  -> 198.51.100.2:80            0     10      0   25% ##......\n")
	p.wait("connections per second", func(e *testnet.Screen) bool {
		m := measured.FindStringSubmatch(e.String())
		if m == nil {
			return false
		}
		n, err := strconv.Atoi(m[1])
		return err == nil && n > 0
	})
	// Wider, there is room for more; lower, for less.
	p.resize(100, 24)
	p.shows(" Weight Active  InAct Conn/s ")
	p.resize(40, 6)
	p.shows("\n  -> RemoteAddress:Port    Active Conn/s\n", "\n  -> 198.51.100.1:80", "\n... 3 more servers\n")
	p.press("x")
	p.press("q")
	p.ends(0, "")
}

// However a watch ends, the terminal is as it was.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		what   string // happens
		keys   string
		signal syscall.Signal
		status int
		stderr string // begins so
	}{
		{"q", "nothing", "q", 0, 0, ""},
		{"Q", "nothing", "Q", 0, 0, ""},
		{"Ctrl-C", "nothing", "\x03", 0, 0, ""},
		{"Ctrl-backslash", "nothing", "\x1c", 0, 131, ""},
		{"SIGINT", "nothing", "", syscall.SIGINT, 0, ""},
		{"SIGTERM", "nothing", "", syscall.SIGTERM, 143, ""},
		{"SIGHUP", "nothing", "", syscall.SIGHUP, 129, ""},
		{"the kernel refuses", "refused", "", 0, 1, "Memory allocation problem\n"},
		{"the service is removed", "gone", "", 0, 1, "No such service\n"},
		{"a panic", "panic", "", 0, 2, "panic: for the test"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, program(t, tt.what, "-Ln", "-t", "127.0.0.1:80", "--watch=1"), 80, 24)
			p.shows("TCP  127.0.0.1:80 rr ")
			p.press(tt.keys)
			if tt.signal != 0 {
				if err := p.cmd.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			p.ends(tt.status, tt.stderr)
		})
	}
}

// While it is stopped, others have the terminal.
func TestStopAndContinue(t *testing.T) {
	p := start(t, program(t, "nothing", "-Ln", "--watch=1"), 80, 24)
	p.shows("TCP  127.0.0.1:80 rr ")
	for range 2 {
		p.press("\x1a")
		p.restored()
		p.stopped()
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		p.wait("the screen again", func(e *testnet.Screen) bool { return e.Alternate && e.CursorHidden })
		p.shows("TCP  127.0.0.1:80 rr ")
	}
	p.press("q")
	p.ends(0, "")
}

// Addresses become names when these are known.
func TestNamesOnATerminal(t *testing.T) {
	p := start(t, program(t, "nothing", "-L", "--watch=1"), 80, 24)
	p.shows("TCP  localhost:")
	p.press("q")
	p.ends(0, "")
}

// A dumb terminal gets one listing after another.
func TestOnADumbTerminal(t *testing.T) {
	cmd := program(t, "nothing", "-Ln", "--watch=1")
	cmd.Env = append(cmd.Env, "TERM=dumb")
	p := start(t, cmd, 200, 50)
	p.wait("two listings", func(e *testnet.Screen) bool { return strings.Count(e.String(), "TCP  127.0.0.1:80 rr") == 2 })
	p.press("\x03")
	p.ends(0, "")
	if bytes.ContainsRune(p.raw.Bytes(), '\x1b') {
		t.Errorf("escape sequences: %q", p.raw.Bytes())
	}
}

// piped starts the program with its output in a pipe, and returns the lines of
// that.
func piped(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
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

// Without a terminal one listing follows another, each under its time.
func TestWithoutATerminal(t *testing.T) {
	cmd := program(t, "nothing", "-Ln", "--watch=1")
	lines := piped(t, cmd)
	var times []time.Time
	var listings []string
	for len(times) < 4 && lines.Scan() {
		stamp, rest, _ := strings.Cut(lines.Text(), "  ")
		if at, err := time.Parse(time.RFC3339, stamp); err == nil && rest == "1 service" {
			times = append(times, at)
			listings = append(listings, "")
			continue
		}
		listings[len(listings)-1] += lines.Text() + "\n"
	}
	if len(times) < 4 || times[1].Before(times[0]) || times[2].Before(times[1]) {
		t.Errorf("times %v", times)
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
		t.Errorf("%s", listings[2])
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// A terminal that is stopped, by Ctrl-S or because nobody reads it, does not
// keep a watch from hearing that it is to end.
func TestEndsOnAStoppedTerminal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, program(t, "nothing", "-Ln", "--watch=1"), 80, 24)
			p.shows("TCP  127.0.0.1:80 rr ")
			p.press("\x13")
			if err := p.cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			status := 128 + int(s)
			if s == syscall.SIGINT {
				status = 0
			}
			p.ends(status, "")
		})
	}
}

// Nor does it keep it from hearing a key, whatever was typed before.
func TestKeyOnAStoppedTerminal(t *testing.T) {
	const stop = "\x13"
	for name, tt := range map[string]struct {
		before []string // what is typed before the program starts
		keys   []string // the last one ends it
	}{
		"q at once":              {nil, []string{"q"}},
		"q":                      {nil, []string{"", "q"}},
		"Ctrl-C":                 {nil, []string{"", "\x03"}},
		"keys before q":          {nil, []string{"", "\x1b[B", "s", "?", "?", "Q"}},
		"a filter before q":      {nil, []string{"", "/", "q", "\r", "q"}},
		"stopped from the start": {[]string{stop}, []string{"", "q"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, program(t, "many", "-Ln", "--watch=1"), 80, 24, tt.before...)
			if tt.before == nil {
				p.first("10.0.0.1:80 rr")
				p.press(stop)
			}
			for _, key := range tt.keys {
				if key == "" { // time enough for a reading that cannot be shown
					time.Sleep(1500 * time.Millisecond)
				}
				p.press(key)
			}
			p.ends(0, "")
		})
	}
}

// What is typed while the terminal is stopped is seen when it goes on: q is
// part of a filter.
func TestFilterOnAStoppedTerminal(t *testing.T) {
	p := start(t, program(t, "many", "-Ln", "--watch=1"), 80, 24)
	p.press("/")
	p.shows("Filter: _")
	p.press("\x13")
	time.Sleep(1500 * time.Millisecond)
	p.press("q.1")
	p.press("\x11")
	p.shows("Filter: q.1_")
	p.press("\x1bq")
	p.ends(0, "")
}

// fill fills a pipe, through a descriptor of its own that does not block.
func fill(t *testing.T, w *os.File) {
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

// unread is how much there is to be read in a pipe.
func unread(t *testing.T, r *os.File) uint32 {
	t.Helper()
	n, err := unix.IoctlGetUint32(int(r.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Nor does a pipe that is full.
func TestEndsOnAFullPipe(t *testing.T) {
	for _, format := range []string{"-n", "-j"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			fill(t, w)
			cmd := program(t, "nothing", "-L", format, "--watch=1")
			cmd.Stdout = w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			// There is room for a listing, and then there is none.
			io.ReadFull(r, make([]byte, 4096))
			for n := unread(t, r); unread(t, r) == n; {
				time.Sleep(10 * time.Millisecond)
			}
			fill(t, w)
			time.Sleep(2 * time.Second)
			cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
				t.Errorf("after SIGTERM: %v", err)
			}
		})
	}
}

// Nobody reads any more: the program ends.
func TestClosedPipe(t *testing.T) {
	cmd := program(t, "nothing", "-Ln", "--watch=1")
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
		t.Errorf("%v", cmd.ProcessState)
	}
}

// With --json there is a document a line, which holds what was measured, on a
// terminal as well.
func TestJSON(t *testing.T) {
	cmd := program(t, "nothing", "-Lj", "--watch=1", "--top", "3")
	lines := piped(t, cmd)
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
			t.Errorf("%s", lines.Bytes())
		}
		if early := i < 2; (service.Measured == nil) != early || (service.Servers[3].Measured == nil) != early ||
			!early && service.Measured.Connections <= 0 {
			t.Errorf("measured in reading %d: %s", i, lines.Bytes())
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
}
