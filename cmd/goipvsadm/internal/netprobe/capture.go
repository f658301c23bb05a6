// SPDX-License-Identifier: MIT

package netprobe

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Packet is a captured packet: a received TCP SYN or RST, UDP packet, SCTP packet or ARP
// request, or an ICMP error message that this machine has received or sent.
type Packet struct {
	Link        int   // link index
	Protocol    uint8 // 0 for an ARP request; for IPv6, the Next Header field of the IPv6 header
	Source      netip.AddrPort
	Destination netip.AddrPort // the requested address, for an ARP request
	Aborts      bool           // a TCP RST, or an SCTP packet that aborts a connection

	// Reporter is the sender of an ICMP error message. Protocol, Source and Destination
	// then describe the packet that was not delivered or was too big.
	Reporter netip.Addr
	TooBig   bool // ICMP fragmentation needed, or ICMPv6 packet too big
	Sent     bool // sent by this machine, rather than received
}

// A Capture records packets as they arrive from the network, before netfilter
// and routing can drop them.
type Capture struct{ fd int }

// captureSize is the number of bytes captured of each packet. That is enough for an IP
// header with all options and a TCP header without, or for an ICMP error message with
// the headers of the reported packet.
const captureSize = 128

// OpenCapture starts to capture the packets for this machine, and all ARP
// requests, on all links of the network namespace of the calling thread. It
// requires CAP_NET_RAW.
func OpenCapture() (*Capture, error) {
	fd, err := openPacketSocket(captureFilter())
	if err != nil {
		return nil, err
	}
	return &Capture{fd}, nil
}

// Close stops the capture.
func (c *Capture) Close() error { return unix.Close(c.fd) }

// Packets returns the packets captured so far. Packets that did not fit into the
// socket's receive buffer are missing.
func (c *Capture) Packets() []Packet {
	var packets []Packet
	b := make([]byte, captureSize)
	for {
		packet, link, outgoing, err := receivePacket(c.fd, b)
		if err != nil {
			return packets
		}
		p, ok := parseICMPError(packet)
		if !ok {
			p, ok = parsePacket(packet)
		}
		if ok {
			p.Link, p.Sent = link, outgoing
			packets = append(packets, p)
		}
	}
}

// parseICMPError parses an ICMP or ICMPv6 message that reports that a packet was not
// delivered, or was too big. It returns false for other packets.
func parseICMPError(b []byte) (p Packet, ok bool) {
	h, icmp, ok := parseIP(b)
	if !ok || len(icmp) < icmpHeaderSize {
		return p, false
	}
	tooBig := false
	switch typ, code := icmp[0], icmp[1]; {
	case h.protocol == unix.IPPROTO_ICMP && typ == icmpUnreachable:
		tooBig = code == icmpFragmentationNeeded
	case h.protocol == unix.IPPROTO_ICMPV6 && (typ == icmp6Unreachable || typ == icmp6PacketTooBig):
		tooBig = typ == icmp6PacketTooBig
	default:
		return p, false
	}
	p, ok = parsePacket(icmp[icmpHeaderSize:])
	p.Reporter, p.TooBig, p.Aborts = h.source, tooBig, false
	return p, ok && p.Protocol != 0
}

// parsePacket parses an IPv4 or IPv6 packet, or an ARP request. It returns false for
// other packets, and for IPv4 fragments other than the first.
func parsePacket(b []byte) (p Packet, ok bool) {
	if len(b) >= arpSize && bytes.Equal(b[:arpHeaderSize], arpRequest) {
		p.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[arpHeaderSize+6:])), 0)
		p.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[arpHeaderSize+16:])), 0)
		return p, true
	}
	h, payload, ok := parseIP(b)
	if !ok || len(payload) < 4 {
		return p, false
	}
	p.Protocol = h.protocol
	var source, destination uint16
	switch p.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP:
		source, destination = binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	}
	p.Source, p.Destination = netip.AddrPortFrom(h.source, source), netip.AddrPortFrom(h.destination, destination)
	switch {
	case p.Protocol == unix.IPPROTO_SCTP && len(payload) > sctpHeaderSize:
		p.Aborts = payload[sctpHeaderSize] == sctpAbort
	case p.Protocol == unix.IPPROTO_TCP && len(payload) > tcpFlagsOffset:
		p.Aborts = payload[tcpFlagsOffset]&tcpRST != 0
	}
	return p, true
}

// tcpFlagsOffset is the offset of the flags in a TCP header.
const tcpFlagsOffset = 13

// captureFilter accepts ARP packets, ICMP error messages, and TCP SYNs and RSTs, UDP
// packets and SCTP packets addressed to this machine. Offsets are relative to the IP
// header.
func captureFilter() []unix.SockFilter {
	const ipv4, icmp, ipv6, flags4, flags6, checkFlags, accept, reject = 4, 14, 17, 29, 31, 32, 35, 36
	return []unix.SockFilter{
		0: {Code: loadHalf, K: metadataProtocol},
		1: {Code: jumpIfEqual, K: unix.ETH_P_ARP, Jt: jump(1, accept)},
		2: {Code: jumpIfEqual, K: unix.ETH_P_IPV6, Jt: jump(2, ipv6)},
		3: {Code: jumpIfEqual, K: unix.ETH_P_IP, Jf: jump(3, reject)},

		ipv4: {Code: loadByte, K: 9}, // protocol
		5:    {Code: jumpIfEqual, K: unix.IPPROTO_ICMP, Jt: jump(5, icmp)},
		6:    {Code: saveToIndex},
		7:    {Code: loadByte, K: metadataType},
		8:    {Code: jumpIfEqual, K: unix.PACKET_HOST, Jf: jump(8, reject)},
		9:    {Code: loadFromIndex},
		10:   {Code: jumpIfEqual, K: unix.IPPROTO_UDP, Jt: jump(10, accept)},
		11:   {Code: jumpIfEqual, K: unix.IPPROTO_SCTP, Jt: jump(11, accept)},
		12:   {Code: loadHeaderSize},
		13:   {Code: jumpIfEqual, K: unix.IPPROTO_TCP, Jt: jump(13, flags4), Jf: jump(13, reject)},

		icmp: {Code: loadHeaderSize},
		15:   {Code: loadIndexedByte}, // type
		16:   {Code: jumpIfEqual, K: icmpUnreachable, Jt: jump(16, accept), Jf: jump(16, reject)},

		ipv6: {Code: loadByte, K: 6}, // next header
		18:   {Code: jumpIfEqual, K: unix.IPPROTO_ICMPV6, Jt: jump(18, 26)},
		19:   {Code: saveToIndex},
		20:   {Code: loadByte, K: metadataType},
		21:   {Code: jumpIfEqual, K: unix.PACKET_HOST, Jf: jump(21, reject)},
		22:   {Code: loadFromIndex},
		23:   {Code: jumpIfEqual, K: unix.IPPROTO_UDP, Jt: jump(23, accept)},
		24:   {Code: jumpIfEqual, K: unix.IPPROTO_SCTP, Jt: jump(24, accept)},
		25:   {Code: jumpIfEqual, K: unix.IPPROTO_TCP, Jt: jump(25, flags6), Jf: jump(25, reject)},
		26:   {Code: loadByte, K: 40}, // ICMPv6 type
		27:   {Code: jumpIfEqual, K: icmp6Unreachable, Jt: jump(27, accept)},
		28:   {Code: jumpIfEqual, K: icmp6PacketTooBig, Jt: jump(28, accept), Jf: jump(28, reject)},

		flags4:     {Code: loadIndexedByte, K: tcpFlagsOffset},
		30:         {Code: unix.BPF_JMP | unix.BPF_JA, K: checkFlags - 30 - 1},
		flags6:     {Code: loadByte, K: 40 + tcpFlagsOffset},
		checkFlags: {Code: unix.BPF_JMP | unix.BPF_JSET, K: tcpRST, Jt: jump(checkFlags, accept)},
		33:         {Code: unix.BPF_ALU | unix.BPF_AND, K: tcpSYN | tcpACK},
		34:         {Code: jumpIfEqual, K: tcpSYN, Jf: jump(34, reject)},
		accept:     {Code: returnSize, K: captureSize},
		reject:     {Code: returnSize},
	}
}
