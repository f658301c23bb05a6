// SPDX-License-Identifier: MIT

// Package netprobe sends probes that find out which host has an address on a link
// (ARP and neighbor discovery), whether a server accepts a connection or replies to an
// ICMP echo request, and whether a server accepts packets that are forwarded as IPVS
// forwards them. It also captures packets for services and the announcements of other
// directors. Its sockets belong to the network namespace of the calling thread.
package netprobe

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Target is a server to probe by a TCP connection to AddrPort or, with ICMP
// set, by an echo request to its address.
type Target struct {
	AddrPort netip.AddrPort
	ICMP     bool

	// Source is the source address of the probe; if it is invalid, the kernel
	// chooses one. It must not be a virtual address that is configured on the
	// server as well: the server would reply to itself.
	Source netip.Addr

	// OnLink is set if the target needs an entry of its own in the neighbor table. Fewer
	// of these targets are probed at the same time, because the table is small.
	OnLink bool
}

// An Outcome is the outcome of a probe.
type Outcome uint8

// Outcomes.
const (
	Silent   Outcome = iota // no reply before the deadline, or the server is unreachable
	Answered                // connection accepted, or echo reply received
	Refused                 // connection refused
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case Refused:
		return "refused"
	}
	return "no reply"
}

// A Result is the result of probing a target.
type Result struct {
	Target
	Outcome Outcome
	After   time.Duration // time until the reply, or the time limit if there was none
}

// Limits of the number of targets that are probed at the same time. Each TCP probe needs
// a file descriptor, and each target on a link needs an entry of the neighbor table,
// which has 1,024 entries by default.
const (
	maxConcurrent       = 1000
	maxConcurrentOnLink = 250
)

// ProbeServers divides the targets into groups, which it probes one after the other. The
// targets of a group are probed concurrently, for at most the given time. ICMP probes
// require CAP_NET_RAW.
func ProbeServers(targets []Target, wait time.Duration) ([]Result, error) {
	results := make([]Result, 0, len(targets))
	for len(targets) > 0 {
		n, onLink := 0, 0
		for n < min(maxConcurrent, len(targets)) && onLink < maxConcurrentOnLink {
			if targets[n].OnLink {
				onLink++
			}
			n++
		}
		group, err := probeGroup(targets[:n], wait)
		if err != nil {
			return results, err
		}
		results = append(results, group...)
		targets = targets[n:]
	}
	return results, nil
}

// A probeSet is a group of targets that are probed concurrently.
type probeSet struct {
	start       time.Time
	results     []Result
	files       []unix.PollFd // TCP sockets, followed by at most one ICMP socket per family
	resultIndex []int         // index into results, for each TCP socket in files
	pending     int           // number of results without an outcome
	id          uint16        // identifier of the echo requests
}

func probeGroup(targets []Target, wait time.Duration) ([]Result, error) {
	p := &probeSet{start: time.Now(), results: make([]Result, len(targets)), id: uint16(os.Getpid())}
	defer p.close()
	for i, t := range targets {
		p.results[i] = Result{Target: t, After: wait}
		if t.ICMP {
			continue
		}
		if err := p.connect(i); err != nil {
			return nil, err
		}
	}
	connections := len(p.files)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if err := p.sendEchoes(family); err != nil {
			return nil, err
		}
	}
	for p.pending > 0 {
		left := wait - time.Since(p.start)
		if left <= 0 {
			break
		}
		_, err := unix.Poll(p.files, int(left.Milliseconds())+1)
		if err != nil && err != unix.EINTR {
			return nil, fmt.Errorf("poll: %w", err)
		}
		for i := range p.files {
			switch f := &p.files[i]; {
			case f.Revents == 0 || f.Fd < 0:
			case i < connections:
				p.finishConnect(f, p.resultIndex[i])
			default:
				p.readEchoes(int(f.Fd))
			}
		}
	}
	return p.results, nil
}

func (p *probeSet) close() {
	for _, f := range p.files {
		if f.Fd >= 0 {
			unix.Close(int(f.Fd))
		}
	}
}

// finish records the outcome of a target. It must not be called twice for a target.
func (p *probeSet) finish(i int, o Outcome) {
	p.results[i].Outcome, p.results[i].After = o, time.Since(p.start)
	p.pending--
}

// connect starts a TCP connection to a target.
func (p *probeSet) connect(i int) error {
	target := p.results[i].AddrPort
	fd, err := unix.Socket(addressFamily(target.Addr()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open TCP socket: %w", err)
	}
	p.pending++
	if source := p.results[i].Source; source.IsValid() {
		err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0)))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(target))
	}
	switch err {
	case unix.EINPROGRESS:
		p.files = append(p.files, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT})
		p.resultIndex = append(p.resultIndex, i)
		return nil
	case nil:
		p.finish(i, Answered)
	case unix.ECONNREFUSED:
		p.finish(i, Refused)
	default:
		p.finish(i, Silent)
	}
	unix.Close(fd)
	return nil
}

// finishConnect records the outcome of a TCP connection and closes its socket.
func (p *probeSet) finishConnect(f *unix.PollFd, i int) {
	errno, err := unix.GetsockoptInt(int(f.Fd), unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err == nil && errno == 0:
		p.finish(i, Answered)
	case err == nil && syscall.Errno(errno) == unix.ECONNREFUSED:
		p.finish(i, Refused)
	default:
		p.finish(i, Silent)
	}
	unix.Close(int(f.Fd))
	f.Fd = -1 // poll ignores negative descriptors
}

func addressFamily(a netip.Addr) int {
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
