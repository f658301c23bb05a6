// SPDX-License-Identifier: MIT

//go:build kernel

package testnet

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const policyFile = "/usr/sbin/policy-rc.d"

// setupTest runs scripts/setup as root, with a fake apt-get that waits, and an empty /usr/sbin.
type setupTest struct {
	*testing.T
	path string // PATH: the directory of the fake programs and of the files that they create
}

func newSetupTest(t *testing.T) *setupTest {
	t.Helper()
	if err := unix.Mount("tmpfs", "/usr/sbin", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount("/usr/sbin", unix.MNT_DETACH) })
	dir := fakeSystem(t, map[string]string{
		"uname": "echo Linux x86_64", "id": "echo 0", "go": "echo go1.99", "update-rc.d": `echo "$*" >>"${0%/*}/update-rc.d-calls"`,
		"ipvsadm": "exec goipvsadm", // not the real ipvsadm, which setup therefore installs
		// It waits until the file "release" exists or a signal kills it.
		"apt-get": `[ "$1" != update ] || exit; touch "${0%/*}/installing"; while [ ! -e "${0%/*}/release" ]; do sleep 0.1; done`,
	}, "chmod", "flock", "rm", "sleep", "touch", "true")
	return &setupTest{t, dir}
}

// start starts scripts/setup in its own process group, and waits until it installs packages.
func (s *setupTest) start() *exec.Cmd {
	s.Helper()
	os.Remove(filepath.Join(s.path, "installing"))
	cmd := exec.Command("../setup", "test")
	cmd.Env = []string{"PATH=" + s.path, "GOIPVSADM_PTRACE=no"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	if err := Eventually(func() error {
		_, err := os.Stat(filepath.Join(s.path, "installing"))
		return err
	}); err != nil {
		s.Fatal(err)
	}
	return cmd
}

// daemonsForbidden reports whether policy-rc.d forbids starting daemons.
func (s *setupTest) daemonsForbidden() bool {
	s.Helper()
	cmd := exec.Command(policyFile, "keepalived", "start")
	cmd.Env = []string{"PATH=" + s.path}
	err := cmd.Run()
	if err == nil || cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 101 {
		return err != nil
	}
	if _, statErr := os.Stat(policyFile); statErr == nil { // otherwise, it may have been removed meanwhile
		s.Fatalf("%s: %v", policyFile, err)
	}
	return false
}

// If a signal ends scripts/setup, daemons can be started on this machine again.
func TestSetupInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			s := newSetupTest(t)
			cmd := s.start()
			if !s.daemonsForbidden() {
				t.Error("daemons may start during the installation")
			}
			syscall.Kill(-cmd.Process.Pid, signal)
			cmd.Wait()
			if err := Eventually(func() error {
				if s.daemonsForbidden() {
					return errors.New("daemons still cannot be started")
				}
				if _, err := os.Stat(policyFile); err == nil && signal != syscall.SIGKILL {
					return errors.New(policyFile + " is left behind")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			calls, err := os.ReadFile(filepath.Join(s.path, "update-rc.d-calls"))
			if string(calls) != "ipvsadm disable\nkeepalived disable\nldirectord disable\n" && signal != syscall.SIGKILL {
				t.Errorf("services disabled at boot: %q, %v, want ipvsadm, keepalived and ldirectord", calls, err)
			}

			// The next run removes the policy-rc.d of a killed run.
			cmd = s.start()
			if !s.daemonsForbidden() {
				t.Error("daemons may start during the second installation")
			}
			if err := os.WriteFile(filepath.Join(s.path, "release"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			if _, err := os.Stat(policyFile); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s after the second installation: %v, want it removed", policyFile, err)
			}
		})
	}
}

// A policy that scripts/setup did not create is kept.
func TestSetupKeepsPolicy(t *testing.T) {
	s := newSetupTest(t)
	const policy = "#!/bin/sh\nexit 101\n"
	if err := os.WriteFile(policyFile, []byte(policy), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := s.start()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	cmd.Wait()
	if text, err := os.ReadFile(policyFile); err != nil || string(text) != policy {
		t.Errorf("policy %q, %v; want %q", text, err, policy)
	}
}
