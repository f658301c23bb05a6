// SPDX-License-Identifier: MIT

package scenarios

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"
	"syscall"

	"goipvsadm/scripts/testnet"
)

// runner executes the steps of a scenario. After the first error, which is stored in err, all
// methods do nothing, so that steps need no error handling.
type runner struct {
	out       io.Writer
	network   *testnet.Network
	tool      *testnet.Tool                       // runs commands with the program under test as ipvsadm
	check     func(director *testnet.Netns) error // may be nil
	servers   []*testnet.Server
	conns     []*testnet.KeepAliveConn
	closers   []io.Closer
	hasOutput bool // something was written to out
	err       error
}

func (r *runner) close() {
	for _, conn := range r.conns {
		conn.Close()
	}
	for _, server := range r.servers {
		server.Close()
	}
	for _, c := range r.closers {
		c.Close()
	}
}

// failf stores an error, unless there is one already.
func (r *runner) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// comment writes a comment, preceded by an empty line unless it is the first output.
func (r *runner) comment(text string) {
	if r.hasOutput {
		r.printf("\n")
	}
	r.printf("   %s\n", text)
}

// printf writes to out.
func (r *runner) printf(format string, args ...any) {
	if r.err == nil {
		r.hasOutput = true
		fmt.Fprintf(r.out, format, args...)
	}
}

// expectHealthy calls the check that was passed to RunWithCheck for each of the given directors.
func (r *runner) expectHealthy(hosts ...string) {
	for _, host := range hosts {
		if r.err != nil || r.check == nil {
			return
		}
		if err := r.check(r.network.Host(host)); err != nil {
			r.failf("check of %s: %w", host, err)
		}
	}
}

// serve starts an HTTP server on each host, which responds with the host's name.
func (r *runner) serve(ports []string, hosts ...string) {
	for _, host := range hosts {
		if r.err != nil {
			return
		}
		server, err := r.network.Host(host).Serve(host, ports...)
		if err != nil {
			r.failf("%w", err)
			return
		}
		r.servers = append(r.servers, server)
	}
}

// run runs a shell command line on a host, writes the line and its output, and returns its
// standard output. A non-zero exit status or any error output fails the scenario.
func (r *runner) run(host, line string) string {
	if r.err != nil {
		return ""
	}
	r.printf("   %s# %s\n", host, line)
	result, err := r.tool.Shell(r.network.Host(host), line)
	if err != nil {
		r.failf("%w", err)
		return ""
	}
	for text := range strings.Lines(result.Stdout + result.Stderr) {
		r.printf("   %s\n", strings.TrimSuffix(text, "\n"))
	}
	if result.Status != 0 || result.Stderr != "" {
		r.failf("%s on %s: exit status %d, %q", line, host, result.Status, result.Stderr)
	}
	return result.Stdout
}

// runOnDirector runs each command line on the director.
func (r *runner) runOnDirector(lines ...string) {
	for _, line := range lines {
		r.run("director", line)
	}
}

// runQuiet is like run, but writes nothing.
func (r *runner) runQuiet(host, line string) string {
	out := r.out
	r.out = io.Discard
	defer func() { r.out = out }()
	return r.run(host, line)
}

// expectListing lists the director's table and compares it with want, to which it adds the header.
// The size of the connection table in the header depends on the kernel; it grows on newer kernels.
func (r *runner) expectListing(want string) {
	size := r.runQuiet("director", "sed -n '1s/.*(size=\\(.*\\))/\\1/p' /proc/net/ip_vs")
	want = "IP Virtual Server version 1.2.1 (size=" + strings.TrimSpace(size) + ")\n" +
		"Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
		strings.TrimPrefix(want, "\n")
	if got := r.run("director", "ipvsadm -L -n"); r.err == nil && got != want {
		r.failf("listing:\n%s\nwant:\n%s", got, want)
	}
}

// clientFrom returns a client on a host that connects from the given address. If address is empty,
// the kernel selects one.
func (r *runner) clientFrom(host, address string) testnet.Client {
	client := testnet.Client{Netns: r.network.Host(host)}
	if address != "" {
		client.Source = netip.MustParseAddr(address)
	}
	return client
}

// expectResponses makes as many requests as there are responses in want, and compares the counts.
func (r *runner) expectResponses(client testnet.Client, url string, want testnet.ResponseCounts) {
	got := r.countResponses(client, url, want.Total())
	if r.err == nil && !maps.Equal(got, want) {
		r.failf("%d requests to %s: %s, want %s", want.Total(), url, got, want)
	}
}

// countResponses makes n requests and counts the responses by server.
func (r *runner) countResponses(client testnet.Client, url string, n int) testnet.ResponseCounts {
	if r.err != nil {
		return nil
	}
	source := client.Netns.Name
	if client.Source.IsValid() {
		source = client.Source.String()
	}
	counts, err := client.CountResponses(url, n)
	if err != nil {
		r.failf("request %d to %s: %w", counts.Total()+1, url, err)
		return nil
	}
	r.printf("   %s: %d requests to %s: %s\n", source, n, url, counts)
	return counts
}

// expectPersistent makes n requests and returns the name of the server that responded. All
// responses must come from the server want or, if want is empty, from any one server.
func (r *runner) expectPersistent(client testnet.Client, url string, n int, want string) string {
	counts := r.countResponses(client, url, n)
	if r.err != nil {
		return ""
	}
	for name := range counts {
		if len(counts) == 1 && (want == "" || name == want) {
			return name
		}
	}
	r.failf("%d requests to %s: %s, want all from one server %s", n, url, counts, want)
	return ""
}

// expectCounters compares the connection counters of --stats with want, whose keys are
// addresses of services and servers. Replies must have passed through the director if
// repliesCounted is set, and must have bypassed it otherwise. expectCounters waits, since the kernel
// updates the counters every two seconds.
func (r *runner) expectCounters(want map[string]int, repliesCounted bool) {
	const command = "ipvsadm -L -n --stats"
	r.eventually("--stats", func() error {
		return compareStats(parseStats(r.runQuiet("director", command)), want, repliesCounted)
	})
	r.run("director", command)
}

func compareStats(got map[string]serviceStats, want map[string]int, repliesCounted bool) error {
	for address, conns := range want {
		line, ok := got[address]
		switch {
		case !ok:
			return fmt.Errorf("%s is not listed", address)
		case line.conns != conns:
			return fmt.Errorf("%s: %d connections, want %d", address, line.conns, conns)
		case line.inPackets < conns:
			return fmt.Errorf("%s: %d incoming packets for %d connections", address, line.inPackets, conns)
		case repliesCounted && line.outPackets < conns:
			return fmt.Errorf("%s: %d outgoing packets for %d connections", address, line.outPackets, conns)
		case !repliesCounted && line.outPackets != 0:
			return fmt.Errorf("%s: %d outgoing packets, but replies should bypass the director", address, line.outPackets)
		}
	}
	return nil
}

// expectConnections lists the connections of a host through a filter, and checks that each
// wanted entry, given by patterns for countEntries, is listed exactly once.
func (r *runner) expectConnections(host, filter string, want ...[]string) {
	listing := r.run(host, "ipvsadm -L -n -c | "+filter)
	for _, entry := range want {
		if got := countEntries(listing, entry); r.err == nil && got != 1 {
			r.failf("-L -c on %s lists %d entries %q, want 1", host, got, entry)
		}
	}
}

// eventually waits until check returns nil (see testnet.Eventually).
func (r *runner) eventually(name string, check func() error) {
	err := testnet.Eventually(func() error {
		err := check()
		if r.err != nil {
			return nil
		}
		return err
	})
	if err != nil {
		r.failf("%s: %w", name, err)
	}
}

// expectRefused makes a request whose connection must be refused.
func (r *runner) expectRefused(client testnet.Client, url string) {
	if r.err != nil {
		return
	}
	name, err := client.Get(url)
	if err == nil {
		r.failf("request to %s: response from %s, want connection refused", url, name)
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		r.failf("request to %s: %w, want connection refused", url, err)
	}
	r.printf("   %s: 1 request to %s: connection refused\n", client.Netns.Name, url)
}

// openConn opens a connection, which stays open until the scenario ends.
func (r *runner) openConn(client testnet.Client, url string) *heldConn {
	if r.err != nil {
		return &heldConn{r: r}
	}
	connection, server, err := client.OpenKeepAlive(url)
	if err != nil {
		r.failf("open a connection to %s: %w", url, err)
		return &heldConn{r: r}
	}
	r.conns = append(r.conns, connection)
	r.printf("   %s: open connection to %s: %s\n", client.Netns.Name, url, server)
	return &heldConn{r, connection, server}
}

// heldConn is an open connection to a server.
type heldConn struct {
	r      *runner
	conn   *testnet.KeepAliveConn
	server string
}

// request makes another request on the connection, which must reach the same server.
func (h *heldConn) request() {
	r := h.r
	if r.err != nil {
		return
	}
	name, err := h.conn.Get()
	if err != nil {
		r.failf("open connection to %s: %w", h.server, err)
		return
	}
	r.printf("   client: request on the open connection: %s\n", name)
	if name != h.server {
		r.failf("open connection to %s: response from %s", h.server, name)
	}
}
