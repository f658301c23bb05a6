// SPDX-License-Identifier: MIT

//go:build kernel

// Tests of listings under traffic: connections in many states, persistence templates, SIP
// Call-IDs and large counters. Both programs list the same table in turn.

package integration

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/scripts/difftest"
	"goipvsadm/scripts/testnet"
)

// trafficPlan is a client, a director and a server. Some of the addresses have names in testdata's
// hosts file.
var trafficPlan = testnet.Plan{
	{Name: "client", Gateway: "10.1.1.254", Links: []testnet.Link{
		{To: "front", Addresses: []string{"10.1.1.1/24", "10.1.1.8/24", "fd01::1/64", "fd01::2222:3333:4444:5555/64"}},
	}},
	{Name: "director", Sysctls: map[string]string{"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1", "net/ipv4/vs/expire_nodest_conn": "0"}, Links: []testnet.Link{
		{To: "front", Addresses: []string{"10.1.1.254/24", "10.1.1.2/32", "10.1.1.3/32", "fd01::254/64", "fd01::9/64"}},
		{To: "back", Addresses: []string{"192.168.7.254/24", "fd07::254/64"}},
	}},
	{Name: "server", Gateway: "192.168.7.254", Links: []testnet.Link{
		{To: "back", Addresses: []string{"192.168.7.1/24", "192.168.7.2/24", "fd07::1/64"}},
	}},
}

const trafficRules = `-A -t 10.1.1.2:80 -s rr
-a -t 10.1.1.2:80 -r 192.168.7.1:80 -m -w 1
-a -t 10.1.1.2:80 -r 192.168.7.2:80 -m -w 1
-A -t 10.1.1.2:81 -s rr
-a -t 10.1.1.2:81 -r 192.168.7.1:81 -m -w 1
-A -t 10.1.1.2:99 -s rr
-a -t 10.1.1.2:99 -r 192.168.7.99:99 -m -w 1
-A -t 10.1.1.3:80 -s wlc -p 3600 -M 255.255.255.0
-a -t 10.1.1.3:80 -r 192.168.7.2:80 -m -w 1
-A -u 10.1.1.2:53 -s rr
-a -u 10.1.1.2:53 -r 192.168.7.1:53 -m -w 1
-A -u 10.1.1.2:5060 -s rr -p 600 --pe sip
-a -u 10.1.1.2:5060 -r 192.168.7.1:5060 -m -w 1
-A --sctp-service 10.1.1.2:2905 -s rr
-a --sctp-service 10.1.1.2:2905 -r 192.168.7.1:2905 -m -w 1
-A --sctp-service 10.1.1.2:2906 -s rr
-a --sctp-service 10.1.1.2:2906 -r 192.168.7.99:2906 -m -w 1
-A -t [fd01::9]:80 -s rr -p 100
-a -t [fd01::9]:80 -r [fd07::1]:80 -m -w 1
-A -f 7 -s rr -p 300
-a -f 7 -r 192.168.7.1:0 -m -w 1
`

// trafficTest has a director with the table trafficRules, a client and a server.
type trafficTest struct {
	t        *testing.T
	comparer *difftest.Comparer
	network  *testnet.Network
}

func newTrafficTest(t *testing.T) *trafficTest {
	t.Helper()
	comparer := difftest.NewComparer(t, difftest.ProgramUnderTest(t))
	network, err := testnet.Build(trafficPlan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	tt := &trafficTest{t, comparer, network}
	tt.must(network.Host("client").IP("route add default via fd01::254"))
	tt.must(network.Host("server").IP("route add default via fd07::254"))
	// Packets to port 7777 of the director get mark 7.
	markRule := testnet.MarkRule{Device: "eth0", To: netip.MustParseAddr("10.1.1.254"), Ports: []int{7777}, Mark: 7}
	for _, line := range markRule.AddCommands() {
		tt.must(network.Host("director").Run(exec.Command("sh", "-c", line)))
	}
	if got := tt.run(comparer.Reference, difftest.Command{Args: []string{"ipvsadm", "-R"}, Stdin: trafficRules}); got != (difftest.Result{}) {
		t.Fatalf("loading the rules: %s", got)
	}
	return tt
}

func (tt *trafficTest) must(err error) {
	tt.t.Helper()
	if err != nil {
		tt.t.Fatal(err)
	}
}

func (tt *trafficTest) run(p difftest.Program, c difftest.Command) difftest.Result {
	return tt.comparer.Run(tt.t, p, tt.network.Host("director"), c)
}

// serve accepts connections at an address of the server and calls f for each.
func (tt *trafficTest) serve(network, address string, f func(net.Conn)) {
	tt.t.Helper()
	tt.must(tt.network.Host("server").Do(func() error {
		listener, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		tt.t.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go f(conn)
			}
		}()
		return nil
	}))
}

// dial connects the client, from one of its addresses, and keeps the connection open until the
// test ends.
func (tt *trafficTest) dial(network, from, to string) net.Conn {
	tt.t.Helper()
	source, err := netip.ParseAddr(from)
	tt.must(err)
	conn, err := tt.network.Host("client").Dial(tt.t.Context(), network, source, to)
	tt.must(err)
	tt.t.Cleanup(func() { conn.Close() })
	return conn
}

// startHandshake sends the first packet of a connection to a service whose server does not exist.
func (tt *trafficTest) startHandshake(socketType, protocol int, to [4]byte, port int) {
	tt.t.Helper()
	tt.must(tt.network.Host("client").Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, socketType|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return err
		}
		tt.t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: to}); err != unix.EINPROGRESS {
			return fmt.Errorf("connect to port %d: %v", port, err)
		}
		return nil
	}))
}

// openAssociations opens SCTP associations from the client through the director to the server, and
// returns their descriptors.
func (tt *trafficTest) openAssociations(count int) []int {
	tt.t.Helper()
	var listener int
	tt.must(tt.network.Host("server").Do(func() (err error) {
		if listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP); err != nil {
			return err
		}
		if err = unix.Bind(listener, &unix.SockaddrInet4{Port: 2905, Addr: [4]byte{192, 168, 7, 1}}); err != nil {
			return err
		}
		return unix.Listen(listener, 10)
	}))
	tt.t.Cleanup(func() { unix.Close(listener) })
	var associations []int
	for range count {
		tt.must(tt.network.Host("client").Do(func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
			if err != nil {
				return err
			}
			associations = append(associations, fd)
			if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{10, 1, 1, 1}}); err != nil {
				return err
			}
			return unix.Connect(fd, &unix.SockaddrInet4{Port: 2905, Addr: [4]byte{10, 1, 1, 2}})
		}))
	}
	return associations
}

// sendInvite sends a SIP INVITE request.
func (tt *trafficTest) sendInvite(id string) {
	tt.t.Helper()
	fmt.Fprintf(tt.dial("udp", "10.1.1.1", "10.1.1.2:5060"),
		"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP pc33.example.com\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n\r\n", id)
}

// compare compares a listing by both programs and returns it. Since timers and rates change
// continuously, it runs goipvsadm before and after ipvsadm, and tries again if the two outputs of
// goipvsadm differ.
func (tt *trafficTest) compare(args ...string) string {
	tt.t.Helper()
	c := difftest.Command{Args: append([]string{"ipvsadm"}, args...)}
	differences := 0
	for range 50 {
		before := tt.run(tt.comparer.Ours, c)
		want := tt.run(tt.comparer.Reference, c)
		if before != tt.run(tt.comparer.Ours, c) {
			continue
		}
		if tt.comparer.Same(c, want, before) {
			return want.Stdout
		}
		// A retransmitted packet may have reset a timer meanwhile.
		if differences++; differences == 3 {
			tt.t.Errorf("%sipvsadm: %sgoipvsadm: %s", c, want, before)
			return want.Stdout
		}
	}
	tt.t.Errorf("the output changed in every attempt: %s", c)
	return ""
}

// expectMatch checks that each pattern matches a line of the listing.
func (tt *trafficTest) expectMatch(listing string, patterns ...string) {
	tt.t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile(`(?m)` + pattern).MatchString(listing) {
			tt.t.Errorf("no match for %q:\n%s", pattern, listing)
		}
	}
}

// eventually waits until a pattern matches a line of a listing.
func (tt *trafficTest) eventually(pattern string, args ...string) {
	tt.t.Helper()
	tt.must(testnet.Eventually(func() error {
		listing := tt.run(tt.comparer.Reference, difftest.Command{Args: append([]string{"ipvsadm"}, args...)}).Stdout
		if !regexp.MustCompile(`(?m)` + pattern).MatchString(listing) {
			return fmt.Errorf("no match for %q:\n%s", pattern, listing)
		}
		return nil
	}))
}

var listingOptions = []string{"", "--stats", "--rate", "--stats --exact", "--rate --exact", "--thresholds", "--persistent-conn", "--tun-info", "--nosort", "-c", "-c --persistent-conn", "--timeout"}

// compareListings compares all listings of the table, with numbers and with names.
func (tt *trafficTest) compareListings() {
	tt.t.Helper()
	for _, options := range listingOptions {
		tt.compare(append([]string{"-L", "-n"}, strings.Fields(options)...)...)
		tt.compare(append([]string{"-L"}, strings.Fields(options)...)...)
	}
	tt.compare("-S")
	tt.compare("-S", "-n")
}

// compareServiceListings compares the listings of one service.
func (tt *trafficTest) compareServiceListings(service string) {
	tt.t.Helper()
	for _, options := range listingOptions[:8] { // up to --tun-info: the formats of the table
		tt.compare(append([]string{"-L"}, strings.Fields(service+" "+options)...)...)
	}
}

// upload sends data to a service and waits until the server closes the connection.
func (tt *trafficTest) upload(to string, mebibytes int) {
	tt.t.Helper()
	conn := tt.dial("tcp", "10.1.1.1", to).(*net.TCPConn)
	block := make([]byte, 1<<20)
	for range mebibytes {
		_, err := conn.Write(block)
		tt.must(err)
	}
	tt.must(conn.CloseWrite())
	readToEnd(conn)
}

// readToEnd reads until the peer closes the connection.
func readToEnd(conn net.Conn) { io.Copy(io.Discard, conn) }

func TestTraffic(t *testing.T) {
	tt := newTrafficTest(t)
	tt.serve("tcp", ":80", func(conn net.Conn) {
		readToEnd(conn)
		conn.Close()
	})
	tt.serve("tcp", ":7777", readToEnd)
	tt.serve("tcp", ":81", func(conn net.Conn) { conn.Close() })

	// Byte counters that exceed the column width and 32 bits. The uploads come first, so that the
	// following connections are still in their states when listed.
	tt.upload("10.1.1.3:80", 120)
	tt.upload("10.1.1.2:80", 4200)

	tt.dial("tcp", "10.1.1.1", "10.1.1.2:80")
	tt.dial("tcp", "10.1.1.8", "10.1.1.2:80")
	tt.dial("tcp", "10.1.1.1", "10.1.1.2:80").(*net.TCPConn).CloseWrite()
	for range 3 {
		tt.dial("tcp", "10.1.1.1", "10.1.1.3:80")
	}
	tt.dial("tcp", "fd01::1", "[fd01::9]:80")
	tt.dial("tcp", "fd01::2222:3333:4444:5555", "[fd01::9]:80").Close()
	tt.dial("tcp", "10.1.1.1", "10.1.1.254:7777")
	readToEnd(tt.dial("tcp", "10.1.1.1", "10.1.1.2:81")) // closed by the server
	closed := tt.dial("tcp", "10.1.1.8", "10.1.1.2:81")
	readToEnd(closed)
	closed.Close()
	reset := tt.dial("tcp", "10.1.1.8", "10.1.1.2:80").(*net.TCPConn)
	tt.must(reset.SetLinger(0))
	reset.Close()
	tt.startHandshake(unix.SOCK_STREAM, 0, [4]byte{10, 1, 1, 2}, 99)

	fmt.Fprint(tt.dial("udp", "10.1.1.1", "10.1.1.2:53"), "who?")
	for _, id := range []string{"a84b4c76e66710@pc33.atlanta.example.com", "short", "exactly-sixteen!"} {
		tt.sendInvite(id)
	}

	associations := tt.openAssociations(2)
	tt.must(unix.Close(associations[0]))
	t.Cleanup(func() { unix.Close(associations[1]) })
	tt.startHandshake(unix.SOCK_STREAM, unix.IPPROTO_SCTP, [4]byte{10, 1, 1, 2}, 2906)

	// The kernel updates the counters every two seconds.
	tt.eventually(`^TCP  10.1.1.2:80 .* 4[4-9]\d\dM +\d+$`, "-L", "-n", "--stats")
	tt.expectMatch(tt.compare("-L", "-n", "--stats"), `^TCP  10.1.1.3:80 .* 1[2-9]\d{4}K +\d+$`)
	tt.expectMatch(tt.compare("-L", "-n", "--stats", "--exact"), `^TCP  10.1.1.2:80 .* 4[4-9]\d{8} +\d+$`, `^TCP  10.1.1.3:80 .* 1[2-9]\d{7} +\d+$`)

	connections := tt.compare("-L", "-c", "-n")
	tt.expectMatch(connections,
		`^TCP \d\d:\d\d  ESTABLISHED 10\.1\.1\.8:`, `FIN_WAIT`, `CLOSE `, `SYN_RECV`,
		`^TCP .* (NONE|ASSURED) +10\.1\.1\.0:0 `, `^TCP .* ESTABLISHED \[fd01::1\]:`, `^IP .* (NONE|ASSURED) +10\.1\.1\.1:0 `,
		`^UDP .* UDP         10\.1\.1\.1:`, `^SCTP .* ESTABLISHED `, `^SCTP .* (SHUTDOWN|CLOSED)`, `^SCTP .* INIT`)
	tt.expectMatch(tt.compare("-L", "-c", "-n", "--persistent-conn"), `sip +a84b4c76e66710@pc33.atlanta.example.com`, `sip +short$`)
	tt.expectMatch(tt.compare("-L", "-c"), `web1:`, `a-very-long-host-name-indeed.example.org:http`)
	tt.expectMatch(tt.compare("-L", "-n", "--persistent-conn"), `-> 192.168.7.2:80 +1 +1 `)
	tt.compareListings()
	tt.compareServiceListings("-t 10.1.1.2:80")
	tt.compareServiceListings("-f 7 -n")

	if got := tt.run(tt.comparer.Ours, difftest.Command{Args: []string{"ipvsadm", "-Z", "-t", "10.1.1.2:80"}}); got != (difftest.Result{}) {
		t.Errorf("-Z: %swant exit status 0 and no output", got)
	}
	tt.eventually(`^TCP  10.1.1.2:80 +0 +0 +0 +0 +0$`, "-L", "-n", "--stats")
}

// ipvsadm cannot list a very long Call-ID, which is chosen by the client; goipvsadm can.
func TestLongCallID(t *testing.T) {
	tt := newTrafficTest(t)
	id := strings.Repeat("long", 60)
	tt.sendInvite(id)
	list := difftest.Command{Args: []string{"ipvsadm", "-L", "-c", "-n", "--persistent-conn"}}
	if row := regexp.MustCompile(`(?m) ` + id + `$`); row.MatchString(tt.run(tt.comparer.Reference, list).Stdout) {
		t.Error("ipvsadm lists the complete Call-ID")
	}
	got := tt.run(tt.comparer.Ours, list)
	tt.expectMatch(got.Stdout, `^UDP \d\d:\d\d .* sip +`+id+`$`)
	if got.Status != 0 || got.Stderr != "" {
		t.Errorf("goipvsadm: %swant exit status 0 and no error", got)
	}
}
