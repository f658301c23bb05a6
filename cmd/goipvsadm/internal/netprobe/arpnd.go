package netprobe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// A Question asks on a link who has an address. Source is the asker's own
// address there: for IPv4 it must not be the one that is asked for, which
// would be a claim to it; one that is not valid stands for none (RFC 5227).
// For IPv6 the kernel chooses it.
type Query struct {
	Link   netstate.Link
	Source netip.Addr
	Addr   netip.Addr
}

// An Answer says who has an address.
type Answer struct {
	Link     int
	Addr     netip.Addr
	Hardware net.HardwareAddr
}

// WhoHas asks all questions at once, by ARP and by neighbour discovery, and
// returns the answers that come in so long, each once. This machine does not
// hear its own questions. It needs CAP_NET_RAW.
func WhoHas(questions []Query, wait time.Duration) ([]Answer, error) {
	deadline := time.Now().Add(wait)
	byLink := make(map[int][]Query)
	var six []Query
	for _, q := range questions {
		if q.Addr.Is4() {
			byLink[q.Link.Index] = append(byLink[q.Link.Index], q)
		} else {
			six = append(six, q)
		}
	}
	type part struct {
		answers []Answer
		err     error
	}
	parts := make(chan part)
	expected := 0
	// The questions are put on this thread, whose namespace it is.
	for _, qs := range byLink {
		c, err := askARP(qs)
		if errno := syscall.Errno(0); errors.As(err, &errno) {
			err = errno // what it says besides helps nobody
		}
		if err != nil {
			return nil, fmt.Errorf("probe: ARP on %s: %w", qs[0].Link.Name, err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(deadline); err != nil {
			return nil, fmt.Errorf("probe: ARP on %s: %w", qs[0].Link.Name, err)
		}
		expected++
		go func() {
			answers, err := readARP(c, qs)
			parts <- part{answers, err}
		}()
	}
	if len(six) > 0 {
		fd, err := solicit(six)
		if err != nil {
			return nil, fmt.Errorf("probe: neighbour discovery: %w", err)
		}
		defer unix.Close(fd)
		expected++
		go func() {
			answers, err := readAdvertisements(fd, six, deadline)
			parts <- part{answers, err}
		}()
	}
	var answers []Answer
	var errs []error
	for range expected {
		p := <-parts
		answers = append(answers, p.answers...)
		errs = append(errs, p.err)
	}
	return dedupe(answers), errors.Join(errs...)
}

// once removes answers that came again.
func dedupe(answers []Answer) []Answer {
	type key struct {
		link     int
		addr     netip.Addr
		hardware string
	}
	seen := make(map[key]bool)
	kept := answers[:0]
	for _, a := range answers {
		k := key{a.Link, a.Addr, string(a.Hardware)}
		if !seen[k] {
			seen[k] = true
			kept = append(kept, a)
		}
	}
	return kept
}

// asked returns the question to which addr on a link is an answer.
func matchesQuery(qs []Query, link int, addr netip.Addr) bool {
	for _, q := range qs {
		if q.Addr == addr && (link == 0 || q.Link.Index == link) {
			return true
		}
	}
	return false
}

// ARP for IPv4 on Ethernet (RFC 826): the start of all packets, which names the
// kinds of addresses and their lengths, and then the operation.
var (
	arpRequest = []byte{0, 1, 0x08, 0x00, 6, 4, 0, 1}
	arpReply   = []byte{0, 1, 0x08, 0x00, 6, 4, 0, 2}
)

const (
	arpHeader = 8
	arpSize   = arpHeader + 2*(6+4) // two pairs of a link address and an IP address
)

var broadcast = &packet.Addr{HardwareAddr: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}

// askARP asks questions about IPv4 addresses, all of one link.
func askARP(qs []Query) (*packet.Conn, error) {
	link := &qs[0].Link
	if len(link.HardwareAddr) != 6 {
		return nil, errors.New("not Ethernet")
	}
	c, err := packet.Listen(&net.Interface{Index: link.Index, Name: link.Name}, packet.Datagram, unix.ETH_P_ARP, nil)
	if err != nil {
		return nil, err
	}
	for _, q := range qs {
		if _, err := c.WriteTo(request(q), broadcast); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// request returns the ARP packet that puts a question.
func request(q Query) []byte {
	source := q.Source
	if !source.Is4() {
		source = netip.IPv4Unspecified()
	}
	b := make([]byte, 0, arpSize)
	b = append(b, arpRequest...)
	b = append(b, q.Link.HardwareAddr...)
	b = append(b, source.AsSlice()...)
	b = append(b, make([]byte, 6)...) // what is asked for
	return append(b, q.Addr.AsSlice()...)
}

// reply reads an ARP packet that is an answer.
func reply(b []byte) (Answer, bool) {
	if len(b) < arpSize || !bytes.Equal(b[:arpHeader], arpReply) {
		return Answer{}, false
	}
	sender := b[arpHeader:]
	return Answer{Addr: netip.AddrFrom4([4]byte(sender[6:10])), Hardware: bytes.Clone(sender[:6])}, true
}

// readARP returns the answers that come until the connection's deadline.
func readARP(c *packet.Conn, qs []Query) ([]Answer, error) {
	var answers []Answer
	b := make([]byte, 128)
	for {
		n, _, err := c.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answers, nil
		}
		if err != nil {
			return answers, fmt.Errorf("probe: ARP: %w", err)
		}
		if a, ok := reply(b[:n]); ok && matchesQuery(qs, 0, a.Addr) {
			a.Link = qs[0].Link.Index
			answers = append(answers, a)
		}
	}
}

// ICMPv6 types, and options of neighbour discovery (RFC 4861).
const (
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136

	optionSourceLink = 1
	optionTargetLink = 2

	ndHopLimit = 255 // of all its messages; one from elsewhere has less
)

// solicit asks questions about IPv6 addresses, and returns the socket on which
// the answers come.
func solicit(qs []Query) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return -1, err
	}
	for option, value := range map[int]int{
		unix.IPV6_MULTICAST_HOPS: ndHopLimit,
		unix.IPV6_RECVPKTINFO:    1,
		unix.IPV6_RECVHOPLIMIT:   1,
	} {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option, value); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	for _, q := range qs {
		if err := unix.Sendto(fd, solicitation(q), 0, solicitedNode(q)); err != nil {
			unix.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// solicitation returns the message of a question. The kernel adds the checksum.
func solicitation(q Query) []byte {
	b := []byte{neighbourSolicitation, 0, 0, 0, 0, 0, 0, 0}
	b = append(b, q.Addr.AsSlice()...)
	if len(q.Link.HardwareAddr) == 6 {
		b = append(b, optionSourceLink, 1)
		b = append(b, q.Link.HardwareAddr...)
	}
	return b
}

// solicitedNode returns the multicast address on which whoever has an address
// listens (RFC 4291, 2.7.1).
func solicitedNode(q Query) *unix.SockaddrInet6 {
	a := q.Addr.As16()
	group := [16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]}
	return &unix.SockaddrInet6{Addr: group, ZoneId: uint32(q.Link.Index)}
}

// readAdvertisements returns the answers that come until the deadline.
func readAdvertisements(fd int, qs []Query, deadline time.Time) ([]Answer, error) {
	var answers []Answer
	b, oob := make([]byte, 2048), make([]byte, 256)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return answers, nil
		}
		files := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(files, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			return answers, fmt.Errorf("probe: neighbour discovery: %w", err)
		}
		for {
			n, oobn, _, _, err := unix.Recvmsg(fd, b, oob, 0)
			if err != nil {
				break // nothing more for now
			}
			link, hops := parseControl(oob[:oobn])
			if a, ok := advertisement(b[:n]); ok && hops == ndHopLimit && matchesQuery(qs, link, a.Addr) {
				a.Link = link
				answers = append(answers, a)
			}
		}
	}
}

// control returns the link on which a message came, and its hop limit.
func parseControl(oob []byte) (link, hops int) {
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
			hops = int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return link, hops
}

// advertisement reads a neighbour advertisement.
func advertisement(b []byte) (Answer, bool) {
	if len(b) < 24 || b[0] != neighbourAdvertisement {
		return Answer{}, false
	}
	a := Answer{Addr: netip.AddrFrom16([16]byte(b[8:24]))}
	for o := b[24:]; len(o) >= 8; {
		length := int(o[1]) * 8
		if length == 0 || length > len(o) {
			break
		}
		if o[0] == optionTargetLink {
			a.Hardware = append(net.HardwareAddr(nil), o[2:8]...)
		}
		o = o[length:]
	}
	return a, a.Hardware != nil
}
