//go:build kernel

package faulttest

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// Killed at any moment, -R, ipvsadm-restore and --apply leave a table from which --apply
// makes the one that was wanted. What the first two leave are the rules up to some line. A
// killed --apply has taken nothing away that was there and is wanted.
func TestKilled(t *testing.T) {
	r := newTestEnv(t)
	none := func() string { return "" }
	some := func() string { return r.randomTable(200, 8) }
	all := 0 // kills half way
	for _, tt := range []struct {
		name   string
		before func() string
		kill   func(rules string, delay time.Duration)
		check  func(what, before, after, left string)
	}{
		{"-R", none, func(rules string, delay time.Duration) { r.killAfter("ipvsadm -R", rules, delay) }, r.wantPrefix},
		{"-R of a pipe", none, func(rules string, _ time.Duration) { r.killAfterInput("ipvsadm -R", rules) }, r.wantPrefix},
		{"ipvsadm-restore", some, func(rules string, delay time.Duration) { r.killAfter("ipvsadm-restore", rules, delay) }, r.wantPrefix},
		{"--apply", some, func(rules string, delay time.Duration) { r.killAfter("ipvsadm --apply", rules, delay) }, r.wantKept},
		{"--apply --verbose", some, func(rules string, _ time.Duration) { r.killAfterOutput("ipvsadm --apply --verbose", rules) }, r.wantKept},
	} {
		kills, midway := 0, 0
		start := time.Now()
		r.runWithFile("ipvsadm --apply", some())
		aim := time.Since(start) * 4 / 5 // at the time of work: after the start, before the end
		for ; kills < 2*multiplier; kills++ {
			before, after := tt.before(), some()
			r.load(before)
			tt.kill(after, aim*3/4+time.Duration(r.rand.Int64N(int64(aim/2))))
			left := r.table()
			switch left {
			case sortLines(before):
				aim = aim * 5 / 4
			case sortLines(after):
				aim = aim * 4 / 5
			default:
				midway++
			}
			tt.check(tt.name, before, after, left)
			if got := r.runWithFile("ipvsadm --apply", after); got != (result{}) {
				t.Fatalf("--apply after %s was killed: %+v", tt.name, got)
			}
			r.wantTable(after, "--apply after "+tt.name+" was killed")
		}
		t.Logf("%s: %d kills, %d of them half way", tt.name, kills, midway)
		all += midway
	}
	if all == 0 {
		t.Error("no kill came while anything was at work")
	}
}

// kill runs a command with a file of rules and kills it after a while.
func (r *testEnv) killAfter(line, rules string, delay time.Duration) {
	r.Helper()
	file, err := os.Open(r.rulesFile(rules))
	if err != nil {
		r.Fatal(err)
	}
	defer file.Close()
	cmd, cancel := r.command(line)
	defer cancel()
	cmd.Stdin = file
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	time.Sleep(delay)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// killFed runs a command and kills it a moment after it has read some of the rules.
func (r *testEnv) killAfterInput(line, rules string) {
	r.Helper()
	cmd, cancel := r.command(line)
	defer cancel()
	from, to := r.pipe()
	defer from.Close()
	defer to.Close()
	cmd.Stdin = from
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	// What does not fit into the pipe has been read when this returns.
	if _, err := io.WriteString(to, rules[:2*pipeSize+r.rand.IntN(len(rules)-3*pipeSize)]); err != nil {
		r.Fatal(err)
	}
	time.Sleep(time.Duration(r.rand.Int64N(int64(10 * time.Millisecond))))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// killTelling runs a command and kills it when it has told of some of its work.
func (r *testEnv) killAfterOutput(line, rules string) {
	r.Helper()
	cmd, cancel := r.command(line)
	defer cancel()
	cmd.Stdin = strings.NewReader(rules)
	told, err := cmd.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	_, _ = io.CopyN(io.Discard, told, 1+r.rand.Int64N(20<<10)) // or all that there is
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// wantSome fails unless the rules up to some line are carried out, or nothing was done.
func (r *testEnv) wantPrefix(line, before, after, left string) {
	r.Helper()
	rules := strings.SplitAfter(after, "\n")
	n := strings.Count(left, "\n")
	if left == sortLines(before) || n < len(rules) && left == sortLines(strings.Join(rules[:n], "")) {
		return
	}
	r.Errorf("%s, killed, left %d rules that are not the first of those given", line, n)
}

// wantKept fails if a service or server is gone that is in both tables, whatever its
// weight and scheduler.
func (r *testEnv) wantKept(line, before, after, left string) {
	r.Helper()
	has := func(rules string) map[string]bool {
		keys := make(map[string]bool)
		for rule := range strings.Lines(rules) {
			words := strings.Fields(rule)
			if words[0] == "-A" {
				words = words[:3]
			} else {
				words = words[:5]
			}
			keys[strings.Join(words, " ")] = true
		}
		return keys
	}
	there, wanted := has(left), has(after)
	for key := range has(before) {
		if wanted[key] && !there[key] {
			r.Errorf("%s, killed, took away what it should not: %s", line, key)
		}
	}
}
