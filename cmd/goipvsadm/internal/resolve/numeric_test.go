package resolve

import (
	"net/netip"
	"testing"
)

func TestAppendNumeric(t *testing.T) {
	for _, test := range []struct{ show, in, want string }{
		{"IPv4", "10.0.0.1:80", "10.0.0.1:80"},
		{"port 0", "10.0.0.1:0", "10.0.0.1:0"},
		{"highest port", "255.255.255.255:65535", "255.255.255.255:65535"},
		{"IPv6 in brackets", "[fd00::1]:80", "[fd00::1]:80"},
		{"all zero", "[::]:0", "[::]:0"},
		{"loopback", "[::1]:80", "[::1]:80"},
		{"IPv4-compatible", "[::1:80]:0", "[::0.1.0.128]:0"},
		{"IPv4-compatible, ending in zeros", "[::100:0]:1", "[::1.0.0.0]:1"},
		{"only the last word set", "[::ffff]:1", "[::ffff]:1"},
		{"IPv4-mapped", "[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"},
		{"first of two runs of zeros", "[1:0:0:2:0:0:3:4]:80", "[1::2:0:0:3:4]:80"},
		{"longer run of zeros", "[1:0:0:2:0:0:0:4]:80", "[1:0:0:2::4]:80"},
		{"a single zero stays", "[1:0:2:3:4:5:6:7]:80", "[1:0:2:3:4:5:6:7]:80"},
		{"longest", "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535", "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535"},
	} {
		if got := string(AppendNumeric(nil, netip.MustParseAddrPort(test.in))); got != test.want {
			t.Errorf("%s: %s gave %s, want %s", test.show, test.in, got, test.want)
		}
	}
}

func TestAppendNumericAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 64)
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[::1:80]:80")
	if n := testing.AllocsPerRun(100, func() { AppendNumeric(AppendNumeric(b, v4)[:0], v6) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
