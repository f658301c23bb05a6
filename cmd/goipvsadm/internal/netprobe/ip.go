// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ICMP and ICMPv6 types and codes (RFC 792, RFC 4443).
const (
	echoReply4              = 0
	icmpUnreachable         = 3
	icmpFragmentationNeeded = 4 // code
	echoRequest4            = 8

	icmp6Unreachable  = 1
	icmp6PacketTooBig = 2
	echoRequest6      = 128
	echoReply6        = 129

	icmpHeaderSize = 8
)

// TCP flags.
const (
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
)

// The size of the common header of SCTP, and types of the chunk after it (RFC 9260).
const (
	sctpHeaderSize = 12
	sctpInit       = 1
	sctpInitAck    = 2
	sctpAbort      = 6
)

// An ipHeader contains the fields of an IPv4 or IPv6 header that this package uses.
// The protocol of an IPv6 packet is the Next Header field of its IPv6 header, which may
// name an extension header.
type ipHeader struct {
	protocol            uint8
	source, destination netip.Addr
}

// parseIP parses the IPv4 or IPv6 header of a packet and returns the payload, which may
// be truncated. It removes padding after an IPv4 packet, which short Ethernet frames
// have. It returns false for IPv4 fragments other than the first.
func parseIP(b []byte) (h ipHeader, payload []byte, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		size, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
		if size < 20 || size > len(b) || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return h, nil, false
		}
		if total >= size && total < len(b) {
			b = b[:total]
		}
		h = ipHeader{b[9], netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))}
		return h, b[size:], true
	case len(b) >= 40 && b[0]>>4 == 6:
		h = ipHeader{b[6], netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))}
		return h, b[40:], true
	}
	return h, nil, false
}

// tcpAck returns the acknowledgement number of a TCP packet, or 0 if the packet is
// truncated.
func tcpAck(packet []byte) uint32 {
	_, tcp, ok := parseIP(packet)
	if !ok || len(tcp) <= tcpFlagsOffset {
		return 0
	}
	return binary.BigEndian.Uint32(tcp[8:])
}

// parseEchoReply parses an ICMP or ICMPv6 echo reply. It returns false for other
// packets.
func parseEchoReply(packet []byte) (h ipHeader, id uint16, ok bool) {
	h, icmp, ok := parseIP(packet)
	if !ok || len(icmp) < icmpHeaderSize {
		return h, 0, false
	}
	id = binary.BigEndian.Uint16(icmp[4:])
	switch h.protocol {
	case unix.IPPROTO_ICMP:
		return h, id, icmp[0] == echoReply4
	case unix.IPPROTO_ICMPV6:
		return h, id, icmp[0] == echoReply6
	}
	return h, 0, false
}

// ipPacket returns an IPv4 packet without options, or an IPv6 packet.
func ipPacket(protocol uint8, source, destination netip.Addr, payload []byte) []byte {
	if destination.Is6() {
		b := []byte{0x60, 0, 0, 0, 0, 0, protocol, 64}
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
		b = append(append(b, source.AsSlice()...), destination.AsSlice()...)
		return append(b, payload...)
	}
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], uint16(rand.Uint32())) // identification
	b = append(append(b, source.AsSlice()...), destination.AsSlice()...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return append(b, payload...)
}

// transportChecksum returns the checksum of TCP, UDP and ICMPv6, which covers a
// pseudo-header and the payload. The payload must have an even number of bytes, at most
// 254.
func transportChecksum(protocol uint8, source, destination netip.Addr, payload []byte) uint16 {
	pseudo := append(source.AsSlice(), destination.AsSlice()...)
	pseudo = append(pseudo, 0, protocol, 0, byte(len(payload)))
	return checksum(append(pseudo, payload...))
}

// checksum returns the Internet checksum (RFC 1071) of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// crc32c returns the checksum of SCTP packets. Importing hash/crc32 would compute
// tables at the start of every command.
func crc32c(b []byte) uint32 {
	const polynomial = 0x82f63b78 // Castagnoli, reflected
	sum := ^uint32(0)
	for _, x := range b {
		sum ^= uint32(x)
		for range 8 {
			sum = sum>>1 ^ polynomial&-(sum&1)
		}
	}
	return ^sum
}
