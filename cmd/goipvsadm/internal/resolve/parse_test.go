// SPDX-License-Identifier: MIT

package resolve

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"goipvsadm/ipvs"
)

const testHosts = `# a comment
127.0.0.1 localhost
::1 localhost6 ip6-localhost
10.1.1.1	web1 alias1 # web9
10.1.1.2 a-very-long-host-name-indeed.example.org
10.1.1.2 second
::ffff:10.1.1.5 mapped5
fd00::5 six-only
fd00::6 both
10.1.1.6 both
10.1.1.7 both
10.1.1.8 12345
10.1.1.9
fe80::1%lo zoned
10.1.1 short
10.1.1.11 umlaut-ü
10.1.1.12 under_score`

const testServices = `# name port/protocol aliases
http		80/tcp		www	# WorldWideWeb HTTP
domain		53/tcp
domain		53/udp
syslog		514/udp
shell		514/tcp		cmd syslog-tls
tftp		69/udp
http-alt	8080/tcp	webcache
second		80/tcp
diameter	3868/sctp
bad		70000/tcp
worse		80
alone
`

// failingResolver returns a resolver that counts its queries and fails all of them.
func failingResolver(queries *int) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			*queries++
			return nil, errors.New("test error")
		},
	}
}

func testDatabase(t testing.TB) (d *Database, queries *int) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	queries = new(int)
	return NewDatabase(write("hosts", testHosts), write("services", testServices), failingResolver(queries)), queries
}

func TestAddrPort(t *testing.T) {
	d, _ := testDatabase(t)
	const invalid = "invalid"
	for _, tt := range []struct{ name, word, want string }{
		{name: "address and port", word: "10.0.0.1:80", want: "10.0.0.1:80"},
		{name: "no port", word: "10.0.0.1", want: "10.0.0.1:0 no port"},
		{name: "port 0 is a port", word: "10.0.0.1:0", want: "10.0.0.1:0"},
		{name: "empty", want: invalid},
		{name: "digits only", word: "80", want: invalid},
		{name: "digits only, also a host name", word: "12345", want: invalid},
		{name: "empty port", word: "10.0.0.1:", want: invalid},
		{name: "empty host", word: ":80", want: invalid},
		{name: "colon only", word: ":", want: invalid},

		{name: "highest port", word: "10.0.0.1:65535", want: "10.0.0.1:65535"},
		{name: "port too high", word: "10.0.0.1:65536", want: invalid},
		{name: "port beyond 32 bits", word: "10.0.0.1:4294967376", want: invalid},
		{name: "port beyond 64 bits", word: "10.0.0.1:18446744073709551696", want: invalid},
		{name: "negative port", word: "10.0.0.1:-1", want: invalid},
		{name: "negative zero", word: "10.0.0.1:-0", want: "10.0.0.1:0"},
		{name: "port with sign", word: "10.0.0.1:+80", want: "10.0.0.1:80"},
		{name: "port with two signs", word: "10.0.0.1:+-80", want: invalid},
		{name: "port is a sign only", word: "10.0.0.1:+", want: invalid},
		{name: "port with leading white space", word: "10.0.0.1: \t\v80", want: "10.0.0.1:80"},
		{name: "port with trailing blank", word: "10.0.0.1:80 ", want: invalid},
		{name: "blank port", word: "10.0.0.1: ", want: invalid},
		{name: "port with leading zeros is decimal", word: "10.0.0.1:080", want: "10.0.0.1:80"},
		{name: "hexadecimal port", word: "10.0.0.1:0x50", want: invalid},
		{name: "port with letter", word: "10.0.0.1:80a", want: invalid},
		{name: "two ports", word: "10.0.0.1:80:90", want: invalid},

		{name: "port by name", word: "10.0.0.1:http", want: "10.0.0.1:80"},
		{name: "port by alias", word: "10.0.0.1:www", want: "10.0.0.1:80"},
		{name: "port names are case-sensitive", word: "10.0.0.1:HTTP", want: invalid},
		{name: "port name of another protocol", word: "10.0.0.1:tftp", want: invalid},
		{name: "unknown port name", word: "10.0.0.1:nosuch", want: invalid},
		{name: "port alias in a comment", word: "10.0.0.1:WorldWideWeb", want: invalid},
		{name: "port out of range in the services file", word: "10.0.0.1:bad", want: invalid},
		{name: "port without protocol in the services file", word: "10.0.0.1:worse", want: invalid},

		{name: "two parts", word: "10.1:80", want: "10.0.0.1:80"},
		{name: "three parts", word: "1.2.3:80", want: "1.2.0.3:80"},
		{name: "one part", word: "1:80", want: "0.0.0.1:80"},
		{name: "zero", word: "0:80", want: "0.0.0.0:80"},
		{name: "hexadecimal", word: "0x0a000001:80", want: "10.0.0.1:80"},
		{name: "capital hexadecimal", word: "0X0A.1:80", want: "10.0.0.1:80"},
		{name: "hexadecimal without port", word: "0x50", want: "0.0.0.80:0 no port"},
		{name: "octal", word: "012.0.0.1:80", want: "10.0.0.1:80"},
		{name: "octal with an eight", word: "08.1.1.1:80", want: invalid},
		{name: "0x without digits", word: "0x:80", want: invalid},
		{name: "0x with an invalid digit", word: "0xG:80", want: invalid},
		{name: "many leading zeros", word: "00000000000000000000001:80", want: "0.0.0.1:80"},
		{name: "highest single part", word: "4294967295:80", want: "255.255.255.255:80"},
		{name: "single part too high", word: "4294967296:80", want: invalid},
		{name: "octal beyond 32 bits", word: "040000000000:80", want: invalid},
		{name: "hexadecimal beyond 64 bits", word: "0xffffffffffffffffff:80", want: invalid},
		{name: "second of two parts", word: "1.16777215:80", want: "1.255.255.255:80"},
		{name: "second of two parts too high", word: "1.16777216:80", want: invalid},
		{name: "third of three parts", word: "1.2.65535:80", want: "1.2.255.255:80"},
		{name: "third of three parts too high", word: "1.2.65536:80", want: invalid},
		{name: "fourth part too high", word: "1.2.3.256:80", want: invalid},
		{name: "first part too high", word: "256.1.1.1:80", want: invalid},
		{name: "five parts", word: "1.2.3.4.5:80", want: invalid},
		{name: "empty part", word: "1..2:80", want: invalid},
		{name: "trailing dot", word: "1.2.3.:80", want: invalid},
		{name: "leading dot", word: ".1.2.3:80", want: invalid},
		{name: "negative part", word: "-1:80", want: invalid},
		{name: "white space ends an address", word: "1.2.3.4 :80", want: "1.2.3.4:80"},
		{name: "a tab ends an address", word: "1.2.3.4\t:80", want: "1.2.3.4:80"},
		{name: "text after white space is ignored", word: "1.2.3.4 a:b:80", want: "1.2.3.4:80"},
		{name: "a no-break space does not end an address", word: "1.2.3.4\u00a0:80", want: invalid},
		{name: "digits and a blank", word: "8 0", want: "0.0.0.8:0 no port"},
		{name: "leading blank", word: " 1.2.3.4:80", want: invalid},
		{name: "leading blank before digits", word: " 80", want: invalid},

		{name: "IPv6", word: "[fd00::1]:80", want: "[fd00::1]:80"},
		{name: "IPv6, port by name", word: "[fd00::1]:http", want: "[fd00::1]:80"},
		{name: "IPv6, port 0", word: "[fd00::1]:0", want: "[fd00::1]:0"},
		{name: "IPv6, port too high", word: "[fd00::1]:65536", want: invalid},
		{name: "IPv6, negative port", word: "[fd00::1]:-1", want: invalid},
		{name: "IPv6, empty port", word: "[fd00::1]:", want: invalid},
		{name: "IPv6 in brackets, no port", word: "[fd00::1]", want: invalid},
		{name: "IPv6 in brackets, port without colon", word: "[fd00::1]80", want: invalid},
		{name: "IPv6 in brackets, then a letter", word: "[fd00::1]x:80", want: invalid},
		{name: "bare IPv6", word: "fd00::1", want: "[fd00::1]:0 no port"},
		{name: "all zero", word: "::", want: "[::]:0 no port"},
		{name: "bare IPv6 that looks like a port", word: "::1:80", want: "[::1:80]:0 no port"},
		{name: "IPv4-mapped", word: "[::ffff:1.2.3.4]:80", want: "[::ffff:1.2.3.4]:80"},
		{name: "IPv4-compatible", word: "::1.2.3.4", want: "[::102:304]:0 no port"},
		{name: "eight words", word: "1:2:3:4:5:6:7:8", want: "[1:2:3:4:5:6:7:8]:0 no port"},
		{name: "nine words", word: "1:2:3:4:5:6:7:8:80", want: invalid},
		{name: "seven words and ::", word: "1:2:3:4:5:6:7::", want: "[1:2:3:4:5:6:7:0]:0 no port"},
		{name: "eight words and ::", word: "::1:2:3:4:5:6:7:8", want: invalid},
		{name: "two ::", word: "1::2::3", want: invalid},
		{name: "five digits", word: "00001::1", want: invalid},
		{name: "zone", word: "fe80::1%lo", want: invalid},
		{name: "zone in brackets", word: "[fe80::1%lo]:80", want: invalid},
		{name: "blank in brackets", word: "[ ::1]:80", want: invalid},
		{name: "blank before the bracket", word: " [::1]:80", want: invalid},
		{name: "two brackets", word: "[[::1]]:80", want: invalid},
		{name: "unclosed bracket", word: "[::1:80", want: invalid},
		{name: "empty brackets", word: "[]:80", want: invalid},
		{name: "brackets only", word: "[]", want: invalid},
		{name: "opening bracket only", word: "[", want: invalid},
		{name: "closing bracket only", word: "]", want: invalid},
		{name: "closing bracket after the port", word: "1.2.3.4:80]", want: invalid},

		{name: "port after IPv4 in brackets is dropped", word: "[1.2.3.4]:80", want: "1.2.3.4:0 no port"},
		{name: "invalid port after IPv4 in brackets is dropped", word: "[1.2.3.4]:bad", want: "1.2.3.4:0 no port"},
		{name: "empty port after IPv4 in brackets is dropped", word: "[1.2.3.4]:", want: "1.2.3.4:0 no port"},
		{name: "port within brackets is kept", word: "[1.2.3.4:80]:90", want: "1.2.3.4:80"},
		{name: "digits in brackets", word: "[80]:90", want: "0.0.0.80:0 no port"},
		{name: "IPv4 in brackets, no port", word: "[1.2.3.4]", want: invalid},
		{name: "name in brackets", word: "[web1]:80", want: "10.1.1.1:0 no port"},

		{name: "host by name", word: "web1:80", want: "10.1.1.1:80"},
		{name: "host and port by name", word: "localhost:http", want: "127.0.0.1:80"},
		{name: "host by alias", word: "alias1:80", want: "10.1.1.1:80"},
		{name: "host names are case-insensitive", word: "WEB1:80", want: "10.1.1.1:80"},
		{name: "host without port", word: "web1", want: "10.1.1.1:0 no port"},
		{name: "host with empty port", word: "web1:", want: invalid},
		{name: "host name with underscore", word: "under_score:80", want: "10.1.1.12:80"},
		{name: "non-ASCII host name", word: "umlaut-ü:80", want: "10.1.1.11:80"},
		{name: "host alias in a comment", word: "web9:80", want: invalid},
		{name: "unknown host", word: "nosuchhost:80", want: invalid},
		{name: "host with IPv6 address only", word: "six-only:80", want: invalid},
		{name: "host with IPv6 and IPv4 addresses", word: "both:80", want: "10.1.1.6:80"},
		{name: "IPv6 loopback line in the hosts file", word: "localhost6:80", want: "127.0.0.1:80"},
		{name: "IPv4-mapped line in the hosts file", word: "mapped5:80", want: "10.1.1.5:80"},
		{name: "host name of digits is an address", word: "12345:80", want: "0.0.48.57:80"},
		{name: "invalid address in the hosts file", word: "short:80", want: invalid},
		{name: "zone in the hosts file", word: "zoned:80", want: invalid},
	} {
		got := invalid
		if ap, hasPort, ok := d.AddrPort(tt.word, ipvs.TCP); ok {
			got = ap.String()
			if !hasPort {
				got += " no port"
			}
		}
		if got != tt.want {
			t.Errorf("%s: AddrPort(%q) = %s, want %s", tt.name, tt.word, got, tt.want)
		}
	}
}

func TestPortNamesByProtocol(t *testing.T) {
	d, _ := testDatabase(t)
	for _, tt := range []struct {
		name           string
		tcp, udp, sctp uint16 // 0 if unknown
		any            uint16
	}{
		{name: "http", tcp: 80, any: 80},
		{name: "domain", tcp: 53, udp: 53, any: 53},
		{name: "syslog", udp: 514, any: 514},
		{name: "cmd", tcp: 514, any: 514},
		{name: "tftp", udp: 69, any: 69},
		{name: "diameter", sctp: 3868, any: 3868},
		{name: "second", tcp: 80, any: 80},
		{name: "nosuch"},
	} {
		for p, want := range map[ipvs.Protocol]uint16{ipvs.TCP: tt.tcp, ipvs.UDP: tt.udp, ipvs.SCTP: tt.sctp, AnyProtocol: tt.any, 0: 0} {
			ap, _, ok := d.AddrPort("10.0.0.1:"+tt.name, p)
			if ok != (want != 0) || ok && ap.Port() != want {
				t.Errorf("port name %s, protocol %d: %s, %v, want port %d", tt.name, uint16(p), ap, ok, want)
			}
		}
	}
}

func TestNumericNoLookup(t *testing.T) {
	d, queries := testDatabase(t)
	for _, word := range []string{"10.0.0.1:80", "256.1.1.1:80", "1.2.3.4.5", "[fd00::1]:80", "fd00::1", "08.1.1.1:80"} {
		d.AddrPort(word, ipvs.TCP)
	}
	if *queries != 0 {
		t.Errorf("%d DNS queries, want 0", *queries)
	}
	if n := testing.AllocsPerRun(100, func() {
		d.AddrPort("10.0.0.1:80", ipvs.TCP)
		d.AddrPort("[fd00::1]:80", ipvs.TCP)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestHost(t *testing.T) {
	d, queries := testDatabase(t)
	for _, tt := range []struct{ name, word, want string }{
		{name: "netmask", word: "255.255.255.0", want: "255.255.255.0"},
		{name: "prefix", word: "24", want: "0.0.0.24"},
		{name: "hexadecimal", word: "0xffffff00", want: "255.255.255.0"},
		{name: "followed by white space", word: "255.255.0.0 x", want: "255.255.0.0"},
		{name: "name", word: "localhost", want: "127.0.0.1"},
		{name: "leading blank", word: " 24"},
		{name: "sign", word: "+24"},
		{name: "IPv6", word: "::"},
		{name: "IPv4-mapped", word: "::ffff:255.255.255.0"},
		{name: "prefix notation", word: "255.255.255.0/24"},
		{name: "empty"},
	} {
		addr, ok := d.Host(tt.word)
		got := ""
		if ok {
			got = addr.String()
		}
		if got != tt.want {
			t.Errorf("%s: Host(%q) = %q, want %q", tt.name, tt.word, got, tt.want)
		}
	}
	if *queries != 0 {
		t.Errorf("%d DNS queries, want 0", *queries)
	}
	if _, ok := d.Host("elsewhere.example.org"); ok || *queries == 0 {
		t.Errorf("name that is not in the hosts file: found %v, %d queries; want false after a query", ok, *queries)
	}
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		word string
		want int64
		ok   bool
	}{
		{word: "0", ok: true},
		{word: "-0", ok: true},
		{word: " \t\n\v\f\r+7", want: 7, ok: true},
		{word: "-5", want: -5, ok: true},
		{word: "-6"},
		{word: "010", want: 10, ok: true},
		{word: "4294967295", want: 4294967295, ok: true},
		{word: "4294967296"},
		{word: "99999999999999999999999999"},
		{word: ""},
		{word: "+"},
		{word: "1 "},
		{word: "0x1"},
		{word: "1.0"},
	} {
		if got, ok := Number(tt.word, -5, 4294967295); ok != tt.ok || ok && got != tt.want {
			t.Errorf("Number(%q) = %d, %v, want %d, %v", tt.word, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzAddrPort(f *testing.F) {
	for _, word := range []string{"10.0.0.1:80", "[fd00::1]:80", "fd00::1", "[1.2.3.4:80]:x", "0x7f.1 x:http", "", "[", "web1", ":"} {
		f.Add(word)
	}
	d, _ := testDatabase(f)
	f.Fuzz(func(t *testing.T, word string) {
		ap, hasPort, ok := d.AddrPort(word, ipvs.TCP)
		if !ok {
			return
		}
		if !ap.IsValid() || !hasPort && ap.Port() != 0 {
			t.Fatalf("AddrPort(%q) = %s, hasPort %v; want a valid address, and port 0 without hasPort", word, ap, hasPort)
		}
		reparsed, _, ok := d.AddrPort(string(AppendNumeric(nil, ap)), ipvs.TCP)
		if !ok || reparsed != ap {
			t.Fatalf("AddrPort(%q) = %s, which reads back as %s, %v", word, ap, reparsed, ok)
		}
	})
}
