// SPDX-License-Identifier: MIT

//go:build kernel

// Tests without privileges, without IPVS and with output that cannot be written.

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

// Without privileges, both programs fail with the same error for every command line, except that
// goipvsadm's -v and -h succeed.
func TestWithoutPrivilege(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	runUnprivileged := unprivilegedRunner(t, r.OursNetns)
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-A -f 5 -q", "-R", "-S", "-C foo"} {
		if want, got := runUnprivileged(r.Reference, strings.Fields(line)...), runUnprivileged(r.Ours, strings.Fields(line)...); got != want {
			t.Errorf("%s\nipvsadm: %sgoipvsadm: %s", line, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := runUnprivileged(r.Ours, option); got.Status != 0 || got.Stderr != "" {
			t.Errorf("goipvsadm %s: %swant exit status 0 and no error", option, got)
		}
		if got := runUnprivileged(r.Reference, option); got.Status != 2 {
			t.Errorf("ipvsadm %s: %swant exit status 2", option, got)
		}
	}
}

// unprivilegedRunner returns a function that runs a program in a namespace as an unprivileged user.
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

// goipvsadm fails if its output cannot be written; ipvsadm ignores write errors.
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
			if hasMessage := stderr.String() != ""; (err != nil) != side.fails || hasMessage != side.fails {
				t.Errorf("%s %s: error %v, message %q; want failure: %v", side.program.Path, line, err, stderr.String(), side.fails)
			}
		}
	}
}

// If the kernel has no IPVS and modprobe cannot load it, both programs fail with the same error.
func TestWithoutIPVS(t *testing.T) {
	r := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	r.ReferenceNetns.Close()
	r.OursNetns.Close()
	netns, err := testnet.NewNetns("empty")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { netns.Close() })

	const modprobePath = "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(modprobePath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(modprobePath, []byte("/bin/false"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(modprobePath, before, 0); err != nil {
			t.Error(err)
		}
		if out, err := exec.Command("modprobe", "ip_vs").CombinedOutput(); err != nil {
			t.Errorf("modprobe: %v: %s", err, out)
		}
	})
	// The kernel frees closed namespaces asynchronously. Until then, they hold references to modules.
	err = testnet.Eventually(func() error {
		if !tryUnloadIPVS(t) {
			return errors.New("cannot unload IPVS")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Setenv("MODPROBE_OPTIONS", "-d /nonexistent")
	for _, line := range []string{"", "-L -n", "-A -t 10.0.0.1:80", "-A -t foo", "-q", "-R", "-S", "-C foo"} {
		c := difftest.Command{Args: append([]string{"ipvsadm"}, strings.Fields(line)...)}
		if want, got := r.Run(t, r.Reference, netns, c), r.Run(t, r.Ours, netns, c); got != want || want.Status != 2 {
			t.Errorf("%sipvsadm: %sgoipvsadm: %s", c, want, got)
		}
		runUnprivileged := unprivilegedRunner(t, netns)
		if want, got := runUnprivileged(r.Reference, c.Args[1:]...), runUnprivileged(r.Ours, c.Args[1:]...); got != want || want.Status != 2 {
			t.Errorf("without privileges: %sipvsadm: %sgoipvsadm: %s", c, want, got)
		}
	}
	for _, option := range []string{"-v", "-h"} {
		if got := r.Run(t, r.Ours, netns, difftest.Command{Args: []string{"ipvsadm", option}}); got.Status != 0 || got.Stderr != "" {
			t.Errorf("goipvsadm %s: %swant exit status 0 and no error", option, got)
		}
	}
}

// tryUnloadIPVS removes all IPVS modules that are not in use, and reports whether none is left.
func tryUnloadIPVS(t *testing.T) bool {
	t.Helper()
	modules, err := os.ReadFile("/proc/modules")
	if err != nil {
		t.Fatal(err)
	}
	unloaded := true
	for line := range strings.Lines(string(modules)) {
		if name, _, _ := strings.Cut(line, " "); strings.HasPrefix(name, "ip_vs") {
			unloaded = exec.Command("rmmod", name).Run() == nil && unloaded
		}
	}
	return unloaded
}
