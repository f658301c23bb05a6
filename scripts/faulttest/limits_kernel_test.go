// SPDX-License-Identifier: MIT

//go:build kernel

package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The resource limits in the manual are sufficient. Below them, the Go runtime ends the program
// with status 2 before it changes anything.
func TestResourceLimits(t *testing.T) {
	env := newTestEnv(t)
	tasks := newTaskGroup(t)
	const many = 5000
	var rules strings.Builder
	for i := range many {
		fmt.Fprintf(&rules, "-A -f %d -s rr\n", i+1)
	}
	for _, tt := range []struct {
		name     string
		limit    string // shell command
		line     string
		rules    string
		status   int
		services int // in the table afterwards
	}{
		{name: "data size", limit: "ulimit -d 48000", line: "-A -f 1 -s rr", services: 1},
		{name: "data size of many rules", limit: "ulimit -d 60000", line: "--apply", rules: rules.String(), services: many},
		{name: "data size too small", limit: "ulimit -d 30000", line: "-A -f 1 -s rr", status: 2},
		{name: "address space", limit: "ulimit -v 750000", line: "-A -f 1 -s rr", services: 1},
		{name: "address space too small", limit: "ulimit -v 500000", line: "-A -f 1 -s rr", status: 2},
		{name: "tasks", limit: tasks(4), line: "-A -f 1 -s rr", services: 1},
		{name: "tasks, many rules", limit: tasks(4), line: "--apply", rules: rules.String(), services: many},
		{name: "too few tasks", limit: tasks(2), line: "-A -f 1 -s rr", status: 2},
		{name: "malformed GOMEMLIMIT", limit: "export GOMEMLIMIT=bogus", line: "-A -f 1 -s rr", status: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env.clear()
			shell, cancel := env.command("ipvsadm")
			defer cancel()
			program := shell.Path
			shell.Path = "/bin/sh"
			shell.Args = []string{"sh", "-c", tt.limit + " && exec " + program + " " + tt.line}
			shell.Stdin = strings.NewReader(tt.rules)
			var stderr strings.Builder
			shell.Stderr = &stderr
			if err := shell.Run(); shell.ProcessState.ExitCode() != tt.status {
				t.Errorf("%v, want status %d\n%s", err, tt.status, stderr.String())
			}
			if services := strings.Count(env.table(), "-A "); services != tt.services {
				t.Errorf("%d services, want %d", services, tt.services)
			}
		})
	}
}

// newTaskGroup mounts the control groups and returns a function that creates a group of at most max
// tasks. The function returns a shell command that moves the shell into the group.
func newTaskGroup(t *testing.T) func(max int) string {
	t.Helper()
	root := t.TempDir()
	if err := unix.Mount("cgroup", root, "cgroup2", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(root, 0) })
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+pids"), 0); err != nil {
		t.Fatal(err)
	}
	return func(max int) string {
		group := filepath.Join(root, fmt.Sprint(max))
		if err := os.Mkdir(group, 0o755); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Rmdir(group) })
		return fmt.Sprintf("echo %d >%s/pids.max && echo $$ >%s/cgroup.procs", max, group, group)
	}
}
