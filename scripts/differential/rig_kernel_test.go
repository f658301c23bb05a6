//go:build kernel

// The rig: two network namespaces, a program for each, and the comparison of a case.

package differential

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/lab"
)

// A program is ipvsadm or something that claims to be.
type program struct {
	path  string
	texts Texts
}

// A rig compares two programs. Tables are read with the reference on both sides.
type rig struct {
	reference, ours           program
	referenceTable, oursTable *lab.Netns
	stdin, stdout, stderr     *os.File
}

// inspect lists all there is to know about a namespace, then brings it back to its
// first state, in one process: -R runs one command a line.
const inspect = `-S -n
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

func newRig(t *testing.T, ours string) *rig {
	t.Helper()
	reference := os.Getenv("IPVSADM_REFERENCE")
	if reference == "" {
		reference = "ipvsadm"
	}
	r := &rig{
		reference:      program{path: lookPath(t, reference)},
		ours:           program{path: lookPath(t, ours)},
		referenceTable: newNamespace(t, "reference"),
		oursTable:      newNamespace(t, "ours"),
		stdin:          memoryFile(t, "stdin"),
		stdout:         memoryFile(t, "stdout"),
		stderr:         memoryFile(t, "stderr"),
	}
	for _, p := range []*program{&r.reference, &r.ours} {
		p.texts.Version = r.run(t, *p, r.referenceTable, Command{Args: []string{"ipvsadm", "-v"}}).Stdout
		p.texts.Help = r.run(t, *p, r.referenceTable, Command{Args: []string{"ipvsadm", "-h"}}).Stdout
		if p.texts.Version == "" || p.texts.Help == "" {
			t.Fatalf("%s -v and -h print nothing", p.path)
		}
	}
	return r
}

// programUnderTest is the path in GOIPVSADM.
func programUnderTest(t *testing.T) string {
	t.Helper()
	path := os.Getenv("GOIPVSADM")
	if path == "" {
		t.Fatal("GOIPVSADM does not name the program to test")
	}
	return path
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func memoryFile(t *testing.T, name string) *os.File {
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
func newNamespace(t *testing.T, name string) *lab.Netns {
	t.Helper()
	namespace, err := lab.NewNetns(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { namespace.Close() })
	if err := namespace.IP("link add eth0 type dummy", "address add 192.0.2.1/24 dev eth0", "link set eth0 up"); err != nil {
		t.Fatal(err)
	}
	return namespace
}

// pathFor finds the program for an argv[0]: beside ipvsadm lie its two scripts, while
// ours is one binary that looks at its name.
func (r *rig) pathFor(p program, name string) string {
	if p == r.reference && (name == "ipvsadm-save" || name == "ipvsadm-restore") {
		return filepath.Join(filepath.Dir(p.path), name)
	}
	return p.path
}

// run starts a process the cheapest way there is: a system call costs much on a
// kernel that is itself a process.
func (r *rig) run(t *testing.T, p program, namespace *lab.Netns, c Command) Answer {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatalf("running %s: %v", p.path, err)
		}
	}
	for _, file := range []*os.File{r.stdout, r.stderr, r.stdin} {
		check(file.Truncate(0))
		_, err := file.Seek(0, 0)
		check(err)
	}
	_, err := r.stdin.WriteAt([]byte(c.Stdin), 0)
	check(err)
	cmd := exec.Cmd{Path: r.pathFor(p, c.Args[0]), Args: c.Args, Stdin: r.stdin, Stdout: r.stdout, Stderr: r.stderr}

	err = namespace.Run(&cmd)
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", p.path, err)
	}
	status := cmd.ProcessState.ExitCode()
	if signal := cmd.ProcessState.Sys().(syscall.WaitStatus); signal.Signaled() {
		status = -int(signal.Signal())
	}
	return Answer{Status: status, Stdout: contents(t, r.stdout), Stderr: contents(t, r.stderr)}
}

func contents(t *testing.T, file *os.File) string {
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

// compare runs a case on both sides and describes the first difference, or returns "".
func (r *rig) compare(t *testing.T, c Case) string {
	t.Helper()
	touched := false
	difference := ""
	for _, command := range c.Commands {
		place := r.oursTable
		if onlyLists(command) {
			place = r.referenceTable
		}
		want := r.run(t, r.reference, r.referenceTable, command)
		got := r.run(t, r.ours, place, command)
		// Exit status 2 is a mistake in the arguments, found before anything is done.
		touched = touched || want.Status != 2 || got.Status != 2 || restores(command)
		if difference == "" && !Same(command, want, got, r.reference.texts, r.ours.texts) {
			difference = fmt.Sprintf("%s\nat %sipvsadm: %sours: %s", c, command, want, got)
		}
	}
	if !touched {
		return difference
	}
	look := Command{Args: []string{"ipvsadm", "-R"}, Stdin: inspect}
	want := r.run(t, r.reference, r.referenceTable, look)
	got := r.run(t, r.reference, r.oursTable, look)
	want.Stdout, got.Stdout = Canonical(want.Stdout), Canonical(got.Stdout)
	if difference == "" && want != got {
		difference = fmt.Sprintf("%s\nof the tables after it\nonly after ipvsadm: %sonly after ours: %s", c, want.Without(got), got.Without(want))
	}
	return difference
}
