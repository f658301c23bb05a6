// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sendEchoes sends an echo request to each ICMP target of an address family. The
// sequence number of the request is the index of its result.
func (p *probeSet) sendEchoes(family int) error {
	fd := -1
	for i := range p.results {
		t := p.results[i].Target
		if !t.ICMP || addressFamily(t.AddrPort.Addr()) != family {
			continue
		}
		typ, protocol := byte(echoRequest4), unix.IPPROTO_ICMP
		if family == unix.AF_INET6 {
			typ, protocol = echoRequest6, unix.IPPROTO_ICMPV6
		}
		if fd < 0 {
			var err error
			if fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol); err != nil {
				return fmt.Errorf("open raw socket: %w", err)
			}
			p.files = append(p.files, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		b := []byte{typ, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, p.id)
		b = binary.BigEndian.AppendUint16(b, uint16(i))
		if family == unix.AF_INET { // the kernel computes the checksum of ICMPv6
			binary.BigEndian.PutUint16(b[2:], checksum(b))
		}
		p.pending++
		if err := unix.Sendmsg(fd, b, pktinfo(t.Source), sockaddr(netip.AddrPortFrom(t.AddrPort.Addr(), 0)), 0); err != nil {
			p.finish(i, Silent)
		}
	}
	return nil
}

// pktinfo returns the control message that sets the source address, or nil if
// the address is invalid.
func pktinfo(source netip.Addr) []byte {
	switch {
	case source.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: source.As4()})
	case source.Is6():
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: source.As16()})
	}
	return nil
}

// readEchoes records the echo replies that a socket has received. It ignores echo replies
// to other processes, which a raw socket receives as well.
func (p *probeSet) readEchoes(fd int) {
	b := make([]byte, 2048)
	for {
		n, from, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return
		}
		m, typ := b[:n], byte(echoReply6)
		var source netip.Addr
		switch a := from.(type) {
		case *unix.SockaddrInet4:
			source, typ = netip.AddrFrom4(a.Addr), echoReply4
			if n < 20 {
				continue
			}
			m = m[min(n, int(m[0]&0xf)*4):] // skip the IPv4 header
		case *unix.SockaddrInet6:
			source = netip.AddrFrom16(a.Addr)
		}
		if len(m) < 8 || m[0] != typ || binary.BigEndian.Uint16(m[4:]) != p.id {
			continue
		}
		i := int(binary.BigEndian.Uint16(m[6:]))
		if i < len(p.results) && p.results[i].ICMP && p.results[i].Outcome == Silent && p.results[i].AddrPort.Addr() == source {
			p.finish(i, Answered)
		}
	}
}
