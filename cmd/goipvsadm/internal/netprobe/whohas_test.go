// SPDX-License-Identifier: MIT

package netprobe

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

var addr = netip.MustParseAddr

// TestWhoHasErrorLeaksNoGoroutine causes an error after the first socket has
// been opened.
func TestWhoHasErrorLeaksNoGoroutine(t *testing.T) {
	loopback, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	hardwareAddr := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	link := netstate.Link{Index: loopback.Index, Name: "lo", HardwareAddr: hardwareAddr}
	noSuchLink := netstate.Link{Index: 1 << 30, Name: "nosuch", HardwareAddr: hardwareAddr}
	_, err = WhoHas([]Query{
		{Link: link, Source: addr("127.0.0.1"), Addr: addr("127.0.0.2")}, // ARP is sent first
		{Link: noSuchLink, Addr: addr("fd00::9")},
	}, time.Hour)
	if errors.Is(err, unix.EPERM) {
		t.Skip("no CAP_NET_RAW")
	}
	if err == nil || !strings.HasPrefix(err.Error(), "neighbor discovery: ") {
		t.Fatalf("got error %v, want an error of neighbor discovery", err)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	if bytes.Contains(stacks, []byte("created by goipvsadm/cmd/goipvsadm/internal/netprobe.WhoHas")) {
		t.Errorf("a goroutine of WhoHas is still running:\n%s", stacks)
	}
}

func TestDistinct(t *testing.T) {
	reply := func(link int, a string, hardwareAddr byte) Reply {
		return Reply{Link: link, Addr: addr(a), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, hardwareAddr}}
	}
	got := distinct([]Reply{reply(1, "10.0.0.1", 1), reply(1, "10.0.0.1", 2), reply(1, "10.0.0.1", 1), reply(2, "10.0.0.1", 1)})
	want := []Reply{reply(1, "10.0.0.1", 1), reply(1, "10.0.0.1", 2), reply(2, "10.0.0.1", 1)}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

func TestMarshalSolicitation(t *testing.T) {
	q := Query{Link: netstate.Link{Index: 7, HardwareAddr: net.HardwareAddr{2, 3, 4, 5, 6, 7}}, Addr: addr("2001:db8::1234:5678")}
	want := []byte{135, 0, 0, 0, 0, 0, 0, 0,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78,
		1, 1, 2, 3, 4, 5, 6, 7}
	if got := marshalSolicitation(q); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	to := solicitedNode(q)
	if group := netip.AddrFrom16(to.Addr); group != addr("ff02::1:ff34:5678") || to.ZoneId != 7 {
		t.Errorf("got group %s, zone %d; want ff02::1:ff34:5678, zone 7", group, to.ZoneId)
	}
}

func TestARPPackets(t *testing.T) {
	q := Query{Link: netstate.Link{HardwareAddr: net.HardwareAddr{2, 3, 4, 5, 6, 7}}, Source: addr("10.0.0.1"), Addr: addr("10.0.0.9")}
	packet := []byte{0, 1, 8, 0, 6, 4, 0, 1, 2, 3, 4, 5, 6, 7, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9}
	if got := marshalARP(q); !bytes.Equal(got, packet) {
		t.Errorf("request: got % x, want % x", got, packet)
	}
	q.Source = netip.Addr{}
	copy(packet[14:], []byte{0, 0, 0, 0})
	if got := marshalARP(q); !bytes.Equal(got, packet) {
		t.Errorf("probe without a source: got % x, want % x", got, packet)
	}
	if r, ok := parseARP(packet); ok {
		t.Errorf("request parsed as the reply %v", r)
	}
	packet[7] = 2 // operation: reply
	copy(packet[14:], []byte{10, 0, 0, 9})
	r, ok := parseARP(append(packet, make([]byte, 18)...)) // padded to the minimum frame size
	if !ok || r.Addr != addr("10.0.0.9") || r.HardwareAddr.String() != "02:03:04:05:06:07" {
		t.Errorf("reply parsed as %v, %t", r, ok)
	}
	if r, ok := parseARP(packet[:27]); ok {
		t.Errorf("truncated reply parsed as %v", r)
	}
}

func TestParseAdvertisement(t *testing.T) {
	message := append([]byte{136, 0, 0, 0, 0x60, 0, 0, 0}, addr("fd00::9").AsSlice()...)
	if r, ok := parseAdvertisement(message); ok {
		t.Errorf("without a link-layer address: parsed as %v", r)
	}
	// An MTU option, which is skipped, and the target link-layer address.
	message = append(message, 5, 1, 0, 0, 0, 0, 5, 220, 2, 1, 2, 3, 4, 5, 6, 7)
	r, ok := parseAdvertisement(message)
	if !ok || r.Addr != addr("fd00::9") || r.HardwareAddr.String() != "02:03:04:05:06:07" {
		t.Errorf("parsed as %v, %t", r, ok)
	}
}

// FuzzParseAdvertisement parses malformed advertisements, which any host on the
// link can send.
func FuzzParseAdvertisement(f *testing.F) {
	f.Add(append(append([]byte{136, 0, 0, 0, 0, 0, 0, 0}, addr("fd00::9").AsSlice()...), 2, 1, 2, 3, 4, 5, 6, 7))
	f.Add([]byte{136})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := parseAdvertisement(b); ok && (len(r.HardwareAddr) != 6 || !r.Addr.Is6()) {
			t.Errorf("got %+v, want an IPv6 address and a hardware address of 6 bytes", r)
		}
	})
}
