// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// A FrameTarget is a server to probe by a TCP connection attempt to a VIP. As
// with direct routing, the SYN is sent to the hardware address of the server. It
// bypasses the routing and IPVS of this machine, which may have the VIP as well.
type FrameTarget struct {
	Link         netstate.Link
	HardwareAddr net.HardwareAddr // hardware address of the server, or of the gateway to it
	Source       netip.Addr       // address of Link that is not a VIP
	VIP          netip.AddrPort
	Server       netip.AddrPort // identifies the server to the caller
}

// A FrameResult is the result of probing a FrameTarget.
type FrameResult struct {
	FrameTarget
	Outcome Outcome
}

// ProbeFrames probes the targets concurrently and waits at most the given time
// for the replies. It requires CAP_NET_RAW. If this machine has the VIP, its
// kernel drops the replies, but only after they have been captured.
func ProbeFrames(targets []FrameTarget, wait time.Duration) ([]FrameResult, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(hostToNetwork(unix.ETH_P_ALL)))
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	defer unix.Close(fd)
	start := time.Now()
	// The source port identifies the target in a reply.
	const firstPort, maxTargets = 40000, 20000
	targets = targets[:min(len(targets), maxTargets)]
	results := make([]FrameResult, len(targets))
	sequence := uint32(start.UnixNano())
	pending := 0
	for i, t := range targets {
		results[i].FrameTarget = t
		if sendSegment(fd, &t, firstPort+uint16(i), sequence, tcpSYN) == nil {
			pending++
		}
	}
	b := make([]byte, captureSize)
	deadline := start.Add(wait)
	for pending > 0 && time.Now().Before(deadline) {
		if _, err := waitReadable(fd, deadline); err != nil {
			return results, fmt.Errorf("poll: %w", err)
		}
		for {
			n, from, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				break // the receive queue is empty
			}
			if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			p, ok := parsePacket(b[:n])
			i := int(p.Destination.Port()) - firstPort
			if !ok || p.Protocol != unix.IPPROTO_TCP || i < 0 || i >= len(results) {
				continue
			}
			r := &results[i]
			if r.Outcome != Silent || p.Source != r.VIP || p.Destination.Addr() != r.Source {
				continue
			}
			flags, ack := tcpFlags(b[:n])
			switch {
			case ack != sequence+1:
				continue
			case flags&tcpRST != 0:
				r.Outcome = Refused
			case flags&tcpSYN != 0:
				r.Outcome = Answered
				// Close the half-open connection.
				_ = sendSegment(fd, &r.FrameTarget, firstPort+uint16(i), sequence+1, tcpRST)
			default:
				continue
			}
			pending--
		}
	}
	return results, nil
}

// TCP flags.
const (
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
)

// tcpFlags returns the flags and the acknowledgement number of a TCP packet that
// parsePacket has accepted, or zeros if it is truncated.
func tcpFlags(b []byte) (flags byte, ack uint32) {
	header := 40
	if b[0]>>4 == 4 {
		header = int(b[0]&0xf) * 4
	}
	if len(b) < header+14 {
		return 0, 0
	}
	return b[header+13], binary.BigEndian.Uint32(b[header+8:])
}

// sendSegment sends a TCP segment without data.
func sendSegment(fd int, t *FrameTarget, port uint16, sequence uint32, flags byte) error {
	protocol := uint16(unix.ETH_P_IP)
	if !t.VIP.Addr().Is4() {
		protocol = unix.ETH_P_IPV6
	}
	to := &unix.SockaddrLinklayer{Protocol: hostToNetwork(protocol), Ifindex: t.Link.Index, Halen: uint8(len(t.HardwareAddr))}
	copy(to.Addr[:], t.HardwareAddr)
	return unix.Sendto(fd, marshalSegment(t, port, sequence, flags), 0, to)
}

// marshalSegment returns an IPv4 or IPv6 packet with a TCP segment.
func marshalSegment(t *FrameTarget, port uint16, sequence uint32, flags byte) []byte {
	const size = 20
	tcp := binary.BigEndian.AppendUint16(nil, port)
	tcp = binary.BigEndian.AppendUint16(tcp, t.VIP.Port())
	tcp = binary.BigEndian.AppendUint32(tcp, sequence)
	tcp = append(tcp, 0, 0, 0, 0, size/4<<4, flags, 0x20, 0, 0, 0, 0, 0) // ack, offset, flags, window, checksum, urgent
	binary.BigEndian.PutUint16(tcp[16:], transportChecksum(unix.IPPROTO_TCP, t.Source, t.VIP.Addr(), tcp))
	if !t.VIP.Addr().Is4() {
		return ipPacket(unix.IPPROTO_TCP, t.Source, t.VIP.Addr(), tcp)
	}
	ip := []byte{0x45, 0, 0, 20 + size, 0, 0, 0x40, 0, 64, unix.IPPROTO_TCP, 0, 0} // may not be fragmented
	ip = append(append(ip, t.Source.AsSlice()...), t.VIP.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, tcp...)
}
