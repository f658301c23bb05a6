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

// A Path is a path from a client to a server (IPv4). It is probed with packets
// like those that IPVS sends: their source is the client, and their destination
// is the virtual address or, with NAT, the server.
type Path struct {
	Source netip.Addr     // source of the packets: a client, or this machine
	To     netip.AddrPort // destination of the packets: a TCP SYN, and an ICMP echo request to the address

	// HardwareAddr is the hardware address of the server on Link, for direct
	// routing. If it is nil, the packets are routed, through a tunnel if TunnelProto
	// is not 0.
	HardwareAddr net.HardwareAddr
	Link         int        // link index
	Tunnel       []byte     // headers between the outer IP header and the inner one
	TunnelProto  int        // protocol in the outer IP header; 0 without a tunnel
	Server       netip.Addr // destination in the outer IP header
}

// A PathReply is the result of probing a path.
type PathReply struct {
	TCP  Outcome // Answered if the connection was accepted
	Echo bool    // whether a reply to the ICMP echo request was captured
}

// A pathProbe is a probe of a path: a TCP SYN and an ICMP echo request.
type pathProbe struct {
	port uint16 // source port of the SYN and identifier of the echo request
	path Path
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
	capture, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(hostToNetwork(unix.ETH_P_IP)))
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	defer unix.Close(capture)
	raw, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW) // implies IP_HDRINCL
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	defer unix.Close(raw)
	probes := make(map[uint16]int) // index into paths, by source port
	first := uint16(rand.IntN(20000)) + 40000
	for i := range paths {
		p := pathProbe{port: first + uint16(i), path: paths[i]}
		probes[p.port] = i
		for _, packet := range [][]byte{p.syn(), p.echo()} {
			if err := p.send(raw, capture, packet); err != nil && !isNetworkError(err) {
				return nil, fmt.Errorf("probe %s: %w", p.path.To, err)
			}
		}
	}
	deadline := time.Now().Add(wait)
	var buffer [2048]byte
	for pending := 2 * len(paths); pending > 0; {
		if readable, err := waitReadable(capture, deadline); err != nil {
			return nil, fmt.Errorf("poll: %w", err)
		} else if !readable && time.Now().After(deadline) {
			break
		}
		n, from, err := unix.Recvfrom(capture, buffer[:], 0)
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
	h, payload, ok := parseIPv4(packet)
	if !ok || len(payload) < 8 {
		return false
	}
	switch {
	case h.protocol == unix.IPPROTO_TCP && len(payload) >= 20:
		i, ok := probes[binary.BigEndian.Uint16(payload[2:])]
		if !ok || h.source != paths[i].To.Addr() || h.destination != paths[i].Source || replies[i].TCP != Silent {
			return false
		}
		replies[i].TCP = Answered
		if payload[13]&tcpRST != 0 {
			replies[i].TCP = Refused
		}
		return true
	case h.protocol == unix.IPPROTO_ICMP && payload[0] == echoReply4:
		i, ok := probes[binary.BigEndian.Uint16(payload[4:])]
		if !ok || h.source != paths[i].To.Addr() || h.destination != paths[i].Source || replies[i].Echo {
			return false
		}
		replies[i].Echo = true
		return true
	}
	return false
}

// syn returns an IPv4 packet that opens a TCP connection.
func (p *pathProbe) syn() []byte {
	segment := make([]byte, 20)
	binary.BigEndian.PutUint16(segment, p.port)
	binary.BigEndian.PutUint16(segment[2:], p.path.To.Port())
	binary.BigEndian.PutUint32(segment[4:], rand.Uint32())
	segment[12], segment[13] = 5<<4, tcpSYN
	binary.BigEndian.PutUint16(segment[14:], 64240)
	source, destination := p.path.Source.As4(), p.path.To.Addr().As4()
	pseudo := append(append(source[:], destination[:]...), 0, unix.IPPROTO_TCP, 0, byte(len(segment)))
	binary.BigEndian.PutUint16(segment[16:], checksum(append(pseudo, segment...)))
	return ipv4Packet(unix.IPPROTO_TCP, p.path.Source, p.path.To.Addr(), segment)
}

// echo returns an IPv4 packet with an ICMP echo request.
func (p *pathProbe) echo() []byte {
	message := make([]byte, 16)
	message[0] = echoRequest4
	binary.BigEndian.PutUint16(message[4:], p.port)
	binary.BigEndian.PutUint16(message[6:], 1)
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return ipv4Packet(unix.IPPROTO_ICMP, p.path.Source, p.path.To.Addr(), message)
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

// send sends a packet: in a frame to the server on the packet socket frames, or
// through a tunnel or routed on the raw socket.
func (p *pathProbe) send(raw, frames int, packet []byte) error {
	switch {
	case p.path.HardwareAddr != nil:
		to := &unix.SockaddrLinklayer{Protocol: hostToNetwork(unix.ETH_P_IP), Ifindex: p.path.Link, Halen: uint8(len(p.path.HardwareAddr))}
		copy(to.Addr[:], p.path.HardwareAddr)
		return unix.Sendto(frames, packet, 0, to)
	case p.path.TunnelProto != 0:
		packet = ipv4Packet(uint8(p.path.TunnelProto), netip.IPv4Unspecified(), p.path.Server, append(p.path.Tunnel[:len(p.path.Tunnel):len(p.path.Tunnel)], packet...))
		return unix.Sendto(raw, packet, 0, &unix.SockaddrInet4{Addr: p.path.Server.As4()})
	}
	return unix.Sendto(raw, packet, 0, &unix.SockaddrInet4{Addr: p.path.To.Addr().As4()})
}
