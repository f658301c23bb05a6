// SPDX-License-Identifier: MIT

package testnet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeSystem returns a PATH with the standard tools that scripts/setup runs, the given additional
// tools, and the given programs, which are shell scripts. It contains none of the programs that
// scripts/setup could install.
func fakeSystem(t *testing.T, programs map[string]string, tools ...string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(tools, "awk", "cat", "dirname", "env", "grep", "head", "paste", "realpath", "sed", "sh", "sort") {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// If scripts/setup cannot install packages, its error says what to do.
func TestSetupAdvice(t *testing.T) {
	base := map[string]string{"uname": "echo Linux x86_64", "id": "echo 1000", "go": "echo go1.99"}
	with := func(name, script string) map[string]string {
		programs := map[string]string{name: script}
		for n, s := range base {
			if _, ok := programs[n]; !ok {
				programs[n] = s
			}
		}
		return programs
	}
	for _, tt := range []struct {
		name     string
		purpose  string
		programs map[string]string
		want     []string
		notWant  string
	}{
		{
			name: "no sudo", purpose: "test", programs: with("apt-get", "exit 1"),
			want:    []string{"run as root: ", "/setup build demo test", "no daemon is started"},
			notWant: "apt-get install",
		},
		{
			name: "no apt", purpose: "test", programs: base,
			want:    []string{"not a Debian system", "linux.uml (Debian package user-mode-linux)", "fish (Debian package fish)"},
			notWant: "dh_bash-completion",
		},
		{
			name: "unsupported architecture", purpose: "demo", programs: with("uname", "echo Linux aarch64"),
			want:    []string{"x86-64", "this is Linux aarch64", "make build", "make test-unit"},
			notWant: "install",
		},
		{
			name: "build on any architecture", purpose: "build", programs: with("uname", "echo Linux aarch64"),
			want:    []string{"(Debian package git)"},
			notWant: "User-Mode",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("../setup", tt.purpose)
			cmd.Env = []string{"PATH=" + fakeSystem(t, tt.programs), "GOIPVSADM_PTRACE=no"}
			output, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("exit status 0, want an error: %s", output)
			}
			for _, text := range tt.want {
				if !strings.Contains(string(output), text) {
					t.Errorf("output lacks %q:\n%s", text, output)
				}
			}
			if strings.Contains(string(output), tt.notWant) {
				t.Errorf("output contains %q:\n%s", tt.notWant, output)
			}
		})
	}
}
