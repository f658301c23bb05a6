// SPDX-License-Identifier: MIT

package netprobe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Packet is a packet that this machine has received and that may start a
// connection, reply to one or abort it: a TCP SYN or RST, any UDP or SCTP packet, or
// an ARP request. Or it is an ICMP error message that this machine has received or sent.
type Packet struct {
	Link        int   // link index
	Protocol    uint8 // 0 for an ARP request
	Source      netip.AddrPort
	Destination netip.AddrPort // the requested address, for an ARP request
	Aborts      bool           // a TCP RST, or an SCTP packet that aborts a connection

	// Reporter is the sender of an ICMP error message. The other fields are those
	// of the packet that was not delivered, or was too big.
	Reporter netip.Addr
	TooBig   bool // ICMP fragmentation needed, or ICMPv6 packet too big
	Sent     bool // by this machine
}

// A Capture records packets as they arrive from the network, before netfilter
// and routing can drop them.
type Capture struct{ fd int }

// captureSize is the number of bytes captured of each packet. It includes the IP
// header with all options, and the TCP header without options or an ICMP error
// with the headers of its packet.
const captureSize = 128

// OpenCapture starts to capture the packets for this machine, and all ARP
// requests, on all links of the network namespace of the calling thread. It
// requires CAP_NET_RAW.
func OpenCapture() (*Capture, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	c := &Capture{fd}
	program := unix.SockFprog{Len: uint16(len(captureFilter)), Filter: &captureFilter[0]}
	// The protocol is set last, so that no packet is captured without the filter.
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: hostToNetwork(unix.ETH_P_ALL)})
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	return c, nil
}

// Close stops the capture.
func (c *Capture) Close() error { return unix.Close(c.fd) }

// Packets returns the packets captured so far. Packets that did not fit into the
// socket's receive buffer are missing.
func (c *Capture) Packets() []Packet {
	var packets []Packet
	b := make([]byte, captureSize)
	for {
		n, from, err := unix.Recvfrom(c.fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return packets
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok {
			continue
		}
		p, ok := parseICMPError(b[:n])
		if !ok {
			if p, ok = parsePacket(b[:n]); !ok {
				continue
			}
		}
		p.Link, p.Sent = link.Ifindex, link.Pkttype == unix.PACKET_OUTGOING
		packets = append(packets, p)
	}
}

// ICMP types and codes (RFC 792, RFC 4443).
const (
	icmpUnreachable         = 3
	icmpFragmentationNeeded = 4 // code
	icmp6Unreachable        = 1
	icmp6PacketTooBig       = 2
	icmpHeaderSize          = 8
)

// The size of the common header of SCTP, and types of the chunk after it (RFC 9260).
const (
	sctpHeaderSize = 12
	sctpInit       = 1
	sctpInitAck    = 2
	sctpAbort      = 6
)

// parseICMPError parses an ICMP or ICMPv6 message that a packet was not
// delivered, or was too big.
func parseICMPError(b []byte) (p Packet, ok bool) {
	var reporter netip.Addr
	var tooBig bool
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[9] == unix.IPPROTO_ICMP:
		header := int(b[0]&0xf) * 4
		if len(b) < header+icmpHeaderSize || b[header] != icmpUnreachable {
			return p, false
		}
		reporter, tooBig = netip.AddrFrom4([4]byte(b[12:16])), b[header+1] == icmpFragmentationNeeded
		b = b[header+icmpHeaderSize:]
	case len(b) >= 40+icmpHeaderSize && b[0]>>4 == 6 && b[6] == unix.IPPROTO_ICMPV6:
		if b[40] != icmp6Unreachable && b[40] != icmp6PacketTooBig {
			return p, false
		}
		reporter, tooBig = netip.AddrFrom16([16]byte(b[8:24])), b[40] == icmp6PacketTooBig
		b = b[40+icmpHeaderSize:]
	default:
		return p, false
	}
	p, ok = parsePacket(b)
	p.Reporter, p.TooBig, p.Aborts = reporter, tooBig, false
	return p, ok && p.Protocol != 0
}

// parsePacket parses an IPv4 or IPv6 packet, or an ARP request. It returns false
// for IPv4 fragments other than the first. The Protocol of an IPv6 packet is its
// first next header, which may be an extension header.
func parsePacket(b []byte) (p Packet, ok bool) {
	var source, destination netip.Addr
	var ports []byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		header := int(b[0]&0xf) * 4
		if len(b) < header+4 || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return p, false
		}
		p.Protocol, ports = b[9], b[header:]
		source, destination = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	case len(b) >= 44 && b[0]>>4 == 6:
		p.Protocol, ports = b[6], b[40:]
		source, destination = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	case len(b) >= arpSize && bytes.Equal(b[:arpHeaderSize], arpRequest):
		p.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[arpHeaderSize+6:])), 0)
		p.Destination = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[arpHeaderSize+16:])), 0)
		return p, true
	default:
		return p, false
	}
	switch p.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_SCTP:
		p.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
		p.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
	default:
		p.Source, p.Destination = netip.AddrPortFrom(source, 0), netip.AddrPortFrom(destination, 0)
	}
	switch {
	case p.Protocol == unix.IPPROTO_SCTP && len(ports) > sctpHeaderSize:
		p.Aborts = ports[sctpHeaderSize] == sctpAbort
	case p.Protocol == unix.IPPROTO_TCP && len(ports) > tcpFlagsOffset:
		p.Aborts = ports[tcpFlagsOffset]&tcpRST != 0
	}
	return p, true
}

// tcpFlagsOffset is the offset of the flags in a TCP header.
const tcpFlagsOffset = 13

// hostToNetwork returns a number in network byte order.
func hostToNetwork(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// Offsets by which a filter loads metadata of a packet (SKF_AD_*).
const (
	metadata         = 0xfffff000
	metadataProtocol = metadata + 0
	metadataType     = metadata + 4 // such as PACKET_HOST
)

// captureFilter accepts ARP packets, ICMP error messages, and packets addressed to
// this machine that may start, reply to or abort a connection. Offsets are relative
// to the IP header.
var captureFilter = []unix.SockFilter{
	/* 0 */ {Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: metadataProtocol},
	/* 1 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_ARP, Jt: 33},
	/* 2 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_IPV6, Jt: 14},
	/* 3 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_IP, Jf: 32},

	/* 4 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9}, // IPv4 protocol
	/* 5 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_ICMP, Jt: 8},
	/* 6 */ {Code: unix.BPF_MISC | unix.BPF_TAX},
	/* 7 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: metadataType},
	/* 8 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.PACKET_HOST, Jf: 27},
	/* 9 */ {Code: unix.BPF_MISC | unix.BPF_TXA},
	/* 10 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_UDP, Jt: 24},
	/* 11 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_SCTP, Jt: 23},
	/* 12 */ {Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH}, // length of the IPv4 header
	/* 13 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_TCP, Jt: 15, Jf: 22},
	/* 14 */ {Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH},
	/* 15 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND}, // ICMP type
	/* 16 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: icmpUnreachable, Jt: 18, Jf: 19},

	/* 17 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6}, // IPv6 next header
	/* 18 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_ICMPV6, Jt: 7},
	/* 19 */ {Code: unix.BPF_MISC | unix.BPF_TAX},
	/* 20 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: metadataType},
	/* 21 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.PACKET_HOST, Jf: 14},
	/* 22 */ {Code: unix.BPF_MISC | unix.BPF_TXA},
	/* 23 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_UDP, Jt: 11},
	/* 24 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_SCTP, Jt: 10},
	/* 25 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_TCP, Jt: 5, Jf: 10},
	/* 26 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 40}, // ICMPv6 type
	/* 27 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: icmp6Unreachable, Jt: 7},
	/* 28 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: icmp6PacketTooBig, Jt: 6, Jf: 7},

	/* 29 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: tcpFlagsOffset}, // TCP flags, IPv4
	/* 30 */ {Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
	/* 31 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 40 + tcpFlagsOffset}, // TCP flags, IPv6
	/* 32 */ {Code: unix.BPF_JMP | unix.BPF_JSET, K: tcpRST, Jt: 2},
	/* 33 */ {Code: unix.BPF_ALU | unix.BPF_AND, K: tcpSYN | tcpACK},
	/* 34 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: tcpSYN, Jf: 1},
	/* 35 */ {Code: unix.BPF_RET, K: captureSize},
	/* 36 */ {Code: unix.BPF_RET, K: 0},
}
