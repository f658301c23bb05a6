// SPDX-License-Identifier: MIT

package netprobe

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// probePacket returns the packet of a path probe.
func probePacket(protocol uint8, from, to netip.AddrPort) []byte {
	p := pathProbe{port: from.Port(), Path: Path{Protocol: protocol, Source: from.Addr(), To: to}}
	return p.request()
}

func TestParsePacket(t *testing.T) {
	source, vip := netip.MustParseAddrPort("192.0.2.99:4000"), netip.MustParseAddrPort("192.0.2.1:80")
	source6, vip6 := netip.MustParseAddrPort("[fd00::99]:4000"), netip.MustParseAddrPort("[fd00::1]:80")
	syn, syn6 := probePacket(unix.IPPROTO_TCP, source, vip), probePacket(unix.IPPROTO_TCP, source6, vip6)
	rst := append([]byte(nil), syn...)
	rst[20+tcpFlagsOffset] = tcpRST
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
		{name: "reset", packet: rst, want: Packet{Protocol: 6, Source: source, Destination: vip, Aborts: true}, ok: true},
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

func TestParseICMPError(t *testing.T) {
	client, server := netip.MustParseAddrPort("192.0.2.99:4000"), netip.MustParseAddrPort("10.0.0.11:53")
	client6, server6 := netip.MustParseAddrPort("[fd00::99]:4000"), netip.MustParseAddrPort("[fd01::11]:53")
	udp := func(from, to netip.AddrPort) []byte { return probePacket(unix.IPPROTO_UDP, from, to) }
	message := func(protocol uint8, from netip.Addr, typ, code byte, packet []byte) []byte {
		return ipPacket(protocol, from, from, append([]byte{typ, code, 0, 0, 0, 0, 0, 0}, packet...))
	}
	gateway := netip.MustParseAddr("10.0.0.254")
	ipip := ipPacket(unix.IPPROTO_IPIP, client.Addr(), server.Addr(), udp(client, server))
	for _, tt := range []struct {
		name   string
		packet []byte
		want   Packet
		ok     bool
	}{
		{name: "port unreachable", packet: message(unix.IPPROTO_ICMP, server.Addr(), icmpUnreachable, 3, udp(client, server)), ok: true,
			want: Packet{Protocol: unix.IPPROTO_UDP, Source: client, Destination: server, Reporter: server.Addr()}},
		{name: "fragmentation needed", packet: message(unix.IPPROTO_ICMP, gateway, icmpUnreachable, icmpFragmentationNeeded, udp(client, server)), ok: true,
			want: Packet{Protocol: unix.IPPROTO_UDP, Source: client, Destination: server, Reporter: gateway, TooBig: true}},
		{name: "tunnel", packet: message(unix.IPPROTO_ICMP, server.Addr(), icmpUnreachable, 2, ipip), ok: true,
			want: Packet{Protocol: unix.IPPROTO_IPIP, Source: netip.AddrPortFrom(client.Addr(), 0), Destination: netip.AddrPortFrom(server.Addr(), 0), Reporter: server.Addr()}},
		{name: "IPv6", packet: message(unix.IPPROTO_ICMPV6, server6.Addr(), icmp6Unreachable, 4, udp(client6, server6)), ok: true,
			want: Packet{Protocol: unix.IPPROTO_UDP, Source: client6, Destination: server6, Reporter: server6.Addr()}},
		{name: "IPv6 packet too big", packet: message(unix.IPPROTO_ICMPV6, server6.Addr(), icmp6PacketTooBig, 0, udp(client6, server6)), ok: true,
			want: Packet{Protocol: unix.IPPROTO_UDP, Source: client6, Destination: server6, Reporter: server6.Addr(), TooBig: true}},
		{name: "echo request", packet: message(unix.IPPROTO_ICMP, server.Addr(), echoRequest4, 0, udp(client, server))},
		{name: "without a packet", packet: message(unix.IPPROTO_ICMP, server.Addr(), icmpUnreachable, 3, nil)},
		{name: "truncated", packet: message(unix.IPPROTO_ICMP, server.Addr(), icmpUnreachable, 3, nil)[:25]},
		{name: "empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseICMPError(tt.packet)
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add([]byte{0x45})
	f.Fuzz(func(t *testing.T, b []byte) {
		parsePacket(b)
		tcpAck(b)
		parseICMPError(b)
		parseEchoReply(b)
	})
}

// TestPacketChecksums verifies the checksums of a TCP packet: the checksum of data
// that includes its correct checksum is 0.
func TestPacketChecksums(t *testing.T) {
	b := probePacket(unix.IPPROTO_TCP, netip.MustParseAddrPort("192.0.2.99:4000"), netip.MustParseAddrPort("192.0.2.1:80"))
	if sum := checksum(b[:20]); sum != 0 {
		t.Errorf("IPv4 header: got checksum %#x, want 0", sum)
	}
	if sum := checksum(append(append([]byte(nil), b[12:20]...), append([]byte{0, 6, 0, 20}, b[20:]...)...)); sum != 0 {
		t.Errorf("TCP over IPv4: got checksum %#x, want 0", sum)
	}
	b = probePacket(unix.IPPROTO_TCP, netip.MustParseAddrPort("[fd00::99]:4000"), netip.MustParseAddrPort("[fd00::1]:80"))
	if sum := checksum(append(append([]byte(nil), b[8:40]...), append([]byte{0, 6, 0, 20}, b[40:]...)...)); sum != 0 {
		t.Errorf("TCP over IPv6: got checksum %#x, want 0", sum)
	}
}
