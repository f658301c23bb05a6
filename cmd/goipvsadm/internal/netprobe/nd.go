// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// ICMPv6 message types and options of neighbor discovery (RFC 4861).
const (
	neighborSolicitation  = 135
	neighborAdvertisement = 136

	optionSourceLinkAddr = 1
	optionTargetLinkAddr = 2

	// ndHopLimit is the hop limit of neighbor discovery messages. A message with a
	// lower one was forwarded by a router, and is invalid.
	ndHopLimit = 255
)

// An ndListener receives neighbor advertisements on a raw ICMPv6 socket.
type ndListener struct {
	fd      int
	queries []Query
}

// sendSolicitations sends neighbor solicitations and returns the listener for
// the replies.
func sendSolicitations(queries []Query) (*ndListener, error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return nil, fmt.Errorf("neighbor discovery: %w", err)
	}
	l := &ndListener{fd, queries}
	if err := l.send(); err != nil {
		l.Close()
		return nil, fmt.Errorf("neighbor discovery: %w", err)
	}
	return l, nil
}

func (l *ndListener) send() error {
	for option, value := range map[int]int{
		unix.IPV6_MULTICAST_HOPS: ndHopLimit,
		unix.IPV6_RECVPKTINFO:    1,
		unix.IPV6_RECVHOPLIMIT:   1,
	} {
		if err := unix.SetsockoptInt(l.fd, unix.IPPROTO_IPV6, option, value); err != nil {
			return err
		}
	}
	for _, q := range l.queries {
		if err := unix.Sendto(l.fd, marshalSolicitation(q), 0, solicitedNode(q)); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the socket.
func (l *ndListener) Close() error { return unix.Close(l.fd) }

// marshalSolicitation returns the neighbor solicitation for a query. The kernel
// fills in the checksum.
func marshalSolicitation(q Query) []byte {
	b := []byte{neighborSolicitation, 0, 0, 0, 0, 0, 0, 0}
	b = append(b, q.Addr.AsSlice()...)
	if len(q.Link.HardwareAddr) == 6 {
		b = append(b, optionSourceLinkAddr, 1)
		b = append(b, q.Link.HardwareAddr...)
	}
	return b
}

// solicitedNode returns the solicited-node multicast address (RFC 4291, section
// 2.7.1) of the address of a query.
func solicitedNode(q Query) *unix.SockaddrInet6 {
	a := q.Addr.As16()
	group := [16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]}
	return &unix.SockaddrInet6{Addr: group, ZoneId: uint32(q.Link.Index)}
}

// read returns the replies received before the deadline.
func (l *ndListener) read(deadline time.Time) ([]Reply, error) {
	var replies []Reply
	expected := newQuerySet(l.queries)
	b, oob := make([]byte, 2048), make([]byte, 256)
	for {
		if !time.Now().Before(deadline) {
			return replies, nil
		}
		if err := waitReadable(l.fd, deadline); err != nil {
			return replies, fmt.Errorf("neighbor discovery: %w", err)
		}
		for {
			n, oobn, _, _, err := unix.Recvmsg(l.fd, b, oob, 0)
			if err != nil {
				break // the receive queue is empty
			}
			link, hopLimit := parseControl(oob[:oobn])
			if r, ok := parseAdvertisement(b[:n]); ok && hopLimit == ndHopLimit && expected.has(link, r.Addr) {
				r.Link = link
				replies = append(replies, r)
			}
		}
	}
}

// parseControl returns the index of the link on which a message was received
// and its hop limit.
func parseControl(oob []byte) (link, hopLimit int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, 0
	}
	for _, m := range messages {
		if m.Header.Level != unix.IPPROTO_IPV6 {
			continue
		}
		switch {
		case m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= 20:
			link = int(binary.NativeEndian.Uint32(m.Data[16:]))
		case m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4:
			hopLimit = int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return link, hopLimit
}

// parseAdvertisement parses a neighbor advertisement with a target link-layer
// address option of six bytes. It returns false for other messages.
func parseAdvertisement(b []byte) (Reply, bool) {
	if len(b) < 24 || b[0] != neighborAdvertisement {
		return Reply{}, false
	}
	r := Reply{Addr: netip.AddrFrom16([16]byte(b[8:24]))}
	for o := b[24:]; len(o) >= 8; {
		length := int(o[1]) * 8
		if length == 0 || length > len(o) {
			break
		}
		if o[0] == optionTargetLinkAddr {
			r.HardwareAddr = append(net.HardwareAddr(nil), o[2:8]...)
		}
		o = o[length:]
	}
	return r, r.HardwareAddr != nil
}
