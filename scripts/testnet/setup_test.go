package testnet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A bench is a machine as scripts/setup sees it: it has the ordinary tools, nothing that
// would have to be installed, and the programs given here.
func fakeSystem(t *testing.T, programs map[string]string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"awk", "cat", "dirname", "env", "grep", "head", "paste", "realpath", "sed", "sh", "sort"} {
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

// What scripts/setup says where it cannot install.
func TestSetupAdvice(t *testing.T) {
	here := map[string]string{"uname": "echo Linux x86_64", "id": "echo 1000", "go": "echo go1.99"}
	with := func(name, script string) map[string]string {
		programs := map[string]string{name: script}
		for n, s := range here {
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
		says     []string
		never    string
	}{
		{"no sudo", "test", with("apt-get", "exit 1"), []string{"have this run as root: ", "/setup build demo test", "starts none of their daemons"}, "apt-get install"},
		{"no apt", "test", here, []string{"this is not a Debian system", "linux.uml (in Debian: package user-mode-linux)", "fish (in Debian: package fish)"}, "dh_bash-completion"},
		{"another processor", "demo", with("uname", "echo Linux aarch64"), []string{"x86-64", "this is Linux aarch64", "make build", "make test-unit"}, "install"},
		{"another processor, and enough for it", "build", with("uname", "echo Linux aarch64"), []string{"in Debian: package git"}, "User-Mode"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("../setup", tt.purpose)
			cmd.Env = []string{"PATH=" + fakeSystem(t, tt.programs), "GOIPVSADM_PTRACE=no"}
			output, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("it succeeds: %s", output)
			}
			for _, text := range tt.says {
				if !strings.Contains(string(output), text) {
					t.Errorf("%q is not in\n%s", text, output)
				}
			}
			if strings.Contains(string(output), tt.never) {
				t.Errorf("%q is in\n%s", tt.never, output)
			}
		})
	}
}
