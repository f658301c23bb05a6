//go:build kernel

// What becomes of the table, and of the exit status, when nobody reads what the
// program writes, or nobody does so for a while.

package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"goipvsadm/scripts/testnet"
)

// A shell runs lines of shell in a network namespace. In them ours is the
// program under test, and ipvsadm the real one.
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

// rules writes a file of rules.
func (s *shell) rules(name, text string) {
	s.Helper()
	if err := os.WriteFile(s.tool.Work+"/"+name, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// nobody makes the descriptor 4 a pipe that nobody reads.
const nobody = "mkfifo -m 600 pipe; exec 3<>pipe 4>pipe 3<&-; rm pipe\n"

func services(n int, scheduler string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "-A -t 10.8.%d.%d:80 -s %s\n", i/250, i%250, scheduler)
	}
	return b.String()
}

// A reader that left ends a listing as it ends ipvsadm's, and in silence,
// whether the caller ignores SIGPIPE or not. A table that is saved for nobody
// is not saved.
func TestReaderGoneFromListing(t *testing.T) {
	s := newShell(t)
	s.rules("rules", services(300, "rr"))
	s.run("ipvsadm -R <rules")
	for _, tt := range []struct {
		trap, command string
		status        int  // of ours
		theirs        bool // and of ipvsadm
		stderr        string
	}{
		{"", "-L -n", 141, true, ""},
		{"", "-S -n", 141, true, ""},
		{"", "-L -n -j", 141, false, ""},
		{"", "-h", 141, true, ""},
		{"", "--complete -L -", 141, false, ""},
		{"", "--doctor -n", 141, false, ""},
		{"trap '' PIPE", "-L -n", 0, true, ""},
		{"trap '' PIPE", "-L -n -j", 0, false, ""},
		{"trap '' PIPE", "-L -n --watch", 0, false, ""},
		{"trap '' PIPE", "-L -c", 0, true, ""},
		{"trap '' PIPE", "-h", 0, true, ""},
		{"trap '' PIPE", "-v", 0, true, ""},
		{"trap '' PIPE", "--complete -L -", 0, false, ""},
		{"trap '' PIPE", "--doctor -n", 1, false, ""}, // there is something the matter
		{"trap '' PIPE", "-S -n", 1, false, "./ours: write /dev/stdout: broken pipe\n"},
	} {
		programs := []string{"./ours"}
		if tt.theirs {
			programs = append(programs, "ipvsadm")
		}
		for _, program := range programs {
			r := s.run("%s\n%s%s %s >&4; echo $?", tt.trap, nobody, program, tt.command)
			if want := (testnet.Result{Stdout: fmt.Sprintln(tt.status), Stderr: tt.stderr}); r != want {
				t.Errorf("%s, %s %s: %+v, want %+v", tt.trap, program, tt.command, r, want)
			}
		}
	}
	// Nothing is the matter with an empty table.
	if r := s.run("ipvsadm -C; trap '' PIPE\n%s./ours --doctor -n >&4; echo $?", nobody); r != (testnet.Result{Stdout: "0\n"}) {
		t.Errorf("--doctor, nothing the matter: %+v", r)
	}
}

// Work on the table goes on whatever becomes of the outputs.
func TestReaderGoneFromChange(t *testing.T) {
	s := newShell(t)
	s.rules("rules", services(1000, "rr"))
	s.rules("other", services(1000, "wrr"))
	s.rules("twice", strings.Repeat("-A -f 1\n", 200)+services(100, "rr"))
	s.rules("lists", strings.Repeat("-A -f 1\n-L -n\n-D -f 1\n", 50)+services(100, "rr"))
	s.run("ln -s ours ipvsadm-restore")
	for _, trap := range []string{"", "trap '' PIPE"} {
		for _, tt := range []struct {
			name, line string
			want       string // status, and how many services have the schedulers wlc, rr and wrr
		}{
			{"--apply --verbose", "./ours --apply --verbose <rules >&4; echo $?", "0 0 1000 0"},
			{"--apply --verbose that edits", "./ours --apply <rules; ./ours --apply --verbose <other >&4; echo $?", "0 0 0 1000"},
			{"-R and its messages", "./ours -R <twice 2>&4; echo $?", "255 1 100 0"},
			{"-R and its listings", "./ours -R <lists >&4; echo $?", "0 0 100 0"},
			{"ipvsadm-restore", "./ipvsadm-restore <twice 2>&4; echo $?", "255 1 100 0"},
		} {
			r := s.run("ipvsadm -C\n%s\n%s%s\nipvsadm -S -n >table\nfor s in wlc rr wrr; do grep -c \" -s $s$\" table; done", trap, nobody, tt.line)
			if got := strings.Join(strings.Fields(r.Stdout), " "); got != tt.want || r.Stderr != "" {
				t.Errorf("%s, %s: %s, want %s; %s", trap, tt.name, got, tt.want, r.Stderr)
			}
		}
	}
}

// Somebody who reads slowly, as page by page, does not keep the rest of a
// change waiting; nor does he miss anything.
func TestSlowReader(t *testing.T) {
	s := newShell(t)
	const n = 4000 // told in more than a pipe holds
	s.rules("rules", services(n, "rr"))
	r := s.run(`./ours --apply --verbose <rules | {
			for i in $(seq $((300 * ${GOIPVSADM_PATIENCE:-1}))); do
				[ "$(ipvsadm -S -n | wc -l)" -ne %d ] || break
				sleep 0.1
			done
			ipvsadm -S -n | wc -l
			cat >told
		}
		grep -c "^-A" told; tail -n 1 told`, n)
	if want := fmt.Sprintf("%d\n%[1]d\n# %[1]d added, 0 edited, 0 removed\n", n); r.Stdout != want || r.Stderr != "" {
		t.Errorf("%s%s, want %s", r.Stdout, r.Stderr, want)
	}
}

// A standard input that is closed has no rules, which is not the same as an
// empty file. ipvsadm-restore waits for ever then.
func TestClosedInput(t *testing.T) {
	s := newShell(t)
	s.run("ln -s ours ipvsadm-restore")
	const closed = "Standard input is closed: there are no rules to read\n"
	for _, tt := range []struct {
		line          string
		status        int
		stderr, after string
	}{
		{"./ipvsadm-restore <&-", 2, closed, "-A -f 1 -s rr\n"},
		{"./ours --apply --allow-empty <&-", 2, closed, "-A -f 1 -s rr\n"},
		{"./ours --diff --allow-empty <&-", 2, closed, "-A -f 1 -s rr\n"},
		{"./ours --check <&-", 2, closed, "-A -f 1 -s rr\n"},
		{"./ours -R <&-", 0, "", "-A -f 1 -s rr\n"},
		{"ipvsadm -R <&-", 0, "", "-A -f 1 -s rr\n"},
		{"./ipvsadm-restore </dev/null", 0, "", ""},
	} {
		r := s.run("ipvsadm -C; ipvsadm -A -f 1 -s rr\n%s\necho $?\nipvsadm -S -n", tt.line)
		if want := (testnet.Result{Stdout: fmt.Sprintln(tt.status) + tt.after, Stderr: tt.stderr}); r != want {
			t.Errorf("%s: %+v, want %+v", tt.line, r, want)
		}
	}
}
