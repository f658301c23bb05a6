// SPDX-License-Identifier: MIT

package tablefmt

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// connections were recorded from Linux 6.1, except the last two, which test the column
// widths: one exceeds them, the other has the largest addresses that fit.
var connections = []ipvs.Connection{
	connection(ipvs.UDP, "10.0.0.1:49910", "10.0.0.1:53", "10.0.0.11:53", "UDP", 299, "", ""),
	connection(ipvs.TCP, "10.0.0.1:52162", "10.0.0.1:1001", "10.0.0.11:1001", "SYN_RECV", 59, "", ""),
	connection(ipvs.UDP, "10.0.0.1:0", "10.0.0.1:5060", "10.0.0.11:5060", "NONE", 59, "sip", "abc-1234567890@10.0.0.1"),
	connection(ipvs.TCP, "10.0.0.1:40984", "10.0.0.1:80", "10.0.0.11:80", "SYN_RECV", 59, "", ""),
	connection(ipvs.TCP, "10.0.0.1:48606", "10.0.0.1:443", "10.0.0.11:443", "SYN_RECV", 59, "", ""),
	connection(ipvs.SCTP, "10.0.0.1:51779", "10.0.0.1:7", "10.0.0.11:7", "INIT1", 3, "", ""),
	connection(ipvs.TCP, "10.0.0.0:0", "10.0.0.1:0", "10.0.0.12:0", "NONE", 2999, "", ""),
	connection(0, "10.0.0.1:0", "0.0.0.5:0", "10.0.0.11:0", "NONE", 76, "", ""),
	connection(ipvs.UDP, "10.0.0.1:40899", "10.0.0.1:5060", "10.0.0.11:5060", "UDP", 299, "", ""),
	connection(ipvs.TCP, "[fd00::1]:43400", "[fd00::1]:80", "[fd00::11]:8080", "SYN_RECV", 59, "", ""),
	connection(ipvs.TCP, "10.0.0.1:59400", "10.0.0.1:444", "10.0.0.12:444", "SYN_RECV", 59, "", ""),
	connection(ipvs.UDP, "10.0.0.1:44498", "10.0.0.1:5060", "10.0.0.11:5060", "UDP", 299, "", ""),
	connection(ipvs.TCP, "10.0.0.1:0", "10.0.0.1:443", "10.0.0.11:443", "NONE", 99, "", ""),
	connection(ipvs.TCP, "[fd00::1]:55508", "[fd00::1]:81", "10.0.0.11:81", "SYN_RECV", 59, "", ""),
	connection(ipvs.UDP, "10.0.0.1:0", "10.0.0.1:5060", "10.0.0.11:5060", "NONE", 59, "sip", strings.Repeat("a", 100)),
	connection(ipvs.TCP, "[fd00::]:0", "[fd00::1]:80", "[fd00::11]:8080", "NONE", 49, "", ""),
	connection(ipvs.SCTP, "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535", "[2001:1db8:1111:2222:3333:4444:5555:6667]:65535", "[2001:1db8:1111:2222:3333:4444:5555:6668]:65535", "SHUTDOWN_ACK_SENT", 2678400, "sip", "id"),
	connection(ipvs.UDP, "255.255.255.255:65535", "255.255.255.255:65534", "255.255.255.255:65533", "UDP", 0, "sip", "id"),
}

func connection(p ipvs.Protocol, client, virtual, destination, state string, expires uint32, engine, data string) ipvs.Connection {
	return ipvs.Connection{
		Protocol: p,
		Client:   addrPort(client), VIP: addrPort(virtual), Destination: addrPort(destination),
		State: state, Expires: expires,
		PEName: engine, PEData: data,
	}
}

func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		recording string
		names     Namer
		engine    bool
	}{
		{recording: "connections", names: resolve.Numeric{}},
		{recording: "connections-engine", names: resolve.Numeric{}, engine: true},
		{recording: "connections-names", names: fixedNamer("a-name-that-fits"), engine: true},
	} {
		t.Run(tt.recording, func(t *testing.T) {
			var out bytes.Buffer
			if err := Connections(&out, ipvstest.ConnectionSeq(connections, nil), tt.names, tt.engine); err != nil {
				t.Fatal(err)
			}
			diffLines(t, out.String(), readRecording(t, tt.recording))
		})
	}
}

func TestConnectionsEmpty(t *testing.T) {
	var out bytes.Buffer
	if err := Connections(&out, ipvstest.ConnectionSeq(nil, nil), resolve.Numeric{}, false); err != nil {
		t.Fatal(err)
	}
	diffLines(t, out.String(), "IPVS connection entries\n"+connectionTitle)
}

var errTest = errors.New("test error")

func TestConnectionsReadError(t *testing.T) {
	var out bytes.Buffer
	if err := Connections(&out, ipvstest.ConnectionSeq(nil, errTest), resolve.Numeric{}, false); err != errTest || out.Len() != 0 {
		t.Errorf("error before the first connection: got %v, wrote %q; want the error, and nothing written", err, out.String())
	}
	for _, n := range []int{1, 2, 5} {
		out.Reset()
		err := Connections(&out, ipvstest.ConnectionSeq(connections[:n], errTest), resolve.Numeric{}, false)
		if lines := strings.Count(out.String(), "\n"); !errors.Is(err, errTest) || lines != 2+n {
			t.Errorf("error after %d connections: got %v, wrote %d lines; want the error and %d lines", n, err, lines, 2+n)
		}
	}
}

type writerFunc func(b []byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }

func TestConnectionsWriteError(t *testing.T) {
	yielded := 0
	seq := func(yield func(ipvs.Connection, error) bool) {
		for yield(connections[0], nil) {
			yielded++
		}
	}
	err := Connections(writerFunc(func([]byte) (int, error) { return 0, errTest }), seq, resolve.Numeric{}, false)
	if err != errTest || yielded != 0 {
		t.Errorf("got error %v, read %d more connections; want the write error and 0", err, yielded)
	}
}

// TestConnectionsStream verifies that the first connection is written before the second
// is read, that at most maxBatch connections are pending, and that only whole lines are
// written.
func TestConnectionsStream(t *testing.T) {
	const total = 10 * maxBatch
	yielded, written := 0, 0
	seq := func(yield func(ipvs.Connection, error) bool) {
		for yielded < total {
			if yielded == 1 && written != 1 {
				t.Error("the first connection is not written immediately")
			}
			if pending := yielded - written; pending >= maxBatch {
				t.Fatalf("%d connections pending, want less than %d", pending, maxBatch)
			}
			yielded++
			if !yield(connections[yielded%len(connections)], nil) {
				return
			}
		}
	}
	first := true
	w := writerFunc(func(b []byte) (int, error) {
		if b[len(b)-1] != '\n' {
			t.Errorf("partial line written: %q", b[bytes.LastIndexByte(b, '\n')+1:])
		}
		written += bytes.Count(b, []byte("\n"))
		if first { // the titles
			written -= 2
		}
		first = false
		return len(b), nil
	})
	if err := Connections(w, seq, resolve.Numeric{}, false); err != nil || written != total {
		t.Errorf("error %v, %d of %d connections written", err, written, total)
	}
}

// A prefetchRecorder counts the names that Append needs and Prefetch has not
// looked up.
type prefetchRecorder struct {
	resolve.Numeric
	prefetched map[resolve.Endpoint]bool
	missed     int
}

func (r *prefetchRecorder) Prefetch(endpoints []resolve.Endpoint) {
	for _, e := range endpoints {
		r.prefetched[e] = true
	}
}

func (r *prefetchRecorder) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	if !r.prefetched[resolve.Endpoint{AddrPort: ap, Protocol: p}] {
		r.missed++
	}
	return r.Numeric.Append(b, ap, p)
}

func TestConnectionsPrefetch(t *testing.T) {
	recorder := &prefetchRecorder{prefetched: make(map[resolve.Endpoint]bool)}
	var out bytes.Buffer
	if err := Connections(&out, ipvstest.ConnectionSeq(connections, nil), recorder, true); err != nil || recorder.missed != 0 {
		t.Errorf("error %v, %d names not prefetched", err, recorder.missed)
	}
	diffLines(t, out.String(), readRecording(t, "connections-engine"))
}
