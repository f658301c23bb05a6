package names

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// Other sources of names than files and name servers are libraries that the C
// library loads: a static program cannot. getent(1) asks them for us.

// A getent runs it.
type getent struct {
	path  string
	limit time.Duration // for one run
	slots chan struct{} // how many run side by side
}

// systemGetent is the machine's. Name servers are given up by the C library
// after some ten seconds each.
func systemGetent() *getent {
	return &getent{path: "/usr/bin/getent", limit: 30 * time.Second, slots: make(chan struct{}, 16)}
}

// ask asks a database for keys, of a source and those behind it, and returns
// the lines of the answer as words. What it says is final: ok is false where
// it cannot be run.
func (g *getent) ask(s *source, database string, keys ...string) (lines [][]string, ok bool) {
	if g == nil {
		return nil, false
	}
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	ctx, cancel := context.WithTimeout(context.Background(), g.limit)
	defer cancel()
	// What stands before -- are options: a key is never one.
	cmd := exec.CommandContext(ctx, g.path, append([]string{"-s", s.rest, "--", database}, keys...)...)
	cmd.WaitDelay = time.Second // for what it may have started itself
	out, err := cmd.Output()
	if exit := new(exec.ExitError); ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return nil, false
	}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 1 {
			lines = append(lines, words)
		}
	}
	return lines, true
}
