// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build builds the program without the Makefile's flags and returns its path.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "goipvsadm")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func TestStaticBinary(t *testing.T) {
	f, err := elf.Open(build(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %v segment", p.Type)
		}
	}
}

// TestRuntimeEnvironment checks that the program honors GODEBUG and GOMAXPROCS.
func TestRuntimeEnvironment(t *testing.T) {
	args := []string{build(t), "--check"}
	if emulator := os.Getenv("GOIPVSADM_EMULATOR"); emulator != "" { // set by make cross-test
		args = append([]string{emulator}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GODEBUG=schedtrace=1", "GOMAXPROCS=7")
	stdin, err := cmd.StdinPipe() // while it is open, the program waits for rules
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	trace, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(trace, "gomaxprocs=7 ") {
		t.Errorf("scheduler trace %q, %v; want gomaxprocs=7", trace, err)
	}
	stdin.Close()
	cmd.Process.Kill()
	cmd.Wait()
}

// TestInitialization checks that the initialization of this program's packages
// allocates no memory, and that packages which few commands need are not initialized
// at start: every command pays for both.
func TestInitialization(t *testing.T) {
	args := []string{build(t), "--version"}
	if emulator := os.Getenv("GOIPVSADM_EMULATOR"); emulator != "" {
		args = append([]string{emulator}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, trace)
	}
	packages := 0
	for line := range strings.Lines(string(trace)) {
		// init NAME @TIME ms, TIME ms clock, BYTES bytes, COUNT allocs
		if !strings.HasPrefix(line, "init ") {
			continue
		}
		packages++
		name := strings.Fields(line)[1]
		if strings.HasPrefix(name, "goipvsadm/") && !strings.Contains(line, ", 0 bytes, ") {
			t.Errorf("initialization allocates: %s", line)
		}
		for _, unwanted := range []string{"os/exec", "path/filepath", "regexp", "text/template", "crypto/"} {
			if strings.HasPrefix(name, unwanted) {
				t.Errorf("initialized at start: %s", line)
			}
		}
	}
	if packages == 0 {
		t.Errorf("no packages in the trace: %s", trace)
	}
}
