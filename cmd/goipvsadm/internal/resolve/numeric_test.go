package resolve

import (
	"net/netip"
	"testing"
)

func TestAppendNumeric(t *testing.T) {
	for _, test := range []struct{ show, in, want string }{
		{show: "IPv4", in: "10.0.0.1:80", want: "10.0.0.1:80"},
		{show: "port 0", in: "10.0.0.1:0", want: "10.0.0.1:0"},
		{show: "highest port", in: "255.255.255.255:65535", want: "255.255.255.255:65535"},
		{show: "IPv6 in brackets", in: "[fd00::1]:80", want: "[fd00::1]:80"},
		{show: "all zero", in: "[::]:0", want: "[::]:0"},
		{show: "loopback", in: "[::1]:80", want: "[::1]:80"},
		{show: "IPv4-compatible", in: "[::1:80]:0", want: "[::0.1.0.128]:0"},
		{show: "IPv4-compatible, ending in zeros", in: "[::100:0]:1", want: "[::1.0.0.0]:1"},
		{show: "only the last word set", in: "[::ffff]:1", want: "[::ffff]:1"},
		{show: "IPv4-mapped", in: "[::ffff:1.2.3.4]:80", want: "[::ffff:1.2.3.4]:80"},
		{show: "first of two runs of zeros", in: "[1:0:0:2:0:0:3:4]:80", want: "[1::2:0:0:3:4]:80"},
		{show: "longer run of zeros", in: "[1:0:0:2:0:0:0:4]:80", want: "[1:0:0:2::4]:80"},
		{show: "a single zero stays", in: "[1:0:2:3:4:5:6:7]:80", want: "[1:0:2:3:4:5:6:7]:80"},
		{show: "longest", in: "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535", want: "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535"},
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
