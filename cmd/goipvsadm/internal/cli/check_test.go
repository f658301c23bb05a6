// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"goipvsadm/cmd/goipvsadm/internal/kmod"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// dialUnexpected returns a Dialer that fails the test.
func dialUnexpected(t *testing.T) Dialer {
	return func(...ipvs.Option) (*ipvs.Client, error) {
		t.Error("the program connected to the kernel")
		return nil, errors.New("no kernel")
	}
}

// runWithoutKernel runs a command line that must not connect to the kernel.
func runWithoutKernel(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	status := Run(args, strings.NewReader(stdin), &stdout, &stderr, dialUnexpected(t))
	return result{status, stdout.String(), stderr.String()}
}

const tryLine = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
	}{
		{name: "empty input"},
		{
			name: "valid rules",
			rules: "# comment\n-C\n" + oneServer + "-E -t 192.0.2.1:80 -p\n-Z\n-L -n\n-S --all\n--set 1 2 3\n" +
				"--start-daemon master\n--stop-daemon master\nipvsadm -d -t 192.0.2.1:80 -r 198.51.100.1\n-D -t 192.0.2.1:80\n",
		},
		{
			name:  "rules whose success depends on the table",
			rules: "-E -f 1\n-a -f 5 -r 192.0.2.9\n-e -f 1 -r 192.0.2.9:0 -w 2\n-d -f 1 -r 192.0.2.9\n-D -f 6\n--stop-daemon master\n",
		},
		{
			name:  "invalid rules",
			rules: "-A -w 1\n" + oneServer + "\n-A --foo\n# -q\n-a -t 192.0.2.1:80 -r foo:bar:baz\n-A -t\n-R\n--check\n--apply\n--diff\n-C -N other\n-L --watch\nfoo\n",
			want: result{2, "", "" +
				"line 1: You need to supply the 'service-address' option for the 'add-service' command\n" +
				"line 5: --foo: unknown option\n" +
				"line 7: illegal real server address[:port] specified\n" +
				"line 8: -t: missing argument\n" +
				"line 9: command 'restore' is not allowed in a rule\n" +
				"line 10: command 'check' is not allowed in a rule\n" +
				"line 11: command 'apply' is not allowed in a rule\n" +
				"line 12: command 'diff' is not allowed in a rule\n" +
				"line 13: option 'netns' is not allowed in a rule\n" +
				"line 14: option 'watch' is not allowed in a rule\n" +
				"line 15: unexpected argument foo\n"},
		},
		{
			name:  "no final newline",
			rules: "-A -t 192.0.2.1:80\n-A -f 0",
			want:  result{2, "", "line 2: invalid fwmark value `0' specified\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := runWithoutKernel(t, tt.rules, "ipvsadm", "--check"); got != tt.want {
				t.Errorf("got\n%+v\nwant\n%+v", got, tt.want)
			}
		})
	}
}

// A checkTest has rules and the expected output of --check and of --check --apply.
// The exit status is 2 if the output has a line that is not a warning.
type checkTest struct {
	name, rules  string
	check, apply string
}

func runCheckTests(t *testing.T, tests []checkTest) {
	t.Helper()
	for _, tt := range tests {
		for line, want := range map[string]string{"--check": tt.check, "--check --apply": tt.apply} {
			status := 0
			for text := range strings.Lines(want) {
				if !strings.Contains(text, ": warning: ") {
					status = 2
				}
			}
			got := runWithoutKernel(t, tt.rules, words("goipvsadm "+line)...)
			if got != (result{status, "", want}) {
				t.Errorf("%s: %s: got\n%+v\nwant\n%s", tt.name, line, got, want)
			}
		}
	}
}

// sameOutput returns a checkTest in which --check and --check --apply have the same
// output.
func sameOutput(name, rules, want string) checkTest { return checkTest{name, rules, want, want} }

// TestCheckRejected checks that --check reports rules that the kernel will
// reject.
func TestCheckRejected(t *testing.T) {
	const web = "-A -f 1 -s rr\n"
	const commandError = "' does not describe a table (use only -A, -a, --set and --start-daemon)\n"
	runCheckTests(t, []checkTest{
		sameOutput("lower threshold without an upper one", web+"-a -f 1 -r 192.0.2.9 -y 5\n", "line 2: lower threshold exceeds upper threshold\n"),
		sameOutput("lower threshold above the upper one", web+"-a -f 1 -r 192.0.2.9 -x 5 -y 6\n", "line 2: lower threshold exceeds upper threshold\n"),
		sameOutput("multicast server", web+"-a -f 1 -r 224.0.0.1\n", "line 2: destination is not a unicast address\n"),
		sameOutput("IPv4-mapped server", web+"-a -f 1 -r [::ffff:192.0.2.9]:80 -i\n",
			"line 2: server address ::ffff:192.0.2.9 is IPv4-mapped (use 192.0.2.9)\n"),
		sameOutput("service given twice", web+web, "line 2: service already defined on line 1\n"),
		sameOutput("server given twice", oneServer+"-a -t 192.0.2.1:80 -r 198.51.100.1 -g\n", "line 3: server already defined on line 2\n"),
		sameOutput("daemon given twice", web+"--start-daemon master\n--start-daemon backup\n--start-daemon master --syncid 3\n",
			"line 4: master daemon already defined on line 2\n"),
		{
			name:  "service removed",
			rules: web + "-D -f 1\n-a -f 1 -r 192.0.2.9\n-E -f 1\n-D -f 1\n-Z -f 1\n-L -f 1\n",
			check: "line 3: service removed on line 2\nline 4: service removed on line 2\nline 5: service removed on line 2\n" +
				"line 6: service removed on line 2\nline 7: service removed on line 2\n",
			apply: "line 2: command 'delete-service" + commandError +
				"line 4: command 'edit-service" + commandError + "line 5: command 'delete-service" + commandError +
				"line 6: command 'zero" + commandError + "line 7: command 'list" + commandError,
		},
		{
			name:  "server removed",
			rules: oneServer + "-d -t 192.0.2.1:80 -r 198.51.100.1\n-e -t 192.0.2.1:80 -r 198.51.100.1 -w 2\n-d -t 192.0.2.1:80 -r 198.51.100.1\n",
			check: "line 4: server removed on line 3\nline 5: server removed on line 3\n",
			apply: "line 3: command 'delete-server" + commandError + "line 4: command 'edit-server" + commandError +
				"line 5: command 'delete-server" + commandError,
		},
		{
			name:  "table cleared",
			rules: oneServer + "-C\n-a -t 192.0.2.1:80 -r 198.51.100.1\n" + oneService + "-e -t 192.0.2.1:80 -r 198.51.100.1\n",
			check: "line 4: service not defined\nline 6: server not defined\n",
			apply: "line 3: command 'flush" + commandError + "line 4: server already defined on line 2\n" +
				"line 5: service already defined on line 1\nline 6: command 'edit-server" + commandError,
		},
		{
			name:  "server removed from all services",
			rules: oneServer + "-d -r 198.51.100.1 --all-services\n-e -t 192.0.2.1:80 -r 198.51.100.1 -w 2\n-C\n-d -r 198.51.100.1 --all-services\n",
			check: "line 4: server removed on line 3\nline 6: no service has the server\n",
			apply: "line 3: command 'delete-server" + commandError + "line 4: command 'edit-server" + commandError +
				"line 5: command 'flush" + commandError + "line 6: command 'delete-server" + commandError,
		},
		{
			name:  "server before its service",
			rules: "-C\n-a -f 1 -r 192.0.2.9\n" + web,
			check: "line 2: service not defined\n",
			apply: "line 1: command 'flush" + commandError,
		},
		{
			name:  "server of a service that is not in the rules",
			rules: "-a -f 1 -r 192.0.2.9\n",
			apply: "line 1: service not defined\n",
		},
		{
			name:  "no rules",
			apply: "no services in input; refusing to clear the table (use --allow-empty to override)\n",
		},
		{
			name:  "an invalid rule does not cause later errors",
			rules: "-C\n-A -f 1 -s wrrr\n-a -f 1 -r 192.0.2.9\n",
			check: "line 2: scheduler wrrr not found (did you mean wrr?)\n",
			apply: "line 1: command 'flush" + commandError + "line 2: scheduler wrrr not found (did you mean wrr?)\n",
		},
	})
}

// TestCheckWarnings checks that --check warns of rules that are valid but
// probably not intended, and exits with status 0.
func TestCheckWarnings(t *testing.T) {
	runCheckTests(t, []checkTest{
		sameOutput("port with direct routing", oneService+"-a -t 192.0.2.1:80 -r 198.51.100.1:8080 -g\n",
			"line 2: warning: port 8080 is ignored: without -m, the server has the port of the service, 80\n"),
		sameOutput("port with tunneling", oneService+"-a -t 192.0.2.1:80 -r 198.51.100.1:8080 -i\n",
			"line 2: warning: port 8080 is ignored: without -m, the server has the port of the service, 80\n"),
		sameOutput("port of the service", oneService+"-a -t 192.0.2.1:80 -r 198.51.100.1:80 -g\n", ""),
		sameOutput("port with NAT", oneService+"-a -t 192.0.2.1:80 -r 198.51.100.1:8080 -m\n", ""),
		sameOutput("port with a firewall mark", "-A -f 1\n-a -f 1 -r 198.51.100.1:8080 -g\n", ""),
		sameOutput("prefix length as an IPv4 netmask", "-A -f 1 -p -M 24\n",
			"line 1: warning: netmask 0.0.0.24 is not contiguous (did you mean 255.255.255.0?)\n"),
		sameOutput("prefix length 32", "-A -f 1 -p -M 32\n", "line 1: warning: netmask 0.0.0.32 is not contiguous (did you mean 255.255.255.255?)\n"),
		sameOutput("netmask with a hole", "-A -f 1 -p -M 255.0.255.0\n", "line 1: warning: netmask 255.0.255.0 is not contiguous\n"),
		sameOutput("netmasks", "-A -f 1 -p -M 255.255.254.0\n-A -f 2 -p -M 0.0.0.0\n-A -f 3 -p -M 255.255.255.255\n-A -f 4 -6 -p -M 24\n", ""),
		sameOutput("options without persistence", "-A -f 1 -M 255.0.0.0 --pe sip\n",
			"line 1: warning: option 'netmask' has no effect without -p\nline 1: warning: option 'pe' has no effect without -p\n"),
		{
			name:  "edits that depend on the table",
			rules: oneServer + "-E -t 192.0.2.1:80 --keep -M 255.0.0.0 --pe sip\n-e -t 192.0.2.1:80 -r 198.51.100.1 --keep -y 5\n-e -r 198.51.100.1 --all-services -w 0\n",
			apply: "line 3: command 'edit-service' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 4: command 'edit-server' does not describe a table (use only -A, -a, --set and --start-daemon)\n" +
				"line 5: command 'edit-server' does not describe a table (use only -A, -a, --set and --start-daemon)\n",
		},
		sameOutput("IPv4-mapped service", "-A -t [::ffff:192.0.2.1]:80\n",
			"line 1: warning: service address ::ffff:192.0.2.1 is IPv4-mapped and matches no packets (use 192.0.2.1)\n"),
		{
			name:  "rules that are not reached",
			rules: "-A -f 1\n-h\n-A -f 2\n-A -f 3\n",
			check: "line 3: warning: not reached: line 2 ends the input\n",
			apply: "line 2: command 'help' does not describe a table (use only -A, -a, --set and --start-daemon)\n",
		},
		sameOutput("warnings and errors in the order of the lines", "-A -f 1 -p -M 24\n-A -f 2 -s wrrr\n-A --foo\n-A -f 3 -p -M 24\n",
			"line 1: warning: netmask 0.0.0.24 is not contiguous (did you mean 255.255.255.0?)\n"+
				"line 2: scheduler wrrr not found (did you mean wrr?)\nline 3: --foo: unknown option\n"+
				"line 4: warning: netmask 0.0.0.24 is not contiguous (did you mean 255.255.255.0?)\n"),
	})
}

// setModules replaces the directory in which --check looks for the modules of the
// kernel. modulesDep is the contents of modules.dep; if it is "", the directory
// does not exist.
func setModules(t *testing.T, modulesDep string) (directory string) {
	m := &kmod.Modules{Root: t.TempDir(), Release: "6.1"}
	if modulesDep != "" {
		if err := os.MkdirAll(m.Directory(), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(m.Directory(), "modules.dep"), []byte(modulesDep), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { runningModules = kmod.Running })
	runningModules = func() *kmod.Modules { return m }
	return m.Directory()
}

// TestCheckModules checks that --check finds misspelled schedulers and
// persistence engines, but accepts those of modules that do not come with the
// kernel.
func TestCheckModules(t *testing.T) {
	rules := func(scheduler, engine string) string { return "-A -f 1 -p -s " + scheduler + " --pe " + engine + "\n" }
	const wrrr = "line 1: scheduler wrrr not found (did you mean wrr?)\n"
	const sipp = "line 1: persistence engine sipp not found (did you mean sip?)\n"
	setModules(t, "extra/ip_vs_own.ko:\nextra/ip_vs_pe_mine.ko.xz:\nextra/ip_vs_rrr.ko:\n")
	runCheckTests(t, []checkTest{
		sameOutput("modules of the kernel", rules("mh", "sip"), ""),
		sameOutput("external modules", rules("own", "mine"), ""),
		sameOutput("external scheduler with a name similar to one of the kernel's", rules("rrr", "sip"), ""),
		sameOutput("misspelled scheduler", rules("wrrr", "sip"), wrrr),
		sameOutput("misspelled persistence engine", rules("rr", "sipp"), sipp),
		sameOutput("several similar schedulers", rules("rw", "sip"), "line 1: scheduler rw not found (did you mean rr?)\n"),
		sameOutput("not similar", rules("maglev", "http"), "line 1: scheduler maglev not found\nline 1: persistence engine http not found\n"),
		{name: "edited service", rules: "-E -f 1 -s wrrr\n", check: wrrr,
			apply: "line 1: command 'edit-service' does not describe a table (use only -A, -a, --set and --start-daemon)\n"},
	})
	directory := setModules(t, "")
	runCheckTests(t, []checkTest{
		sameOutput("modules of the kernel", rules("mh", "sip"), ""),
		sameOutput("misspelled, no list of modules", rules("wrrr", "sipp"), wrrr+sipp),
		sameOutput("not similar, no list of modules", rules("maglev", "sip"),
			"line 1: warning: cannot look up scheduler maglev: no list of modules in "+directory+"\n"),
	})
}

func TestUsageErrorWithoutKernel(t *testing.T) {
	for _, tt := range []struct {
		line string
		want result
	}{
		{line: "--check nosuch", want: result{2, "", "open nosuch: no such file or directory\n"}},
		{line: "--apply nosuch", want: result{2, "", "open nosuch: no such file or directory\n"}},
		{line: "--diff .", want: result{2, "", "line 1: read .: is a directory\n"}},
		{line: "--check --verbose", want: result{2, "", "Illegal 'verbose' option with the 'check' command\n"}},
		{line: "--apply -n", want: result{2, "", "Illegal 'numeric' option with the 'apply' command\n"}},
		{line: "--diff --verbose", want: result{2, "", "Illegal 'verbose' option with the 'diff' command\n"}},
		{line: "--diff --foo", want: result{255, "", "--foo: unknown option\n"}},
	} {
		if got := runWithoutKernel(t, oneServer, words("ipvsadm "+tt.line)...); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

// TestUnknownWord checks that messages name an unknown word, except under the
// name ipvsadm.
func TestUnknownWord(t *testing.T) {
	for _, tt := range []struct {
		name, line, rules string
		want              result
	}{
		{name: "goipvsadm", line: "--wacth", want: result{255, "", "--wacth: unknown option\n"}},
		{name: "goipvsadm", line: "-n", want: result{255, "", "-n: the first option must be a command, such as -L\n"}},
		{name: "goipvsadm", line: "-q", want: result{255, "", "-q: unknown option\n"}},
		{name: "goipvsadm", line: "--top", want: result{255, "", "--top: missing argument\n"}},
		{name: "goipvsadm", line: "lsit", want: result{255, "", "unexpected argument lsit\n"}},
		{name: "goipvsadm", line: "-L --wacth", want: result{255, "", "--wacth: unknown option\n"}},
		{
			name:  "goipvsadm",
			line:  "-R",
			rules: "--wacth\n",
			want:  result{255, "", "line 1: --wacth: unknown option\n"},
		},
		{
			name:  "ipvsadm",
			line:  "--check",
			rules: "--wacth\n",
			want:  result{2, "", "line 1: --wacth: unknown option\n"},
		},
		{name: "ipvsadm", line: "--apply", rules: "lsit\n", want: result{2, "", "line 1: unexpected argument lsit\n"}},
		{name: "ipvsadm", line: "--wacth", want: result{255, "", tryLine}},
		{name: "ipvsadm", line: "lsit", want: result{255, "", tryLine}},
		{name: "ipvsadm", line: "-R", rules: "--wacth\n", want: result{255, "", "line 1: " + tryLine}},
		{
			name:  "ipvsadm-restore",
			rules: "--wacth\n",
			want:  result{255, "", "line 1: " + tryLine + "stopped at line 1: earlier lines were executed, later lines were not read\n"},
		},
	} {
		var k ipvstest.FakeKernel
		if got := run(&k, tt.rules, words(tt.name+" "+tt.line)...); got != tt.want {
			t.Errorf("%s %s: %+v, want %+v", tt.name, tt.line, got, tt.want)
		}
	}
}

// TestUsageErrorBeforeDial checks that, under its own name, the program reports
// usage errors without connecting to the kernel.
func TestUsageErrorBeforeDial(t *testing.T) {
	for line, want := range map[string]string{
		"--wacth":           "--wacth: unknown option\n",
		"-A -t 192.0.2.1:x": "illegal virtual server address[:port] specified\n",
	} {
		if got := runWithoutKernel(t, "", words("goipvsadm "+line)...); got.status == 0 || got.stdout != "" || got.stderr != want {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
}

// failingReader returns a Reader that returns an error after text.
func failingReader(text string) io.Reader {
	return io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("input/output error")))
}

func TestCheckReadError(t *testing.T) {
	var stdout, stderr strings.Builder
	status := Run([]string{"ipvsadm", "--check"}, failingReader(oneServer), &stdout, &stderr, dialUnexpected(t))
	if want := "line 3: input/output error\n"; status != 2 || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

// An endlessReader reads its text and then NULs. It fails the test if more than
// 8 MiB are read.
type endlessReader struct {
	t    *testing.T
	text *strings.Reader
	read int
}

func (r *endlessReader) Read(b []byte) (int, error) {
	if r.read += len(b); r.read > 8<<20 {
		r.t.Error("the program reads more than 8 MiB")
		return 0, io.EOF
	}
	n, _ := r.text.Read(b)
	clear(b[n:])
	return len(b), nil
}

func TestEndlessLine(t *testing.T) {
	const stopped = "stopped at line 3: earlier lines were executed, later lines were not read\n"
	for _, tt := range []struct {
		name, before, line, rules string
		status                    int
		stderr, after             string
	}{
		{
			name:   "-R",
			line:   "ipvsadm -R",
			rules:  oneServer,
			status: 255,
			stderr: "line 3: longer than 1 MiB\n",
			after:  oneServer,
		},
		{
			name:   "ipvsadm-restore",
			before: oneService,
			line:   "ipvsadm-restore",
			rules:  "-A -f 1\n-A --foo\n",
			status: 255,
			stderr: "line 2: --foo: unknown option\nline 3: longer than 1 MiB\n",
			after:  oneService,
		},
		{
			name:   "ipvsadm-restore, empty table",
			line:   "ipvsadm-restore",
			rules:  oneServer,
			status: 255,
			stderr: "line 3: longer than 1 MiB\n" + stopped,
			after:  oneServer,
		},
		{
			name:   "--apply",
			before: oneService,
			line:   "goipvsadm --apply",
			rules:  oneServer,
			status: 2,
			stderr: "line 3: longer than 1 MiB\n",
			after:  oneService,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, tt.before, "ipvsadm", "-R")
			var stdout, stderr strings.Builder
			status := Run(words(tt.line), &endlessReader{t: t, text: strings.NewReader(tt.rules)}, &stdout, &stderr, k.Dial)
			if status != tt.status || stderr.String() != tt.stderr || savedRules(t, &k) != tt.after {
				t.Errorf("status %d, %q, table:\n%s", status, stderr.String(), savedRules(t, &k))
			}
		})
	}
}

// TestRestoreReadError checks that ipvsadm-restore changes nothing if stdin cannot
// be read, even if the table is empty.
func TestRestoreReadError(t *testing.T) {
	for _, before := range []string{"", oneService} {
		var k ipvstest.FakeKernel
		run(&k, before, "ipvsadm", "-R")
		var stderr strings.Builder
		status := Run([]string{"ipvsadm-restore"}, failingReader("-A -f 1\n-A --foo\n"), io.Discard, &stderr, k.Dial)
		if want := "input/output error\n"; status != 2 || stderr.String() != want || savedRules(t, &k) != before {
			t.Errorf("status %d, %q, table:\n%s", status, stderr.String(), savedRules(t, &k))
		}
	}
}

// TestRestoreUnreachableRules checks that ipvsadm-restore rejects rules after one
// that ends the input.
func TestRestoreUnreachableRules(t *testing.T) {
	const (
		unreachable = "line 3: not reached: line 2 ends the input\n"
		stopped     = "stopped at line 2: earlier lines were executed, later lines were not read\n"
	)
	for _, tt := range []struct {
		name, before, rules string
		status              int
		stderr, after       string
	}{
		{
			name:   "help",
			before: oneService,
			rules:  "-A -f 1\n-h\n-A -f 2\n-A -f 3\n",
			status: 2,
			stderr: unreachable,
			after:  oneService,
		},
		{
			name:   "version",
			before: oneService,
			rules:  "-A -f 1\n-v\n-A -f 2\n",
			status: 2,
			stderr: unreachable,
			after:  oneService,
		},
		{name: "no rule after help", before: oneService, rules: "-A -f 1 -s wlc\n-h\n", after: "-A -f 1 -s wlc\n"},
		{name: "empty table", rules: "-A -f 1 -s wlc\n-h\n-A -f 2\n", stderr: stopped, after: "-A -f 1 -s wlc\n"},
		{
			name:   "listing that will fail",
			before: oneService,
			rules:  "-A -f 1 -s wlc\n-L -f 9\n-A -f 2\n",
			status: 255,
			stderr: "line 2: service not defined\n",
			after:  oneService,
		},
		{
			name:   "failed listing, empty table",
			rules:  "-A -f 1 -s wlc\n-L -f 9\n-A -f 2\n",
			status: 1,
			stderr: "line 2: No such service\n" + stopped,
			after:  "-A -f 1 -s wlc\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, tt.before, "ipvsadm", "-R")
			r := run(&k, tt.rules, "ipvsadm-restore")
			if r.status != tt.status || r.stderr != tt.stderr || savedRules(t, &k) != tt.after {
				t.Errorf("status %d, %q, table:\n%s", r.status, r.stderr, savedRules(t, &k))
			}
		})
	}
}

// TestRestoreInvalidRules checks that ipvsadm-restore reports all errors and
// changes nothing.
func TestRestoreInvalidRules(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	want := result{255, "", "line 2: --foo: unknown option\nline 3: unexpected argument bar\n"}
	if got := run(&k, oneService+"-A --foo\n-C bar\n", "ipvsadm-restore"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := savedRules(t, &k); got != oneServer {
		t.Errorf("table:\n%s", got)
	}
}

var lineNumber = regexp.MustCompile(`(?m)^line \d+:`)

// TestCheckPredictsKernel checks, for random rules that begin with an empty table,
// that --check reports the lines that the kernel rejects because of the lines
// before them.
func TestCheckPredictsKernel(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	rejected := 0
	for i := range 500 {
		rules := "-C\n"
		for range 30 {
			service := pick(" -t 192.0.2.1:80", " -u 192.0.2.1:80", " -f 1", " -f 1 -6")
			server := pick(" -r 198.51.100.1:80 -i", " -r [2001:db8::1]:80 -i")
			switch r.IntN(17) {
			case 0, 1, 2:
				rules += "-A" + service + pick("", " -s rr") + "\n"
			case 3:
				rules += "-E" + service + "\n"
			case 4:
				rules += "-D" + service + "\n"
			case 5, 6, 7:
				rules += "-a" + service + server + "\n"
			case 8:
				rules += "-e" + service + server + "\n"
			case 9:
				rules += "-d" + service + strings.TrimSuffix(server, " -i") + "\n"
			case 10:
				rules += fmt.Sprintf("--%s-daemon %s\n", pick("start", "stop"), pick("master", "backup"))
			case 11:
				rules += "-Z" + service + "\n"
			case 12:
				rules += pick("-C", "-Z", "--set 1 2 3") + "\n"
			case 13:
				rules += "-e" + service + strings.TrimSuffix(server, " -i") + " --keep -w 3\n"
			case 14:
				rules += "-E" + service + " --keep -p 60\n"
			case 15:
				rules += "-d" + pick(" -r 198.51.100.1", " -r [2001:db8::1]:80") + " --all-services\n"
			case 16:
				rules += "-e" + pick(" -r 198.51.100.1:80", " -r 2001:db8::1") + " --all-services -w 2\n"
			}
		}
		// --check assumes nothing about daemons that no rule has started.
		rules = "--start-daemon master\n--start-daemon backup\n" + rules
		check := runWithoutKernel(t, rules, "goipvsadm", "--check")
		var k ipvstest.FakeKernel
		restore := run(&k, rules, "goipvsadm", "-R")
		want := lineNumber.FindAllString(restore.stderr, -1)
		if got := slices.Compact(lineNumber.FindAllString(check.stderr, -1)); !slices.Equal(got, want) {
			t.Fatalf("seed %d, case %d: --check:\n%s-R:\n%srules:\n%s", seed, i, check.stderr, restore.stderr, rules)
		}
		rejected += len(want)
	}
	if rejected < 500 {
		t.Errorf("%d rules were rejected, want at least 500", rejected)
	}
}
