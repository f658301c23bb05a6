//go:build kernel

// Bad days: no privilege, no IPVS, no room for the output.

package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/scripts/difftest"
	"goipvsadm/scripts/testnet"
)

// Without privilege or without IPVS both say the same, whatever the command line; help
// and version are the exception.
func TestWithoutPrivilege(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	nobody := unprivilegedRunner(t, r.OursNetns)
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-A -f 5 -q", "-R", "-S", "-C foo"} {
		if want, got := nobody(r.Reference, strings.Fields(line)...), nobody(r.Ours, strings.Fields(line)...); got != want {
			t.Errorf("%s\nipvsadm: %sours: %s", line, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := nobody(r.Ours, option); got.Status != 0 || got.Stderr != "" {
			t.Errorf("%s: %s", option, got)
		}
		if got := nobody(r.Reference, option); got.Status != 2 {
			t.Errorf("ipvsadm %s: %s", option, got)
		}
	}
}

// asNobody returns what runs a program in a namespace without privilege.
func unprivilegedRunner(t *testing.T, namespace *testnet.Netns) func(p difftest.Program, args ...string) difftest.Result {
	t.Helper()
	dir, err := os.MkdirTemp("", "public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return func(p difftest.Program, args ...string) difftest.Result {
		t.Helper()
		path := filepath.Join(dir, filepath.Base(p.Path))
		copyProgram(t, p.Path, path)
		var stdout, stderr strings.Builder
		cmd := &exec.Cmd{Path: path, Args: append([]string{"ipvsadm"}, args...), Stdout: &stdout, Stderr: &stderr,
			SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}}
		err := namespace.Run(cmd)
		if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return difftest.Result{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	}
}

// A table that could not be written in full must not pass for one that was saved.
func TestOutputWriteError(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { full.Close() })
	r.Run(t, r.Reference, r.OursNetns, difftest.Command{Args: []string{"ipvsadm", "-A", "-f", "5"}})
	for _, line := range []string{"-S", "-L", "-L -c", "-L --timeout"} {
		for _, side := range []struct {
			program difftest.Program
			fails   bool
		}{{r.Reference, false}, {r.Ours, true}} {
			var stderr strings.Builder
			cmd := &exec.Cmd{Path: side.program.Path, Args: append([]string{"ipvsadm"}, strings.Fields(line)...), Stdout: full, Stderr: &stderr}
			err := r.OursNetns.Run(cmd)
			if said := stderr.String() != ""; (err != nil) != side.fails || said != side.fails {
				t.Errorf("%s %s: %v, %q", side.program.Path, line, err, stderr.String())
			}
		}
	}
}

// Where the kernel has no IPVS and modprobe finds none, both end alike.
func TestWithoutIPVS(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	r.ReferenceNetns.Close()
	r.OursNetns.Close()
	empty, err := testnet.NewNetns("empty")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })

	const loader = "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(loader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(loader, []byte("/bin/false"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(loader, before, 0); err != nil {
			t.Error(err)
		}
		if out, err := exec.Command("modprobe", "ip_vs").CombinedOutput(); err != nil {
			t.Errorf("modprobe: %v: %s", err, out)
		}
	})
	// A namespace that has just been left goes in its own time, and holds modules until then.
	err = testnet.Eventually(func() error {
		if !tryUnloadIPVS(t) {
			return errors.New("IPVS stays loaded")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Setenv("MODPROBE_OPTIONS", "-d /nonexistent")
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-R", "-S", "-C foo"} {
		c := difftest.Command{Args: append([]string{"ipvsadm"}, strings.Fields(line)...)}
		if want, got := r.Run(t, r.Reference, empty, c), r.Run(t, r.Ours, empty, c); got != want || want.Status != 2 {
			t.Errorf("%sipvsadm: %sours: %s", c, want, got)
		}
		nobody := unprivilegedRunner(t, empty)
		if want, got := nobody(r.Reference, c.Args[1:]...), nobody(r.Ours, c.Args[1:]...); got != want || want.Status != 2 {
			t.Errorf("without privilege: %sipvsadm: %sours: %s", c, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := r.Run(t, r.Ours, empty, difftest.Command{Args: []string{"ipvsadm", option}}); got.Status != 0 || got.Stderr != "" {
			t.Errorf("%s: %s", option, got)
		}
	}
}

// unloadIPVS takes IPVS and what builds on it out of the kernel, as far as it can, and
// tells whether all is gone.
func tryUnloadIPVS(t *testing.T) bool {
	t.Helper()
	modules, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	gone := true
	for line := range strings.Lines(string(modules)) {
		if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "ip_vs") {
			gone = exec.Command("rmmod", name).Run() == nil && gone
		}
	}
	return gone
}
