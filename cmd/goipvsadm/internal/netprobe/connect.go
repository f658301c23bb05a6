// Package netprobe asks the network: who has an address, and whether a server
// answers. It opens its sockets in the network namespace of the calling
// thread.
package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Target is a server to be asked: by a TCP connection to its port or, with
// Echo, by an ICMP echo request to its address. Source is the address to ask
// from; the kernel chooses if it is not valid. A server that has a virtual
// address itself answers nothing that comes from there.
type Target struct {
	AddrPort netip.AddrPort
	ICMP     bool
	Source   netip.Addr
}

// An Outcome is what came of asking.
type Outcome uint8

// The outcomes.
const (
	Silent   Outcome = iota // no answer in time, or no way to the server
	Answered                // a connection, or an echo
	Refused                 // nothing listens on the port
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case Refused:
		return "refused"
	}
	return "no answer"
}

// A Result is what came of a target, and after what time.
type Result struct {
	Target
	Outcome Outcome
	After   time.Duration
}

// atOnce is how many targets are asked side by side: a connection takes a
// file.
const maxConcurrent = 1000

// Reach asks all targets side by side and waits for so long at most; for more
// than a thousand, for so long each thousand. Echo requests need CAP_NET_RAW.
func ProbeServers(targets []Target, wait time.Duration) ([]Result, error) {
	results := make([]Result, 0, len(targets))
	for len(targets) > 0 {
		n := min(maxConcurrent, len(targets))
		r, err := reach(targets[:n], wait)
		if err != nil {
			return results, fmt.Errorf("probe: %w", err)
		}
		results = append(results, r...)
		targets = targets[n:]
	}
	return results, nil
}

// A round is a number of targets that are asked at once. Its files are those
// of connections, and behind them one for the echoes of each family.
type probeSet struct {
	start       time.Time
	results     []Result
	files       []unix.PollFd
	resultIndex []int // the result that a connection is for
	waiting     int   // for so many results
	id          uint16
}

func reach(targets []Target, wait time.Duration) ([]Result, error) {
	r := &probeSet{start: time.Now(), results: make([]Result, len(targets)), id: uint16(os.Getpid())}
	defer func() {
		for _, f := range r.files {
			if f.Fd >= 0 {
				unix.Close(int(f.Fd))
			}
		}
	}()
	for i, t := range targets {
		r.results[i] = Result{Target: t, After: wait}
		if t.ICMP {
			continue
		}
		if err := r.connect(i); err != nil {
			return nil, err
		}
	}
	connections := len(r.files)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if err := r.sendEchoes(family); err != nil {
			return nil, err
		}
	}
	for r.waiting > 0 {
		left := wait - time.Since(r.start)
		if left <= 0 {
			break
		}
		_, err := unix.Poll(r.files, int(left.Milliseconds())+1)
		if err != nil && err != unix.EINTR {
			return nil, fmt.Errorf("poll: %w", err)
		}
		for i := range r.files {
			switch f := &r.files[i]; {
			case f.Revents == 0 || f.Fd < 0:
			case i < connections:
				r.connected(f, r.resultIndex[i])
			default:
				r.readEchoes(int(f.Fd))
			}
		}
	}
	return r.results, nil
}

// done notes an outcome, the first of a target.
func (r *probeSet) done(i int, o Outcome) {
	r.results[i].Outcome, r.results[i].After = o, time.Since(r.start)
	r.waiting--
}

func (r *probeSet) connect(i int) error {
	ap := r.results[i].AddrPort
	fd, err := unix.Socket(domain(ap.Addr()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	r.waiting++
	if source := r.results[i].Source; source.IsValid() {
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0)))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(ap))
	}
	switch err {
	case unix.EINPROGRESS:
		r.files = append(r.files, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT})
		r.resultIndex = append(r.resultIndex, i)
		return nil
	case nil:
		r.done(i, Answered)
	case unix.ECONNREFUSED:
		r.done(i, Refused)
	default:
		r.done(i, Silent)
	}
	unix.Close(fd)
	return nil
}

// connected notes what came of a connection, and closes it.
func (r *probeSet) connected(f *unix.PollFd, i int) {
	errno, err := unix.GetsockoptInt(int(f.Fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err == nil && errno == 0:
		r.done(i, Answered)
	case err == nil && syscall.Errno(errno) == unix.ECONNREFUSED:
		r.done(i, Refused)
	default:
		r.done(i, Silent)
	}
	unix.Close(int(f.Fd))
	f.Fd = -1 // poll passes it over
}

// ICMP types (RFC 792, RFC 4443).
const (
	echoReply4   = 0
	echoRequest4 = 8
	echoRequest6 = 128
	echoReply6   = 129
)

// sendEchoes sends the echo requests to the targets of a family, numbered by
// their results.
func (r *probeSet) sendEchoes(family int) error {
	fd := -1
	for i := range r.results {
		t := r.results[i].Target
		if !t.ICMP || domain(t.AddrPort.Addr()) != family {
			continue
		}
		typ, protocol := byte(echoRequest4), unix.IPPROTO_ICMP
		if family == unix.AF_INET6 {
			typ, protocol = echoRequest6, unix.IPPROTO_ICMPV6
		}
		if fd < 0 {
			var err error
			if fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol); err != nil {
				return fmt.Errorf("open a raw socket: %w", err)
			}
			r.files = append(r.files, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		b := []byte{typ, 0, 0, 0}
		b = binary.BigEndian.AppendUint16(b, r.id)
		b = binary.BigEndian.AppendUint16(b, uint16(i))
		if family == unix.AF_INET { // of ICMPv6 the kernel computes it
			binary.BigEndian.PutUint16(b[2:], checksum(b))
		}
		r.waiting++
		if err := unix.Sendmsg(fd, b, pktinfo(t.Source), sockaddr(netip.AddrPortFrom(t.AddrPort.Addr(), 0)), 0); err != nil {
			r.done(i, Silent)
		}
	}
	return nil
}

// from returns the control message for packets from an address.
func pktinfo(source netip.Addr) []byte {
	switch {
	case source.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: source.As4()})
	case source.Is6():
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: source.As16()})
	}
	return nil
}

// readEchoes notes the echoes that have come. A raw socket gets those of
// others too.
func (r *probeSet) readEchoes(fd int) {
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
			m = m[min(n, int(m[0]&0xf)*4):] // behind the IPv4 header
		case *unix.SockaddrInet6:
			source = netip.AddrFrom16(a.Addr)
		}
		if len(m) < 8 || m[0] != typ || binary.BigEndian.Uint16(m[4:]) != r.id {
			continue
		}
		i := int(binary.BigEndian.Uint16(m[6:]))
		if i < len(r.results) && r.results[i].ICMP && r.results[i].Outcome == Silent && r.results[i].AddrPort.Addr() == source {
			r.done(i, Answered)
		}
	}
}

// checksum is that of RFC 1071, over an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func domain(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}
	}
	return &unix.SockaddrInet6{Addr: ap.Addr().As16(), Port: int(ap.Port())}
}
