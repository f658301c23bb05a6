// SPDX-License-Identifier: MIT

//go:build kernel

package faulttest

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// If -R or ipvsadm-restore is killed, the table contains the rules up to some line. If --apply is
// killed, no service or server that is in both the old and the new table is missing. In every case,
// another --apply then produces the new table.
func TestKilled(t *testing.T) {
	env := newTestEnv(t)
	emptyTable := func() string { return "" }
	newTable := func() string { return env.randomTable(200, 8) }
	totalMidway := 0
	for _, tt := range []struct {
		name   string
		before func() string
		kill   func(rules string, delay time.Duration)
		check  func(name, before, after, left string)
	}{
		{
			name: "-R", before: emptyTable, check: env.wantPrefix,
			kill: func(rules string, delay time.Duration) { env.killAfter("ipvsadm -R", rules, delay) },
		},
		{
			name: "-R from a pipe", before: emptyTable, check: env.wantPrefix,
			kill: func(rules string, _ time.Duration) { env.killAfterInput("ipvsadm -R", rules) },
		},
		{
			name: "ipvsadm-restore", before: newTable, check: env.wantPrefix,
			kill: func(rules string, delay time.Duration) { env.killAfter("ipvsadm-restore", rules, delay) },
		},
		{
			name: "--apply", before: newTable, check: env.wantKept,
			kill: func(rules string, delay time.Duration) { env.killAfter("ipvsadm --apply", rules, delay) },
		},
		{
			name: "--apply --verbose", before: newTable, check: env.wantKept,
			kill: func(rules string, _ time.Duration) { env.killAfterOutput("ipvsadm --apply --verbose", rules) },
		},
	} {
		kills, midway := 0, 0
		start := time.Now()
		env.runWithFile("ipvsadm --apply", newTable())
		target := time.Since(start) * 4 / 5 // delay that is likely to hit the command while it changes the table
		for ; kills < 2*repetitionFactor; kills++ {
			before, after := tt.before(), newTable()
			env.load(before)
			tt.kill(after, target*3/4+time.Duration(env.rand.Int64N(int64(target/2))))
			left := env.table()
			switch left {
			case sortLines(before):
				target = target * 5 / 4
			case sortLines(after):
				target = target * 4 / 5
			default:
				midway++
			}
			tt.check(tt.name, before, after, left)
			if got := env.runWithFile("ipvsadm --apply", after); got != (result{}) {
				t.Fatalf("--apply after %s was killed: %+v", tt.name, got)
			}
			env.wantTable(after, "--apply after "+tt.name+" was killed")
		}
		t.Logf("%s: %d kills, %d of them with the table partially changed", tt.name, kills, midway)
		totalMidway += midway
	}
	if totalMidway == 0 {
		t.Error("no command was killed while it changed the table")
	}
}

// killAfter runs a command with rules from a file and kills it after a delay.
func (env *testEnv) killAfter(line, rules string, delay time.Duration) {
	env.Helper()
	file, err := os.Open(env.rulesFile(rules))
	if err != nil {
		env.Fatal(err)
	}
	defer file.Close()
	cmd, cancel := env.command(line)
	defer cancel()
	cmd.Stdin = file
	if err := cmd.Start(); err != nil {
		env.Fatal(err)
	}
	time.Sleep(delay)
	_ = cmd.Process.Kill() // fails if the command has exited
	_ = cmd.Wait()
}

// killAfterInput runs a command with rules from a pipe and kills it within 10 ms after it has read a
// random number of them.
func (env *testEnv) killAfterInput(line, rules string) {
	env.Helper()
	cmd, cancel := env.command(line)
	defer cancel()
	reader, writer := env.pipe()
	defer reader.Close()
	defer writer.Close()
	cmd.Stdin = reader
	if err := cmd.Start(); err != nil {
		env.Fatal(err)
	}
	// When this returns, the command has read everything that exceeds the size of the pipe.
	if _, err := io.WriteString(writer, rules[:2*pipeSize+env.rand.IntN(len(rules)-3*pipeSize)]); err != nil {
		env.Fatal(err)
	}
	time.Sleep(time.Duration(env.rand.Int64N(int64(10 * time.Millisecond))))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// killAfterOutput runs a command and kills it after it has printed a random number of bytes.
func (env *testEnv) killAfterOutput(line, rules string) {
	env.Helper()
	cmd, cancel := env.command(line)
	defer cancel()
	cmd.Stdin = strings.NewReader(rules)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		env.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		env.Fatal(err)
	}
	_, _ = io.CopyN(io.Discard, stdout, 1+env.rand.Int64N(20<<10)) // or until it exits
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// wantPrefix checks that the table contains the rules up to some line, or is unchanged.
func (env *testEnv) wantPrefix(line, before, after, left string) {
	env.Helper()
	rules := strings.SplitAfter(after, "\n")
	n := strings.Count(left, "\n")
	if left == sortLines(before) || n < len(rules) && left == sortLines(strings.Join(rules[:n], "")) {
		return
	}
	env.Errorf("killed %s: the %d rules in the table are not the first ones of the input", line, n)
}

// wantKept checks that no service or server that is in both the old and the new table is missing.
// Schedulers and weights are ignored.
func (env *testEnv) wantKept(line, before, after, left string) {
	env.Helper()
	keysOf := func(rules string) map[string]bool {
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
	present, wanted := keysOf(left), keysOf(after)
	for key := range keysOf(before) {
		if wanted[key] && !present[key] {
			env.Errorf("killed %s: missing from the table: %s", line, key)
		}
	}
}
