// SPDX-License-Identifier: MIT

package resolve

import (
	"net/netip"
	"testing"
)

func TestAppendNumeric(t *testing.T) {
	for _, tt := range []struct{ name, addr, want string }{
		{name: "IPv4", addr: "10.0.0.1:80", want: "10.0.0.1:80"},
		{name: "port 0", addr: "10.0.0.1:0", want: "10.0.0.1:0"},
		{name: "highest port", addr: "255.255.255.255:65535", want: "255.255.255.255:65535"},
		{name: "IPv6 in brackets", addr: "[fd00::1]:80", want: "[fd00::1]:80"},
		{name: "all zeros", addr: "[::]:0", want: "[::]:0"},
		{name: "loopback", addr: "[::1]:80", want: "[::1]:80"},
		{name: "IPv4-compatible", addr: "[::1:80]:0", want: "[::0.1.0.128]:0"},
		{name: "IPv4-compatible, ending in zeros", addr: "[::100:0]:1", want: "[::1.0.0.0]:1"},
		{name: "only the last word set", addr: "[::ffff]:1", want: "[::ffff]:1"},
		{name: "IPv4-mapped", addr: "[::ffff:1.2.3.4]:80", want: "[::ffff:1.2.3.4]:80"},
		{name: "first of two runs of zeros", addr: "[1:0:0:2:0:0:3:4]:80", want: "[1::2:0:0:3:4]:80"},
		{name: "longer run of zeros", addr: "[1:0:0:2:0:0:0:4]:80", want: "[1:0:0:2::4]:80"},
		{name: "single zero word is not shortened", addr: "[1:0:2:3:4:5:6:7]:80", want: "[1:0:2:3:4:5:6:7]:80"},
		{name: "longest form", addr: "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535", want: "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535"},
	} {
		if got := string(AppendNumeric(nil, netip.MustParseAddrPort(tt.addr))); got != tt.want {
			t.Errorf("%s: AppendNumeric(%s) = %s, want %s", tt.name, tt.addr, got, tt.want)
		}
	}
}

func TestAppendNumericAllocs(t *testing.T) {
	b := make([]byte, 0, 64)
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[::1:80]:80")
	if n := testing.AllocsPerRun(100, func() { AppendNumeric(AppendNumeric(b, v4)[:0], v6) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
