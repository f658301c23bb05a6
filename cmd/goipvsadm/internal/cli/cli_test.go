// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

func TestMain(m *testing.M) {
	// Tests send SIGHUP to this process, which may have been started under nohup.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	os.Exit(m.Run())
}

// A result is the exit status and output of a run of the program.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a command line with the kernel k.
func run(k *ipvstest.FakeKernel, stdin string, args ...string) result {
	var stdout, stderr strings.Builder
	status := Run(args, strings.NewReader(stdin), &stdout, &stderr, k.Dial)
	return result{status, stdout.String(), stderr.String()}
}

// words splits a command line at spaces.
func words(line string) []string { return strings.Split(line, " ") }

// savedRules returns the table of k as rules.
func savedRules(t *testing.T, k *ipvstest.FakeKernel) string {
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
		{name: "add a service", line: "-A -t 192.0.2.1:80 -s rr", after: oneService},
		{
			name:   "add a service that exists",
			before: oneService,
			line:   "-A -t 192.0.2.1:80",
			want:   result{255, "", "Service already exists\n"},
			after:  oneService,
		},
		{
			name: "unknown scheduler",
			line: "-A -t 192.0.2.1:80 -s nosuch",
			want: result{255, "", "Scheduler or persistence engine not found\n"},
		},
		{
			name:   "edit a service",
			before: oneService,
			line:   "-E -t 192.0.2.1:80 -s sh -p 60 -b sh-port",
			after:  "-A -t 192.0.2.1:80 -s sh -p 60 -b sh-port\n",
		},
		{name: "edit a missing service", line: "-E -t 192.0.2.1:80 -s rr", want: result{255, "", "No such service\n"}},
		{name: "delete a service", before: oneServer, line: "-D -t 192.0.2.1:80"},
		{
			name:   "delete a missing service",
			before: oneServer,
			line:   "-D -u 192.0.2.1:80",
			want:   result{255, "", "No such service\n"},
			after:  oneServer,
		},
		{name: "add a server", before: oneService, line: "-a -t 192.0.2.1:80 -r 198.51.100.1 -m", after: oneServer},
		{
			name:   "add a server that exists",
			before: oneServer,
			line:   "-a -t 192.0.2.1:80 -r 198.51.100.1 -m",
			want:   result{255, "", "Destination already exists\n"},
			after:  oneServer,
		},
		{
			name: "add a server to a missing service",
			line: "-a -t 192.0.2.1:80 -r 198.51.100.1",
			want: result{255, "", "Service not defined\n"},
		},
		{
			name:   "lower threshold exceeds upper threshold",
			before: oneService,
			line:   "-a -t 192.0.2.1:80 -r 198.51.100.1 -x 1 -y 2",
			want:   result{255, "", "Numerical result out of range\n"},
			after:  oneService,
		},
		{
			name:   "edit a server",
			before: oneServer,
			line:   "-e -t 192.0.2.1:80 -r 198.51.100.1 -m -w 7 -x 20 -y 10",
			after:  oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m -w 7 -x 20 -y 10\n",
		},
		{
			name:   "edit a missing server",
			before: oneServer,
			line:   "-e -t 192.0.2.1:80 -r 198.51.100.2",
			want:   result{255, "", "No such destination\n"},
			after:  oneServer,
		},
		{name: "delete a server", before: oneServer, line: "-d -t 192.0.2.1:80 -r 198.51.100.1:80", after: oneService},
		{
			name:   "delete a server of a missing service",
			before: oneServer,
			line:   "-d -f 1 -r 198.51.100.1:80",
			want:   result{255, "", "Service not defined\n"},
			after:  oneServer,
		},
		{name: "flush", before: oneServer, line: "-C"},
		{
			name:   "zero a missing service",
			before: oneServer,
			line:   "-Z -f 1",
			want:   result{255, "", "No such service\n"},
			after:  oneServer,
		},
		{name: "stop a daemon that is not running", line: "--stop-daemon master", want: result{255, "", "No daemon is running\n"}},
		{
			name:   "list a missing service",
			before: oneServer,
			line:   "-L -f 1",
			want:   result{1, "", "No such service\n"},
			after:  oneServer,
		},
		{
			name:   "list one service",
			before: oneServer,
			line:   "-L -n -t 192.0.2.1:80",
			want: result{0, "" +
				"Prot LocalAddress:Port Scheduler Flags\n" +
				"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
				"TCP  192.0.2.1:80 rr\n" +
				"  -> 198.51.100.1:80              Masq    1      0          0         \n", ""},
			after: oneServer,
		},
		{
			name:   "list all services",
			before: oneService,
			line:   "-L -n",
			want: result{0, "" +
				"IP Virtual Server version 1.2.1 (size=4096)\n" +
				"Prot LocalAddress:Port Scheduler Flags\n" +
				"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
				"TCP  192.0.2.1:80 rr\n", ""},
			after: oneService,
		},
		{
			name: "usage error",
			line: "-A -t 192.0.2.1:80 -w 1",
			want: result{2, "", "Illegal 'weight' option with the 'add-service' command\n"},
		},
		{name: "unknown option", line: "-A --foo", want: result{255, "", "--foo: unknown option\n"}},
		{
			name: "no command",
			line: "-n",
			want: result{255, "", "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			if r := run(&k, tt.before, "ipvsadm", "-R"); r != (result{}) {
				t.Fatalf("before: %+v", r)
			}
			if got := run(&k, "", words("ipvsadm "+tt.line)...); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := savedRules(t, &k); got != tt.after {
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
		{line: "--set 100 0 7"},
		{line: "-L --timeout", want: result{0, "Timeout (tcp tcpfin udp): 100 120 7\n", ""}},
		{line: "-L --daemon"},
		{line: "--start-daemon backup --mcast-interface eth1 --syncid 3"},
		{line: "--start-daemon backup", want: result{255, "", "Daemon has already run\n"}},
		{
			line: "--start-daemon master --mcast-interface eth1 --mcast-group ff02::5 --mcast-port 1 --mcast-ttl 2 --sync-maxlen 3",
		},
		{
			line: "-L --daemon",
			want: result{0, "backup sync daemon (mcast=eth1, syncid=3)\n" +
				"master sync daemon (mcast=eth1, syncid=0, maxlen=3, group=ff02::5, port=1, ttl=2)\n", ""},
		},
		{line: "--stop-daemon backup"},
	} {
		if got := run(&k, "", words("ipvsadm "+tt.line)...); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

func TestNoArguments(t *testing.T) {
	var k ipvstest.FakeKernel
	if got, want := run(&k, "", "ipvsadm"), run(&k, "", "ipvsadm", "-L"); got != want || got.stdout == "" {
		t.Errorf("no arguments: %+v, want %+v as with -L", got, want)
	}
}

func TestRestore(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
		after       string
	}{
		{
			name:  "comments, blanks and program name",
			rules: "# head\n\n  \t\r\nipvsadm -A\t-t 192.0.2.1:80 -s rr # web\r\n",
			after: oneService,
		},
		{name: "no final newline", rules: strings.TrimSuffix(oneServer, "\n"), after: oneServer},
		{
			name:  "kernel error does not stop",
			rules: oneService + oneService + "-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m\n",
			want:  result{0, "", "line 2: Service already exists\n"},
			after: oneServer,
		},
		{
			name:  "usage error stops",
			rules: oneService + "-A -t foo:bar:baz\n-C\n",
			want:  result{2, "", "line 2: illegal virtual server address[:port] specified\n"},
			after: oneService,
		},
		{
			name:  "unknown option does not stop",
			rules: "-A -t 192.0.2.1:80 --foo\n" + oneService,
			want:  result{0, "", "line 1: --foo: unknown option\n"},
			after: oneService,
		},
		{
			name:  "several failures",
			rules: "-D -f 1\n" + oneService + "-A -q\n-A -w\n-A\n",
			want: result{2, "", "line 1: No such service\nline 3: -q: unknown option\nline 4: -w: missing argument\n" +
				"line 5: You need to supply the 'service-address' option for the 'add-service' command\n"},
			after: oneService,
		},
		{
			name:  "listing waits for changes",
			rules: oneService + "-S -n\n-C\n-S -n\n",
			want:  result{0, oneService, ""},
		},
		{
			name:  "control characters in messages are escaped",
			rules: "-A\x1b[31m\n-A -f 5\x1b]0;x\u202e\n",
			want: result{2, "",
				"line 1: -A\\x1b[31m: unknown option\nline 2: invalid fwmark value `5\\x1b]0;x\\xe2\\x80\\xae' specified\n"},
		},
		{
			name:  "line too long",
			rules: oneService + strings.Repeat("x", 1<<20) + "\n-C\n",
			want:  result{255, "", "line 2: longer than 1 MiB\n"},
			after: oneService,
		},
		{
			name:  "failed listing stops",
			rules: "-L -f 1\n" + oneService,
			want:  result{1, "", "line 1: No such service\n"},
		},
		{
			name:  "-R in a rule",
			rules: oneService + "-R\n-C\n",
			want:  result{255, "", "line 2: Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"},
			after: oneService,
		},
		{name: "NUL ends a word", rules: "-A -t 192.0.2.1:80\x001 -s rr\x00\n", after: oneService},
		{
			name:  "program name anywhere",
			rules: "-A ipvsadm -t ipvsadm 192.0.2.1:80 -s rr ipvsadm\n",
			after: oneService,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			if got := run(&k, tt.rules, "ipvsadm", "-R"); got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if got := savedRules(t, &k); got != tt.after {
				t.Errorf("table:\n%swant:\n%s", got, tt.after)
			}
		})
	}
}

// TestRestoreStatus checks that the exit status of -R is that of the first line
// that failed or, under ipvsadm's names, that of the last line.
func TestRestoreStatus(t *testing.T) {
	// Lines that fail: the service exists, the option is unknown, the service is not
	// given, the listed service does not exist.
	const exists, unknown, invalid, listing = oneService, "-A -q\n", "-A\n", "-L -f 9\n"
	for _, tt := range []struct {
		name, rules   string
		ipvsadm, ours int
	}{
		{name: "no rules"},
		{name: "kernel error, then a valid line", rules: exists + "-A -f 1\n", ours: 255},
		{name: "kernel error, then comments", rules: exists + "\n# end\n", ipvsadm: 255, ours: 255},
		{name: "kernel error, then a listing", rules: exists + "-L\n", ours: 255},
		{name: "unknown option, then a valid line", rules: unknown + "-A -f 1\n", ours: 255},
		{name: "kernel error, then an invalid value", rules: exists + invalid, ipvsadm: 2, ours: 255},
		{name: "invalid value, then lines that are not read", rules: invalid + "-A -f 1\n", ipvsadm: 2, ours: 2},
		{name: "kernel error, then a failed listing", rules: exists + listing, ipvsadm: 1, ours: 255},
		{name: "kernel error, then version", rules: exists + "-v\n-A -f 1\n", ours: 255},
		{name: "kernel error in an earlier batch", rules: serviceRules(200), ours: 255},
		{name: "valid lines, then a kernel error", rules: "-A -f 1\n" + exists, ipvsadm: 255, ours: 255},
		{name: "kernel error, then a line that is too long", rules: exists + strings.Repeat("x", 1<<20), ipvsadm: 255, ours: 255},
	} {
		for name, want := range map[string]int{"ipvsadm": tt.ipvsadm, "goipvsadm": tt.ours} {
			k := kernelWith(t, oneService)
			if got := run(k, tt.rules, name, "-R"); got.status != want {
				t.Errorf("%s: %s -R: status %d, want %d", tt.name, name, got.status, want)
			}
		}
	}
}

// TestRestorePipe checks that a writer on a pipe sees each rule take effect.
func TestRestorePipe(t *testing.T) {
	var k ipvstest.FakeKernel
	r, w := io.Pipe()
	done := make(chan int)
	go func() { done <- Run([]string{"ipvsadm", "-R"}, r, io.Discard, io.Discard, k.Dial) }()
	io.WriteString(w, oneService)
	io.WriteString(w, "\n") // not read before the rule is executed
	if n := len(k.Table); n != 1 {
		t.Errorf("%d services while the pipe is open, want 1", n)
	}
	w.Close()
	if status := <-done; status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestRestoreRequests checks that each change is a single request.
func TestRestoreRequests(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	if n := len(k.Requests); n != 3 {
		t.Errorf("%d requests, want 3 (version, service, server): %v", n, k.Requests)
	}
}

// TestHelp checks that -h prints a summary, or help on a topic. Under ipvsadm's names, -h
// prints the complete help and ignores the words after it.
func TestHelp(t *testing.T) {
	for _, tt := range []struct{ line, prefix, stderr string }{
		{line: "-h", prefix: help.VersionLine(help.Name) + "Usage: goipvsadm COMMAND"},
		{line: "--help", prefix: help.VersionLine(help.Name) + "Usage: goipvsadm COMMAND"},
		{line: "-h drain", prefix: "Server options\n  --drain"},
		{line: "--help=--drain", prefix: "Server options\n  --drain"},
		{line: "-h -d", prefix: "Real servers\n  -d, "},
		{line: "--help all", prefix: help.Text(help.Name)},
		{line: "--help=all", prefix: help.Text(help.Name)},
		{line: "-h --all", prefix: "Save options\n  --all"},
		{line: "-h foo", stderr: "no help on foo (goipvsadm --help=all lists all commands and options)\n"},
		{line: "-h -w -d", prefix: "Server options\n  -w, "},
	} {
		status := 0
		if tt.stderr != "" {
			status = 2
		}
		got := runWithoutKernel(t, "", words("goipvsadm "+tt.line)...)
		if got.status != status || got.stderr != tt.stderr || !strings.HasPrefix(got.stdout, tt.prefix) || tt.prefix == "" && got.stdout != "" {
			t.Errorf("%s: %+v", tt.line, got)
		}
	}
	if got, want := runWithoutKernel(t, "", "goipvsadm", "-h", "x").stdout, "\n\nCommands with this option: -a, -e\n"; !strings.HasSuffix(got, want) {
		t.Errorf("-h x: %q, want suffix %q", got, want)
	}
	for _, line := range []string{"-h", "--help", "-h drain", "-h foo"} {
		got := runWithoutKernel(t, "", words("ipvsadm "+line)...)
		if want := (result{0, help.Text("ipvsadm"), ""}); got != want {
			t.Errorf("ipvsadm %s: %+v", line, got)
		}
	}
	if !strings.Contains(help.Text("ipvsadm"), "\n  -h, --help                     print this help\n") {
		t.Error("ipvsadm -h describes topics")
	}
}

func TestApplets(t *testing.T) {
	var k ipvstest.FakeKernel
	if got := run(&k, oneServer, "/sbin/ipvsadm-restore", "ignored"); got != (result{}) {
		t.Fatalf("restore: %+v", got)
	}
	if got := run(&k, "", "ipvsadm-save", "-n"); got != (result{0, oneServer, ""}) {
		t.Errorf("save: %+v", got)
	}
	if got := run(&k, "", "ipvsadm-save", "-x"); got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "-n") {
		t.Errorf("save -x: %+v", got)
	}
	// -h neither connects to the kernel nor reads rules.
	for _, line := range []string{"-h", "--help", "ignored --help", "-N other -h"} {
		got := runWithoutKernel(t, "", words("/sbin/ipvsadm-restore "+line)...)
		if got.status != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "ipvsadm-restore: replaces the IPVS table") {
			t.Errorf("restore %s: %+v", line, got)
		}
	}
	// ipvsadm-restore replaces the table.
	if got := run(&k, oneService, "ipvsadm-restore"); got != (result{}) || savedRules(t, &k) != oneService {
		t.Errorf("restore: %+v", got)
	}
	// An error in any rule prevents the replacement.
	for _, tt := range []struct {
		rules  string
		status int
		stderr string
	}{
		{
			rules:  oneServer + "-A -w 1\n",
			status: 2,
			stderr: "line 3: You need to supply the 'service-address' option for the 'add-service' command\n",
		},
		{rules: oneServer + "-A --foo\n", status: 255, stderr: "line 3: --foo: unknown option\n"},
		{
			rules:  oneServer + "-R\n",
			status: 255,
			stderr: "line 3: Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n",
		},
	} {
		if got := run(&k, tt.rules, "ipvsadm-restore"); got != (result{tt.status, "", tt.stderr}) || savedRules(t, &k) != oneService {
			t.Errorf("restore: %+v, table:\n%s", got, savedRules(t, &k))
		}
	}
}

// TestRestoreEmptyTable checks that errors have the same effect in ipvsadm-restore as
// in -R if the table is empty.
func TestRestoreEmptyTable(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
		after       string
	}{
		{
			name:  "usage error stops",
			rules: oneServer + "-A -w 1\n-A -f 7\n-A -w 1\n",
			want: result{2, "",
				"line 3: You need to supply the 'service-address' option for the 'add-service' command\n" +
					"stopped at line 3: earlier lines were executed, later lines were not read\n"},
			after: oneServer,
		},
		{
			name:  "unknown option does not stop",
			rules: oneService + "-A -q\n-a -t 192.0.2.1:80 -r 198.51.100.1:80 -m\n",
			want:  result{0, "", "line 2: -q: unknown option\n"},
			after: oneServer,
		},
		{
			name:  "kernel error does not stop",
			rules: oneService + oneServer + "foo\n",
			want: result{255, "",
				"line 2: Service already exists\nline 4: " + tryLine + "stopped at line 4: earlier lines were executed, later lines were not read\n"},
			after: oneServer,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			if got := run(&k, tt.rules, "ipvsadm-restore"); got != tt.want || savedRules(t, &k) != tt.after {
				t.Errorf("got  %+v\nwant %+v\ntable:\n%swant:\n%s", got, tt.want, savedRules(t, &k), tt.after)
			}
		})
	}
}

func TestHelpAndVersionWithoutKernel(t *testing.T) {
	for _, tt := range []struct{ name, option, want string }{
		{name: "/usr/sbin/ipvsadm", option: "-v", want: "ipvsadm v1.31 2019/12/24 (goipvsadm "},
		{name: "goipvsadm", option: "--version", want: "goipvsadm "},
		{name: "ipvsadm", option: "-h", want: "--add-service"},
	} {
		var stdout, stderr strings.Builder
		status := Run([]string{tt.name, tt.option}, strings.NewReader(""), &stdout, &stderr, noIPVS)
		if status != 0 || stderr.String() != "" || !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("%s %s: status %d, stdout %q, stderr %q", tt.name, tt.option, status, stdout.String(), stderr.String())
		}
	}
}

func noIPVS(...ipvs.Option) (*ipvs.Client, error) {
	return nil, &ipvs.Error{Op: "find its netlink family", Err: ipvs.ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
}

func TestDialError(t *testing.T) {
	denied := &ipvstest.FakeKernel{Intercept: func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }}
	for _, tt := range []struct {
		name    string
		dial    Dialer
		message string
	}{
		{name: "no module", dial: noIPVS, message: "Protocol not available"},
		{name: "no privilege", dial: denied.Dial, message: "Permission denied (you must be root)"},
		{
			name:    "socket error",
			dial:    func(...ipvs.Option) (*ipvs.Client, error) { return nil, errors.New("socket error") },
			message: "socket error",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The connection is attempted before usage errors are reported.
			for _, args := range [][]string{{"ipvsadm"}, {"ipvsadm", "-R"}, {"ipvsadm", "--foo"}, {"ipvsadm-save"}, {"ipvsadm-restore"}} {
				var stdout, stderr strings.Builder
				status := Run(args, strings.NewReader(oneService), &stdout, &stderr, tt.dial)
				want := "Can't initialize ipvs: " + tt.message +
					"\nAre you sure that IP Virtual Server is built in the kernel or as module?\n"
				if status != 2 || stdout.String() != "" || stderr.String() != want {
					t.Errorf("%v: status %d, stdout %q, stderr %q", args, status, stdout.String(), stderr.String())
				}
			}
		})
	}
}

// TestNotRoot checks that goipvsadm does not ask about the module if the caller lacks
// the privilege.
func TestNotRoot(t *testing.T) {
	denied := ipvstest.FakeKernel{Intercept: func(*netlinkmsg.Message) syscall.Errno { return syscall.EPERM }}
	var stdout, stderr strings.Builder
	status := Run([]string{"goipvsadm"}, strings.NewReader(""), &stdout, &stderr, denied.Dial)
	want := result{2, "", "Can't initialize ipvs: Permission denied (you must be root)\n"}
	if got := (result{status, stdout.String(), stderr.String()}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestModuleUnloaded checks the message if the netlink family disappears while the
// program runs.
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

// A failingWriter fails with an errno.
type failingWriter syscall.Errno

func (w failingWriter) Write([]byte) (int, error) { return 0, syscall.Errno(w) }

func TestSaveWriteError(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	var stderr strings.Builder
	status := Run([]string{"ipvsadm", "-S", "-n"}, strings.NewReader(""), failingWriter(syscall.ENOSPC), &stderr, k.Dial)
	if want := "ipvsadm: no space left on device\n"; status != 1 || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

// TestAllowEPIPE checks that a closed pipe, unlike a full disk, does not change
// the exit status of commands that print information.
func TestAllowEPIPE(t *testing.T) {
	statusOfDoctor := Run(words("goipvsadm --doctor -n"), strings.NewReader(""), io.Discard, io.Discard, noIPVS)
	for _, tt := range []struct {
		line          string
		epipe, enospc int // exit statuses
	}{
		{line: "goipvsadm -h", enospc: 1},
		{line: "ipvsadm -v", enospc: 1},
		{line: "goipvsadm --complete -L -", enospc: 1},
		{line: "ipvsadm-restore -h", enospc: 1},
		{line: "goipvsadm --doctor -n", epipe: statusOfDoctor, enospc: statusOfDoctor},
	} {
		var stderr strings.Builder
		if status := Run(words(tt.line), strings.NewReader(""), failingWriter(syscall.EPIPE), &stderr, noIPVS); status != tt.epipe || stderr.Len() > 0 {
			t.Errorf("%s with a closed pipe: status %d, want %d; stderr %q", tt.line, status, tt.epipe, stderr.String())
		}
		if status := Run(words(tt.line), strings.NewReader(""), failingWriter(syscall.ENOSPC), &stderr, noIPVS); status != tt.enospc || !strings.HasSuffix(stderr.String(), "no space left on device\n") {
			t.Errorf("%s with a full disk: status %d, want %d; stderr %q", tt.line, status, tt.enospc, stderr.String())
		}
	}
}

func TestErrnoMessages(t *testing.T) {
	for _, tt := range []struct {
		errno syscall.Errno
		want  string
	}{
		{errno: syscall.ENODEV, want: "No such device"},
		{errno: syscall.ERANGE, want: "Numerical result out of range"},
		{errno: syscall.EOPNOTSUPP, want: "Operation not supported with IPv6"},
	} {
		k := &ipvstest.FakeKernel{Intercept: func(m *netlinkmsg.Message) syscall.Errno {
			if m.Command == netlinkmsg.NewDaemon {
				return tt.errno
			}
			return 0
		}}
		if got := run(k, "", "ipvsadm", "--start-daemon", "master"); got != (result{255, "", tt.want + "\n"}) {
			t.Errorf("%v: %+v, want %q", tt.errno, got, tt.want)
		}
	}
}

// TestRestoreEveryCommand executes each command as a rule and checks whether the
// next rule is executed.
func TestRestoreEveryCommand(t *testing.T) {
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
		command.Monitor:       "--monitor",
	} {
		if v == 0 { // not a command
			continue
		}
		var k ipvstest.FakeKernel
		run(&k, "-A -t 192.0.2.1:80\n-a -r 192.0.2.10 -t 192.0.2.1:80\n--start-daemon backup\n", "ipvsadm", "-R")
		r := run(&k, line+"\n-A -f 7\n", "ipvsadm", "-R")
		verb := command.Verb(v)
		invalid := verb == command.Restore || verb > command.Version
		stops := invalid || verb == command.Help || verb == command.Version
		continued := strings.Contains(run(&k, "", "ipvsadm", "-S", "-n").stdout, "-A -f 7")
		if invalid != (r.status == exitKernelError) || continued == stops {
			t.Errorf("%s: %+v, next rule executed: %t", line, r, continued)
		}
	}
}
