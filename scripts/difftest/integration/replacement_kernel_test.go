// SPDX-License-Identifier: MIT

//go:build kernel

// Helpers for tests of programs and scripts that run /sbin/ipvsadm, ipvsadm-save and
// ipvsadm-restore, which are replaced by goipvsadm.

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/difftest"
	"goipvsadm/scripts/testnet"
)

var replacementPlan = testnet.Plan{
	{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1"}, Links: []testnet.Link{
		{To: "lan", Addresses: []string{"192.168.7.254/24", "10.1.1.2/32", "fd07::254/64"}},
	}},
	{Name: "server1", Links: []testnet.Link{{To: "lan", Addresses: []string{"192.168.7.1/24", "fd07::1/64"}}}},
	{Name: "server2", Links: []testnet.Link{{To: "lan", Addresses: []string{"192.168.7.2/24", "fd07::2/64"}}}},
}

// replacementTest is a director with two servers. The reference of its Comparer is a copy of the real
// ipvsadm, since the installed one is replaced.
type replacementTest struct {
	t        *testing.T
	comparer *difftest.Comparer
	network  *testnet.Network
	servers  map[string]*testnet.Server
}

func newReplacementTest(t *testing.T) *replacementTest {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "ipvsadm")
	reference := filepath.Join(filepath.Dir(difftest.ReferenceProgram(t)), "ipvsadm")
	for _, suffix := range []string{"", "-save", "-restore"} {
		copyProgram(t, reference+suffix, copied+suffix)
	}
	t.Setenv("IPVSADM_REFERENCE", copied)
	network, err := testnet.Build(replacementPlan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	return &replacementTest{t: t, comparer: difftest.NewComparer(t, difftest.ProgramUnderTest(t)), network: network, servers: make(map[string]*testnet.Server)}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	program, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, program, 0o755); err != nil {
		t.Fatal(err)
	}
}

// mountOverIpvsadm mounts a program over ipvsadm until restore is called.
func (r *replacementTest) mountOverIpvsadm(p difftest.Program) (restore func()) {
	r.t.Helper()
	var targets []string
	for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
		target, err := filepath.EvalSymlinks("/sbin/" + name)
		if err != nil {
			r.t.Fatal(err)
		}
		if err := unix.Mount(r.comparer.ProgramPath(p, name), target, "", unix.MS_BIND, ""); err != nil {
			r.t.Fatalf("mount over %s: %v", target, err)
		}
		targets = append(targets, target)
	}
	return func() {
		for _, target := range targets {
			unix.Unmount(target, unix.MNT_DETACH)
		}
	}
}

// start starts a program on the director, which runs until the test ends. It returns the buffer for
// the output of the program.
func (r *replacementTest) start(name string, args ...string) *bytes.Buffer {
	r.t.Helper()
	output := new(bytes.Buffer)
	cmd := exec.Command(difftest.LookPath(r.t, name), args...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := r.network.Host("director").Do(cmd.Start); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("output of %s:\n%s", name, output)
		}
	})
	return output
}

// serve starts an HTTP server on a host; stopServer stops it.
func (r *replacementTest) serve(name string) {
	r.t.Helper()
	server, err := r.network.Host(name).Serve(name, ":80", ":443", ":8080")
	if err != nil {
		r.t.Fatal(err)
	}
	r.servers[name] = server
	r.t.Cleanup(func() { server.Close() })
}

func (r *replacementTest) stopServer(name string) { r.servers[name].Close() }

// runReference runs the real ipvsadm on the director.
func (r *replacementTest) runReference(args ...string) difftest.Result {
	r.t.Helper()
	return r.comparer.Run(r.t, r.comparer.Reference, r.network.Host("director"), difftest.Command{Args: append([]string{"ipvsadm"}, args...)})
}

// expectTable waits until ipvsadm -S -n prints want.
func (r *replacementTest) expectTable(want string) {
	r.t.Helper()
	err := testnet.Eventually(func() error {
		if got := r.runReference("-S", "-n"); got != (difftest.Result{Stdout: want}) {
			return fmt.Errorf("table: %swant:\n%s", got, want)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// write writes a file and returns its path.
func (r *replacementTest) write(name, text string) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}
