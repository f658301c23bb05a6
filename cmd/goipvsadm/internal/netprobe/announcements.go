// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A SyncMessage is a message between the sync daemons of two directors.
type SyncMessage struct {
	Link     int // link index
	Source   netip.Addr
	Group    netip.AddrPort
	SyncID   uint8
	Outgoing bool // sent by this machine
}

// An Advertisement is a VRRP advertisement, by which a router announces that it
// is the master of virtual addresses.
type Advertisement struct {
	Link      int // link index
	Source    netip.Addr
	Outgoing  bool // sent by this machine
	Addresses []netip.Addr
}

// An AnnouncementCapture receives copies of the sync messages and VRRP
// advertisements (IPv4) on all links, without joining their multicast groups.
type AnnouncementCapture struct {
	fd   int
	port uint16

	SyncMessages   []SyncMessage
	Advertisements []Advertisement
}

// maxCaptured is the maximum number of distinct packets that are kept.
const maxCaptured = 256

// CaptureAnnouncements starts to capture VRRP advertisements, and sync messages
// to a UDP port. It requires CAP_NET_RAW.
func CaptureAnnouncements(syncPort uint16) (*AnnouncementCapture, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	filter := announcementFilter(syncPort)
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err == nil {
		// Before this bind, no packets are received.
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: hostToNetwork(unix.ETH_P_ALL)})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	return &AnnouncementCapture{fd: fd, port: syncPort}, nil
}

// announcementFilter accepts VRRP packets, and UDP packets to a port of a
// multicast group, over IPv4. Offsets are relative to the IP header.
func announcementFilter(port uint16) []unix.SockFilter {
	const (
		loadByte  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		loadHalf  = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		jumpEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K

		accept = 10
		reject = 11
	)
	jump := func(at int, to int) uint8 { return uint8(to - at - 1) }
	return []unix.SockFilter{
		0:      {Code: loadHalf, K: metadataProtocol},
		1:      {Code: jumpEqual, K: unix.ETH_P_IP, Jf: jump(1, reject)},
		2:      {Code: loadByte, K: 9}, // protocol
		3:      {Code: jumpEqual, K: protocolVRRP, Jt: jump(3, accept)},
		4:      {Code: jumpEqual, K: unix.IPPROTO_UDP, Jf: jump(4, reject)},
		5:      {Code: loadByte, K: 16}, // first byte of the destination
		6:      {Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: 224, Jf: jump(6, reject)},
		7:      {Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0}, // length of the IP header
		8:      {Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2},  // destination port
		9:      {Code: jumpEqual, K: uint32(port), Jf: jump(9, reject)},
		accept: {Code: unix.BPF_RET | unix.BPF_K, K: 2048},
		reject: {Code: unix.BPF_RET | unix.BPF_K},
	}
}

const protocolVRRP = 112

// Close decodes the packets captured so far, without duplicates, and ends the
// capture.
func (c *AnnouncementCapture) Close() error {
	defer unix.Close(c.fd)
	var buffer [2048]byte
	seen := make(map[string]bool)
	for {
		n, from, err := unix.Recvfrom(c.fd, buffer[:], 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return fmt.Errorf("capture packets: %w", err)
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || len(seen) == maxCaptured {
			continue
		}
		c.add(buffer[:n], link.Ifindex, link.Pkttype == unix.PACKET_OUTGOING, seen)
	}
}

// add decodes a packet and keeps it unless seen contains it.
func (c *AnnouncementCapture) add(packet []byte, link int, outgoing bool, seen map[string]bool) {
	h, payload, ok := parseIPv4(packet)
	if !ok {
		return
	}
	switch h.protocol {
	case protocolVRRP:
		a := Advertisement{Link: link, Source: h.source, Outgoing: outgoing, Addresses: parseVRRP(payload)}
		if key := fmt.Sprint(a); !seen[key] {
			seen[key] = true
			c.Advertisements = append(c.Advertisements, a)
		}
	case unix.IPPROTO_UDP:
		// The UDP header is followed by the sync message: a reserved byte, the sync ID
		// and the size.
		if len(payload) < 8+4 {
			return
		}
		m := SyncMessage{Link: link, Source: h.source, Outgoing: outgoing, SyncID: payload[8+1],
			Group: netip.AddrPortFrom(h.destination, c.port)}
		if key := fmt.Sprint(m); !seen[key] {
			seen[key] = true
			c.SyncMessages = append(c.SyncMessages, m)
		}
	}
}

// parseVRRP returns the virtual addresses of an advertisement, which consists of
// version and type, router ID, priority, number of addresses, four other bytes,
// and the addresses. With priority 0, by which a master resigns, there are none.
func parseVRRP(b []byte) []netip.Addr {
	const headerSize = 8
	if len(b) < headerSize || b[0]&0xf != 1 || b[2] == 0 {
		return nil
	}
	var addresses []netip.Addr
	for rest := b[headerSize:]; len(rest) >= 4 && len(addresses) < int(b[3]); rest = rest[4:] {
		addresses = append(addresses, netip.AddrFrom4([4]byte(rest)))
	}
	return addresses
}

// An ipv4Header contains the fields of an IPv4 header that probes use.
type ipv4Header struct {
	protocol            uint8
	source, destination netip.Addr
}

// parseIPv4 parses the header of an IPv4 packet and returns the payload. It
// returns false for fragments other than the first.
func parseIPv4(b []byte) (h ipv4Header, payload []byte, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return h, nil, false
	}
	size, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if size < 20 || total < size || total > len(b) || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return h, nil, false
	}
	h.protocol = b[9]
	h.source, h.destination = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return h, b[size:total], true
}

// waitReadable waits until a descriptor is readable or the deadline has passed.
func waitReadable(fd int, deadline time.Time) (bool, error) {
	left := time.Until(deadline)
	if left <= 0 {
		return false, nil
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return n > 0, err
}
