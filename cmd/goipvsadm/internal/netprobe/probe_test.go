// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"goipvsadm/scripts/testnet"
)

func TestProbeServers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	addrPort := func(l net.Listener) netip.AddrPort { return netip.MustParseAddrPort(l.Addr().String()) }
	results, err := ProbeServers([]Target{
		{AddrPort: addrPort(listener)},
		{AddrPort: addrPort(closed)},
		{AddrPort: addrPort(listener), Source: addr("127.0.0.9")},
	}, testnet.TestTimeout)
	if err != nil || len(results) != 3 {
		t.Fatalf("got %v, error %v; want 3 results", results, err)
	}
	for i, want := range []Outcome{Answered, Refused, Answered} {
		if r := results[i]; r.Outcome != want || r.After <= 0 {
			t.Errorf("%s: %s after %s, want %s", r.AddrPort, r.Outcome, r.After, want)
		}
	}
}

func TestProbeServersNoTargets(t *testing.T) {
	if results, err := ProbeServers(nil, time.Hour); err != nil || len(results) != 0 {
		t.Errorf("got %v, error %v; want no results", results, err)
	}
}

// TestChecksum verifies that the checksum of a message that includes its own
// checksum is 0 (RFC 1071).
func TestChecksum(t *testing.T) {
	b := []byte{8, 0, 0, 0, 0x12, 0x34, 0xff, 0xfe}
	binary.BigEndian.PutUint16(b[2:], checksum(b))
	if sum := checksum(b); sum != 0 {
		t.Errorf("got %#x, want 0", sum)
	}
}
