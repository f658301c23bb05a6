// SPDX-License-Identifier: MIT

package netprobe

import (
	"errors"
	"fmt"
	"net/netip"

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

// maxCaptured is the maximum number of distinct messages and advertisements.
const maxCaptured = 256

// CaptureAnnouncements starts to capture VRRP advertisements, and sync messages
// to a UDP port. It requires CAP_NET_RAW.
func CaptureAnnouncements(syncPort uint16) (*AnnouncementCapture, error) {
	fd, err := openPacketSocket(announcementFilter(syncPort))
	if err != nil {
		return nil, err
	}
	return &AnnouncementCapture{fd: fd, port: syncPort}, nil
}

// announcementFilter accepts VRRP packets, and UDP packets to a port of a
// multicast group, over IPv4. Offsets are relative to the IP header.
func announcementFilter(port uint16) []unix.SockFilter {
	const accept, reject = 10, 11
	return []unix.SockFilter{
		0:      {Code: loadHalf, K: metadataProtocol},
		1:      {Code: jumpIfEqual, K: unix.ETH_P_IP, Jf: jump(1, reject)},
		2:      {Code: loadByte, K: 9}, // protocol
		3:      {Code: jumpIfEqual, K: protocolVRRP, Jt: jump(3, accept)},
		4:      {Code: jumpIfEqual, K: unix.IPPROTO_UDP, Jf: jump(4, reject)},
		5:      {Code: loadByte, K: 16}, // first byte of the destination
		6:      {Code: jumpIfAtLeast, K: 224, Jf: jump(6, reject)},
		7:      {Code: loadHeaderSize},
		8:      {Code: loadIndexedHalf, K: 2}, // destination port
		9:      {Code: jumpIfEqual, K: uint32(port), Jf: jump(9, reject)},
		accept: {Code: returnSize, K: 2048},
		reject: {Code: returnSize},
	}
}

const protocolVRRP = 112

// Close ends the capture, and stores the captured messages and advertisements without
// duplicates.
func (c *AnnouncementCapture) Close() error {
	defer unix.Close(c.fd)
	var buffer [2048]byte
	seen := make(map[string]bool)
	for {
		packet, link, outgoing, err := receivePacket(c.fd, buffer[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("capture packets: %w", err)
		case len(seen) < maxCaptured:
			c.add(packet, link, outgoing, seen)
		}
	}
}

// add decodes a packet and keeps it unless seen contains it.
func (c *AnnouncementCapture) add(packet []byte, link int, outgoing bool, seen map[string]bool) {
	h, payload, ok := parseIP(packet)
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

// parseVRRP returns the virtual addresses in an advertisement, which consists of
// version and type, router ID, priority, number of addresses, four other bytes, and
// the addresses. It returns none if the priority is 0, by which a master resigns.
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
