// SPDX-License-Identifier: MIT

//go:build kernel

// Package faulttest tests the program under fault conditions: SIGKILL, concurrent changes by other
// programs, small socket buffers, and closed or blocked standard input and output. The real
// ipvsadm checks the table afterwards.
//
// The environment variable GOIPVSADM_FAULTS multiplies the number of repetitions (default 1), and
// GOIPVSADM_FAULTS_SEED sets the random seed, to repeat a run.
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

// repetitionFactor is the value of GOIPVSADM_FAULTS.
var repetitionFactor = 1

// seed is the random seed, which GOIPVSADM_FAULTS_SEED overrides.
var seed = uint64(time.Now().UnixNano()) % 1_000_000

func TestMain(m *testing.M) {
	for name, set := range map[string]func(uint64){
		"GOIPVSADM_FAULTS":      func(n uint64) { repetitionFactor = int(n) },
		"GOIPVSADM_FAULTS_SEED": func(n uint64) { seed = n },
	} {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.ParseUint(s, 10, 32)
			if err != nil || n == 0 {
				fmt.Fprintf(os.Stderr, "%s must be a positive integer: %q\n", name, s)
				os.Exit(1)
			}
			set(n)
		}
	}
	os.Exit(m.Run())
}

// commandTimeout is the time after which a command is considered to hang.
var commandTimeout = 2 * testnet.TestTimeout

// testEnv runs goipvsadm and the real ipvsadm on the table of this kernel.
type testEnv struct {
	*testing.T
	ours map[string]string // paths of goipvsadm, by command name
	real string            // path of the real ipvsadm
	dir  string            // directory for files
	rand *rand.Rand
}

func newTestEnv(t *testing.T) *testEnv {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	reference, err := testnet.ReferenceProgram()
	if err != nil {
		t.Fatal(err)
	}
	env := &testEnv{T: t, ours: make(map[string]string), real: reference, dir: t.TempDir(), rand: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		env.ours[name] = filepath.Join(tool.Bin, name)
	}
	t.Logf("GOIPVSADM_FAULTS_SEED=%d", seed)
	env.clear()
	t.Cleanup(env.clear)
	return env
}

// result is the output and exit status of a command.
type result struct {
	stdout, stderr string
	status         int // -1 if killed by a signal
}

// command returns a command that runs goipvsadm under the name that the command line begins with. It
// is killed after commandTimeout.
func (env *testEnv) command(line string) (*exec.Cmd, context.CancelFunc) {
	words := strings.Fields(line)
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	return exec.CommandContext(ctx, env.ours[words[0]], words[1:]...), cancel
}

// finish returns the result of a command that has exited. It fails the test if the command hung or
// printed a stack trace.
func (env *testEnv) finish(cmd *exec.Cmd, err error) result {
	env.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		env.Fatalf("%v: %v", cmd, err)
	}
	got := result{status: cmd.ProcessState.ExitCode()}
	if b, ok := cmd.Stdout.(*bytes.Buffer); ok {
		got.stdout = b.String()
	}
	if b, ok := cmd.Stderr.(*bytes.Buffer); ok {
		got.stderr = b.String()
	}
	if got.status == -1 && cmd.ProcessState.String() == "signal: killed" {
		env.Fatalf("%v hangs\n%s%s", cmd, got.stdout, got.stderr)
	}
	if strings.Contains(got.stdout+got.stderr, "goroutine ") {
		env.Errorf("%v: stack trace: %s%s", cmd, got.stdout, got.stderr)
	}
	return got
}

// run runs goipvsadm with the given standard input.
func (env *testEnv) run(line string, stdin io.Reader) result {
	env.Helper()
	cmd, cancel := env.command(line)
	defer cancel()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, new(bytes.Buffer), new(bytes.Buffer)
	return env.finish(cmd, cmd.Run())
}

// runWithFile runs goipvsadm with rules from a file.
func (env *testEnv) runWithFile(line, rules string) result {
	env.Helper()
	file, err := os.Open(env.rulesFile(rules))
	if err != nil {
		env.Fatal(err)
	}
	defer file.Close()
	return env.run(line, file)
}

// rulesFile writes rules to a file and returns its name.
func (env *testEnv) rulesFile(text string) string {
	env.Helper()
	name := filepath.Join(env.dir, "rules")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		env.Fatal(err)
	}
	return name
}

// pipeSize is small, so that rules are read in many parts.
const pipeSize = 4096

// pipe creates a pipe of pipeSize bytes.
func (env *testEnv) pipe() (reader, writer *os.File) {
	env.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		env.Fatal(err)
	}
	if _, err := unix.FcntlInt(writer.Fd(), unix.F_SETPIPE_SZ, pipeSize); err != nil {
		env.Fatal(err)
	}
	return reader, writer
}

// runWithPipe runs goipvsadm with rules from a pipe.
func (env *testEnv) runWithPipe(line, rules string) result {
	env.Helper()
	reader, writer := env.pipe()
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.WriteString(writer, rules) // goipvsadm may exit before it has read everything
		writer.Close()
	})
	got := env.run(line, reader)
	reader.Close()
	wg.Wait()
	return got
}

// runReal runs the real ipvsadm, which must succeed, and returns its output.
func (env *testEnv) runReal(stdin string, args ...string) string {
	env.Helper()
	cmd := exec.Command(env.real, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		env.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

func (env *testEnv) clear() { env.runReal("", "-C") }

// load replaces the table.
func (env *testEnv) load(rules string) {
	env.Helper()
	env.clear()
	if got := env.runWithFile("ipvsadm -R", rules); got != (result{}) {
		env.Fatalf("loading the table: %+v", got)
	}
}

// table returns the table as saved by the real ipvsadm, sorted by line.
func (env *testEnv) table() string {
	env.Helper()
	return sortLines(env.runReal("", "-S", "-n"))
}

// wantTable fails the test if the table differs from rules.
func (env *testEnv) wantTable(rules, message string) {
	env.Helper()
	if got, want := env.table(), sortLines(rules); got != want {
		env.Fatalf("%s: the table has %d rules, want %d\n%s", message,
			strings.Count(got, "\n"), strings.Count(want, "\n"), diffLines(got, want))
	}
}

// sortLines sorts the lines of rules.
func sortLines(rules string) string {
	lines := strings.SplitAfter(rules, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// diffLines returns the first ten lines, in sorted order, that occur more often in one text than in
// the other.
func diffLines(got, want string) string {
	counts := make(map[string]int)
	for line := range strings.Lines(got) {
		counts[line]++
	}
	for line := range strings.Lines(want) {
		counts[line]--
	}
	var lines []string
	for line, n := range counts {
		if n != 0 {
			lines = append(lines, fmt.Sprintf("%+d %s", n, line))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines[:min(10, len(lines))], "")
}

// randomTable returns the rules of a random table, in the format of ipvsadm -S -n, with at most
// the given number of services and of servers per service.
func (env *testEnv) randomTable(services, servers int) string {
	var b strings.Builder
	for i := range services {
		if env.rand.IntN(10) == 0 {
			continue
		}
		service := fmt.Sprintf("-t 10.1.%d.%d:80", i/250, i%250)
		fmt.Fprintf(&b, "-A %s -s %s\n", service, []string{"rr", "wrr", "wlc"}[env.rand.IntN(3)])
		for j := range servers {
			if env.rand.IntN(4) > 0 {
				fmt.Fprintf(&b, "-a %s -r 10.2.%d.%d:80 -m -w %d\n", service, i%250, j, 1+env.rand.IntN(3))
			}
		}
	}
	return b.String()
}
