// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A Path is a path from a client to a server. It is probed with packets like those
// that IPVS sends: their source is the client, and their destination is the virtual
// address or, with NAT, the server. They bypass the IPVS of this machine, which may
// have the virtual address as well.
type Path struct {
	Protocol uint8          // TCP, UDP or SCTP
	Source   netip.Addr     // source of the packets: a client, or this machine
	To       netip.AddrPort // destination of the packets
	Echo     bool           // whether to send an ICMP echo request to the address of To as well

	// HardwareAddr is the hardware address on Link of the server, or of the gateway to
	// it, for direct routing. If it is nil, the packets are routed, through a tunnel if
	// TunnelProto is not 0.
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

// A pathProbe is a probe of a path, and the replies to it so far.
type pathProbe struct {
	Path
	port     uint16 // source port of the packet, and identifier of the echo request
	sequence uint32 // sequence number of a TCP SYN
	reply    PathReply
}

// A pathProber probes paths concurrently.
type pathProber struct {
	probes    []pathProbe // the source port of each is firstPort plus its index
	firstPort uint16

	frames int         // packet socket, which sends frames to hardware addresses and captures the replies to all probes
	raw    map[int]int // by address family: raw sockets whose packets include the IP header
}

// maxPaths limits the number of paths that are probed: each has a source port.
const maxPaths = 20000

// ProbePaths probes up to maxPaths paths concurrently, waits at most the given time for
// the replies, and returns the result for each path. It captures the replies on a
// packet socket, since the kernel forwards replies addressed to a client, and may drop
// replies from a virtual address. It requires CAP_NET_RAW.
func ProbePaths(paths []Path, wait time.Duration) ([]PathReply, error) {
	replies := make([]PathReply, len(paths))
	if len(paths) == 0 {
		return replies, nil
	}
	p, err := newPathProber(paths[:min(len(paths), maxPaths)])
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.run(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	for i := range p.probes {
		replies[i] = p.probes[i].reply
	}
	return replies, nil
}

// newPathProber opens the sockets.
func newPathProber(paths []Path) (*pathProber, error) {
	frames, err := openPacketSocket(nil)
	if err != nil {
		return nil, err
	}
	p := &pathProber{firstPort: 40000 + uint16(rand.IntN(5000)), frames: frames, raw: make(map[int]int)}
	sequence := rand.Uint32()
	for i := range paths {
		p.probes = append(p.probes, pathProbe{Path: paths[i], port: p.firstPort + uint16(i), sequence: sequence})
		family := addressFamily(paths[i].Server)
		if _, ok := p.raw[family]; ok || paths[i].HardwareAddr != nil {
			continue
		}
		// IPPROTO_RAW means that packets include the IP header.
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("open raw socket: %w", err)
		}
		p.raw[family] = fd
	}
	return p, nil
}

func (p *pathProber) close() {
	unix.Close(p.frames)
	for _, fd := range p.raw {
		unix.Close(fd)
	}
}

// run sends the probes, and records the replies until all have arrived or the deadline
// has passed. If a packet cannot be sent, for example because there is no route, there
// is no reply to it.
func (p *pathProber) run(deadline time.Time) error {
	pending := 0 // number of replies that may still arrive
	for i := range p.probes {
		probe := &p.probes[i]
		if p.send(probe, probe.request()) == nil {
			pending++
		}
		if probe.Echo && p.send(probe, probe.echo()) == nil {
			pending++
		}
	}
	buffer := make([]byte, captureSize)
	for pending > 0 && time.Now().Before(deadline) {
		packet, _, outgoing, err := receivePacket(p.frames, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if err := waitReadable(p.frames, deadline); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		case !outgoing && p.record(packet):
			pending--
		}
	}
	return nil
}

// record records a packet if it is the first reply of its kind to a probe, and reports
// whether it is. It closes a TCP connection that the server has accepted.
func (p *pathProber) record(packet []byte) bool {
	if h, id, ok := parseEchoReply(packet); ok {
		probe := p.probe(id)
		if probe == nil || !probe.Echo || probe.reply.Echo || h.source != probe.To.Addr() || h.destination != probe.Source {
			return false
		}
		probe.reply.Echo = true
		return true
	}
	reply, ok := parseICMPError(packet)
	if ok {
		reply.Source, reply.Destination = reply.Destination, reply.Source // an ICMP error contains the addresses of the probe
	} else {
		reply, ok = parsePacket(packet)
	}
	probe := p.probe(reply.Destination.Port())
	if !ok || probe == nil || probe.reply.Port != Silent || reply.Protocol != probe.Protocol ||
		reply.Source != probe.To || reply.Destination.Addr() != probe.Source {
		return false
	}
	outcome := Answered
	switch {
	case reply.Reporter.IsValid():
		if reply.TooBig || reply.Reporter != probe.To.Addr() && reply.Reporter != probe.Server {
			return false // not a rejection by the server
		}
		outcome = Refused
	case reply.Protocol == unix.IPPROTO_TCP && tcpAck(packet) != probe.sequence+1:
		return false // a packet of another connection
	case reply.Aborts:
		outcome = Refused
	case reply.Protocol == unix.IPPROTO_TCP:
		_ = p.send(probe, probe.segment(probe.sequence+1, tcpRST))
	}
	probe.reply.Port = outcome
	return true
}

// probe returns the probe with a source port, or nil.
func (p *pathProber) probe(port uint16) *pathProbe {
	i := int(port) - int(p.firstPort)
	if i < 0 || i >= len(p.probes) {
		return nil
	}
	return &p.probes[i]
}

// send sends a packet of a probe: on the packet socket in a frame to the hardware
// address, or on a raw socket, which routes it, through a tunnel if there is one.
func (p *pathProber) send(probe *pathProbe, packet []byte) error {
	protocol, to := uint16(unix.ETH_P_IP), probe.To.Addr()
	if !to.Is4() {
		protocol = unix.ETH_P_IPV6
	}
	if probe.HardwareAddr != nil {
		frame := &unix.SockaddrLinklayer{Protocol: hostToNetwork(protocol), Ifindex: probe.Link, Halen: uint8(len(probe.HardwareAddr))}
		copy(frame.Addr[:], probe.HardwareAddr)
		return unix.Sendto(p.frames, packet, 0, frame)
	}
	if probe.TunnelProto != 0 {
		to = probe.Server
		packet = ipPacket(uint8(probe.TunnelProto), probe.TunnelSource, to, slices.Concat(probe.Tunnel, packet))
	}
	return unix.Sendto(p.raw[addressFamily(to)], packet, 0, sockaddr(netip.AddrPortFrom(to, 0)))
}

// request returns the IP packet to the port: a TCP SYN, an empty UDP datagram, or an
// SCTP INIT.
func (p *pathProbe) request() []byte {
	switch p.Protocol {
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
	return p.segment(p.sequence, tcpSYN)
}

// segment returns an IP packet with a TCP segment without data.
func (p *pathProbe) segment(sequence uint32, flags byte) []byte {
	const size = 20
	b := binary.BigEndian.AppendUint32(p.ports(), sequence)
	b = append(b, 0, 0, 0, 0, size/4<<4, flags, 0xfa, 0xf0, 0, 0, 0, 0) // acknowledgement, size, flags, window, checksum, urgent
	return p.packet(unix.IPPROTO_TCP, b, 16)
}

// ports returns the ports with which TCP, UDP and SCTP headers begin.
func (p *pathProbe) ports() []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.port), p.To.Port())
}

// echo returns an IP packet with an ICMP echo request.
func (p *pathProbe) echo() []byte {
	message := make([]byte, 16)
	binary.BigEndian.PutUint16(message[4:], p.port)
	binary.BigEndian.PutUint16(message[6:], 1)
	if p.To.Addr().Is4() {
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
	source, destination := p.Source, p.To.Addr()
	if checksumAt >= 0 {
		binary.BigEndian.PutUint16(payload[checksumAt:], transportChecksum(protocol, source, destination, payload))
	}
	return ipPacket(protocol, source, destination, payload)
}
