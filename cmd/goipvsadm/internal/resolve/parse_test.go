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

// noDNS is a resolver whose questions all fail, and which counts them.
func noDNS(asked *int) *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			*asked++
			return nil, errors.New("no name server here")
		},
	}
}

func testDatabase(t testing.TB) (d *Database, asked *int) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	asked = new(int)
	return NewDatabase(write("hosts", testHosts), write("services", testServices), noDNS(asked)), asked
}

func TestAddrPort(t *testing.T) {
	d, _ := testDatabase(t)
	const refused = "refused"
	for _, test := range []struct{ show, word, want string }{
		{show: "address and port", word: "10.0.0.1:80", want: "10.0.0.1:80"},
		{show: "no port", word: "10.0.0.1", want: "10.0.0.1:0 no port"},
		{show: "port 0 is a port", word: "10.0.0.1:0", want: "10.0.0.1:0"},
		{show: "empty", want: refused},
		{show: "digits only", word: "80", want: refused},
		{show: "digits only, a host's name", word: "12345", want: refused},
		{show: "empty port", word: "10.0.0.1:", want: refused},
		{show: "empty host", word: ":80", want: refused},
		{show: "a colon", word: ":", want: refused},

		{show: "highest port", word: "10.0.0.1:65535", want: "10.0.0.1:65535"},
		{show: "port too high", word: "10.0.0.1:65536", want: refused},
		{show: "port beyond 32 bits", word: "10.0.0.1:4294967376", want: refused},
		{show: "port beyond 64 bits", word: "10.0.0.1:18446744073709551696", want: refused},
		{show: "negative port", word: "10.0.0.1:-1", want: refused},
		{show: "negative zero", word: "10.0.0.1:-0", want: "10.0.0.1:0"},
		{show: "port with sign", word: "10.0.0.1:+80", want: "10.0.0.1:80"},
		{show: "port with two signs", word: "10.0.0.1:+-80", want: refused},
		{show: "port of a sign", word: "10.0.0.1:+", want: refused},
		{show: "port after blanks", word: "10.0.0.1: \t\v80", want: "10.0.0.1:80"},
		{show: "port before a blank", word: "10.0.0.1:80 ", want: refused},
		{show: "port of blanks", word: "10.0.0.1: ", want: refused},
		{show: "port with leading zeros is decimal", word: "10.0.0.1:080", want: "10.0.0.1:80"},
		{show: "hexadecimal port", word: "10.0.0.1:0x50", want: refused},
		{show: "port with letter", word: "10.0.0.1:80a", want: refused},
		{show: "two ports", word: "10.0.0.1:80:90", want: refused},

		{show: "port by name", word: "10.0.0.1:http", want: "10.0.0.1:80"},
		{show: "port by alias", word: "10.0.0.1:www", want: "10.0.0.1:80"},
		{show: "port names have a case", word: "10.0.0.1:HTTP", want: refused},
		{show: "port name of another protocol", word: "10.0.0.1:tftp", want: refused},
		{show: "port name unknown", word: "10.0.0.1:nosuch", want: refused},
		{show: "a comment is no alias", word: "10.0.0.1:WorldWideWeb", want: refused},
		{show: "port number out of range in the file", word: "10.0.0.1:bad", want: refused},
		{show: "port without protocol in the file", word: "10.0.0.1:worse", want: refused},

		{show: "two parts", word: "10.1:80", want: "10.0.0.1:80"},
		{show: "three parts", word: "1.2.3:80", want: "1.2.0.3:80"},
		{show: "one part", word: "1:80", want: "0.0.0.1:80"},
		{show: "zero", word: "0:80", want: "0.0.0.0:80"},
		{show: "hexadecimal", word: "0x0a000001:80", want: "10.0.0.1:80"},
		{show: "capital hexadecimal", word: "0X0A.1:80", want: "10.0.0.1:80"},
		{show: "hexadecimal without port", word: "0x50", want: "0.0.0.80:0 no port"},
		{show: "octal", word: "012.0.0.1:80", want: "10.0.0.1:80"},
		{show: "octal with an eight", word: "08.1.1.1:80", want: refused},
		{show: "0x without digits", word: "0x:80", want: refused},
		{show: "0x with a wrong digit", word: "0xG:80", want: refused},
		{show: "many leading zeros", word: "00000000000000000000001:80", want: "0.0.0.1:80"},
		{show: "highest single part", word: "4294967295:80", want: "255.255.255.255:80"},
		{show: "single part too high", word: "4294967296:80", want: refused},
		{show: "octal beyond 32 bits", word: "040000000000:80", want: refused},
		{show: "hexadecimal beyond 64 bits", word: "0xffffffffffffffffff:80", want: refused},
		{show: "second of two parts", word: "1.16777215:80", want: "1.255.255.255:80"},
		{show: "second of two parts too high", word: "1.16777216:80", want: refused},
		{show: "third of three parts", word: "1.2.65535:80", want: "1.2.255.255:80"},
		{show: "third of three parts too high", word: "1.2.65536:80", want: refused},
		{show: "fourth part too high", word: "1.2.3.256:80", want: refused},
		{show: "first part too high", word: "256.1.1.1:80", want: refused},
		{show: "five parts", word: "1.2.3.4.5:80", want: refused},
		{show: "empty part", word: "1..2:80", want: refused},
		{show: "trailing dot", word: "1.2.3.:80", want: refused},
		{show: "leading dot", word: ".1.2.3:80", want: refused},
		{show: "negative part", word: "-1:80", want: refused},
		{show: "white space ends an address", word: "1.2.3.4 :80", want: "1.2.3.4:80"},
		{show: "so does a tab", word: "1.2.3.4\t:80", want: "1.2.3.4:80"},
		{show: "what follows it is not read", word: "1.2.3.4 a:b:80", want: "1.2.3.4:80"},
		{show: "a no-break space does not", word: "1.2.3.4\u00a0:80", want: refused},
		{show: "digits and a blank", word: "8 0", want: "0.0.0.8:0 no port"},
		{show: "leading blank", word: " 1.2.3.4:80", want: refused},
		{show: "leading blank before digits", word: " 80", want: refused},

		{show: "IPv6", word: "[fd00::1]:80", want: "[fd00::1]:80"},
		{show: "IPv6, port by name", word: "[fd00::1]:http", want: "[fd00::1]:80"},
		{show: "IPv6, port 0", word: "[fd00::1]:0", want: "[fd00::1]:0"},
		{show: "IPv6, port too high", word: "[fd00::1]:65536", want: refused},
		{show: "IPv6, negative port", word: "[fd00::1]:-1", want: refused},
		{show: "IPv6, empty port", word: "[fd00::1]:", want: refused},
		{show: "IPv6 in brackets, no port", word: "[fd00::1]", want: refused},
		{show: "IPv6 in brackets, port without colon", word: "[fd00::1]80", want: refused},
		{show: "IPv6 in brackets, then a letter", word: "[fd00::1]x:80", want: refused},
		{show: "bare IPv6", word: "fd00::1", want: "[fd00::1]:0 no port"},
		{show: "all zero", word: "::", want: "[::]:0 no port"},
		{show: "bare IPv6 that looks like a port", word: "::1:80", want: "[::1:80]:0 no port"},
		{show: "IPv4-mapped", word: "[::ffff:1.2.3.4]:80", want: "[::ffff:1.2.3.4]:80"},
		{show: "IPv4-compatible", word: "::1.2.3.4", want: "[::102:304]:0 no port"},
		{show: "eight words", word: "1:2:3:4:5:6:7:8", want: "[1:2:3:4:5:6:7:8]:0 no port"},
		{show: "nine words", word: "1:2:3:4:5:6:7:8:80", want: refused},
		{show: "seven words and zeros", word: "1:2:3:4:5:6:7::", want: "[1:2:3:4:5:6:7:0]:0 no port"},
		{show: "eight words and zeros", word: "::1:2:3:4:5:6:7:8", want: refused},
		{show: "two runs of zeros", word: "1::2::3", want: refused},
		{show: "five digits", word: "00001::1", want: refused},
		{show: "zone", word: "fe80::1%lo", want: refused},
		{show: "zone in brackets", word: "[fe80::1%lo]:80", want: refused},
		{show: "blank in brackets", word: "[ ::1]:80", want: refused},
		{show: "blank before the bracket", word: " [::1]:80", want: refused},
		{show: "two brackets", word: "[[::1]]:80", want: refused},
		{show: "open bracket", word: "[::1:80", want: refused},
		{show: "empty brackets", word: "[]:80", want: refused},
		{show: "brackets alone", word: "[]", want: refused},
		{show: "a bracket", word: "[", want: refused},
		{show: "closing bracket", word: "]", want: refused},
		{show: "closing bracket after the port", word: "1.2.3.4:80]", want: refused},

		{show: "IPv4 in brackets loses the port", word: "[1.2.3.4]:80", want: "1.2.3.4:0 no port"},
		{show: "even one that is none", word: "[1.2.3.4]:bad", want: "1.2.3.4:0 no port"},
		{show: "or an empty one", word: "[1.2.3.4]:", want: "1.2.3.4:0 no port"},
		{show: "not the port in the brackets", word: "[1.2.3.4:80]:90", want: "1.2.3.4:80"},
		{show: "digits in brackets", word: "[80]:90", want: "0.0.0.80:0 no port"},
		{show: "IPv4 in brackets, no port", word: "[1.2.3.4]", want: refused},
		{show: "name in brackets", word: "[web1]:80", want: "10.1.1.1:0 no port"},

		{show: "host by name", word: "web1:80", want: "10.1.1.1:80"},
		{show: "host and port by name", word: "localhost:http", want: "127.0.0.1:80"},
		{show: "host by alias", word: "alias1:80", want: "10.1.1.1:80"},
		{show: "host names have no case", word: "WEB1:80", want: "10.1.1.1:80"},
		{show: "host without port", word: "web1", want: "10.1.1.1:0 no port"},
		{show: "host with empty port", word: "web1:", want: refused},
		{show: "underscore", word: "under_score:80", want: "10.1.1.12:80"},
		{show: "beyond ASCII", word: "umlaut-ü:80", want: "10.1.1.11:80"},
		{show: "a comment is no alias of a host", word: "web9:80", want: refused},
		{show: "unknown host", word: "nosuchhost:80", want: refused},
		{show: "host with IPv6 only", word: "six-only:80", want: refused},
		{show: "host with both", word: "both:80", want: "10.1.1.6:80"},
		{show: "IPv6 loopback line stands for IPv4's", word: "localhost6:80", want: "127.0.0.1:80"},
		{show: "mapped line stands for IPv4", word: "mapped5:80", want: "10.1.1.5:80"},
		{show: "a name of digits is an address", word: "12345:80", want: "0.0.48.57:80"},
		{show: "line with short address", word: "short:80", want: refused},
		{show: "line with zone", word: "zoned:80", want: refused},
	} {
		got := refused
		if ap, hasPort, ok := d.AddrPort(test.word, ipvs.TCP); ok {
			got = ap.String()
			if !hasPort {
				got += " no port"
			}
		}
		if got != test.want {
			t.Errorf("%s: %q gave %s, want %s", test.show, test.word, got, test.want)
		}
	}
}

func TestPortNamesByProtocol(t *testing.T) {
	d, _ := testDatabase(t)
	for _, test := range []struct {
		name           string
		tcp, udp, sctp uint16 // 0: unknown
		anyone         uint16
	}{
		{name: "http", tcp: 80, anyone: 80},
		{name: "domain", tcp: 53, udp: 53, anyone: 53},
		{name: "syslog", udp: 514, anyone: 514},
		{name: "cmd", tcp: 514, anyone: 514},
		{name: "tftp", udp: 69, anyone: 69},
		{name: "diameter", sctp: 3868, anyone: 3868},
		{name: "second", tcp: 80, anyone: 80},
		{name: "nosuch"},
	} {
		for p, want := range map[ipvs.Protocol]uint16{ipvs.TCP: test.tcp, ipvs.UDP: test.udp, ipvs.SCTP: test.sctp, AnyProtocol: test.anyone, 0: 0} {
			ap, _, ok := d.AddrPort("10.0.0.1:"+test.name, p)
			if ok != (want != 0) || ok && ap.Port() != want {
				t.Errorf("%s of protocol %d gave %s, %v, want port %d", test.name, uint16(p), ap, ok, want)
			}
		}
	}
}

func TestNumbersAskNobody(t *testing.T) {
	d, asked := testDatabase(t)
	for _, word := range []string{"10.0.0.1:80", "256.1.1.1:80", "1.2.3.4.5", "[fd00::1]:80", "fd00::1", "08.1.1.1:80"} {
		d.AddrPort(word, ipvs.TCP)
	}
	if *asked != 0 {
		t.Errorf("asked a name server %d times", *asked)
	}
	if n := testing.AllocsPerRun(100, func() {
		d.AddrPort("10.0.0.1:80", ipvs.TCP)
		d.AddrPort("[fd00::1]:80", ipvs.TCP)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHost(t *testing.T) {
	d, asked := testDatabase(t)
	for _, test := range []struct{ show, word, want string }{
		{show: "netmask", word: "255.255.255.0", want: "255.255.255.0"},
		{show: "prefix", word: "24", want: "0.0.0.24"},
		{show: "hexadecimal", word: "0xffffff00", want: "255.255.255.0"},
		{show: "followed by white space", word: "255.255.0.0 x", want: "255.255.0.0"},
		{show: "name", word: "localhost", want: "127.0.0.1"},
		{show: "leading blank", word: " 24"},
		{show: "sign", word: "+24"},
		{show: "IPv6", word: "::"},
		{show: "IPv4-mapped", word: "::ffff:255.255.255.0"},
		{show: "prefix form", word: "255.255.255.0/24"},
		{show: "empty"},
	} {
		addr, ok := d.Host(test.word)
		got := ""
		if ok {
			got = addr.String()
		}
		if got != test.want {
			t.Errorf("%s: %q gave %q, want %q", test.show, test.word, got, test.want)
		}
	}
	if *asked != 0 {
		t.Errorf("asked a name server %d times", *asked)
	}
	if _, ok := d.Host("elsewhere.example.org"); ok || *asked == 0 {
		t.Errorf("a name that no file has: found %v, asked a name server %d times", ok, *asked)
	}
}

func TestNumber(t *testing.T) {
	for _, test := range []struct {
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
		if got, ok := Number(test.word, -5, 4294967295); ok != test.ok || ok && got != test.want {
			t.Errorf("%q gave %d, %v, want %d, %v", test.word, got, ok, test.want, test.ok)
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
			t.Fatalf("%q gave %s, has port %v", word, ap, hasPort)
		}
		again, _, ok := d.AddrPort(string(AppendNumeric(nil, ap)), ipvs.TCP)
		if !ok || again != ap {
			t.Fatalf("%q gave %s, which reads as %s, %v", word, ap, again, ok)
		}
	})
}
