// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPathProberRecord(t *testing.T) {
	for _, family := range []struct {
		client, other, server string
	}{
		{client: "192.0.2.9", other: "192.0.2.8", server: "10.0.0.11:80"},
		{client: "fd00::9", other: "fd00::8", server: "[fd01::11]:80"},
	} {
		client, other, server := netip.MustParseAddr(family.client), netip.MustParseAddr(family.other), netip.MustParseAddrPort(family.server)
		probe := func(protocol uint8) *pathProbe {
			return &pathProbe{port: 40000, sequence: 7, Path: Path{Protocol: protocol, Source: client, To: server, Echo: true, Server: server.Addr()}}
		}
		tcp, udp, sctp := probe(unix.IPPROTO_TCP), probe(unix.IPPROTO_UDP), probe(unix.IPPROTO_SCTP)
		// reply turns the packet of a probe into a reply to the client. It sets the source
		// to from, and change modifies the payload.
		reply := func(packet []byte, from netip.Addr, change func(payload []byte)) []byte {
			header, protocol := 40, packet[6]
			if client.Is4() {
				header, protocol = 20, packet[9]
			}
			payload := slices.Clone(packet[header:])
			change(payload)
			return ipPacket(protocol, from, client, payload)
		}
		swapPorts := func(b []byte) { b[0], b[1], b[2], b[3] = b[2], b[3], b[0], b[1] }
		withFlags := func(flags byte) func([]byte) {
			return func(b []byte) {
				swapPorts(b)
				binary.BigEndian.PutUint32(b[8:], 8) // acknowledges the probe
				b[13] = flags
			}
		}
		withChunk := func(chunk byte) func([]byte) {
			return func(b []byte) {
				swapPorts(b)
				b[sctpHeaderSize] = chunk
			}
		}
		// unreachable is an ICMP message about a probe.
		unreachable := func(packet []byte, from netip.Addr) []byte {
			if client.Is4() {
				return ipPacket(unix.IPPROTO_ICMP, from, client, append([]byte{icmpUnreachable, 3, 0, 0, 0, 0, 0, 0}, packet...))
			}
			return ipPacket(unix.IPPROTO_ICMPV6, from, client, append([]byte{icmp6Unreachable, 4, 0, 0, 0, 0, 0, 0}, packet...))
		}
		echoReply := byte(echoReply4)
		if client.Is6() {
			echoReply = echoReply6
		}
		for _, tt := range []struct {
			name   string
			probe  *pathProbe
			packet []byte
			want   PathReply
		}{
			{name: "accepted", probe: tcp, packet: reply(tcp.request(), server.Addr(), withFlags(tcpSYN|tcpACK)), want: PathReply{Port: Answered}},
			{name: "refused", probe: tcp, packet: reply(tcp.request(), server.Addr(), withFlags(tcpRST|tcpACK)), want: PathReply{Port: Refused}},
			{name: "reply to another connection", probe: tcp, packet: reply(tcp.segment(6, 0), server.Addr(), swapPorts)},
			{name: "reset of another connection", probe: tcp, packet: reply(tcp.segment(6, 0), server.Addr(), func(b []byte) {
				swapPorts(b)
				b[tcpFlagsOffset] = tcpRST | tcpACK
			})},
			{name: "rejected", probe: tcp, packet: unreachable(tcp.request(), server.Addr()), want: PathReply{Port: Refused}},
			{name: "from another host", probe: tcp, packet: reply(tcp.request(), other, withFlags(tcpRST|tcpACK))},
			{name: "echo", probe: tcp, packet: reply(tcp.echo(), server.Addr(), func(b []byte) { b[0] = echoReply }), want: PathReply{Echo: true}},
			{name: "UDP reply", probe: udp, packet: reply(udp.request(), server.Addr(), swapPorts), want: PathReply{Port: Answered}},
			{name: "UDP rejected", probe: udp, packet: unreachable(udp.request(), server.Addr()), want: PathReply{Port: Refused}},
			{name: "UDP rejected by a router", probe: udp, packet: unreachable(udp.request(), other)},
			{name: "UDP reply to a TCP probe", probe: tcp, packet: reply(udp.request(), server.Addr(), swapPorts)},
			{name: "SCTP accepted", probe: sctp, packet: reply(sctp.request(), server.Addr(), withChunk(sctpInitAck)), want: PathReply{Port: Answered}},
			{name: "SCTP aborted", probe: sctp, packet: reply(sctp.request(), server.Addr(), withChunk(sctpAbort)), want: PathReply{Port: Refused}},
			{name: "the probe itself", probe: tcp, packet: tcp.echo()},
			{name: "truncated", probe: tcp, packet: tcp.echo()[:21]},
			{name: "empty", probe: tcp},
		} {
			t.Run(tt.name, func(t *testing.T) {
				p := pathProber{probes: []pathProbe{*tt.probe}, firstPort: tt.probe.port, raw: map[int]int{unix.AF_INET: -1, unix.AF_INET6: -1}}
				got, reply := p.record(tt.packet), p.probes[0].reply
				if got != (tt.want != PathReply{}) || reply != tt.want {
					t.Errorf("got %v and %+v, want %+v", got, reply, tt.want)
				}
				if p.record(tt.packet) {
					t.Error("recorded a second reply")
				}
			})
		}
	}
}

func TestAnnouncementCaptureAdd(t *testing.T) {
	source, group := netip.MustParseAddr("172.16.0.3"), netip.MustParseAddr("224.0.0.81")
	c, seen := &AnnouncementCapture{port: 8848}, make(map[string]bool)
	udp := append([]byte{0x80, 0, 0x22, 0x90, 0, 20, 0, 0}, 0, 6, 0, 12, 1, 1, 0, 0)
	vrrp := []byte{0x31, 51, 100, 2, 0, 100, 0, 0, 192, 0, 2, 10, 10, 6, 0, 1}
	for range 2 { // the second, identical packet is ignored
		c.add(ipPacket(unix.IPPROTO_UDP, source, group, udp), 2, false, seen)
		c.add(ipPacket(protocolVRRP, source, group, vrrp), 2, true, seen)
	}
	c.add(ipPacket(unix.IPPROTO_UDP, source, group, udp[:9]), 2, false, seen)
	c.add([]byte{0x45}, 2, false, seen)
	if len(c.SyncMessages) != 1 || c.SyncMessages[0] != (SyncMessage{Link: 2, Source: source, Group: netip.AddrPortFrom(group, 8848), SyncID: 6}) {
		t.Errorf("sync messages: got %+v, want one with sync ID 6", c.SyncMessages)
	}
	if len(c.Advertisements) != 1 || len(c.Advertisements[0].Addresses) != 2 || !c.Advertisements[0].Outgoing ||
		c.Advertisements[0].Addresses[1] != netip.MustParseAddr("10.6.0.1") {
		t.Errorf("advertisements: got %+v, want an outgoing one of two addresses", c.Advertisements)
	}
	if got := parseVRRP([]byte{0x21, 51, 0, 1, 0, 1, 0, 0, 192, 0, 2, 10}); got != nil {
		t.Errorf("priority 0: got %v, want no addresses", got)
	}
}

func TestCRC32C(t *testing.T) {
	if got, want := crc32c([]byte("123456789")), uint32(0xe3069283); got != want {
		t.Errorf("got %#x, want the check value of the algorithm, %#x", got, want)
	}
}
