package resolve

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"slices"
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

// ask asks sources, as nsswitch.conf has them, for a key of a database, and
// returns the lines of the answer as words; ok is false where getent cannot be
// run.
func (g *getent) ask(sources, database, key string) (lines [][]string, ok bool) {
	if g == nil {
		return nil, false
	}
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	ctx, cancel := context.WithTimeout(context.Background(), g.limit)
	defer cancel()
	// What stands before -- are options: a key is never one.
	cmd := exec.CommandContext(ctx, g.path, "-s", sources, "--", database, key)
	cmd.WaitDelay = time.Second // for what it may have started itself
	out, err := cmd.Output()
	if exit := new(exec.ExitError); ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		return nil, false
	}
	for line := range strings.Lines(string(out)) {
		if words := split(line); len(words) > 1 {
			lines = append(lines, words)
		}
	}
	return lines, true
}

// host asks for the IPv4 addresses of a host.
func (g *getent) host(sources, name string) (addrs []netip.Addr, ok bool) {
	lines, ok := g.ask(sources, "ahostsv4", name)
	for _, words := range lines {
		if addr, err := netip.ParseAddr(words[0]); err == nil && addr.Is4() && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, ok
}

// name asks for the name of an address.
func (g *getent) name(sources string, addr netip.Addr) (name string, ok bool) {
	lines, ok := g.ask(sources, "hosts", addr.String())
	if len(lines) > 0 {
		name = lines[0][1]
	}
	return name, ok
}
