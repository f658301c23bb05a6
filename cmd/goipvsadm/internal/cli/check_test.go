package cli

import (
	"errors"
	"io"
	"strings"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// noKernel fails a test that looks for a kernel.
func noKernel(t *testing.T) Dialer {
	return func(...ipvs.Option) (*ipvs.Client, error) {
		t.Error("looked for a kernel")
		return nil, errors.New("no kernel here")
	}
}

// runWithout runs a command line that must not look for a kernel.
func runWithout(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	status := Run(args, strings.NewReader(stdin), &stdout, &stderr, noKernel(t))
	return result{status, stdout.String(), stderr.String()}
}

const tryLine = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, rules string
		want        result
	}{
		{"nothing", "", result{}},
		{"good rules of all kinds", "# comment\n" + oneServer + "-E -t 192.0.2.1:80 -p\n-Z\n-L -n\n-S --all\n-C\n--set 1 2 3\n" +
			"--start-daemon master\n--stop-daemon master\nipvsadm -D -f 7\n-e -f 1 -r 192.0.2.9:0 -w 2\n-d -f 1 -r 192.0.2.9\n", result{}},
		{"what the table may make right or wrong", oneService + oneService + "-a -f 5 -r 192.0.2.9\n-a -f 5 -r 192.0.2.9\n-D -f 6\n", result{}},
		{"every mistake", "-A -w 1\n" + oneServer + "\n-A --foo\n# -q\n-a -t 192.0.2.1:80 -r foo:bar:baz\n-A -t\n-R\n--check\n--apply\n--diff\n-C -N other\n-L --watch\nfoo\n", result{2, "", "" +
			"line 1: You need to supply the 'service-address' option for the 'add-service' command\n" +
			"line 5: --foo: unknown option\n" +
			"line 7: illegal real server address[:port] specified\n" +
			"line 8: -t: missing argument\n" +
			"line 9: Illegal 'restore' command in a rule\n" +
			"line 10: Illegal 'check' command in a rule\n" +
			"line 11: Illegal 'apply' command in a rule\n" +
			"line 12: Illegal 'diff' command in a rule\n" +
			"line 13: Illegal 'netns' option in a rule\n" +
			"line 14: Illegal 'watch' option in a rule\n" +
			"line 15: unexpected argument foo\n"}},
		{"the last line without its newline", "-A -t 192.0.2.1:80\n-A -f 0", result{2, "", "line 2: invalid fwmark value `0' specified\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := runWithout(t, tt.rules, "ipvsadm", "--check"); got != tt.want {
				t.Errorf("got\n%+v\nwant\n%+v", got, tt.want)
			}
		})
	}
}

func TestMistakesOfTheCommandLineNeedNoKernel(t *testing.T) {
	for _, tt := range []struct {
		line string
		want result
	}{
		{"--check foo", result{2, "", "unexpected argument foo\n"}},
		{"--check --verbose", result{2, "", "Illegal 'verbose' option with the 'check' command\n"}},
		{"--apply -n", result{2, "", "Illegal 'numeric' option with the 'apply' command\n"}},
		{"--diff --verbose", result{2, "", "Illegal 'verbose' option with the 'diff' command\n"}},
		{"--diff --foo", result{255, "", "--foo: unknown option\n"}},
	} {
		if got := runWithout(t, oneServer, append([]string{"ipvsadm"}, words(tt.line)...)...); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.line, got, tt.want)
		}
	}
}

// Where ipvsadm's answer does not bind, an unknown word in place of the command is named.
func TestUnknownWord(t *testing.T) {
	for _, tt := range []struct {
		name, line, rules string
		want              result
	}{
		{"goipvsadm", "--wacth", "", result{255, "", "--wacth: unknown option\n"}},
		{"goipvsadm", "-n", "", result{255, "", strings.ReplaceAll(tryLine, "ipvsadm", "goipvsadm")}},
		{"goipvsadm", "-q", "", result{255, "", "-q: unknown option\n"}},
		{"goipvsadm", "--top", "", result{255, "", "--top: missing argument\n"}},
		{"goipvsadm", "lsit", "", result{255, "", "unexpected argument lsit\n"}},
		{"goipvsadm", "-L --wacth", "", result{255, "", "--wacth: unknown option\n"}},
		{"goipvsadm", "-R", "--wacth\n", result{255, "", "line 1: --wacth: unknown option\n"}},
		{"ipvsadm", "--check", "--wacth\n", result{2, "", "line 1: --wacth: unknown option\n"}},
		{"ipvsadm", "--apply", "lsit\n", result{2, "", "line 1: unexpected argument lsit\n"}},
		{"ipvsadm", "--wacth", "", result{255, "", tryLine}},
		{"ipvsadm", "lsit", "", result{255, "", tryLine}},
		{"ipvsadm", "-R", "--wacth\n", result{255, "", "line 1: " + tryLine}},
		{"ipvsadm-restore", "", "--wacth\n", result{255, "", "line 1: " + tryLine + "stopped at line 1: earlier lines were executed, later lines were not read\n"}},
	} {
		var k ipvstest.FakeKernel
		if got := run(&k, tt.rules, append([]string{tt.name}, words(tt.line)...)...); got != tt.want {
			t.Errorf("%s %s: %+v, want %+v", tt.name, tt.line, got, tt.want)
		}
	}
}

// Nor does one need a kernel with IPVS, or privilege, to learn of a mistake.
func TestMistakeUnderOwnName(t *testing.T) {
	for line, want := range map[string]string{
		"--wacth":           "--wacth: unknown option\n",
		"-A -t 192.0.2.1:x": "illegal virtual server address[:port] specified\n",
	} {
		if got := runWithout(t, "", append([]string{"goipvsadm"}, words(line)...)...); got.status == 0 || got.stdout != "" || got.stderr != want {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
}

// A failingReader fails after its text.
type failingReader struct{ text *strings.Reader }

func (r failingReader) Read(b []byte) (int, error) {
	if r.text.Len() == 0 {
		return 0, errors.New("input/output error")
	}
	return r.text.Read(b)
}

func TestCheckOfRulesThatEndEarly(t *testing.T) {
	var stdout, stderr strings.Builder
	status := Run([]string{"ipvsadm", "--check"}, failingReader{strings.NewReader(oneServer)}, &stdout, &stderr, noKernel(t))
	if want := "line 3: input/output error\n"; status != 2 || stderr.String() != want {
		t.Errorf("status %d, %q, want %q", status, stderr.String(), want)
	}
}

// An endlessReader has a text, and then nothing but NULs. It fails the test
// where nobody stops reading.
type endlessReader struct {
	t    *testing.T
	text *strings.Reader
	read int
}

func (r *endlessReader) Read(b []byte) (int, error) {
	if r.read += len(b); r.read > 8<<20 {
		r.t.Error("it reads on")
		return 0, io.EOF
	}
	n, _ := r.text.Read(b)
	clear(b[n:])
	return len(b), nil
}

// A line that does not end is not gathered by ipvsadm-restore, nor by others.
func TestEndlessLine(t *testing.T) {
	const more = "stopped at line 3: earlier lines were executed, later lines were not read\n"
	for _, tt := range []struct {
		name, before, line, rules string
		status                    int
		stderr, after             string
	}{
		{"-R", "", "ipvsadm -R", oneServer, 255, "line 3: longer than 1 MiB\n", oneServer},
		{"ipvsadm-restore", oneService, "ipvsadm-restore", "-A -f 1\n-A --foo\n", 255,
			"line 2: --foo: unknown option\nline 3: longer than 1 MiB\n", oneService},
		{"ipvsadm-restore into an empty table", "", "ipvsadm-restore", oneServer, 255, "line 3: longer than 1 MiB\n" + more, oneServer},
		{"--apply", oneService, "goipvsadm --apply", oneServer, 2, "line 3: longer than 1 MiB\n", oneService},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, tt.before, "ipvsadm", "-R")
			var stdout, stderr strings.Builder
			status := Run(words(tt.line), &endlessReader{t: t, text: strings.NewReader(tt.rules)}, &stdout, &stderr, k.Dial)
			if status != tt.status || stderr.String() != tt.stderr || rules(t, &k) != tt.after {
				t.Errorf("status %d, %q, then\n%s", status, stderr.String(), rules(t, &k))
			}
		})
	}
}

// What could not be read to its end changes nothing, on an empty table too.
func TestRestoreOfRulesThatEndEarly(t *testing.T) {
	for _, before := range []string{"", oneService} {
		var k ipvstest.FakeKernel
		run(&k, before, "ipvsadm", "-R")
		var stderr strings.Builder
		status := Run([]string{"ipvsadm-restore"}, failingReader{strings.NewReader("-A -f 1\n-A --foo\n")}, io.Discard, &stderr, k.Dial)
		if want := "input/output error\n"; status != 2 || stderr.String() != want || rules(t, &k) != before {
			t.Errorf("status %d, %q, then\n%s", status, stderr.String(), rules(t, &k))
		}
	}
}

// A rule that ends the rules must not have ipvsadm-restore clear what those behind
// it would set up.
func TestRestoreOfRulesThatEnd(t *testing.T) {
	const (
		notReached = "line 3: not reached: line 2 ends the input\n"
		more       = "stopped at line 2: earlier lines were executed, later lines were not read\n"
	)
	for _, tt := range []struct {
		name, before, rules string
		status              int
		stderr, after       string
	}{
		{"help", oneService, "-A -f 1\n-h\n-A -f 2\n-A -f 3\n", 2, notReached, oneService},
		{"version", oneService, "-A -f 1\n-v\n-A -f 2\n", 2, notReached, oneService},
		{"nothing behind it", oneService, "-A -f 1 -s wlc\n-h\n", 0, "", "-A -f 1 -s wlc\n"},
		{"an empty table", "", "-A -f 1 -s wlc\n-h\n-A -f 2\n", 0, more, "-A -f 1 -s wlc\n"},
		{"a listing of what is not there", oneService, "-A -f 1 -s wlc\n-L -f 9\n-A -f 2\n", 1,
			"line 2: No such service\n" + more, "-A -f 1 -s wlc\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k ipvstest.FakeKernel
			run(&k, tt.before, "ipvsadm", "-R")
			r := run(&k, tt.rules, "ipvsadm-restore")
			if r.status != tt.status || r.stderr != tt.stderr || rules(t, &k) != tt.after {
				t.Errorf("status %d, %q, then\n%s", r.status, r.stderr, rules(t, &k))
			}
		})
	}
}

// ipvsadm-restore tells of all mistakes too, and changes nothing then.
func TestRestoringChecksFirst(t *testing.T) {
	var k ipvstest.FakeKernel
	run(&k, oneServer, "ipvsadm", "-R")
	want := result{255, "", "line 2: --foo: unknown option\nline 3: unexpected argument bar\n"}
	if got := run(&k, oneService+"-A --foo\n-C bar\n", "ipvsadm-restore"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := rules(t, &k); got != oneServer {
		t.Errorf("the table is\n%s", got)
	}
}
