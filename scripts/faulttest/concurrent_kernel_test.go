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

// Several programs change the table, ours and the real one, while others read it: no
// one fails or hangs, what is saved has no rule twice, and in the end --apply makes the
// table what it should be.
func TestTogether(t *testing.T) {
	r := newRig(t)
	wanted := r.table(150, 4)
	tables := []string{wanted, r.table(150, 4), r.table(150, 4)}
	r.set(wanted)

	stop := make(chan struct{})
	var everybody sync.WaitGroup
	// again does something until it is over.
	again := func(do func()) {
		everybody.Go(func() {
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
		again(func() {
			n++
			// Another writer may be first; nothing else is wrong.
			got := r.fromPipe("ipvsadm --apply", tables[n%3])
			for line := range strings.Lines(got.stderr) {
				if !raced(line) {
					t.Errorf("--apply: %s", line)
				}
			}
			counts <- "--apply"
		})
	}
	again(func() {
		cmd := exec.Command(r.real, "-R")
		cmd.Stdin = strings.NewReader("-A -f 7 -s rr\n-a -f 7 -r 10.3.0.1:0 -g\n-D -f 7\n")
		_ = cmd.Run() // an --apply may have taken the mark away
		counts <- "ipvsadm -R"
	})
	// Readers.
	again(func() {
		got := r.run("ipvsadm -S -n", nil)
		if got.stderr != "" || got.status != 0 {
			t.Errorf("-S: status %d: %s", got.status, got.stderr)
		}
		if line, n := twice(got.stdout); n > 1 {
			t.Errorf("-S has a rule %d times: %s", n, line)
		}
		counts <- "-S"
	})
	again(func() {
		got := r.run("ipvsadm -L -j", nil)
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
				t.Errorf("-j has a service twice: %s", key)
			}
			seen[key] = true
		}
		counts <- "-j"
	})
	again(func() {
		if got := r.fromPipe("ipvsadm --diff", wanted); got.stderr != "" || got.status > 1 {
			t.Errorf("--diff: status %d: %s", got.status, got.stderr)
		}
		counts <- "--diff"
	})
	again(func() {
		if got := r.run("ipvsadm -L -n --stats", nil); got.stderr != "" || got.status != 0 {
			t.Errorf("-L: status %d: %s", got.status, got.stderr)
		}
		counts <- "-L"
	})
	time.Sleep(2 * time.Second * time.Duration(times))
	close(stop)
	everybody.Wait()
	close(counts)
	done := make(map[string]int)
	for what := range counts {
		done[what]++
	}
	t.Log(done)

	if got := r.fromPipe("ipvsadm --apply", wanted); got != (result{}) {
		t.Errorf("--apply in the end: %+v", got)
	}
	r.wantTable(wanted, "in the end")
}

// raced reports whether a message is one of those that come of another writer on the
// same table.
func raced(message string) bool {
	for _, text := range []string{"already exists", "No such service", "No such destination", "Service not defined", "errors occurred; skipped "} {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// twice returns the rule that text has most often, and how often.
func twice(text string) (rule string, n int) {
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
