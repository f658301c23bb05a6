// SPDX-License-Identifier: MIT

package testnet

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// requireKernel skips the test if User-Mode Linux is not installed.
func requireKernel(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("linux.uml"); err != nil {
		t.Skip(err)
	}
	// Read the scripts, so that go test does not cache results when they change.
	for _, script := range []string{"../kernel", "../kernel-init"} {
		if _, err := os.ReadFile(script); err != nil {
			t.Fatal(err)
		}
	}
}

// runKernel runs a command line in scripts/kernel and returns its output. If prepare is not empty,
// scripts/kernel runs in a new mount namespace, after this shell script has been run there.
func runKernel(t *testing.T, env []string, prepare, line string) string {
	t.Helper()
	requireKernel(t)
	cmd := exec.Command("sh", "-ec", prepare+"\nexec ../kernel sh -c '"+line+"'")
	cmd.Env = append(os.Environ(), env...)
	if prepare != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		if err := exec.Command("unshare", "-rm", "true").Run(); err != nil {
			t.Skipf("unshare: %v", err)
		}
	}
	output, _ := cmd.CombinedOutput() // the output contains the error
	return string(output)
}

// scripts/kernel runs with TMPDIR on any file system that has enough space; otherwise, its error says
// to set TMPDIR.
func TestKernelTemporaryDirectory(t *testing.T) {
	dir := t.TempDir()
	const noexec = "mount -t tmpfs -o size=64m tmpfs /dev/shm; mount --bind /tmp /tmp; mount -o remount,bind,noexec /tmp"
	for _, tt := range []struct {
		name, temporary, prepare string
		want                     string
	}{
		{name: "/dev/shm", temporary: "/dev/shm", want: "hello\n"},
		{name: "missing", temporary: dir + "/none", want: "temporary directory not found; set TMPDIR\n"},
		{name: "noexec", temporary: "/tmp", prepare: noexec, want: "hello\n"},
		{name: "full", temporary: dir, prepare: "mount -t tmpfs -o size=4k tmpfs " + dir, want: "set TMPDIR\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := runKernel(t, []string{"TMPDIR=" + tt.temporary}, tt.prepare, "echo hello"); !strings.HasSuffix(got, tt.want) {
				t.Errorf("output %q, want suffix %q", got, tt.want)
			}
		})
	}
}

// If no directory can hold the kernel's memory, the error says why.
func TestKernelNoMemoryDirectory(t *testing.T) {
	requireKernel(t)
	output, err := exec.Command("../kernel", "-m", "900000G", "true").CombinedOutput()
	if text := string(output); err == nil || !strings.Contains(text, "no directory for the kernel's memory of 921600000 MB (/dev/shm: ") ||
		!strings.Contains(text, " MB available") || !strings.HasSuffix(text, "; set TMPDIR to one with enough space, not mounted noexec\n") {
		t.Errorf("%v, output %q; want an error with the available space of each directory", err, text)
	}
}
