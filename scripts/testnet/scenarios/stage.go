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
	out     io.Writer
	network *testnet.Network
	tool    *testnet.Tool
	examine func(director *testnet.Netns) error // nil for none
	servers []*testnet.Server
	held    []*testnet.KeepAliveConn
	begun   bool // something has been written
	err     error
}

func (s *runner) close() {
	for _, held := range s.held {
		held.Close()
	}
	for _, server := range s.servers {
		server.Close()
	}
}

func (s *runner) failf(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// say opens a new scene with a remark.
func (s *runner) comment(remark string) {
	if s.begun {
		s.printf("\n")
	}
	s.printf("   %s\n", remark)
}

// printf writes to the audience, unless something has failed.
func (s *runner) printf(format string, args ...any) {
	if s.err == nil {
		s.begun = true
		fmt.Fprintf(s.out, format, args...)
	}
}

// examined has directors examined.
func (s *runner) examined(hosts ...string) {
	for _, host := range hosts {
		if s.err != nil || s.examine == nil {
			return
		}
		if err := s.examine(s.network.Host(host)); err != nil {
			s.failf("%s is not healthy: %w", host, err)
		}
	}
}

// serve starts an HTTP server on each of the hosts, which answers with the host's name.
func (s *runner) serve(ports []string, hosts ...string) {
	for _, host := range hosts {
		if s.err != nil {
			return
		}
		server, err := s.network.Host(host).Serve(host, ports...)
		if err != nil {
			s.failf("%w", err)
			return
		}
		s.servers = append(s.servers, server)
	}
}

// run runs a line of shell on a host, shows both it and what it prints, and returns the
// latter. A command that fails, or has anything to complain about, is a failure.
func (s *runner) run(host, line string) string {
	if s.err != nil {
		return ""
	}
	s.printf("   %s# %s\n", host, line)
	result, err := s.tool.Shell(s.network.Host(host), line)
	if err != nil {
		s.failf("%w", err)
		return ""
	}
	for text := range strings.Lines(result.Stdout + result.Stderr) {
		s.printf("   %s\n", strings.TrimSuffix(text, "\n"))
	}
	if result.Status != 0 || result.Stderr != "" {
		s.failf("%s on %s: exit status %d, %q", line, host, result.Status, result.Stderr)
	}
	return result.Stdout
}

// director runs each of the lines on the director.
func (s *runner) director(lines ...string) {
	for _, line := range lines {
		s.run("director", line)
	}
}

// silent runs a command on a host without showing it, and returns what it prints.
func (s *runner) runQuiet(host, line string) string {
	out, note := s.out, &strings.Builder{}
	s.out = note
	defer func() { s.out = out }()
	return s.run(host, line)
}

// listing lists the director's table and compares it with what it must be. The size of the
// connection table is the kernel's own: newer ones begin small and let it grow.
func (s *runner) listing(want string) {
	size := s.runQuiet("director", "sed -n '1s/.*(size=\\(.*\\))/\\1/p' /proc/net/ip_vs")
	want = "IP Virtual Server version 1.2.1 (size=" + strings.TrimSpace(size) + ")\n" +
		"Prot LocalAddress:Port Scheduler Flags\n" +
		"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n" +
		strings.TrimPrefix(want, "\n")
	if got := s.run("director", "ipvsadm -L -n"); s.err == nil && got != want {
		s.failf("the listing is\n%s\nand should be\n%s", got, want)
	}
}

// from is a client on the host of that name, connecting from one of its addresses if
// that matters.
func (s *runner) from(host, address string) testnet.Client {
	client := testnet.Client{Netns: s.network.Host(host)}
	if address != "" {
		client.Source = netip.MustParseAddr(address)
	}
	return client
}

// ask makes requests, and compares who answered with who should have.
func (s *runner) ask(client testnet.Client, url string, want testnet.ResponseCounts) {
	got := s.count(client, url, want.Total())
	if s.err == nil && !maps.Equal(got, want) {
		s.failf("%d requests to %s were answered by %s; it should be %s", want.Total(), url, got, want)
	}
}

// count makes requests and tells who answered.
func (s *runner) count(client testnet.Client, url string, requests int) testnet.ResponseCounts {
	if s.err != nil {
		return nil
	}
	source := client.Netns.Name
	if client.Source.IsValid() {
		source = client.Source.String()
	}
	tally, err := client.Ask(url, requests)
	if err != nil {
		s.failf("request %d to %s: %w", tally.Total()+1, url, err)
		return nil
	}
	s.printf("   %s: %d requests to %s: %s\n", source, requests, url, tally)
	return tally
}

// sticks makes requests that must all be answered by one and the same server, and
// returns its name. If one is named, it must be that one.
func (s *runner) expectPersistent(client testnet.Client, url string, requests int, to string) string {
	tally := s.count(client, url, requests)
	if s.err != nil {
		return ""
	}
	for name := range tally {
		if len(tally) == 1 && (to == "" || name == to) {
			return name
		}
	}
	s.failf("%d requests to %s were answered by %s; one server (%s) should have answered them all", requests, url, tally, to)
	return ""
}

// counters compares the connections that --stats counts with what they must be, by
// address of the service or server, and whether anything came back through the director.
// The kernel adds the counters up every two seconds.
func (s *runner) counters(want map[string]int, throughDirector bool) {
	const command = "ipvsadm -L -n --stats"
	s.eventually("--stats", func() error {
		return compareStats(parseStats(s.runQuiet("director", command)), want, throughDirector)
	})
	s.run("director", command)
}

func compareStats(got map[string]stats, want map[string]int, throughDirector bool) error {
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
func (s *runner) entries(host, filter string, want ...[]string) {
	listing := s.run(host, "ipvsadm -L -n -c | "+filter)
	for _, entry := range want {
		if got := countEntries(listing, entry); s.err == nil && got != 1 {
			s.failf("-L -c on %s shows %d entries %q; it should be 1", host, got, entry)
		}
	}
}

// eventually waits until what is on its way has come.
func (s *runner) eventually(what string, missing func() error) {
	err := testnet.Eventually(func() error {
		err := missing()
		if s.err != nil {
			return nil
		}
		return err
	})
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

// refused makes a request that nobody must answer.
func (s *runner) refused(client testnet.Client, url string) {
	if s.err != nil {
		return
	}
	name, err := client.Get(url)
	if err == nil {
		s.failf("a request to %s was answered by %s, where nobody should have", url, name)
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		s.failf("a request to %s was not refused: %w", url, err)
	}
	s.printf("   %s: 1 request to %s: refused\n", client.Netns.Name, url)
}

// hold opens a connection and keeps it open until the set-up ends.
func (s *runner) hold(client testnet.Client, url string) *held {
	if s.err != nil {
		return &held{stage: s}
	}
	connection, server, err := client.Hold(url)
	if err != nil {
		s.failf("hold a connection to %s: %w", url, err)
		return &held{stage: s}
	}
	s.held = append(s.held, connection)
	s.printf("   %s: a connection to %s that stays open: %s\n", client.Netns.Name, url, server)
	return &held{s, connection, server}
}

// held is a connection that stays open to the server named.
type held struct {
	stage      *runner
	connection *testnet.KeepAliveConn
	server     string
}

// again makes another request over the connection, which must be answered by the same server.
func (h *held) again() {
	s := h.stage
	if s.err != nil {
		return
	}
	name, err := h.connection.Get()
	if err != nil {
		s.failf("a connection to %s did not live on: %w", h.server, err)
		return
	}
	s.printf("   client: one more request over the open connection: %s\n", name)
	if name != h.server {
		s.failf("a connection to %s went on with %s", h.server, name)
	}
}
