// SPDX-License-Identifier: MIT

//go:build kernel

package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// While goipvsadm and the real ipvsadm change the table and other processes read it, none of them
// fails or hangs, and no saved table contains a duplicate rule. A final --apply then produces the
// desired table.
func TestConcurrentPrograms(t *testing.T) {
	env := newTestEnv(t)
	wanted := env.randomTable(150, 4)
	tables := []string{wanted, env.randomTable(150, 4), env.randomTable(150, 4)}
	env.load(wanted)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	// repeat starts a goroutine that calls do until stop is closed.
	repeat := func(do func()) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					do()
				}
			}
		})
	}
	counts := make(chan string, 1<<20)
	// Writers.
	for i := range 2 {
		n := i
		repeat(func() {
			n++
			// Conflicts with other writers are expected; other errors are not.
			got := env.runWithPipe("ipvsadm --apply", tables[n%3])
			for line := range strings.Lines(got.stderr) {
				if !isConflict(line) {
					t.Errorf("--apply: %s", line)
				}
			}
			counts <- "--apply"
		})
	}
	repeat(func() {
		cmd := exec.Command(env.real, "-R")
		cmd.Stdin = strings.NewReader("-A -f 7 -s rr\n-a -f 7 -r 10.3.0.1:0 -g\n-D -f 7\n")
		_ = cmd.Run() // fails if --apply has removed the service
		counts <- "ipvsadm -R"
	})
	// Readers.
	repeat(func() {
		got := env.run("ipvsadm -S -n", nil)
		if got.stderr != "" || got.status != 0 {
			t.Errorf("-S: status %d: %s", got.status, got.stderr)
		}
		if line, n := mostFrequentRule(got.stdout); n > 1 {
			t.Errorf("-S prints a rule %d times: %s", n, line)
		}
		counts <- "-S"
	})
	repeat(func() {
		got := env.run("ipvsadm -L -j", nil)
		var list struct {
			Services []struct {
				Address string
				Port    int
				Mark    uint32
			}
		}
		if err := json.Unmarshal([]byte(got.stdout), &list); err != nil || got.stderr != "" || got.status != 0 {
			t.Errorf("-j: %v, status %d: %s", err, got.status, got.stderr)
		}
		seen := make(map[string]bool)
		for _, s := range list.Services {
			key := fmt.Sprint(s)
			if seen[key] {
				t.Errorf("-j prints a service twice: %s", key)
			}
			seen[key] = true
		}
		counts <- "-j"
	})
	repeat(func() {
		if got := env.runWithPipe("ipvsadm --diff", wanted); got.stderr != "" || got.status > 1 {
			t.Errorf("--diff: status %d: %s", got.status, got.stderr)
		}
		counts <- "--diff"
	})
	repeat(func() {
		if got := env.run("ipvsadm -L -n --stats", nil); got.stderr != "" || got.status != 0 {
			t.Errorf("-L: status %d: %s", got.status, got.stderr)
		}
		counts <- "-L"
	})
	time.Sleep(2 * time.Second * time.Duration(repetitionFactor))
	close(stop)
	wg.Wait()
	close(counts)
	done := make(map[string]int)
	for command := range counts {
		done[command]++
	}
	t.Logf("commands run: %v", done)

	if got := env.runWithPipe("ipvsadm --apply", wanted); got != (result{}) {
		t.Errorf("final --apply: %+v", got)
	}
	env.wantTable(wanted, "final --apply")
}

// isConflict reports whether an error may be caused by another program that changes the table.
func isConflict(message string) bool {
	for _, text := range []string{"already exists", "No such service", "No such destination", "Service not defined", "errors occurred; skipped"} {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// mostFrequentRule returns the rule that occurs most often in text, and how often.
func mostFrequentRule(text string) (rule string, n int) {
	seen := make(map[string]int)
	for line := range bytes.Lines([]byte(text)) {
		words := strings.Fields(string(line))
		key := strings.Join(words[:min(len(words), 3)], " ")
		if words[0] == "-a" {
			key = strings.Join(words[:min(len(words), 5)], " ")
		}
		if seen[key]++; seen[key] > n {
			rule, n = key, seen[key]
		}
	}
	return rule, n
}
