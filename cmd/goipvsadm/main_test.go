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

// build builds the program without the Makefile's flags.
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

// One file is all that an image needs.
func TestProgramIsStatic(t *testing.T) {
	f, err := elf.Open(build(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %v", p.Type)
		}
	}
}

// What Go's runtime takes from the environment it takes here too.
func TestRuntimeSettings(t *testing.T) {
	line := []string{build(t), "--check"}
	if emulator := os.Getenv("GOIPVSADM_EMULATOR"); emulator != "" { // as in make cross-test
		line = append([]string{emulator}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "GODEBUG=schedtrace=1", "GOMAXPROCS=7")
	stdin, err := cmd.StdinPipe() // no rules come: the program waits
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
	said, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || !strings.Contains(said, "gomaxprocs=7 ") {
		t.Errorf("the scheduler says %q, %v", said, err)
	}
	stdin.Close()
	cmd.Process.Kill()
	cmd.Wait()
}
