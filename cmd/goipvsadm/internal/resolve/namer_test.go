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
	for _, test := range []struct {
		show, in string
		p        ipvs.Protocol
		want     string
	}{
		{show: "host and port", in: "10.1.1.1:80", p: ipvs.TCP, want: "web1:http"},
		{show: "first of two names", in: "10.1.1.2:80", p: ipvs.TCP, want: "a-very-long-host-name-indeed.example.org:http"},
		{show: "unknown host", in: "10.9.9.9:80", p: ipvs.TCP, want: "10.9.9.9:http"},
		{show: "address without a name in the file", in: "10.1.1.9:80", p: ipvs.TCP, want: "10.1.1.9:http"},
		{show: "unknown port", in: "10.1.1.1:65000", p: ipvs.TCP, want: "web1:65000"},
		{show: "port 0", in: "10.1.1.1:0", p: ipvs.TCP, want: "web1:0"},
		{show: "port named otherwise for UDP", in: "10.1.1.1:514", p: ipvs.UDP, want: "web1:syslog"},
		{show: "port named otherwise for TCP", in: "10.1.1.1:514", p: ipvs.TCP, want: "web1:shell"},
		{show: "port without a name for UDP", in: "10.1.1.1:80", p: ipvs.UDP, want: "web1:80"},
		{show: "port for SCTP", in: "10.1.1.1:3868", p: ipvs.SCTP, want: "web1:diameter"},
		{show: "server of a mark", in: "10.1.1.1:80", want: "web1:80"},
		{show: "IPv6 name in brackets", in: "[fd00::5]:80", p: ipvs.TCP, want: "[six-only]:http"},
		{show: "IPv6 loopback", in: "[::1]:80", p: ipvs.TCP, want: "[localhost6]:http"},
		{show: "IPv6 without a name", in: "[fd00::99]:80", p: ipvs.TCP, want: "[fd00::99]:http"},
		{show: "IPv4 from a mapped line", in: "10.1.1.5:0", p: ipvs.TCP, want: "mapped5:0"},
		{show: "beyond ASCII", in: "10.1.1.11:53", p: ipvs.TCP, want: "umlaut-ü:domain"},
	} {
		got := string(n.Append([]byte("x "), netip.MustParseAddrPort(test.in), test.p))
		if got != "x "+test.want {
			t.Errorf("%s: %s gave %q, want %q", test.show, test.in, got, "x "+test.want)
		}
	}
}

func TestNamesAreCut(t *testing.T) {
	long := strings.Repeat("a", 70)
	d, _ := testDatabase(t)
	d.hosts = func() hosts {
		return readHosts("10.0.0.1 " + long + "\nfd00::1 " + long + "\nfd00::2 " + long[:53] + "\n")
	}
	n := NewNamer(d)
	for in, want := range map[string]string{
		"10.0.0.1:80":  long[:59],
		"[fd00::1]:80": "[" + long[:58],
		"[fd00::2]:80": "[" + long[:53] + "]:htt",
	} {
		if got := string(n.Append(nil, netip.MustParseAddrPort(in), ipvs.TCP)); got != want {
			t.Errorf("%s gave %q, want %q", in, got, want)
		}
	}
}

func TestControlCharactersAreNoName(t *testing.T) {
	for name, want := range map[string]bool{
		"plain.example.org":  true,
		"umlaut-ü":           true,
		"latin-1-\xfc":       true,
		"ctl\x01":            false,
		"esc\x1b[31m":        false,
		"del\x7f":            false,
		"c1-\u009b31m":       false,
		"c1-8-bit-\x9b31m":   false,
		"left\u202eto-right": false,
		"isolate\u2066":      false,
		"mark\u200f":         false,
		"arabic\u061cmark":   false,
		"zero\u200bwidth":    false,
		"bom\ufeff":          false,
		"line\u2028":         false,
		"no-break\u00a0":     false,
	} {
		if got := !hasUnsafeRunes(name); got != want {
			t.Errorf("%q: taken %v, want %v", name, got, want)
		}
	}
}

// What the C library, or this program, reads as an address never stands for
// another one.
func TestAddressesAreNoName(t *testing.T) {
	for name, address := range map[string]bool{
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
		if got := looksLikeAddress(name); got != address {
			t.Errorf("%q: an address %v, want %v", name, got, address)
		}
	}
}

// A saver writes what reads back as the same address and port.
func TestSaver(t *testing.T) {
	long, limit := strings.Repeat("l", 60), strings.Repeat("m", 54)
	d, _ := testDatabase(t)
	d.hosts = func() hosts {
		return readHosts("10.0.0.1 good alias\n10.0.0.2 good\n10.0.0.3 " + long + "\n10.0.0.4 " + limit + "\n" +
			"10.0.0.5 x:80\n10.0.0.6 0x7f.1\n10.0.0.7 -dash\n10.0.0.8 GOOD8 good8\nfd00::1 six\n10.0.0.9 ipvsadm\n")
	}
	d.services = func() services {
		return readServices("http 80/tcp\nhttp 81/tcp\nx:9 82/tcp\n84 83/tcp\n+85 86/tcp\n#9 87/tcp\na-long-name 88/tcp\nhttp 89/udp\n")
	}
	for in, want := range map[string]string{
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
		if got := string(NewRoundTripNamer(d).Append(nil, netip.MustParseAddrPort(in), ipvs.TCP)); got != want {
			t.Errorf("%s gave %q, want %q", in, got, want)
		}
	}
}

// A nameServer answers questions for PTR records over connections that Dial
// makes.
type nameServer struct {
	answer func(question string) (name string) // "" for none

	mu    sync.Mutex
	asked map[string]int
}

func (s *nameServer) database(t *testing.T) *Database {
	d, _ := testDatabase(t)
	s.asked = make(map[string]int)
	d.resolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go s.serve(server)
			return client, nil
		},
	}
	return d
}

// serve answers over a stream: messages have their length before them. An
// answer is the question, a header that says so, and one record.
func (s *nameServer) serve(c net.Conn) {
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
		s.asked[question]++
		s.mu.Unlock()

		name := s.answer(question)
		out := append([]byte{}, msg[:end]...)
		copy(out[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
		if name == "" {
			out[3] |= 3 // no such name
		} else {
			out[7] = 1 // one answer
			var data []byte
			for label := range strings.SplitSeq(name, ".") {
				data = append(append(data, byte(len(label))), label...)
			}
			data = append(data, 0)
			out = append(out, 0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60) // the name asked for, PTR, IN, TTL
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
			return
		}
	}
}

func TestNamerDNS(t *testing.T) {
	server := &nameServer{answer: func(question string) string {
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
		for in, want := range map[string]string{
			"10.0.0.1:80":  "one.example.org:http",
			"10.0.0.2:80":  "10.0.0.2:http",
			"10.0.0.3:80":  "10.0.0.3:http",
			"[fd00::1]:80": "[six.example.org]:http",
		} {
			if got := string(n.Append(nil, netip.MustParseAddrPort(in), ipvs.TCP)); got != want {
				t.Errorf("%s gave %q, want %q", in, got, want)
			}
		}
	}
	for question, times := range server.asked {
		if times != 1 {
			t.Errorf("asked %d times for %s", times, question)
		}
	}
	if len(server.asked) != 4 {
		t.Errorf("asked %d questions, want 4: %v", len(server.asked), server.asked)
	}
}

// TestPrefetchSideBySide has a server that answers no question before all
// have been asked.
func TestPrefetchSideBySide(t *testing.T) {
	var addrs []netip.Addr
	var endpoints []Endpoint
	for i := range maxConcurrentLookups {
		addrs = append(addrs, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
		endpoints = append(endpoints, Endpoint{netip.AddrPortFrom(addrs[i], 80), ipvs.TCP})
	}
	var all sync.WaitGroup
	all.Add(len(addrs))
	server := &nameServer{answer: func(question string) string {
		all.Done()
		all.Wait()
		labels := strings.Split(question, ".") // from the last byte on
		return "host" + labels[0] + "-" + labels[1] + ".example.org"
	}}
	n := NewNamer(server.database(t))
	n.Prefetch(append(endpoints, endpoints...))
	n.Prefetch(endpoints)
	for i, addr := range addrs {
		if got, want := n.hosts[addr], fmt.Sprintf("host%d-%d.example.org", i&0xff, i>>8); got != want {
			t.Errorf("%s is %q, want %q", addr, got, want)
		}
	}
	if len(server.asked) != len(addrs) {
		t.Errorf("%d questions for %d addresses", len(server.asked), len(addrs))
	}
}
