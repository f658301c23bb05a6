package cli

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// A result is what a run of the program shows.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a command line on k.
func run(k *ipvstest.FakeKernel, stdin string, args ...string) result {
	var stdout, stderr strings.Builder
	status := Run(args, strings.NewReader(stdin), &stdout, &stderr, k.Dial)
	return result{status, stdout.String(), stderr.String()}
}

// words splits a command line at blanks.
func words(line string) []string { return strings.Split(line, " ") }

// rules returns the table of k as rules.
func rules(t *testing.T, k *ipvstest.FakeKernel) string {
	t.Helper()
	r := run(k, "", "ipvsadm", "-S", "-n")
	if r.status != 0 || r.stderr != "" {
		t.Fatalf("save: %+v", r)
	}
	return r.stdout
}

const (
	oneService = "-A -t 192.0.2.1:80 -s rr\n"
	oneServer  = oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 1\n"
)

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before string // rules
		line   string
		want   result
		after  string // rules
	}{
		{"add a service", "", "-A -t 192.0.2.1:80 -s rr", result{}, oneService},
		{"add it again", oneService, "-A -t 192.0.2.1:80", result{255, "", "Service already exists\n"}, oneService},
		{"an unknown scheduler", "", "-A -t 192.0.2.1:80 -s nosuch", result{255, "", "Scheduler or persistence engine not found\n"}, ""},
		{"edit a service", oneService, "-E -t 192.0.2.1:80 -s sh -p 60 -b sh-port", result{}, "-A -t 192.0.2.1:80 -s sh -p 60 -b sh-port\n"},
		{"edit none", "", "-E -t 192.0.2.1:80 -s rr", result{255, "", "No such service\n"}, ""},
		{"delete a service", oneServer, "-D -t 192.0.2.1:80", result{}, ""},
		{"delete none", oneServer, "-D -u 192.0.2.1:80", result{255, "", "No such service\n"}, oneServer},
		{"add a server", oneService, "-a -t 192.0.2.1:80 -r 198.51.100.1 -m", result{}, oneServer},
		{"add it again", oneServer, "-a -t 192.0.2.1:80 -r 198.51.100.1 -m", result{255, "", "Destination already exists\n"}, oneServer},
		{"add a server to nothing", "", "-a -t 192.0.2.1:80 -r 198.51.100.1", result{255, "", "Service not defined\n"}, ""},
		{"a lower threshold above the upper", oneService, "-a -t 192.0.2.1:80 -r 198.51.100.1 -x 1 -y 2", result{255, "", "Numerical result out of range\n"}, oneService},
		{"edit a server", oneServer, "-e -t 192.0.2.1:80 -r 198.51.100.1 -m -w 7 -x 20 -y 10", result{}, oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 7 -x 20 -y 10\n"},
		{"edit no server", oneServer, "-e -t 192.0.2.1:80 -r 198.51.100.2", result{255, "", "No such destination\n"}, oneServer},
		{"delete a server", oneServer, "-d -t 192.0.2.1:80 -r 198.51.100.1:80", result{}, oneService},
		{"delete a server of nothing", oneServer, "-d -f 1 -r 198.51.100.1:80", result{255, "", "Service not defined\n"}, oneServer},
		{"clear", oneServer, "-C", result{}, ""},
		{"zero one that is not there", oneServer, "-Z -f 1", result{255, "", "No such service\n"}, oneServer},
		{"stop no daemon", "", "--stop-daemon master", result{255, "", "No daemon is running\n"}, ""},
		{"list one that is not there", oneServer, "-L -f 1", result{1, "", "No such service\n"}, oneServer},
		{"list one", oneServer, "-L -n -t 192.0.2.1:80", result{0, "" +
			"Prot LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
			"TCP  192.0.2.1:80 rr\n" +
			"  -> 198.51.100.1:80              Masq    1      0          0         \n", ""}, oneServer},
		{"list all", oneService, "-L -n", result{0, "" +
			"IP Virtual Server version 1.2.1 (size=4096)\n" +
			"Prot LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
			"TCP  192.0.2.1:80 rr\n", ""}, oneService},
		{"a mistake", "", "-A -t 192.0.2.1:80 -w 1", result{2, "", "Illegal 'weight' option with the 'add-service' command\n"}, ""},
		{"an unknown option", "", "-A --foo", result{255, "", "--foo: unknown option\n"}, ""},
		{"no command", "", "-n", result{255, "", "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			if r := run(&k, tt.before, "ipvsadm", "-R"); r != (result{}) {
				t.Fatalf("before: %+v", r)
			}
			if got := run(&k, "", append([]string{"ipvsadm"}, words(tt.line)...)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := rules(t, &k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

func TestTimeoutsAndDaemons(t *testing.T) {
	k := ipvstest.FakeKernel{Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}}
	for _, tt := range []struct {
		line string
		want result
	}{
		{"--set 100 0 7", result{}},
		{"-L --timeout", result{0, "Timeout (tcp tcpfin udp): 100 120 7\n", ""}},
		{"-L --daemon", result{}},
		{"--start-daemon backup --mcast-interface eth1 --syncid 3", result{}},
		{"--start-daemon backup", result{255, "", "Daemon has already run\n"}},
		{"--start-daemon master --mcast-interface eth1 --mcast-group ff02::5 --mcast-port 1 --mcast-ttl 2 --sync-maxlen 3", result{}},
		{"-L --daemon", result{0, "backup sync daemon (mcast=eth1, syncid=3)\n" +
			"master sync daemon (mcast=eth1, syncid=0, maxlen=3, group=ff02::5, port=1, ttl=2)\n", ""}},
		{"--stop-daemon backup", result{}},
	} {
		if got := run(&k, "", append([]string{"ipvsadm"}, words(tt.line)...)...); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

func TestNoArgumentsList(t *testing.T) {
	var k ipvstest.FakeKernel
	if got, want := run(&k, "", "ipvsadm"), run(&k, "", "ipvsadm", "-L"); got != want || got.stdout == "" {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestRestore(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
		after       string
	}{
		{"comments, blanks and the program's name", "# head\n\n  \t\r\nipvsadm -A\t-t 192.0.2.1:80 -s rr # web\r\n", result{}, oneService},
		{"no newline at the end", strings.TrimSuffix(oneServer, "\n"), result{}, oneServer},
		{"a refusal is told and passed over", oneService + oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m\n",
			result{255, "", "line 2: Service already exists\n"}, oneServer},
		{"a mistake ends it", oneService + "-A -t foo:bar:baz\n-C\n",
			result{2, "", "line 2: illegal virtual server address[:port] specified\n"}, oneService},
		{"an option that cannot be read does not", "-A -t 192.0.2.1:80 --foo\n" + oneService,
			result{255, "", "line 1: --foo: unknown option\n"}, oneService},
		{"the first failure's status", "-D -f 1\n" + oneService + "-A -q\n-A -w\n-A\n",
			result{255, "", "line 1: No such service\nline 3: -q: unknown option\nline 4: -w: missing argument\n" +
				"line 5: You need to supply the 'service-address' option for the 'add-service' command\n"}, oneService},
		{"a listing sees what went before", oneService + "-S -n\n-C\n-S -n\n", result{0, oneService, ""}, ""},
		{"a message is safe to look at", "-A\x1b[31m\n-A -f 5\x1b]0;x\u202e\n", result{255, "",
			"line 1: -A\\x1b[31m: unknown option\nline 2: invalid fwmark value `5\\x1b]0;x\\xe2\\x80\\xae' specified\n"}, ""},
		{"a line beyond any rule ends it", oneService + strings.Repeat("x", 1<<20) + "\n-C\n",
			result{255, "", "line 2: longer than 1 MiB\n"}, oneService},
		{"a failed listing ends it", "-L -f 1\n" + oneService, result{1, "", "line 1: No such service\n"}, ""},
		{"no restoring within", oneService + "-R\n-C\n",
			result{255, "", "line 2: Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"}, oneService},
		{"a NUL ends its word", "-A -t 192.0.2.1:80\x001 -s rr\x00\n", result{}, oneService},
		{"the program's name may stand anywhere", "-A ipvsadm -t ipvsadm 192.0.2.1:80 -s rr ipvsadm\n", result{}, oneService},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			got := run(&k, tt.rules, "ipvsadm", "-R")
			if got.status != tt.want.status || got.stdout != tt.want.stdout || got.stderr != tt.want.stderr {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := rules(t, &k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// Whoever feeds rules through a pipe sees each take effect before writing the
// next.
func TestRestoreThroughAPipe(t *testing.T) {
	var k ipvstest.FakeKernel
	r, w := io.Pipe()
	done := make(chan int)
	go func() { done <- Run([]string{"ipvsadm", "-R"}, r, io.Discard, io.Discard, k.Dial) }()
	io.WriteString(w, oneService)
	io.WriteString(w, "\n") // is taken when the rule before it is done
	if n := len(k.Table); n != 1 {
		t.Errorf("%d services while the pipe is open, want 1", n)
	}
	w.Close()
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}

// A change has one look-up of the table's version and one message.
func TestRestoreInFewMessages(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	if n := len(k.Requests); n != 3 {
		t.Errorf("%d requests, want 3: %v", n, k.Requests)
	}
}

func TestOtherNames(t *testing.T) {
	var k ipvstest.FakeKernel
	if got := run(&k, oneServer, "/sbin/ipvsadm-restore", "whatever"); got != (result{}) {
		t.Fatalf("restore: %+v", got)
	}
	if got := run(&k, "", "ipvsadm-save", "-n"); got != (result{0, oneServer, ""}) {
		t.Errorf("save: %+v", got)
	}
	if got := run(&k, "", "ipvsadm-save", "-x"); got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "-n") {
		t.Errorf("save -x: %+v", got)
	}
	// Help clears nothing, nor does it wait for rules.
	for _, line := range []string{"-h", "--help", "whatever --help", "-N other -h"} {
		got := runWithout(t, "", append([]string{"/sbin/ipvsadm-restore"}, words(line)...)...)
		if got.status != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "ipvsadm-restore: replaces the IPVS table") {
			t.Errorf("restore %s: %+v", line, got)
		}
	}
	// What was there before goes.
	if got := run(&k, oneService, "ipvsadm-restore"); got != (result{}) || rules(t, &k) != oneService {
		t.Errorf("restore: %+v", got)
	}
	// Unless there is a mistake anywhere.
	for _, tt := range []struct {
		rules  string
		status int
		stderr string
	}{
		{oneServer + "-A -w 1\n", 2, "line 3: You need to supply the 'service-address' option for the 'add-service' command\n"},
		{oneServer + "-A --foo\n", 255, "line 3: --foo: unknown option\n"},
		{oneServer + "-R\n", 255, "line 3: Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"},
	} {
		if got := run(&k, tt.rules, "ipvsadm-restore"); got != (result{tt.status, "", tt.stderr}) || rules(t, &k) != oneService {
			t.Errorf("restore: %+v, then\n%s", got, rules(t, &k))
		}
	}
}

// With nothing to lose, what stands before a mistake is better than nothing.
func TestRestoreIntoAnEmptyTable(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
		after       string
	}{
		{"a mistake ends it", oneServer + "-A -w 1\n-A -f 7\n-A -w 1\n", result{2, "",
			"line 3: You need to supply the 'service-address' option for the 'add-service' command\n" +
				"stopped at line 3: earlier lines were executed, later lines were not read\n"}, oneServer},
		{"an option that cannot be read does not", oneService + "-A -q\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m\n", result{255, "",
			"line 2: -q: unknown option\n"}, oneServer},
		{"nor does a refusal", oneService + oneServer + "foo\n", result{255, "",
			"line 2: Service already exists\nline 4: " + tryLine + "stopped at line 4: earlier lines were executed, later lines were not read\n"}, oneServer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			if got := run(&k, tt.rules, "ipvsadm-restore"); got != tt.want || rules(t, &k) != tt.after {
				t.Errorf("got  %+v\nwant %+v\ntable:\n%swant:\n%s", got, tt.want, rules(t, &k), tt.after)
			}
		})
	}
}

// A closed standard input, which the runtime makes /dev/null, is no empty file.
func TestNobodyFeeds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		file  string
		flags int
		want  bool
	}{
		{"closed", os.DevNull, os.O_RDWR, true},
		{"</dev/null", os.DevNull, os.O_RDONLY, false},
		{"another device", "/dev/zero", os.O_RDWR, false},
		{"a file", t.TempDir() + "/file", os.O_RDWR | os.O_CREATE, false},
	} {
		file, err := os.OpenFile(tt.file, tt.flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if got := stdinClosed(file); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHelpAndVersionNeedNoKernel(t *testing.T) {
	for _, tt := range []struct{ name, option, want string }{
		{"/usr/sbin/ipvsadm", "-v", "ipvsadm v1.31 2019/12/24 (goipvsadm "},
		{"goipvsadm", "--version", "goipvsadm "},
		{"ipvsadm", "-h", "--add-service"},
	} {
		var stdout, stderr strings.Builder
		status := Run([]string{tt.name, tt.option}, strings.NewReader(""), &stdout, &stderr, noIPVS)
		if status != 0 || stderr.String() != "" || !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("%s %s: %d, %q, %q", tt.name, tt.option, status, stdout.String(), stderr.String())
		}
	}
}

func noIPVS(...ipvs.Option) (*ipvs.Client, error) {
	return nil, &ipvs.Error{Op: "find its netlink family", Err: ipvs.ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
}

func TestNoKernel(t *testing.T) {
	denied := &ipvstest.FakeKernel{Intercept: func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }}
	for _, tt := range []struct {
		name   string
		dial   Dialer
		reason string
	}{
		{"no module", noIPVS, "Protocol not available"},
		{"no privilege", denied.Dial, "Permission denied (you must be root)"},
		{"no sockets", func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("no sockets") }, "no sockets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The kernel comes before any mistake in the arguments.
			for _, args := range [][]string{{"ipvsadm"}, {"ipvsadm", "-R"}, {"ipvsadm", "--foo"}, {"ipvsadm-save"}, {"ipvsadm-restore"}} {
				var stdout, stderr strings.Builder
				status := Run(args, strings.NewReader(oneService), &stdout, &stderr, tt.dial)
				want := "Can't initialize ipvs: " + tt.reason +
					"\nAre you sure that IP Virtual Server is built in the kernel or as module?\n"
				if status != 2 || stdout.String() != "" || stderr.String() != want {
					t.Errorf("%v: %d, %q, %q", args, status, stdout.String(), stderr.String())
				}
			}
		})
	}
}

// A family that goes away while the program runs.
func TestModuleUnloaded(t *testing.T) {
	k := &ipvstest.FakeKernel{}
	calls := 0
	k.Intercept = func(*netlinkmsg.Message) syscall.Errno {
		if calls++; calls > 1 {
			return syscall.ENOENT
		}
		return 0
	}
	got := run(k, "", "ipvsadm", "-A", "-t", "192.0.2.1:80")
	if want := (result{255, "", "Protocol not available\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestOutputThatIsLost(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	var stderr strings.Builder
	status := Run([]string{"ipvsadm", "-S", "-n"}, strings.NewReader(""), brokenPipe{}, &stderr, k.Dial)
	if want := "ipvsadm: no space left on device\n"; status != 1 || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

// A refusing output has a reader who left, or a full disk behind it.
type refusing syscall.Errno

func (r refusing) Write([]byte) (int, error) { return 0, syscall.Errno(r) }

// Who has read enough of what the program says of itself, or of a diagnosis,
// may leave. A disk that is full is another matter.
func TestOutputThatIsRefused(t *testing.T) {
	doctor := func(stdout io.Writer, stderr io.Writer) int {
		return Run([]string{"goipvsadm", "--doctor", "-n"}, strings.NewReader(""), stdout, stderr, noIPVS)
	}
	diagnosis := doctor(io.Discard, io.Discard)
	for _, tt := range []struct {
		line       string
		left, full int
	}{
		{"goipvsadm -h", 0, 1},
		{"ipvsadm -v", 0, 1},
		{"goipvsadm --complete -L -", 0, 1},
		{"ipvsadm-restore -h", 0, 1},
		{"goipvsadm --doctor -n", diagnosis, diagnosis},
	} {
		var left, full strings.Builder
		if status := Run(words(tt.line), strings.NewReader(""), refusing(syscall.EPIPE), &left, noIPVS); status != tt.left || left.Len() > 0 {
			t.Errorf("%s, whose reader left: status %d, want %d; %q", tt.line, status, tt.left, left.String())
		}
		if status := Run(words(tt.line), strings.NewReader(""), refusing(syscall.ENOSPC), &full, noIPVS); status != tt.full || !strings.HasSuffix(full.String(), "no space left on device\n") {
			t.Errorf("%s on a full disk: status %d, want %d; %q", tt.line, status, tt.full, full.String())
		}
	}
}

// The kernel's own words for an errno that has no message.
func TestGeneralMessages(t *testing.T) {
	for _, tt := range []struct {
		errno syscall.Errno
		want  string
	}{
		{syscall.ENODEV, "No such device"},
		{syscall.ERANGE, "Numerical result out of range"},
		{syscall.EOPNOTSUPP, "Operation not supported with IPv6"},
	} {
		k := &ipvstest.FakeKernel{Intercept: func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == netlinkmsg.NewDaemon {
				return tt.errno
			}
			return 0
		}}
		if got := run(k, "", "ipvsadm", "--start-daemon", "master"); got != (result{255, "", tt.want + "\n"}) {
			t.Errorf("%+v, want %q", got, tt.want)
		}
	}
}

// Every command comes to an end as a rule, and the rules behind it are read unless it
// is one that ends them.
func TestEveryCommandAsARule(t *testing.T) {
	const service = " -t 192.0.2.1:80"
	for v, line := range [...]string{
		command.AddService:    "-A -t 192.0.2.2:80",
		command.EditService:   "-E -s rr" + service,
		command.DeleteService: "-D" + service,
		command.List:          "-L -n",
		command.AddServer:     "-a -r 192.0.2.20" + service,
		command.EditServer:    "-e -r 192.0.2.10" + service,
		command.DeleteServer:  "-d -r 192.0.2.10" + service,
		command.StartDaemon:   "--start-daemon master",
		command.StopDaemon:    "--stop-daemon backup",
		command.Save:          "-S -n",
		command.Zero:          "-Z",
		command.Flush:         "-C",
		command.SetTimeouts:   "--set 1 2 3",
		command.Restore:       "-R",
		command.Help:          "-h",
		command.Version:       "-v",
		command.Check:         "--check",
		command.Apply:         "--apply",
		command.Diff:          "--diff",
		command.Doctor:        "--doctor",
	} {
		if line == "" {
			continue
		}
		var k ipvstest.FakeKernel
		run(&k, "-A -t 192.0.2.1:80\n-a -r 192.0.2.10 -t 192.0.2.1:80\n--start-daemon backup\n", "ipvsadm", "-R")
		r := run(&k, line+"\n-A -f 7\n", "ipvsadm", "-R")
		verb := command.Verb(v)
		wrong := verb == command.Restore || verb > command.Version
		ends := wrong || verb == command.Help || verb == command.Version
		behind := strings.Contains(run(&k, "", "ipvsadm", "-S", "-n").stdout, "-A -f 7")
		if wrong != (r.status == exitKernelError) || behind == ends {
			t.Errorf("%s: %+v, the rule behind it was run: %t", line, r, behind)
		}
	}
}

func TestNumericNamer(t *testing.T) {
	ap := netip.MustParseAddrPort("[2001:db8::1]:80")
	if got := string(resolve.Numeric{}.Append(nil, ap, ipvs.TCP)); got != "[2001:db8::1]:80" {
		t.Errorf("Append = %q", got)
	}
}
