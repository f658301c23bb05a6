// SPDX-License-Identifier: MIT

//go:build kernel

package doctor_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/scripts/testnet"
)

// TestMain raises the number of parallel tests: the doctor mostly sleeps.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// runEstimation is a sysctl that Linux 5.10 lacks.
const runEstimation = "net/ipv4/vs/run_estimation"

// missingFeature returns the first of the features that a test requires and
// the kernel lacks, or "".
func missingFeature(iptables, sctp bool, sysctl string) string {
	if iptables && !testnet.HasIPTables() {
		return "iptables"
	}
	if sctp && !hasSCTP() {
		return "SCTP"
	}
	if _, err := os.Stat("/proc/sys/" + sysctl); err != nil {
		return "the sysctl " + sysctl
	}
	return ""
}

// A testbed is a network with clients, a director and servers.
type testbed struct {
	t       *testing.T
	tool    *testnet.Tool
	network *testnet.Network
	servers map[string]*testnet.Server // by host
}

// newTestbed builds a network and starts a web server on each host whose name
// begins with "web". The name distinguishes networks that exist concurrently.
func newTestbed(t *testing.T, name string, plan testnet.Plan) *testbed {
	t.Helper()
	tool, err := testnet.NewTool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tool.Close() })
	network, err := testnet.BuildWithPrefix(name, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	tb := &testbed{t, tool, network, make(map[string]*testnet.Server)}
	for _, host := range plan {
		if strings.HasPrefix(host.Name, "web") {
			tb.serve(host.Name, ":80", ":8080")
		}
	}
	return tb
}

// serve starts a web server on a host.
func (tb *testbed) serve(host string, ports ...string) {
	tb.t.Helper()
	server, err := tb.network.Host(host).Serve(host, ports...)
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.servers[host] = server
	tb.t.Cleanup(func() { server.Close() })
}

// replaceServer closes the web server of a host and starts another one.
func (tb *testbed) replaceServer(host string, ports ...string) {
	tb.t.Helper()
	tb.servers[host].Close()
	err := testnet.Eventually(func() error {
		server, err := tb.network.Host(host).Serve(host, ports...)
		if err == nil {
			tb.t.Cleanup(func() { server.Close() })
		}
		return err
	})
	if err != nil {
		tb.t.Fatal(err)
	}
}

// home returns the network namespace of the test itself.
func home(t *testing.T) *testnet.Netns {
	t.Helper()
	home, err := testnet.Home()
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// run runs commands of the form HOST: COMMAND.
func (tb *testbed) run(lines ...string) {
	tb.t.Helper()
	for _, line := range lines {
		host, command, _ := strings.Cut(line, ": ")
		tb.shell(tb.network.Host(host), command)
	}
}

// shell runs a shell command, which must succeed.
func (tb *testbed) shell(n *testnet.Netns, command string) {
	tb.t.Helper()
	// All namespaces share the lock of iptables, and tests run in parallel.
	command = strings.ReplaceAll(command, "iptables-legacy ", "iptables-legacy -w ")
	if _, err := tb.tool.ShellStatus(n, command, 0); err != nil {
		tb.t.Fatal(err)
	}
}

// restore adds rules to the director's table.
func (tb *testbed) restore(rules string) {
	tb.t.Helper()
	tb.shell(tb.network.Host("director"), "ipvsadm -R <<-END\n"+rules+"\nEND\n")
}

// keepOpen opens connections and keeps them open until the test ends.
func (tb *testbed) keepOpen(url string, n int) {
	tb.t.Helper()
	for range n {
		conn, _, err := testnet.Client{Netns: tb.network.Host("client")}.OpenKeepAlive(url)
		if err != nil {
			tb.t.Fatal(err)
		}
		tb.t.Cleanup(conn.Close)
	}
}

// startTraffic makes the client request pages from addresses until the test
// ends.
func (tb *testbed) startTraffic(addresses ...string) {
	tb.startTrafficFrom("client", addresses...)
}

// startTrafficFrom is like startTraffic, for another host.
func (tb *testbed) startTrafficFrom(host string, addresses ...string) {
	tb.startTrafficWithSource(host, "", addresses...)
}

// startTrafficWithSource is like startTrafficFrom, with a source address of the host, or
// the one that the kernel selects if source is "".
func (tb *testbed) startTrafficWithSource(host, source string, addresses ...string) {
	tb.repeat(150*time.Millisecond, func(ctx context.Context) {
		for _, address := range addresses {
			go tb.request(ctx, host, source, address)
		}
	})
}

// repeat calls a function at an interval until the test ends. It returns after a
// second, when counters and connections show the traffic.
func (tb *testbed) repeat(interval time.Duration, do func(context.Context)) {
	ctx, cancel := context.WithCancel(tb.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			do(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(interval):
			}
		}
	}()
	tb.t.Cleanup(func() {
		cancel()
		<-done
	})
	time.Sleep(time.Second)
}

// request makes a host request a page from an address and ignores errors. The kernel
// selects the source address if it is "".
func (tb *testbed) request(ctx context.Context, host, source, address string) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	from, _ := netip.ParseAddr(source)
	conn, err := tb.network.Host(host).Dial(ctx, "tcp", from, address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
	io.Copy(io.Discard, conn)
}

// A diagnosis is the output of --doctor -j and the exit status.
type diagnosis struct {
	NotLookedAt []struct{ What, Reason string } `json:"not_looked_at"`
	Findings    []finding
	text        string
	status      int
}

type finding struct {
	ID, Severity string
	Service      *struct {
		Protocol string
		Address  netip.Addr
		Port     uint16
		Mark     uint32
	}
	Server *struct {
		Address netip.Addr
		Port    uint16
	}
	Seen string
	Do   []struct{ On, Command, Advice string }
}

// String returns the identifier, the service and the server.
func (f *finding) String() string {
	text := f.ID
	if s := f.Service; s != nil {
		if s.Mark != 0 {
			text += fmt.Sprintf(" %d", s.Mark)
		} else {
			text += " " + netip.AddrPortFrom(s.Address, s.Port).String()
		}
	}
	if s := f.Server; s != nil {
		text += " " + netip.AddrPortFrom(s.Address, s.Port).String()
	}
	return text
}

// examine runs the doctor for a host.
func (tb *testbed) examine(host string, args ...string) *diagnosis {
	tb.t.Helper()
	return examine(tb.t, tb.tool, tb.network.Host(host), args...)
}

// examineUntil runs the doctor for the director until its diagnosis is as expected,
// up to six times: on a busy machine, counters and connections show a problem or its
// remedy late.
func (tb *testbed) examineUntil(isExpected func(*diagnosis) bool, args ...string) *diagnosis {
	tb.t.Helper()
	d := tb.examine("director", args...)
	for range 5 {
		if isExpected(d) {
			break
		}
		d = tb.examine("director", args...)
	}
	return d
}

// examine runs the doctor for a network namespace. The test fails if something
// could not be examined.
func examine(t *testing.T, tool *testnet.Tool, n *testnet.Netns, args ...string) *diagnosis {
	t.Helper()
	result, err := tool.Shell(home(t), "ipvsadm --doctor -n -j -N "+n.Name+" "+strings.Join(args, " "))
	if err != nil {
		t.Fatal(err)
	}
	if result.Stderr != "" {
		t.Errorf("standard error of --doctor: %s", result.Stderr)
	}
	d := &diagnosis{text: result.Stdout, status: result.Status}
	jsonouttest.Decode(t, []byte(result.Stdout), d)
	for _, u := range d.NotLookedAt {
		if !strings.HasPrefix(u.What, "replies of UDP servers") {
			t.Errorf("not examined: %s: %s", u.What, u.Reason)
		}
	}
	return d
}

// expect compares the findings, in the form of finding.String.
func (d *diagnosis) expect(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for i := range d.Findings {
		got = append(got, d.Findings[i].String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found %q, want %q:\n%s", got, want, d.text)
	}
}

// expectHealthy expects no findings.
func (d *diagnosis) expectHealthy(t *testing.T) {
	t.Helper()
	d.expect(t)
	if d.status != 0 {
		t.Errorf("exit status %d, want 0", d.status)
	}
}
