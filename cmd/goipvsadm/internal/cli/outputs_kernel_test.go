// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of the table and the exit status if the output is a closed pipe, cannot be
// written or has a slow reader, and if standard input is closed.

package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// A shell runs shell scripts in a network namespace, where ./ours is the program
// under test and ipvsadm is the original.
type shell struct {
	*testing.T
	ns   *testnet.Netns
	tool testnet.Tool
}

func newShell(t *testing.T) *shell {
	t.Helper()
	s := &shell{T: t, ns: newHost(t).ns, tool: testnet.Tool{Work: t.TempDir()}}
	if err := os.Symlink(os.Getenv("GOIPVSADM"), s.tool.Work+"/ours"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shell) run(format string, args ...any) testnet.Result {
	s.Helper()
	r, err := s.tool.Shell(s.ns, "PATH=$PATH:.\n"+fmt.Sprintf(format, args...))
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// writeRules writes rules to a file.
func (s *shell) writeRules(name, rules string) {
	s.Helper()
	if err := os.WriteFile(s.tool.Work+"/"+name, []byte(rules), 0o644); err != nil {
		s.Fatal(err)
	}
}

// closedPipe opens file descriptor 4 for writing to a pipe without a reader.
const closedPipe = "mkfifo -m 600 pipe; exec 3<>pipe 4>pipe 3<&-; rm pipe\n"

// services returns rules that add n services.
func services(n int, scheduler string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-A -t 10.8.%d.%d:80 -s %s\n", i/250, i%250, scheduler)
	}
	return b.String()
}

// TestListingClosedPipe checks the exit status of commands that print to a closed
// pipe. SIGPIPE kills them, as it does ipvsadm; if it is ignored, only -S fails.
func TestListingClosedPipe(t *testing.T) {
	s := newShell(t)
	s.writeRules("rules", services(300, "rr"))
	s.run("ipvsadm -R <rules")
	for _, tt := range []struct {
		trap, command string
		status        int
		ipvsadm       bool // ipvsadm has the same status
		stderr        string
	}{
		{command: "-L -n", status: 141, ipvsadm: true},
		{command: "-S -n", status: 141, ipvsadm: true},
		{command: "-L -n -j", status: 141},
		{command: "-h", status: 141, ipvsadm: true},
		{command: "--complete -L -", status: 141},
		{command: "--doctor -n", status: 141},
		{trap: "trap '' PIPE", command: "-L -n", ipvsadm: true},
		{trap: "trap '' PIPE", command: "-L -n -j"},
		{trap: "trap '' PIPE", command: "-L -n --watch"},
		{trap: "trap '' PIPE", command: "-L -c", ipvsadm: true},
		{trap: "trap '' PIPE", command: "-h", ipvsadm: true},
		{trap: "trap '' PIPE", command: "-v", ipvsadm: true},
		{trap: "trap '' PIPE", command: "--complete -L -"},
		{trap: "trap '' PIPE", command: "--doctor -n", status: 1}, // it found problems
		{trap: "trap '' PIPE", command: "-S -n", status: 1, stderr: "./ours: write /dev/stdout: broken pipe\n"},
	} {
		programs := []string{"./ours"}
		if tt.ipvsadm {
			programs = append(programs, "ipvsadm")
		}
		for _, program := range programs {
			r := s.run("%s\n%s%s %s >&4; echo $?", tt.trap, closedPipe, program, tt.command)
			if want := (testnet.Result{Stdout: fmt.Sprintln(tt.status), Stderr: tt.stderr}); r != want {
				t.Errorf("%s, %s %s: %+v, want %+v", tt.trap, program, tt.command, r, want)
			}
		}
	}
	// --doctor finds no problems with an empty table.
	if r := s.run("ipvsadm -C; trap '' PIPE\n%s./ours --doctor -n >&4; echo $?", closedPipe); r != (testnet.Result{Stdout: "0\n"}) {
		t.Errorf("--doctor with an empty table: %+v", r)
	}
}

// TestDoctorOutputError checks that a report that cannot be written is an error.
func TestDoctorOutputError(t *testing.T) {
	s := newShell(t)
	for _, rules := range []string{"", "-A -t 10.8.0.1:80"} { // without and with problems
		s.run("ipvsadm -C")
		s.writeRules("rules", rules)
		s.run("ipvsadm -R <rules")
		status := "2\n"
		if rules != "" {
			status = "1\n"
		}
		for _, tt := range []struct{ output, stderr string }{
			{output: ">&-", stderr: "standard output is closed\n"},
			{output: ">/dev/full", stderr: "write /dev/stdout: no space left on device\n"},
		} {
			for _, options := range []string{"-n", "-n -j"} {
				r := s.run("./ours --doctor %s %s; echo $?", options, tt.output)
				if want := (testnet.Result{Stdout: status, Stderr: tt.stderr}); r != want {
					t.Errorf("--doctor %s %s with the rules %q: %+v, want %+v", options, tt.output, rules, r, want)
				}
			}
		}
	}
}

// TestChangeClosedPipe checks that a closed pipe does not interrupt commands that
// change the table.
func TestChangeClosedPipe(t *testing.T) {
	s := newShell(t)
	s.writeRules("rules", services(1000, "rr"))
	s.writeRules("other", services(1000, "wrr"))
	s.writeRules("twice", strings.Repeat("-A -f 1\n", 200)+services(100, "rr"))
	s.writeRules("lists", strings.Repeat("-A -f 1\n-L -n\n-D -f 1\n", 50)+services(100, "rr"))
	s.run("ln -s ours ipvsadm-restore")
	for _, trap := range []string{"", "trap '' PIPE"} {
		for _, tt := range []struct {
			name, line string
			want       string // status, and numbers of services with the schedulers wlc, rr and wrr
		}{
			{name: "--apply --verbose", line: "./ours --apply --verbose <rules >&4; echo $?", want: "0 0 1000 0"},
			{
				name: "--apply --verbose with updates",
				line: "./ours --apply <rules; ./ours --apply --verbose <other >&4; echo $?",
				want: "0 0 0 1000",
			},
			{name: "messages of -R", line: "./ours -R <twice 2>&4; echo $?", want: "0 1 100 0"},
			{name: "listings in -R", line: "./ours -R <lists >&4; echo $?", want: "0 0 100 0"},
			{name: "ipvsadm-restore", line: "./ipvsadm-restore <twice 2>&4; echo $?", want: "0 1 100 0"},
		} {
			r := s.run("ipvsadm -C\n%s\n%s%s\nipvsadm -S -n >table\nfor s in wlc rr wrr; do grep -c \" -s $s$\" table; done", trap, closedPipe, tt.line)
			if got := strings.Join(strings.Fields(r.Stdout), " "); got != tt.want || r.Stderr != "" {
				t.Errorf("%s, %s: %s, want %s; %s", trap, tt.name, got, tt.want, r.Stderr)
			}
		}
	}
}

// TestSlowReader checks that a slow reader, such as a pager, does not delay changes
// and receives all output.
func TestSlowReader(t *testing.T) {
	s := newShell(t)
	const n = 4000 // enough to print more than a pipe buffers
	s.writeRules("rules", services(n, "rr"))
	r := s.run(`./ours --apply --verbose <rules | {
			for i in $(seq $((300 * ${GOIPVSADM_PATIENCE:-1}))); do
				[ "$(ipvsadm -S -n | wc -l)" -ne %d ] || break
				sleep 0.1
			done
			ipvsadm -S -n | wc -l
			cat >output
		}
		grep -c "^-A" output; tail -n 1 output`, n)
	if want := fmt.Sprintf("%d\n%[1]d\n# %[1]d added, 0 edited, 0 removed\n", n); r.Stdout != want || r.Stderr != "" {
		t.Errorf("--apply with a slow reader: %s%s, want %s", r.Stdout, r.Stderr, want)
	}
}

// TestClosedStdin checks that a closed standard input, unlike an empty file, is an
// error where rules are required. The original ipvsadm-restore waits forever.
func TestClosedStdin(t *testing.T) {
	s := newShell(t)
	s.run("ln -s ours ipvsadm-restore")
	const closed = "stdin is closed\n"
	for _, tt := range []struct {
		line          string
		status        int
		stderr, after string
	}{
		{line: "./ipvsadm-restore <&-", status: 2, stderr: closed, after: "-A -f 1 -s rr\n"},
		{line: "./ours --apply --allow-empty <&-", status: 2, stderr: closed, after: "-A -f 1 -s rr\n"},
		{line: "./ours --diff --allow-empty <&-", status: 2, stderr: closed, after: "-A -f 1 -s rr\n"},
		{line: "./ours --check <&-", status: 2, stderr: closed, after: "-A -f 1 -s rr\n"},
		{line: "./ours -R <&-", after: "-A -f 1 -s rr\n"},
		{line: "ipvsadm -R <&-", after: "-A -f 1 -s rr\n"},
		{line: "./ipvsadm-restore </dev/null"},
	} {
		r := s.run("ipvsadm -C; ipvsadm -A -f 1 -s rr\n%s\necho $?\nipvsadm -S -n", tt.line)
		if want := (testnet.Result{Stdout: fmt.Sprintln(tt.status) + tt.after, Stderr: tt.stderr}); r != want {
			t.Errorf("%s: %+v, want %+v", tt.line, r, want)
		}
	}
}
