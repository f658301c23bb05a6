//go:build kernel

// Package faulttest does to the program what happens to programs: it is killed, others
// work on its table at the same time, the kernel's buffers are small, and its input and
// outputs are gone. The real ipvsadm looks at the table afterwards.
//
// GOIPVSADM_FAULTS is how many times as much is done as in the short form (1), and
// GOIPVSADM_FAULTS_SEED repeats a run.
package faulttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// times is how many times as much is done as in the short form.
var multiplier = 1

var seed = uint64(time.Now().UnixNano()) % 1_000_000

func TestMain(m *testing.M) {
	for name, to := range map[string]func(uint64){
		"GOIPVSADM_FAULTS":      func(n uint64) { multiplier = int(n) },
		"GOIPVSADM_FAULTS_SEED": func(n uint64) { seed = n },
	} {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.ParseUint(s, 10, 32)
			if err != nil || n == 0 {
				fmt.Fprintf(os.Stderr, "%s is no number of that kind: %q\n", name, s)
				os.Exit(1)
			}
			to(n)
		}
	}
	os.Exit(m.Run())
}

// patience is how long a command may take before it hangs, on a busy machine.
const commandTimeout = time.Minute

// A rig has both programs on the table of this kernel.
type testEnv struct {
	*testing.T
	ours map[string]string // by the name it is called by
	real string
	dir  string
	rand *rand.Rand
}

func newTestEnv(t *testing.T) *testEnv {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	real, err := exec.LookPath("ipvsadm")
	if err != nil {
		t.Fatal(err)
	}
	r := &testEnv{T: t, ours: make(map[string]string), real: real, dir: t.TempDir(), rand: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		r.ours[name] = filepath.Join(tool.Bin, name)
	}
	t.Logf("GOIPVSADM_FAULTS_SEED=%d", seed)
	r.clear()
	t.Cleanup(r.clear)
	return r
}

// A result is what a command left.
type result struct {
	stdout, stderr string
	status         int // -1 if a signal ended it
}

// command makes a command of ours, which begins with its name, that dies where
// it hangs.
func (r *testEnv) command(line string) (*exec.Cmd, context.CancelFunc) {
	words := strings.Fields(line)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	return exec.CommandContext(ctx, r.ours[words[0]], words[1:]...), cancel
}

// finish waits for a command, which must not hang, nor end in a trace of goroutines.
func (r *testEnv) finish(cmd *exec.Cmd, err error) result {
	r.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatalf("%v: %v", cmd, err)
	}
	got := result{status: cmd.ProcessState.ExitCode()}
	if b, ok := cmd.Stdout.(*bytes.Buffer); ok {
		got.stdout = b.String()
	}
	if b, ok := cmd.Stderr.(*bytes.Buffer); ok {
		got.stderr = b.String()
	}
	if got.status == -1 && cmd.ProcessState.String() == "signal: killed" {
		r.Fatalf("%v hangs\n%s%s", cmd, got.stdout, got.stderr)
	}
	if strings.Contains(got.stdout+got.stderr, "goroutine ") {
		r.Errorf("%v: %s", cmd, got.stderr)
	}
	return got
}

// run runs ours with something to read.
func (r *testEnv) run(line string, stdin io.Reader) result {
	r.Helper()
	cmd, cancel := r.command(line)
	defer cancel()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, new(bytes.Buffer), new(bytes.Buffer)
	return r.finish(cmd, cmd.Run())
}

// fromFile runs ours with a file of rules.
func (r *testEnv) runWithFile(line, rules string) result {
	r.Helper()
	file, err := os.Open(r.rulesFile(rules))
	if err != nil {
		r.Fatal(err)
	}
	defer file.Close()
	return r.run(line, file)
}

// file writes text to a file.
func (r *testEnv) rulesFile(text string) string {
	r.Helper()
	name := filepath.Join(r.dir, "rules")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	return name
}

// pipeSize is so small that rules come in many pieces.
const pipeSize = 4096

// pipe makes a pipe of that size.
func (r *testEnv) pipe() (from, to *os.File) {
	r.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		r.Fatal(err)
	}
	if _, err := unix.FcntlInt(to.Fd(), unix.F_SETPIPE_SZ, pipeSize); err != nil {
		r.Fatal(err)
	}
	return from, to
}

// fromPipe runs ours with a pipe of rules.
func (r *testEnv) runWithPipe(line, rules string) result {
	r.Helper()
	from, to := r.pipe()
	var feeding sync.WaitGroup
	feeding.Go(func() {
		_, _ = io.WriteString(to, rules) // as far as they are read
		to.Close()
	})
	got := r.run(line, from)
	from.Close()
	feeding.Wait()
	return got
}

// reference runs the real program.
func (r *testEnv) runReal(stdin string, args ...string) string {
	r.Helper()
	cmd := exec.Command(r.real, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func (r *testEnv) clear() { r.runReal("", "-C") }

// set sets up a table.
func (r *testEnv) load(rules string) {
	r.Helper()
	r.clear()
	if got := r.runWithFile("ipvsadm -R", rules); got != (result{}) {
		r.Fatalf("set up a table: %+v", got)
	}
}

// seen is the table as the real program sees it.
func (r *testEnv) table() string {
	r.Helper()
	return sortLines(r.runReal("", "-S", "-n"))
}

// wantTable fails unless the real program sees those rules.
func (r *testEnv) wantTable(rules, what string) {
	r.Helper()
	if got, want := r.table(), sortLines(rules); got != want {
		r.Fatalf("%s: the table has %d rules and should have %d\n%s", what,
			strings.Count(got, "\n"), strings.Count(want, "\n"), diffLines(got, want))
	}
}

func sortLines(rules string) string {
	lines := strings.SplitAfter(rules, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// difference returns some of the lines that only one of two texts has.
func diffLines(got, want string) string {
	has := make(map[string]int)
	for line := range strings.Lines(got) {
		has[line]++
	}
	for line := range strings.Lines(want) {
		has[line]--
	}
	var lines []string
	for line, n := range has {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("%+d %s", n, line))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines[:min(10, len(lines))], "")
}

// table makes the rules of a table by chance, as the real program saves them: of so
// many services with up to so many servers each.
func (r *testEnv) randomTable(services, servers int) string {
	var b strings.Builder
	for i := range services {
		if r.rand.IntN(10) == 0 {
			continue
		}
		service := fmt.Sprintf("-t 10.1.%d.%d:80", i/250, i%250)
		fmt.Fprintf(&b, "-A %s -s %s\n", service, []string{"rr", "wrr", "wlc"}[r.rand.IntN(3)])
		for j := range servers {
			if r.rand.IntN(4) > 0 {
				fmt.Fprintf(&b, "-a %s -r 10.2.%d.%d:80 -m -w %d\n", service, i%250, j, 1+r.rand.IntN(3))
			}
		}
	}
	return b.String()
}
