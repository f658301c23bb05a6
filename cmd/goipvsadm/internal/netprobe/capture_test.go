package netprobe

import (
	"net"
	"net/netip"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

func TestParsePacket(t *testing.T) {
	source, vip := netip.MustParseAddrPort("192.0.2.99:4000"), netip.MustParseAddrPort("192.0.2.1:80")
	source6, vip6 := netip.MustParseAddrPort("[fd00::99]:4000"), netip.MustParseAddrPort("[fd00::1]:80")
	syn := marshalSegment(&FrameTarget{Source: source.Addr(), VIP: vip}, source.Port(), 7, tcpSYN)
	syn6 := marshalSegment(&FrameTarget{Source: source6.Addr(), VIP: vip6}, source6.Port(), 7, tcpSYN)
	request := marshalARP(Query{Link: netstate.Link{HardwareAddr: make(net.HardwareAddr, 6)}, Source: source.Addr(), Addr: vip.Addr()})
	fragment := append([]byte(nil), syn...)
	fragment[7] = 1
	for _, tt := range []struct {
		name   string
		packet []byte
		want   Packet
		ok     bool
	}{
		{name: "IPv4", packet: syn, want: Packet{Protocol: 6, Source: source, Destination: vip}, ok: true},
		{name: "IPv6", packet: syn6, want: Packet{Protocol: 6, Source: source6, Destination: vip6}, ok: true},
		{name: "ARP request", packet: request, ok: true, want: Packet{
			Source: netip.AddrPortFrom(source.Addr(), 0), Destination: netip.AddrPortFrom(vip.Addr(), 0)}},
		{name: "fragment", packet: fragment},
		{name: "truncated", packet: syn[:21]},
		{name: "truncated IPv6", packet: syn6[:41]},
		{name: "truncated ARP", packet: request[:20]},
		{name: "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parsePacket(tt.packet)
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := parsePacket(b); ok && b[0]>>4 != 0 {
			tcpFlags(b)
		}
	})
}

// TestMarshalSegment verifies the checksums: the checksum of data that includes
// its correct checksum is 0.
func TestMarshalSegment(t *testing.T) {
	target := FrameTarget{Source: netip.MustParseAddr("192.0.2.99"), VIP: netip.MustParseAddrPort("192.0.2.1:80")}
	b := marshalSegment(&target, 4000, 7, tcpSYN)
	if sum := checksum(b[:20]); sum != 0 {
		t.Errorf("IPv4 header: got checksum %#x, want 0", sum)
	}
	if sum := checksum(append(append([]byte(nil), b[12:20]...), append([]byte{0, 6, 0, 20}, b[20:]...)...)); sum != 0 {
		t.Errorf("IPv4 segment: got checksum %#x, want 0", sum)
	}
	target = FrameTarget{Source: netip.MustParseAddr("fd00::99"), VIP: netip.MustParseAddrPort("[fd00::1]:80")}
	b = marshalSegment(&target, 4000, 7, tcpSYN)
	if sum := checksum(append(append([]byte(nil), b[8:40]...), append([]byte{0, 6, 0, 20}, b[40:]...)...)); sum != 0 {
		t.Errorf("IPv6 segment: got checksum %#x, want 0", sum)
	}
}
