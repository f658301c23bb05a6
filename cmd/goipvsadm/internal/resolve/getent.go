// SPDX-License-Identifier: MIT

package resolve

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"goipvsadm/ipvs/subprocess"
)

// Sources other than files and dns are NSS modules, shared libraries that a static
// program cannot load. getent(1) queries them instead.

// A getent runs getent(1).
type getent struct {
	path    string
	timeout time.Duration // time limit of one run
	slots   chan struct{} // semaphore that limits concurrent runs
}

// systemGetent returns the getent of the local machine. Its timeout allows for several
// name servers, each of which the C library tries for about ten seconds.
func systemGetent() *getent {
	return &getent{path: "/usr/bin/getent", timeout: 30 * time.Second, slots: make(chan struct{}, 16)}
}

// query looks up a key of a database in sources, written as in nsswitch.conf, and
// returns the fields of each line of output. ok is false if getent cannot be run or
// times out.
func (g *getent) query(sources, database, key string) (lines [][]string, ok bool) {
	if g == nil {
		return nil, false
	}
	g.slots <- struct{}{}
	defer func() { <-g.slots }()
	// The -- prevents getent from parsing a key such as -s as an option.
	out, _, err := subprocess.Run(g.path, []string{"-s", sources, "--", database, key}, childEnv(), g.timeout)
	if exit := new(subprocess.ExitError); err != nil && !errors.As(err, &exit) {
		return nil, false
	}
	for line := range strings.Lines(string(out)) {
		if words := fields(line); len(words) > 1 {
			lines = append(lines, words)
		}
	}
	return lines, true
}

// hostAddrs returns the IPv4 addresses of a host.
func (g *getent) hostAddrs(sources, name string) (addrs []netip.Addr, ok bool) {
	lines, ok := g.query(sources, "ahostsv4", name)
	for _, words := range lines {
		if addr, err := netip.ParseAddr(words[0]); err == nil && addr.Is4() && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, ok
}

// hostName returns the name of an address.
func (g *getent) hostName(sources string, addr netip.Addr) (name string, ok bool) {
	lines, ok := g.query(sources, "hosts", addr.String())
	if len(lines) > 0 {
		name = lines[0][1]
	}
	return name, ok
}
