// SPDX-License-Identifier: MIT

//go:build kernel

package difftest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/testnet"
)

// Program is an implementation of ipvsadm.
type Program struct {
	Path    string
	Texts   Texts
	Release Release // release of the real ipvsadm; the zero value for goipvsadm
}

// Comparer runs two programs in separate namespaces and compares the results. The tables in both
// namespaces are read with the reference program.
type Comparer struct {
	Reference, Ours           Program
	ReferenceNetns, OursNetns *testnet.Netns
	stdin, stdout, stderr     *os.File
}

// commandTimeout is the time limit of a command. A command that exceeds it is killed, and its result
// contains the signal.
var commandTimeout = 2 * testnet.TestTimeout

// DumpAndReset is standard input for ipvsadm -R that prints the complete state of a namespace and
// then resets it to the initial state.
const DumpAndReset = `-S -n
-L -n
-L -n --thresholds
-L -n --persistent-conn
-L -n --tun-info
-L --timeout
-L --daemon
-C
--set 900 120 300
--stop-daemon master
--stop-daemon backup
`

// NewComparer returns a Comparer of the program ours, a path or a name in PATH, with the real
// ipvsadm (see testnet.ReferenceProgram).
func NewComparer(t *testing.T, ours string) *Comparer {
	t.Helper()
	r := &Comparer{
		Reference:      Program{Path: ReferenceProgram(t)},
		Ours:           Program{Path: LookPath(t, ours)},
		ReferenceNetns: newNetns(t, "reference"),
		OursNetns:      newNetns(t, "ours"),
		stdin:          newMemfd(t, "stdin"),
		stdout:         newMemfd(t, "stdout"),
		stderr:         newMemfd(t, "stderr"),
	}
	for _, p := range []*Program{&r.Reference, &r.Ours} {
		p.Texts.Version = r.Run(t, *p, r.ReferenceNetns, Command{Args: []string{"ipvsadm", "-v"}}).Stdout
		p.Texts.Help = r.Run(t, *p, r.ReferenceNetns, Command{Args: []string{"ipvsadm", "-h"}}).Stdout
		if p.Texts.Version == "" || p.Texts.Help == "" {
			t.Fatalf("%s -v or -h prints nothing", p.Path)
		}
	}
	r.Reference.Release = FindRelease(r.Run(t, r.Reference, r.ReferenceNetns, Probe).Stderr)
	t.Logf("reference: ipvsadm %s", r.Reference.Release.Name)
	return r
}

// ProgramUnderTest returns the path of the program under test, from the environment variable
// GOIPVSADM.
func ProgramUnderTest(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GOIPVSADM")
	if path == "" {
		t.Fatal("GOIPVSADM is not set (path of the program under test)")
	}
	return path
}

// ReferenceProgram returns the path of the real ipvsadm.
func ReferenceProgram(t *testing.T) string {
	t.Helper()
	path, err := testnet.ReferenceProgram()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// LookPath is exec.LookPath for programs that must exist.
func LookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newMemfd(t *testing.T, name string) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatalf("memfd: %v", err)
	}
	file := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { file.Close() })
	return file
}

// newNetns creates a network namespace with an interface eth0 for the sync daemons.
func newNetns(t *testing.T, name string) *testnet.Netns {
	t.Helper()
	namespace, err := testnet.NewNetns(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { namespace.Close() })
	if err := namespace.IP("link add eth0 type dummy", "address add 192.0.2.1/24 dev eth0", "link set eth0 up"); err != nil {
		t.Fatal(err)
	}
	return namespace
}

// ProgramPath returns the executable for an argv[0]. ipvsadm-save and ipvsadm-restore are scripts
// next to the real ipvsadm, while goipvsadm is one binary that behaves according to argv[0].
func (r *Comparer) ProgramPath(p Program, name string) string {
	if p.Path == r.Reference.Path && (name == "ipvsadm-save" || name == "ipvsadm-restore") {
		return filepath.Join(filepath.Dir(p.Path), name)
	}
	return p.Path
}

// Run runs a command in a namespace. Standard input and output are in-memory files, because
// system calls are slow on User-Mode Linux and pipes would need many more of them.
func (r *Comparer) Run(t *testing.T, p Program, namespace *testnet.Netns, c Command) Result {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatalf("running %s: %v", p.Path, err)
		}
	}
	for _, file := range []*os.File{r.stdout, r.stderr, r.stdin} {
		check(file.Truncate(0))
		_, err := file.Seek(0, 0)
		check(err)
	}
	_, err := r.stdin.WriteAt([]byte(c.Stdin), 0)
	check(err)
	cmd := exec.Cmd{Path: r.ProgramPath(p, c.Args[0]), Args: c.Args, Stdin: r.stdin, Stdout: r.stdout, Stderr: r.stderr}

	check(namespace.Do(cmd.Start))
	timer := time.AfterFunc(commandTimeout, func() {
		t.Logf("%s is still running after %s (%s):\n%s", p.Path, commandTimeout, testnet.TimeoutHint, c)
		_ = cmd.Process.Kill() // it may have exited meanwhile
	})
	err = cmd.Wait()
	timer.Stop()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", p.Path, err)
	}
	status := cmd.ProcessState.ExitCode()
	if signal := cmd.ProcessState.Sys().(syscall.WaitStatus); signal.Signaled() {
		status = -int(signal.Signal())
	}
	return Result{Status: status, Stdout: readAll(t, r.stdout), Stderr: p.Release.Translate(readAll(t, r.stderr))}
}

func readAll(t *testing.T, file *os.File) string {
	t.Helper()
	size, err := file.Seek(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, size)
	if _, err := file.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Same reports whether both programs have the same result; see the function Same.
func (r *Comparer) Same(c Command, reference, ours Result) bool {
	return Same(c, reference, ours, r.Reference.Texts, r.Ours.Texts)
}

// isReadOnly reports whether a command only prints. Both programs run such a command in the same
// namespace, since the order of services differs between namespaces.
func isReadOnly(c Command) bool {
	return len(c.Args) == 1 && c.Args[0] == "ipvsadm" ||
		slices.Contains([]string{"L", "l", "S", "list", "save"}, commandName(c)) || c.Args[0] == "ipvsadm-save"
}

// Compare runs a case with both programs and returns a description of the first difference, or
// "" if there is none.
func (r *Comparer) Compare(t *testing.T, c Case) string {
	t.Helper()
	mayHaveChanged := false
	difference := ""
	for _, command := range c.Commands {
		netns := r.OursNetns
		if isReadOnly(command) {
			netns = r.ReferenceNetns
		}
		want := r.Run(t, r.Reference, r.ReferenceNetns, command)
		got := r.Run(t, r.Ours, netns, command)
		// Exit status 2 means that the command line was rejected before anything was changed.
		mayHaveChanged = mayHaveChanged || want.Status != 2 || got.Status != 2 || isRestore(command)
		if difference == "" && !r.Same(command, want, got) {
			difference = fmt.Sprintf("%s\nat %sipvsadm: %sgoipvsadm: %s", c, command, want, got)
		}
	}
	if !mayHaveChanged {
		return difference
	}
	dump := Command{Args: []string{"ipvsadm", "-R"}, Stdin: DumpAndReset}
	want := r.Run(t, r.Reference, r.ReferenceNetns, dump)
	got := r.Run(t, r.Reference, r.OursNetns, dump)
	want.Stdout, got.Stdout = SortListing(want.Stdout), SortListing(got.Stdout)
	if difference == "" && want != got {
		difference = fmt.Sprintf("%s\nresulting tables differ\nonly with ipvsadm: %sonly with goipvsadm: %s", c, want.Without(got), got.Without(want))
	}
	return difference
}

// MountNameFiles mounts the files in dir (hosts, services, nsswitch.conf, resolv.conf) over those
// in /etc of the throwaway kernel, so that names resolve in the same way on every machine.
func MountNameFiles(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		source, target := filepath.Join(dir, file.Name()), filepath.Join("/etc", file.Name())
		if link, err := os.Readlink(target); err == nil && strings.HasPrefix(filepath.Join("/etc", link), "/run/") {
			// /run is an empty tmpfs on the throwaway kernel.
			target = filepath.Join("/etc", link)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(target, nil, 0o644); err != nil {
				return err
			}
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "mount", Path: target, Err: err}
		}
	}
	return nil
}
