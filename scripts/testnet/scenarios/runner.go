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

// stage is where a set-up is played. Its first failure is kept, and nothing is done
// after it, so that a play reads as a list of steps.
type runner struct {
	out       io.Writer
	network   *testnet.Network
	tool      *testnet.Tool
	check     func(director *testnet.Netns) error // nil for none
	servers   []*testnet.Server
	conns     []*testnet.KeepAliveConn
	hasOutput bool // something has been written
	err       error
}

func (r *runner) close() {
	for _, held := range r.conns {
		held.Close()
	}
	for _, server := range r.servers {
		server.Close()
	}
}

func (r *runner) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// say opens a new scene with a remark.
func (r *runner) comment(remark string) {
	if r.hasOutput {
		r.printf("\n")
	}
	r.printf("   %s\n", remark)
}

// printf writes to the audience, unless something has failed.
func (r *runner) printf(format string, args ...any) {
	if r.err == nil {
		r.hasOutput = true
		fmt.Fprintf(r.out, format, args...)
	}
}

// examined has directors examined.
func (r *runner) expectHealthy(hosts ...string) {
	for _, host := range hosts {
		if r.err != nil || r.check == nil {
			return
		}
		if err := r.check(r.network.Host(host)); err != nil {
			r.failf("%s is not healthy: %w", host, err)
		}
	}
}

// serve starts an HTTP server on each of the hosts, which answers with the host's name.
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

// run runs a line of shell on a host, shows both it and what it prints, and returns the
// latter. A command that fails, or has anything to complain about, is a failure.
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

// director runs each of the lines on the director.
func (r *runner) runOnDirector(lines ...string) {
	for _, line := range lines {
		r.run("director", line)
	}
}

// silent runs a command on a host without showing it, and returns what it prints.
func (r *runner) runQuiet(host, line string) string {
	out, note := r.out, &strings.Builder{}
	r.out = note
	defer func() { r.out = out }()
	return r.run(host, line)
}

// listing lists the director's table and compares it with what it must be. The size of the
// connection table is the kernel's own: newer ones begin small and let it grow.
func (r *runner) expectListing(want string) {
	size := r.runQuiet("director", "sed -n '1s/.*(size=\\(.*\\))/\\1/p' /proc/net/ip_vs")
	want = "IP Virtual Server version 1.2.1 (size=" + strings.TrimSpace(size) + ")\n" +
		"Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
		strings.TrimPrefix(want, "\n")
	if got := r.run("director", "ipvsadm -L -n"); r.err == nil && got != want {
		r.failf("the listing is\n%s\nand should be\n%s", got, want)
	}
}

// from is a client on the host of that name, connecting from one of its addresses if
// that matters.
func (r *runner) clientFrom(host, address string) testnet.Client {
	client := testnet.Client{Netns: r.network.Host(host)}
	if address != "" {
		client.Source = netip.MustParseAddr(address)
	}
	return client
}

// ask makes requests, and compares who answered with who should have.
func (r *runner) expectResponses(client testnet.Client, url string, want testnet.ResponseCounts) {
	got := r.countResponses(client, url, want.Total())
	if r.err == nil && !maps.Equal(got, want) {
		r.failf("%d requests to %s were answered by %s; it should be %s", want.Total(), url, got, want)
	}
}

// count makes requests and tells who answered.
func (r *runner) countResponses(client testnet.Client, url string, requests int) testnet.ResponseCounts {
	if r.err != nil {
		return nil
	}
	source := client.Netns.Name
	if client.Source.IsValid() {
		source = client.Source.String()
	}
	tally, err := client.CountResponses(url, requests)
	if err != nil {
		r.failf("request %d to %s: %w", tally.Total()+1, url, err)
		return nil
	}
	r.printf("   %s: %d requests to %s: %s\n", source, requests, url, tally)
	return tally
}

// sticks makes requests that must all be answered by one and the same server, and
// returns its name. If one is named, it must be that one.
func (r *runner) expectPersistent(client testnet.Client, url string, requests int, to string) string {
	tally := r.countResponses(client, url, requests)
	if r.err != nil {
		return ""
	}
	for name := range tally {
		if len(tally) == 1 && (to == "" || name == to) {
			return name
		}
	}
	r.failf("%d requests to %s were answered by %s; one server (%s) should have answered them all", requests, url, tally, to)
	return ""
}

// counters compares the connections that --stats counts with what they must be, by
// address of the service or server, and whether anything came back through the director.
// The kernel adds the counters up every two seconds.
func (r *runner) expectCounters(want map[string]int, throughDirector bool) {
	const command = "ipvsadm -L -n --stats"
	r.eventually("--stats", func() error {
		return compareStats(parseStats(r.runQuiet("director", command)), want, throughDirector)
	})
	r.run("director", command)
}

func compareStats(got map[string]serviceStats, want map[string]int, throughDirector bool) error {
	for address, conns := range want {
		line, ok := got[address]
		switch {
		case !ok:
			return fmt.Errorf("no line for %s", address)
		case line.conns != conns:
			return fmt.Errorf("%d connections for %s; it should be %d", line.conns, address, conns)
		case line.inPackets < conns:
			return fmt.Errorf("%d packets in for %d connections to %s", line.inPackets, conns, address)
		case throughDirector && line.outPackets < conns:
			return fmt.Errorf("%d packets out for %d connections to %s", line.outPackets, conns, address)
		case !throughDirector && line.outPackets != 0:
			return fmt.Errorf("%d packets out of %s; the servers should answer past the director", line.outPackets, address)
		}
	}
	return nil
}

// entries lists the connection table of a host, as far as a filter shows it. The wanted
// entry, field by field ("*" for any), must be there just once.
func (r *runner) expectConnections(host, filter string, want ...[]string) {
	listing := r.run(host, "ipvsadm -L -n -c | "+filter)
	for _, entry := range want {
		if got := countEntries(listing, entry); r.err == nil && got != 1 {
			r.failf("-L -c on %s shows %d entries %q; it should be 1", host, got, entry)
		}
	}
}

// eventually waits until what is on its way has come.
func (r *runner) eventually(what string, missing func() error) {
	err := testnet.Eventually(func() error {
		err := missing()
		if r.err != nil {
			return nil
		}
		return err
	})
	if err != nil {
		r.failf("%s: %w", what, err)
	}
}

// refused makes a request that nobody must answer.
func (r *runner) expectRefused(client testnet.Client, url string) {
	if r.err != nil {
		return
	}
	name, err := client.Get(url)
	if err == nil {
		r.failf("a request to %s was answered by %s, where nobody should have", url, name)
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		r.failf("a request to %s was not refused: %w", url, err)
	}
	r.printf("   %s: 1 request to %s: refused\n", client.Netns.Name, url)
}

// hold opens a connection and keeps it open until the set-up ends.
func (r *runner) openConn(client testnet.Client, url string) *heldConn {
	if r.err != nil {
		return &heldConn{r: r}
	}
	connection, server, err := client.OpenKeepAlive(url)
	if err != nil {
		r.failf("hold a connection to %s: %w", url, err)
		return &heldConn{r: r}
	}
	r.conns = append(r.conns, connection)
	r.printf("   %s: a connection to %s that stays open: %s\n", client.Netns.Name, url, server)
	return &heldConn{r, connection, server}
}

// held is a connection that stays open to the server named.
type heldConn struct {
	r      *runner
	conn   *testnet.KeepAliveConn
	server string
}

// again makes another request over the connection, which must be answered by the same server.
func (h *heldConn) request() {
	r := h.r
	if r.err != nil {
		return
	}
	name, err := h.conn.Get()
	if err != nil {
		r.failf("a connection to %s did not live on: %w", h.server, err)
		return
	}
	r.printf("   client: one more request over the open connection: %s\n", name)
	if name != h.server {
		r.failf("a connection to %s went on with %s", h.server, name)
	}
}
