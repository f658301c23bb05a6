// SPDX-License-Identifier: MIT

package netstate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hexAddr formats an address as /proc/net/tcp does: 32-bit words in host byte
// order.
func hexAddr(s string) string {
	text := ""
	for b := netip.MustParseAddr(s).AsSlice(); len(b) > 0; b = b[4:] {
		text += fmt.Sprintf("%08X", binary.NativeEndian.Uint32(b))
	}
	return text
}

func TestReadSockets(t *testing.T) {
	tcp := "  sl  local_address rem_address   st tx_queue rx_queue\n" +
		"   0: " + hexAddr("127.0.0.1") + ":0016 00000000:0000 0A 00000000:00000000\n" +
		"   1: " + hexAddr("0.0.0.0") + ":1F90 00000000:0000 0A 00000000:00000000\n" +
		"   2: " + hexAddr("10.0.0.1") + ":0016 00000000:0000 01 00000000:00000000\n" +
		"   3: " + hexAddr("10.0.0.1") + ":0017 00000000:0000 0A 00000000:00000000\n"
	udp6 := "  sl  local_address\n" +
		" 1: " + hexAddr("2001:db8::1") + ":0035 0:0 01\n" +
		" 2: " + hexAddr("::") + ":0035 0:0 07\n"
	for _, tt := range []struct {
		name     string
		table    string
		protocol uint16
		state    string
		want     []Socket
	}{
		{
			name: "TCP up to the first connection", table: tcp, protocol: unix.IPPROTO_TCP, state: tcpListen,
			want: []Socket{
				{unix.IPPROTO_TCP, netip.MustParseAddrPort("127.0.0.1:22")},
				{unix.IPPROTO_TCP, netip.MustParseAddrPort("0.0.0.0:8080")},
			},
		},
		{
			name: "UDP over IPv6", table: udp6, protocol: unix.IPPROTO_UDP, state: tcpClose,
			want: []Socket{{unix.IPPROTO_UDP, netip.MustParseAddrPort("[::]:53")}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readSockets(strings.NewReader(tt.table), tt.protocol, tt.state)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, error %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestParseSocketAddrInvalid(t *testing.T) {
	for _, s := range []string{"", ":", "0100007F", "0100007F:", "0100007:0016", "0100007F:10016", "zzzzzzzz:0016", "0100007F0:0016"} {
		if addrPort, ok := parseSocketAddr(s); ok {
			t.Errorf("%q: got %s, want false", s, addrPort)
		}
	}
}

func TestContainsRawSocket(t *testing.T) {
	const table = "  sl  local_address rem_address   st\n  112: 00000000:0070 00000000:0000 07\n"
	if !containsRawSocket(table, "0070") || containsRawSocket(table, "0001") || containsRawSocket("", "0070") {
		t.Error("want a socket of protocol 112 only")
	}
}
