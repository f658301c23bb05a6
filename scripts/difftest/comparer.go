//go:build kernel

// The rig: two network namespaces, a program for each, and the comparison of a case.

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

// A Program is ipvsadm or something that claims to be.
type Program struct {
	Path    string
	Texts   Texts
	Release Release // of the reference; ours has the words of its model
}

// A Rig compares two programs, each with a namespace of its own. Tables are read with
// the reference on both sides.
type Comparer struct {
	Reference, Ours           Program
	ReferenceNetns, OursNetns *testnet.Netns
	stdin, stdout, stderr     *os.File
}

// patience is how long a command may take; one that takes longer is killed, which shows
// in its answer.
var commandTimeout = 2 * testnet.TestTimeout

// Inspect lists all there is to know about a namespace, then brings it back to its
// first state, in one process: -R runs one command a line.
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

// NewRig makes a rig of the real ipvsadm, the first in PATH or the one that
// IPVSADM_REFERENCE names, and the program at a path.
func NewComparer(t *testing.T, ours string) *Comparer {
	t.Helper()
	reference := os.Getenv("IPVSADM_REFERENCE")
	if reference == "" {
		reference = "ipvsadm"
	}
	r := &Comparer{
		Reference:      Program{Path: LookPath(t, reference)},
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
			t.Fatalf("%s -v and -h print nothing", p.Path)
		}
	}
	r.Reference.Release = FindRelease(r.Run(t, r.Reference, r.ReferenceNetns, Probe).Stderr)
	t.Logf("the reference is ipvsadm %s", r.Reference.Release.Name)
	return r
}

// ProgramUnderTest is the path in GOIPVSADM.
func ProgramUnderTest(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GOIPVSADM")
	if path == "" {
		t.Fatal("GOIPVSADM does not name the program to test")
	}
	return path
}

// LookPath finds a program.
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

// newNamespace makes a network namespace with an eth0, for the sync daemons.
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

// PathFor finds the program for an argv[0]: beside ipvsadm lie its two scripts, while
// ours is one binary that looks at its name.
func (r *Comparer) ProgramPath(p Program, name string) string {
	if p.Path == r.Reference.Path && (name == "ipvsadm-save" || name == "ipvsadm-restore") {
		return filepath.Join(filepath.Dir(p.Path), name)
	}
	return p.Path
}

// Run starts a process the cheapest way there is: a system call costs much on a
// kernel that is itself a process.
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
		cmd.Process.Kill()
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

// Same tells whether ours answers a command as the reference does.
func (r *Comparer) Same(c Command, reference, ours Result) bool {
	return Same(c, reference, ours, r.Reference.Texts, r.Ours.Texts)
}

// onlyLists tells whether a command can do no more than print. Two namespaces hash the
// same services in different orders, so such a command is compared on one table.
func isReadOnly(c Command) bool {
	return len(c.Args) == 1 && c.Args[0] == "ipvsadm" ||
		slices.Contains([]string{"L", "l", "S", "list", "save"}, commandName(c)) || c.Args[0] == "ipvsadm-save"
}

// Compare runs a case on both sides and describes the first difference, or returns "".
func (r *Comparer) Compare(t *testing.T, c Case) string {
	t.Helper()
	touched := false
	difference := ""
	for _, command := range c.Commands {
		place := r.OursNetns
		if isReadOnly(command) {
			place = r.ReferenceNetns
		}
		want := r.Run(t, r.Reference, r.ReferenceNetns, command)
		got := r.Run(t, r.Ours, place, command)
		// Exit status 2 is a mistake in the arguments, found before anything is done.
		touched = touched || want.Status != 2 || got.Status != 2 || isRestore(command)
		if difference == "" && !r.Same(command, want, got) {
			difference = fmt.Sprintf("%s\nat %sipvsadm: %sours: %s", c, command, want, got)
		}
	}
	if !touched {
		return difference
	}
	look := Command{Args: []string{"ipvsadm", "-R"}, Stdin: DumpAndReset}
	want := r.Run(t, r.Reference, r.ReferenceNetns, look)
	got := r.Run(t, r.Reference, r.OursNetns, look)
	want.Stdout, got.Stdout = SortListing(want.Stdout), SortListing(got.Stdout)
	if difference == "" && want != got {
		difference = fmt.Sprintf("%s\nof the tables after it\nonly after ipvsadm: %sonly after ours: %s", c, want.Without(got), got.Without(want))
	}
	return difference
}

// FixNames gives every machine the same names, those in dir: this kernel's /etc has its own hosts,
// services and resolver from here on.
func MountNameFiles(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		source, target := filepath.Join(dir, file.Name()), filepath.Join("/etc", file.Name())
		if link, err := os.Readlink(target); err == nil && strings.HasPrefix(filepath.Join("/etc", link), "/run/") {
			// /run is empty and this kernel's own.
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
