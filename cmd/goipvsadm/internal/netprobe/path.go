// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A Path is a path from a client to a server. It is probed with packets like those
// that IPVS sends: their source is the client, and their destination is the virtual
// address or, with NAT, the server.
type Path struct {
	Protocol uint8          // TCP, UDP or SCTP
	Source   netip.Addr     // source of the packets: a client, or this machine
	To       netip.AddrPort // destination of the packets; the ICMP echo request uses only the address

	// HardwareAddr is the hardware address of the server on Link, for direct
	// routing. If it is nil, the packets are routed, through a tunnel if TunnelProto
	// is not 0.
	HardwareAddr net.HardwareAddr
	Link         int        // link index
	Tunnel       []byte     // headers between the outer IP header and the inner one
	TunnelProto  int        // protocol in the outer IP header; 0 without a tunnel
	TunnelSource netip.Addr // source in the outer IP header
	Server       netip.Addr // destination in the outer IP header
}

// A PathReply is the result of probing a path.
type PathReply struct {
	Port Outcome // Answered if the connection was accepted or the server replied to an empty datagram
	Echo bool    // whether a reply to the ICMP echo request was captured
}

// A pathProbe is a probe of a path: a packet to the port and an ICMP echo request.
type pathProbe struct {
	port uint16 // source port of the packet and identifier of the echo request
	path Path
}

// rawSockets are the sockets on which probes are sent.
type rawSockets struct {
	frames   int         // packet socket
	byFamily map[int]int // raw sockets whose packets include the IP header
}

func (r *rawSockets) close() {
	unix.Close(r.frames)
	for _, fd := range r.byFamily {
		unix.Close(fd)
	}
}

// openRaw opens the sockets. IPPROTO_RAW implies that packets include the header.
func openRaw(paths []Path) (*rawSockets, error) {
	frames, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(hostToNetwork(unix.ETH_P_ALL)))
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	r := &rawSockets{frames, make(map[int]int)}
	for i := range paths {
		family := addressFamily(paths[i].Server)
		if _, ok := r.byFamily[family]; ok {
			continue
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			r.close()
			return nil, fmt.Errorf("open raw socket: %w", err)
		}
		r.byFamily[family] = fd
	}
	return r, nil
}

// ProbePaths probes paths concurrently, waits at most the given time for the
// replies, and returns the result for each path. It captures the replies on a
// packet socket, because the kernel forwards those addressed to a client. It
// requires CAP_NET_RAW.
func ProbePaths(paths []Path, wait time.Duration) ([]PathReply, error) {
	replies := make([]PathReply, len(paths))
	if len(paths) == 0 {
		return replies, nil
	}
	sockets, err := openRaw(paths)
	if err != nil {
		return nil, err
	}
	defer sockets.close()
	probes := make(map[uint16]int) // index into paths, by source port
	first := uint16(rand.IntN(20000)) + 40000
	for i := range paths {
		p := pathProbe{port: first + uint16(i), path: paths[i]}
		probes[p.port] = i
		for _, packet := range [][]byte{p.request(), p.echo()} {
			if err := p.send(sockets, packet); err != nil && !isNetworkError(err) {
				return nil, fmt.Errorf("probe %s: %w", p.path.To, err)
			}
		}
	}
	deadline := time.Now().Add(wait)
	var buffer [2048]byte
	for pending := 2 * len(paths); pending > 0; {
		if readable, err := waitReadable(sockets.frames, deadline); err != nil {
			return nil, fmt.Errorf("poll: %w", err)
		} else if !readable && time.Now().After(deadline) {
			break
		}
		n, from, err := unix.Recvfrom(sockets.frames, buffer[:], 0)
		if err != nil {
			if errors.Is(err, unix.EAGAIN) || isNetworkError(err) || errors.Is(err, unix.EINTR) {
				continue
			}
			return nil, fmt.Errorf("receive: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if recordReply(buffer[:n], paths, probes, replies) {
			pending--
		}
	}
	return replies, nil
}

// isNetworkError reports whether an error is due to the state of the network or
// of a server. The probe then has no reply; it has not failed.
func isNetworkError(err error) bool {
	return errors.Is(err, unix.ENETDOWN) || errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) ||
		errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMSGSIZE)
}

// recordReply records a packet if it is a reply to a probe, and reports whether
// it is one.
func recordReply(packet []byte, paths []Path, probes map[uint16]int, replies []PathReply) bool {
	if from, to, id, ok := parseEchoReply(packet); ok {
		i, ok := probes[id]
		if !ok || from != paths[i].To.Addr() || to != paths[i].Source || replies[i].Echo {
			return false
		}
		replies[i].Echo = true
		return true
	}
	p, isReply := parseICMPError(packet)
	if isReply {
		p.Source, p.Destination = p.Destination, p.Source // those of the probe
	} else {
		p, isReply = parsePacket(packet)
	}
	i, ok := probes[p.Destination.Port()]
	if !isReply || !ok || p.Protocol != paths[i].Protocol || p.Source != paths[i].To || p.Destination.Addr() != paths[i].Source ||
		replies[i].Port != Silent || p.TooBig {
		return false
	}
	outcome := Answered
	switch {
	case p.Reporter.IsValid():
		if p.Reporter != paths[i].To.Addr() && p.Reporter != paths[i].Server {
			return false // a router
		}
		outcome = Refused
	case p.Aborts:
		outcome = Refused
	case p.Protocol == unix.IPPROTO_TCP:
		if flags, _ := tcpFlags(packet); flags&tcpRST != 0 {
			outcome = Refused
		}
	}
	replies[i].Port = outcome
	return true
}

// parseEchoReply parses an ICMP or ICMPv6 echo reply.
func parseEchoReply(b []byte) (from, to netip.Addr, id uint16, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[9] == unix.IPPROTO_ICMP:
		header := int(b[0]&0xf) * 4
		if len(b) < header+icmpHeaderSize || b[header] != echoReply4 {
			return from, to, 0, false
		}
		return netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), binary.BigEndian.Uint16(b[header+4:]), true
	case len(b) >= 40+icmpHeaderSize && b[0]>>4 == 6 && b[6] == unix.IPPROTO_ICMPV6 && b[40] == echoReply6:
		return netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), binary.BigEndian.Uint16(b[44:]), true
	}
	return from, to, 0, false
}

// request returns an IP packet to the port: a TCP SYN, an empty UDP datagram, or an
// SCTP INIT.
func (p *pathProbe) request() []byte {
	switch p.path.Protocol {
	case unix.IPPROTO_UDP:
		const size = 8
		b := binary.BigEndian.AppendUint16(p.ports(), size)
		return p.packet(unix.IPPROTO_UDP, append(b, 0, 0), 6)
	case unix.IPPROTO_SCTP:
		b := append(p.ports(), 0, 0, 0, 0, 0, 0, 0, 0) // verification tag, checksum
		b = append(b, sctpInit, 0, 0, 20)
		b = binary.BigEndian.AppendUint32(b, rand.Uint32()|1) // initiate tag
		b = append(b, 0, 1, 0, 0, 0, 1, 0, 1)                 // window, streams
		b = binary.BigEndian.AppendUint32(b, rand.Uint32())   // initial sequence number
		binary.LittleEndian.PutUint32(b[8:], crc32c(b))
		return p.packet(unix.IPPROTO_SCTP, b, -1)
	}
	b := binary.BigEndian.AppendUint32(p.ports(), rand.Uint32())
	b = append(b, 0, 0, 0, 0, 5<<4, tcpSYN, 0xfa, 0xf0, 0, 0, 0, 0)
	return p.packet(unix.IPPROTO_TCP, b, 16)
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

// ports returns the ports with which TCP, UDP and SCTP headers begin.
func (p *pathProbe) ports() []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.port), p.path.To.Port())
}

// echo returns an IP packet with an ICMP echo request.
func (p *pathProbe) echo() []byte {
	message := make([]byte, 16)
	binary.BigEndian.PutUint16(message[4:], p.port)
	binary.BigEndian.PutUint16(message[6:], 1)
	if p.path.To.Addr().Is4() {
		message[0] = echoRequest4
		binary.BigEndian.PutUint16(message[2:], checksum(message))
		return p.packet(unix.IPPROTO_ICMP, message, -1)
	}
	message[0] = echoRequest6
	return p.packet(unix.IPPROTO_ICMPV6, message, 2)
}

// packet returns an IP packet. Unless checksumAt is negative, it first stores the
// checksum of the payload, including the pseudo-header, at that offset of the payload.
func (p *pathProbe) packet(protocol uint8, payload []byte, checksumAt int) []byte {
	source, destination := p.path.Source, p.path.To.Addr()
	if checksumAt >= 0 {
		binary.BigEndian.PutUint16(payload[checksumAt:], transportChecksum(protocol, source, destination, payload))
	}
	return ipPacket(protocol, source, destination, payload)
}

// transportChecksum returns the checksum of a payload of up to 255 bytes and the
// pseudo-header that TCP, UDP and ICMPv6 include in it.
func transportChecksum(protocol uint8, source, destination netip.Addr, payload []byte) uint16 {
	pseudo := append(source.AsSlice(), destination.AsSlice()...)
	pseudo = append(pseudo, 0, protocol, 0, byte(len(payload)))
	return checksum(append(pseudo, payload...))
}

// ipPacket returns an IPv4 or IPv6 packet.
func ipPacket(protocol uint8, source, destination netip.Addr, payload []byte) []byte {
	if destination.Is4() {
		return ipv4Packet(protocol, source, destination, payload)
	}
	b := []byte{0x60, 0, 0, 0, 0, 0, protocol, 64}
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b = append(append(b, source.AsSlice()...), destination.AsSlice()...)
	return append(b, payload...)
}

// ipv4Packet returns an IPv4 packet without options.
func ipv4Packet(protocol uint8, source, destination netip.Addr, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], uint16(rand.Uint32()))
	from, to := source.As4(), destination.As4()
	copy(b[12:], from[:])
	copy(b[16:], to[:])
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return append(b, payload...)
}

// send sends a packet: in a frame to the server on the packet socket, or through a
// tunnel or routed on a raw socket.
func (p *pathProbe) send(sockets *rawSockets, packet []byte) error {
	protocol, to := uint16(unix.ETH_P_IP), p.path.To.Addr()
	if !to.Is4() {
		protocol = unix.ETH_P_IPV6
	}
	if p.path.HardwareAddr != nil {
		frame := &unix.SockaddrLinklayer{Protocol: hostToNetwork(protocol), Ifindex: p.path.Link, Halen: uint8(len(p.path.HardwareAddr))}
		copy(frame.Addr[:], p.path.HardwareAddr)
		return unix.Sendto(sockets.frames, packet, 0, frame)
	}
	if p.path.TunnelProto != 0 {
		to = p.path.Server
		packet = ipPacket(uint8(p.path.TunnelProto), p.path.TunnelSource, to, append(p.path.Tunnel[:len(p.path.Tunnel):len(p.path.Tunnel)], packet...))
	}
	return unix.Sendto(sockets.byFamily[addressFamily(to)], packet, 0, sockaddr(netip.AddrPortFrom(to, 0)))
}
