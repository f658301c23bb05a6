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
		{"address and port", "10.0.0.1:80", "10.0.0.1:80"},
		{"no port", "10.0.0.1", "10.0.0.1:0 no port"},
		{"port 0 is a port", "10.0.0.1:0", "10.0.0.1:0"},
		{"empty", "", refused},
		{"digits only", "80", refused},
		{"digits only, a host's name", "12345", refused},
		{"empty port", "10.0.0.1:", refused},
		{"empty host", ":80", refused},
		{"a colon", ":", refused},

		{"highest port", "10.0.0.1:65535", "10.0.0.1:65535"},
		{"port too high", "10.0.0.1:65536", refused},
		{"port beyond 32 bits", "10.0.0.1:4294967376", refused},
		{"port beyond 64 bits", "10.0.0.1:18446744073709551696", refused},
		{"negative port", "10.0.0.1:-1", refused},
		{"negative zero", "10.0.0.1:-0", "10.0.0.1:0"},
		{"port with sign", "10.0.0.1:+80", "10.0.0.1:80"},
		{"port with two signs", "10.0.0.1:+-80", refused},
		{"port of a sign", "10.0.0.1:+", refused},
		{"port after blanks", "10.0.0.1: \t\v80", "10.0.0.1:80"},
		{"port before a blank", "10.0.0.1:80 ", refused},
		{"port of blanks", "10.0.0.1: ", refused},
		{"port with leading zeros is decimal", "10.0.0.1:080", "10.0.0.1:80"},
		{"hexadecimal port", "10.0.0.1:0x50", refused},
		{"port with letter", "10.0.0.1:80a", refused},
		{"two ports", "10.0.0.1:80:90", refused},

		{"port by name", "10.0.0.1:http", "10.0.0.1:80"},
		{"port by alias", "10.0.0.1:www", "10.0.0.1:80"},
		{"port names have a case", "10.0.0.1:HTTP", refused},
		{"port name of another protocol", "10.0.0.1:tftp", refused},
		{"port name unknown", "10.0.0.1:nosuch", refused},
		{"a comment is no alias", "10.0.0.1:WorldWideWeb", refused},
		{"port number out of range in the file", "10.0.0.1:bad", refused},
		{"port without protocol in the file", "10.0.0.1:worse", refused},

		{"two parts", "10.1:80", "10.0.0.1:80"},
		{"three parts", "1.2.3:80", "1.2.0.3:80"},
		{"one part", "1:80", "0.0.0.1:80"},
		{"zero", "0:80", "0.0.0.0:80"},
		{"hexadecimal", "0x0a000001:80", "10.0.0.1:80"},
		{"capital hexadecimal", "0X0A.1:80", "10.0.0.1:80"},
		{"hexadecimal without port", "0x50", "0.0.0.80:0 no port"},
		{"octal", "012.0.0.1:80", "10.0.0.1:80"},
		{"octal with an eight", "08.1.1.1:80", refused},
		{"0x without digits", "0x:80", refused},
		{"0x with a wrong digit", "0xG:80", refused},
		{"many leading zeros", "00000000000000000000001:80", "0.0.0.1:80"},
		{"highest single part", "4294967295:80", "255.255.255.255:80"},
		{"single part too high", "4294967296:80", refused},
		{"octal beyond 32 bits", "040000000000:80", refused},
		{"hexadecimal beyond 64 bits", "0xffffffffffffffffff:80", refused},
		{"second of two parts", "1.16777215:80", "1.255.255.255:80"},
		{"second of two parts too high", "1.16777216:80", refused},
		{"third of three parts", "1.2.65535:80", "1.2.255.255:80"},
		{"third of three parts too high", "1.2.65536:80", refused},
		{"fourth part too high", "1.2.3.256:80", refused},
		{"first part too high", "256.1.1.1:80", refused},
		{"five parts", "1.2.3.4.5:80", refused},
		{"empty part", "1..2:80", refused},
		{"trailing dot", "1.2.3.:80", refused},
		{"leading dot", ".1.2.3:80", refused},
		{"negative part", "-1:80", refused},
		{"white space ends an address", "1.2.3.4 :80", "1.2.3.4:80"},
		{"so does a tab", "1.2.3.4\t:80", "1.2.3.4:80"},
		{"what follows it is not read", "1.2.3.4 a:b:80", "1.2.3.4:80"},
		{"a no-break space does not", "1.2.3.4\u00a0:80", refused},
		{"digits and a blank", "8 0", "0.0.0.8:0 no port"},
		{"leading blank", " 1.2.3.4:80", refused},
		{"leading blank before digits", " 80", refused},

		{"IPv6", "[fd00::1]:80", "[fd00::1]:80"},
		{"IPv6, port by name", "[fd00::1]:http", "[fd00::1]:80"},
		{"IPv6, port 0", "[fd00::1]:0", "[fd00::1]:0"},
		{"IPv6, port too high", "[fd00::1]:65536", refused},
		{"IPv6, negative port", "[fd00::1]:-1", refused},
		{"IPv6, empty port", "[fd00::1]:", refused},
		{"IPv6 in brackets, no port", "[fd00::1]", refused},
		{"IPv6 in brackets, port without colon", "[fd00::1]80", refused},
		{"IPv6 in brackets, then a letter", "[fd00::1]x:80", refused},
		{"bare IPv6", "fd00::1", "[fd00::1]:0 no port"},
		{"all zero", "::", "[::]:0 no port"},
		{"bare IPv6 that looks like a port", "::1:80", "[::1:80]:0 no port"},
		{"IPv4-mapped", "[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"},
		{"IPv4-compatible", "::1.2.3.4", "[::102:304]:0 no port"},
		{"eight words", "1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]:0 no port"},
		{"nine words", "1:2:3:4:5:6:7:8:80", refused},
		{"seven words and zeros", "1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]:0 no port"},
		{"eight words and zeros", "::1:2:3:4:5:6:7:8", refused},
		{"two runs of zeros", "1::2::3", refused},
		{"five digits", "00001::1", refused},
		{"zone", "fe80::1%lo", refused},
		{"zone in brackets", "[fe80::1%lo]:80", refused},
		{"blank in brackets", "[ ::1]:80", refused},
		{"blank before the bracket", " [::1]:80", refused},
		{"two brackets", "[[::1]]:80", refused},
		{"open bracket", "[::1:80", refused},
		{"empty brackets", "[]:80", refused},
		{"brackets alone", "[]", refused},
		{"a bracket", "[", refused},
		{"closing bracket", "]", refused},
		{"closing bracket after the port", "1.2.3.4:80]", refused},

		{"IPv4 in brackets loses the port", "[1.2.3.4]:80", "1.2.3.4:0 no port"},
		{"even one that is none", "[1.2.3.4]:bad", "1.2.3.4:0 no port"},
		{"or an empty one", "[1.2.3.4]:", "1.2.3.4:0 no port"},
		{"not the port in the brackets", "[1.2.3.4:80]:90", "1.2.3.4:80"},
		{"digits in brackets", "[80]:90", "0.0.0.80:0 no port"},
		{"IPv4 in brackets, no port", "[1.2.3.4]", refused},
		{"name in brackets", "[web1]:80", "10.1.1.1:0 no port"},

		{"host by name", "web1:80", "10.1.1.1:80"},
		{"host and port by name", "localhost:http", "127.0.0.1:80"},
		{"host by alias", "alias1:80", "10.1.1.1:80"},
		{"host names have no case", "WEB1:80", "10.1.1.1:80"},
		{"host without port", "web1", "10.1.1.1:0 no port"},
		{"host with empty port", "web1:", refused},
		{"underscore", "under_score:80", "10.1.1.12:80"},
		{"beyond ASCII", "umlaut-ü:80", "10.1.1.11:80"},
		{"a comment is no alias of a host", "web9:80", refused},
		{"unknown host", "nosuchhost:80", refused},
		{"host with IPv6 only", "six-only:80", refused},
		{"host with both", "both:80", "10.1.1.6:80"},
		{"IPv6 loopback line stands for IPv4's", "localhost6:80", "127.0.0.1:80"},
		{"mapped line stands for IPv4", "mapped5:80", "10.1.1.5:80"},
		{"a name of digits is an address", "12345:80", "0.0.48.57:80"},
		{"line with short address", "short:80", refused},
		{"line with zone", "zoned:80", refused},
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
		{"http", 80, 0, 0, 80},
		{"domain", 53, 53, 0, 53},
		{"syslog", 0, 514, 0, 514},
		{"cmd", 514, 0, 0, 514},
		{"tftp", 0, 69, 0, 69},
		{"diameter", 0, 0, 3868, 3868},
		{"second", 80, 0, 0, 80},
		{"nosuch", 0, 0, 0, 0},
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
		{"netmask", "255.255.255.0", "255.255.255.0"},
		{"prefix", "24", "0.0.0.24"},
		{"hexadecimal", "0xffffff00", "255.255.255.0"},
		{"followed by white space", "255.255.0.0 x", "255.255.0.0"},
		{"name", "localhost", "127.0.0.1"},
		{"leading blank", " 24", ""},
		{"sign", "+24", ""},
		{"IPv6", "::", ""},
		{"IPv4-mapped", "::ffff:255.255.255.0", ""},
		{"prefix form", "255.255.255.0/24", ""},
		{"empty", "", ""},
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
		{"0", 0, true},
		{"-0", 0, true},
		{" \t\n\v\f\r+7", 7, true},
		{"-5", -5, true},
		{"-6", 0, false},
		{"010", 10, true},
		{"4294967295", 4294967295, true},
		{"4294967296", 0, false},
		{"99999999999999999999999999", 0, false},
		{"", 0, false},
		{"+", 0, false},
		{"1 ", 0, false},
		{"0x1", 0, false},
		{"1.0", 0, false},
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
