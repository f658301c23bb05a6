package netprobe

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

var addr = netip.MustParseAddr

// A message is what RFC 4861 has.
func TestSolicitation(t *testing.T) {
	q := Query{Link: netstate.Link{Index: 7, HardwareAddr: net.HardwareAddr{2, 3, 4, 5, 6, 7}}, Addr: addr("2001:db8::1234:5678")}
	want := []byte{135, 0, 0, 0, 0, 0, 0, 0,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78,
		1, 1, 2, 3, 4, 5, 6, 7}
	if got := solicitation(q); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	to := solicitedNode(q)
	if group := netip.AddrFrom16(to.Addr); group != addr("ff02::1:ff34:5678") || to.ZoneId != 7 {
		t.Errorf("%s, zone %d", group, to.ZoneId)
	}
}

func TestARP(t *testing.T) {
	q := Query{Link: netstate.Link{HardwareAddr: net.HardwareAddr{2, 3, 4, 5, 6, 7}}, Source: addr("10.0.0.1"), Addr: addr("10.0.0.9")}
	want := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 3, 4, 5, 6, 7, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9}
	if got := request(q); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	// Without an address of its own, it claims none.
	q.Source = netip.Addr{}
	copy(want[14:], []byte{0, 0, 0, 0})
	if got := request(q); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if a, ok := reply(want); ok {
		t.Errorf("a request is the answer %v", a)
	}
	want[7] = 2
	copy(want[14:], []byte{10, 0, 0, 9})
	a, ok := reply(append(want, make([]byte, 18)...)) // Ethernet's least size
	if !ok || a.Addr != addr("10.0.0.9") || a.Hardware.String() != "02:03:04:05:06:07" {
		t.Errorf("%v, %v", a, ok)
	}
	if a, ok := reply(want[:27]); ok {
		t.Errorf("a part of a packet is the answer %v", a)
	}
}

func TestAdvertisement(t *testing.T) {
	message := append([]byte{136, 0, 0, 0, 0x60, 0, 0, 0}, addr("fd00::9").AsSlice()...)
	if a, ok := advertisement(message); ok {
		t.Errorf("%v without a link address", a)
	}
	// Other options are passed over.
	message = append(message, 5, 1, 0, 0, 0, 0, 5, 220, 2, 1, 2, 3, 4, 5, 6, 7)
	a, ok := advertisement(message)
	if !ok || a.Addr != addr("fd00::9") || a.Hardware.String() != "02:03:04:05:06:07" {
		t.Errorf("%v, %v", a, ok)
	}
}

// Anybody on the link may send anything.
func FuzzAdvertisement(f *testing.F) {
	f.Add(append(append([]byte{136, 0, 0, 0, 0, 0, 0, 0}, addr("fd00::9").AsSlice()...), 2, 1, 2, 3, 4, 5, 6, 7))
	f.Add([]byte{136})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := advertisement(b); ok && (len(a.Hardware) != 6 || !a.Addr.Is6()) {
			t.Errorf("%+v", a)
		}
	})
}

// The sum of a message with its checksum is 0 (RFC 1071).
func TestChecksum(t *testing.T) {
	b := []byte{8, 0, 0, 0, 0x12, 0x34, 0xff, 0xfe}
	binary.BigEndian.PutUint16(b[2:], checksum(b))
	if sum := checksum(b); sum != 0 {
		t.Errorf("%#x", sum)
	}
}

// One server that listens and one that does not, on this machine.
func TestReach(t *testing.T) {
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
	port := func(l net.Listener) netip.AddrPort { return netip.MustParseAddrPort(l.Addr().String()) }
	results, err := ProbeServers([]Target{
		{AddrPort: port(listener)},
		{AddrPort: port(closed)},
		{AddrPort: port(listener), Source: addr("127.0.0.9")},
	}, 20*time.Second)
	if err != nil || len(results) != 3 {
		t.Fatal(results, err)
	}
	for i, want := range []Outcome{Answered, Refused, Answered} {
		if r := results[i]; r.Outcome != want || r.After <= 0 {
			t.Errorf("%s: %s after %s, want %s", r.AddrPort, r.Outcome, r.After, want)
		}
	}
	if results, err := ProbeServers(nil, time.Hour); err != nil || len(results) != 0 {
		t.Error(results, err)
	}
}
