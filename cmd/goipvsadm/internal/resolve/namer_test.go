// SPDX-License-Identifier: MIT

package resolve

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"goipvsadm/ipvs"
)

func TestNamerFiles(t *testing.T) {
	d, _ := testDatabase(t)
	n := NewNamer(d)
	for _, tt := range []struct {
		name, addr string
		protocol   ipvs.Protocol
		want       string
	}{
		{name: "host and port", addr: "10.1.1.1:80", protocol: ipvs.TCP, want: "web1:http"},
		{name: "first of two host names", addr: "10.1.1.2:80", protocol: ipvs.TCP, want: "a-very-long-host-name-indeed.example.org:http"},
		{name: "unknown host", addr: "10.9.9.9:80", protocol: ipvs.TCP, want: "10.9.9.9:http"},
		{name: "address without a name in the hosts file", addr: "10.1.1.9:80", protocol: ipvs.TCP, want: "10.1.1.9:http"},
		{name: "unknown port", addr: "10.1.1.1:65000", protocol: ipvs.TCP, want: "web1:65000"},
		{name: "port 0", addr: "10.1.1.1:0", protocol: ipvs.TCP, want: "web1:0"},
		{name: "UDP name of a port", addr: "10.1.1.1:514", protocol: ipvs.UDP, want: "web1:syslog"},
		{name: "TCP name of a port", addr: "10.1.1.1:514", protocol: ipvs.TCP, want: "web1:shell"},
		{name: "port without a UDP name", addr: "10.1.1.1:80", protocol: ipvs.UDP, want: "web1:80"},
		{name: "SCTP port", addr: "10.1.1.1:3868", protocol: ipvs.SCTP, want: "web1:diameter"},
		{name: "server of a firewall mark", addr: "10.1.1.1:80", want: "web1:80"},
		{name: "IPv6 name in brackets", addr: "[fd00::5]:80", protocol: ipvs.TCP, want: "[six-only]:http"},
		{name: "IPv6 loopback", addr: "[::1]:80", protocol: ipvs.TCP, want: "[localhost6]:http"},
		{name: "IPv6 without a name", addr: "[fd00::99]:80", protocol: ipvs.TCP, want: "[fd00::99]:http"},
		{name: "IPv4-mapped address in the hosts file", addr: "10.1.1.5:0", protocol: ipvs.TCP, want: "mapped5:0"},
		{name: "non-ASCII name", addr: "10.1.1.11:53", protocol: ipvs.TCP, want: "umlaut-ü:domain"},
	} {
		got := string(n.Append([]byte("x "), netip.MustParseAddrPort(tt.addr), tt.protocol))
		if got != "x "+tt.want {
			t.Errorf("%s: Append(%s) = %q, want %q", tt.name, tt.addr, got, "x "+tt.want)
		}
	}
}

func TestNamerMaxLen(t *testing.T) {
	long := strings.Repeat("a", 70)
	d, _ := testDatabase(t)
	d.hosts = func() hosts {
		return readHosts("10.0.0.1 " + long + "\nfd00::1 " + long + "\nfd00::2 " + long[:53] + "\n")
	}
	n := NewNamer(d)
	for addr, want := range map[string]string{
		"10.0.0.1:80":  long[:59],
		"[fd00::1]:80": "[" + long[:58],
		"[fd00::2]:80": "[" + long[:53] + "]:htt",
	} {
		if got := string(n.Append(nil, netip.MustParseAddrPort(addr), ipvs.TCP)); got != want {
			t.Errorf("Append(%s) = %q, want %q", addr, got, want)
		}
	}
}

func TestHasUnsafeRunes(t *testing.T) {
	for name, want := range map[string]bool{
		"plain.example.org":  false,
		"umlaut-ü":           false,
		"latin-1-\xfc":       false,
		"ctl\x01":            true,
		"esc\x1b[31m":        true,
		"del\x7f":            true,
		"c1-\u009b31m":       true,
		"c1-8-bit-\x9b31m":   true,
		"left\u202eto-right": true,
		"isolate\u2066":      true,
		"mark\u200f":         true,
		"arabic\u061cmark":   true,
		"zero\u200bwidth":    true,
		"bom\ufeff":          true,
		"line\u2028":         true,
		"no-break\u00a0":     true,
	} {
		if got := hasUnsafeRunes(name); got != want {
			t.Errorf("hasUnsafeRunes(%q) = %v, want %v", name, got, want)
		}
	}
}

// TestLooksLikeAddress includes the forms that the C library or this package parses as
// addresses. Such a name must not be shown in place of another address.
func TestLooksLikeAddress(t *testing.T) {
	for name, want := range map[string]bool{
		"10.0.0.2":             true,
		"0x7f.1":               true,
		"010.0x1":              true,
		"0x0a000001":           true,
		"0X0A000001":           true,
		"127.1":                true,
		"2130706433":           true,
		"127.0.0.1.":           true,
		"127.1.":               true,
		"0x7f.1.":              true,
		"1.2.3.4.5":            true,
		"300.1.1.1":            true,
		"1.2.3.4:80":           true,
		"x:80":                 true,
		"[10.0.0.1]":           true,
		"fd00::1":              true,
		"::":                   true,
		"fe80::1%eth0":         true,
		"10.0.0.0/8":           true,
		"0":                    true,
		"":                     false,
		"12x.example.org":      false,
		"0x7g.1":               false,
		"0x":                   false,
		"10.0.0.1.example.org": false,
		"7f.example.org":       false,
	} {
		if got := looksLikeAddress(name); got != want {
			t.Errorf("looksLikeAddress(%q) = %v, want %v", name, got, want)
		}
	}
}

// TestRoundTripNamer verifies that names that do not read back as the same address and
// port are replaced by numbers.
func TestRoundTripNamer(t *testing.T) {
	long, limit := strings.Repeat("l", 60), strings.Repeat("m", 54)
	d, _ := testDatabase(t)
	d.hosts = func() hosts {
		return readHosts("10.0.0.1 good alias\n10.0.0.2 good\n10.0.0.3 " + long + "\n10.0.0.4 " + limit + "\n" +
			"10.0.0.5 x:80\n10.0.0.6 0x7f.1\n10.0.0.7 -dash\n10.0.0.8 GOOD8 good8\nfd00::1 six\n10.0.0.9 ipvsadm\n")
	}
	d.services = func() services {
		return readServices("http 80/tcp\nhttp 81/tcp\nx:9 82/tcp\n84 83/tcp\n+85 86/tcp\n#9 87/tcp\na-long-name 88/tcp\nhttp 89/udp\n")
	}
	for addr, want := range map[string]string{
		"10.0.0.1:80":  "good:http",
		"10.0.0.1:81":  "good:81",       // http is 80
		"10.0.0.2:80":  "10.0.0.2:http", // good is 10.0.0.1
		"10.0.0.3:80":  "10.0.0.3:http",
		"10.0.0.4:80":  limit + ":http",
		"10.0.0.4:88":  limit + ":88",
		"10.0.0.5:80":  "10.0.0.5:http",
		"10.0.0.6:80":  "10.0.0.6:http",
		"10.0.0.7:80":  "-dash:http",
		"10.0.0.8:80":  "GOOD8:http",
		"10.0.0.9:80":  "ipvsadm:http",
		"10.0.0.1:82":  "good:82",
		"10.0.0.1:83":  "good:83",
		"10.0.0.1:86":  "good:86",
		"10.0.0.1:89":  "good:89",
		"[fd00::1]:80": "[fd00::1]:http",
		"[fd00::1]:9":  "[fd00::1]:9",
	} {
		if got := string(NewRoundTripNamer(d).Append(nil, netip.MustParseAddrPort(addr), ipvs.TCP)); got != want {
			t.Errorf("Append(%s) = %q, want %q", addr, got, want)
		}
	}
}

// A fakeNameServer responds to PTR queries over an in-memory connection.
type fakeNameServer struct {
	lookup func(question string) (name string) // returns "" for NXDOMAIN

	mu      sync.Mutex
	queries map[string]int // number of queries by name
}

func (s *fakeNameServer) database(t *testing.T) *Database {
	db, _ := testDatabase(t)
	s.queries = make(map[string]int)
	db.resolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go s.serve(server)
			return client, nil
		},
	}
	return db
}

// serve responds to queries on a stream, where a length precedes each message. A
// response is a copy of the query with a response header and one record.
func (s *fakeNameServer) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		msg := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, msg); err != nil {
			return
		}
		var labels []string
		end := 12
		for msg[end] != 0 {
			labels = append(labels, string(msg[end+1:end+1+int(msg[end])]))
			end += 1 + int(msg[end])
		}
		end += 5 // the root label, type and class
		question := strings.Join(labels, ".")
		s.mu.Lock()
		s.queries[question]++
		s.mu.Unlock()

		name := s.lookup(question)
		out := append([]byte{}, msg[:end]...)
		copy(out[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
		if name == "" {
			out[3] |= 3 // no such name
		} else {
			out[7] = 1 // number of answers
			var data []byte
			for label := range strings.SplitSeq(name, ".") {
				data = append(append(data, byte(len(label))), label...)
			}
			data = append(data, 0)
			out = append(out, 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60) // pointer to the question, PTR, IN, TTL
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}

func TestNamerDNS(t *testing.T) {
	server := &fakeNameServer{lookup: func(question string) string {
		switch question {
		case "1.0.0.10.in-addr.arpa":
			return "one.example.org"
		case "2.0.0.10.in-addr.arpa":
			return "two\x1b[31m.example.org"
		case "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa":
			return "six.example.org"
		}
		return ""
	}}
	n := NewNamer(server.database(t))
	for range 3 {
		for addr, want := range map[string]string{
			"10.0.0.1:80":  "one.example.org:http",
			"10.0.0.2:80":  "10.0.0.2:http",
			"10.0.0.3:80":  "10.0.0.3:http",
			"[fd00::1]:80": "[six.example.org]:http",
		} {
			if got := string(n.Append(nil, netip.MustParseAddrPort(addr), ipvs.TCP)); got != want {
				t.Errorf("Append(%s) = %q, want %q", addr, got, want)
			}
		}
	}
	for question, times := range server.queries {
		if times != 1 {
			t.Errorf("%d queries for %s, want 1", times, question)
		}
	}
	if len(server.queries) != 4 {
		t.Errorf("%d different queries, want 4: %v", len(server.queries), server.queries)
	}
}

// TestPrefetchConcurrent uses a name server that responds to no query before it has
// received all of them.
func TestPrefetchConcurrent(t *testing.T) {
	var addrs []netip.Addr
	var endpoints []Endpoint
	for i := range maxConcurrentLookups {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		endpoints = append(endpoints, Endpoint{netip.AddrPortFrom(addrs[i], 80), ipvs.TCP})
	}
	var pending sync.WaitGroup
	pending.Add(len(addrs))
	server := &fakeNameServer{lookup: func(question string) string {
		pending.Done()
		pending.Wait()
		labels := strings.Split(question, ".") // the last byte of the address first
		return "host" + labels[0] + "-" + labels[1] + ".example.org"
	}}
	n := NewNamer(server.database(t))
	n.Prefetch(append(endpoints, endpoints...))
	n.Prefetch(endpoints)
	for i, addr := range addrs {
		if got, want := n.hosts[addr], fmt.Sprintf("host%d-%d.example.org", i&0xff, i>>8); got != want {
			t.Errorf("name of %s = %q, want %q", addr, got, want)
		}
	}
	if len(server.queries) != len(addrs) {
		t.Errorf("queries for %d addresses, want %d", len(server.queries), len(addrs))
	}
}
