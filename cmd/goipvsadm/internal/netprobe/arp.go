// SPDX-License-Identifier: MIT

package netprobe

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

// ARP packets for IPv4 on Ethernet (RFC 826) start with the hardware and
// protocol types, the lengths of their addresses and the operation.
var (
	arpRequest = []byte{0, 1, 0x08, 0x00, 6, 4, 0, 1}
	arpReply   = []byte{0, 1, 0x08, 0x00, 6, 4, 0, 2}
)

// Sizes in bytes.
const (
	arpHeaderSize = 8
	arpSize       = arpHeaderSize + 2*(6+4) // sender and target: hardware and IPv4 address
)

var broadcast = &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}

// An arpListener receives ARP replies on a link.
type arpListener struct {
	*packet.Conn
	queries []Query // all for the same link
}

// sendARP sends ARP requests, all on the same link, and returns the listener for
// the replies.
func sendARP(queries []Query) (*arpListener, error) {
	link := &queries[0].Link
	c, err := openARP(queries)
	if err != nil {
		// Report the bare errno: the packet package adds nothing useful.
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			err = errno
		}
		return nil, fmt.Errorf("ARP on %s: %w", link.Name, err)
	}
	return &arpListener{c, queries}, nil
}

func openARP(queries []Query) (*packet.Conn, error) {
	link := &queries[0].Link
	if len(link.HardwareAddr) != 6 {
		return nil, errors.New("not an Ethernet link")
	}
	c, err := packet.Listen(&net.Interface{Index: link.Index, Name: link.Name}, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return nil, err
	}
	for _, q := range queries {
		if _, err := c.WriteTo(marshalARP(q), broadcast); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// marshalARP returns the ARP request for a query.
func marshalARP(q Query) []byte {
	source := q.Source
	if !source.Is4() {
		source = netip.IPv4Unspecified()
	}
	b := make([]byte, 0, arpSize)
	b = append(b, arpRequest...)
	b = append(b, q.Link.HardwareAddr...)
	b = append(b, source.AsSlice()...)
	b = append(b, make([]byte, 6)...) // target hardware address: unknown
	return append(b, q.Addr.AsSlice()...)
}

// parseARP parses an ARP reply. It returns false for other packets.
func parseARP(b []byte) (Reply, bool) {
	if len(b) < arpSize || !bytes.Equal(b[:arpHeaderSize], arpReply) {
		return Reply{}, false
	}
	sender := b[arpHeaderSize:]
	return Reply{Addr: netip.AddrFrom4([4]byte(sender[6:10])), HardwareAddr: bytes.Clone(sender[:6])}, true
}

// read returns the replies received before the deadline.
func (l *arpListener) read(deadline time.Time) ([]Reply, error) {
	link := &l.queries[0].Link
	if err := l.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("ARP on %s: %w", link.Name, err)
	}
	var replies []Reply
	expected := newQuerySet(l.queries)
	b := make([]byte, 128)
	for {
		n, _, err := l.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return replies, nil
		}
		if err != nil {
			return replies, fmt.Errorf("ARP on %s: %w", link.Name, err)
		}
		if r, ok := parseARP(b[:n]); ok && expected.has(0, r.Addr) {
			r.Link = link.Index
			replies = append(replies, r)
		}
	}
}
