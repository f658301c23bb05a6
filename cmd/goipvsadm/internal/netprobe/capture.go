package netprobe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A Packet is a packet that this machine has received and that may start a
// connection: a TCP SYN, any UDP or SCTP packet, or an ARP request.
type Packet struct {
	Link        int   // link index
	Protocol    uint8 // 0 for an ARP request
	Source      netip.AddrPort
	Destination netip.AddrPort // the requested address, for an ARP request
}

// A Capture records packets as they arrive from the network, before netfilter
// and routing can drop them.
type Capture struct{ fd int }

// captureSize is the number of bytes captured of each packet. It includes the IP
// header with all options, and the TCP header without options.
const captureSize = 96

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
		if p, ok := parsePacket(b[:n]); ok {
			p.Link = link.Ifindex
			packets = append(packets, p)
		}
	}
}

// parsePacket parses an IPv4 or IPv6 packet with ports, or an ARP request. It
// returns false for IPv4 fragments other than the first. The Protocol of an IPv6
// packet is its first next header, which may be an extension header.
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
	p.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
	p.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
	return p, true
}

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

// captureFilter accepts ARP packets and packets addressed to this machine that
// may start a connection. Offsets are relative to the IP header.
var captureFilter = []unix.SockFilter{
	/* 0 */ {Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: metadataProtocol},
	/* 1 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_ARP, Jt: 19},
	/* 2 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: metadataType},
	/* 3 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.PACKET_HOST, Jf: 18},
	/* 4 */ {Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: metadataProtocol},
	/* 5 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_IPV6, Jt: 8},
	/* 6 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.ETH_P_IP, Jf: 15},
	/* 7 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9}, // IPv4 protocol
	/* 8 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_UDP, Jt: 12},
	/* 9 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_SCTP, Jt: 11},
	/* 10 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_TCP, Jf: 11},
	/* 11 */ {Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH}, // length of the IPv4 header
	/* 12 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_IND, K: 13}, // TCP flags
	/* 13 */ {Code: unix.BPF_JMP | unix.BPF_JA, K: 5},
	/* 14 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 6}, // IPv6 next header
	/* 15 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_UDP, Jt: 5},
	/* 16 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_SCTP, Jt: 4},
	/* 17 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: unix.IPPROTO_TCP, Jf: 4},
	/* 18 */ {Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 40 + 13}, // TCP flags
	/* 19 */ {Code: unix.BPF_ALU | unix.BPF_AND, K: 0x12}, // SYN and ACK
	/* 20 */ {Code: unix.BPF_JMP | unix.BPF_JEQ, K: 0x02, Jf: 1},
	/* 21 */ {Code: unix.BPF_RET, K: captureSize},
	/* 22 */ {Code: unix.BPF_RET, K: 0},
}
