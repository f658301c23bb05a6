package cli

import (
	"errors"
	"io"
	"strings"
	"testing"

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
			rules: "# comment\n" + oneServer + "-E -t 192.0.2.1:80 -p\n-Z\n-L -n\n-S --all\n-C\n--set 1 2 3\n" +
				"--start-daemon master\n--stop-daemon master\nipvsadm -D -f 7\n-e -f 1 -r 192.0.2.9:0 -w 2\n-d -f 1 -r 192.0.2.9\n",
		},
		{
			name:  "rules whose success depends on the table",
			rules: oneService + oneService + "-a -f 5 -r 192.0.2.9\n-a -f 5 -r 192.0.2.9\n-D -f 6\n",
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
		if got := runWithoutKernel(t, oneServer, append([]string{"ipvsadm"}, words(tt.line)...)...); got != tt.want {
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
		{name: "goipvsadm", line: "-n", want: result{255, "", strings.ReplaceAll(tryLine, "ipvsadm", "goipvsadm")}},
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
		if got := run(&k, tt.rules, append([]string{tt.name}, words(tt.line)...)...); got != tt.want {
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
		if got := runWithoutKernel(t, "", append([]string{"goipvsadm"}, words(line)...)...); got.status == 0 || got.stdout != "" || got.stderr != want {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
}

// A failingReader returns an error after its text.
type failingReader struct{ text *strings.Reader }

func (r failingReader) Read(b []byte) (int, error) {
	if r.text.Len() == 0 {
		return 0, errors.New("input/output error")
	}
	return r.text.Read(b)
}

func TestCheckReadError(t *testing.T) {
	var stdout, stderr strings.Builder
	status := Run([]string{"ipvsadm", "--check"}, failingReader{strings.NewReader(oneServer)}, &stdout, &stderr, dialUnexpected(t))
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
		r.t.Error("reading does not stop")
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
		status := Run([]string{"ipvsadm-restore"}, failingReader{strings.NewReader("-A -f 1\n-A --foo\n")}, io.Discard, &stderr, k.Dial)
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
			name:   "failed listing",
			before: oneService,
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
