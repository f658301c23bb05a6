package ipvs

import (
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// The buffers of a socket bound what goes to the kernel at once. A message
// must fit into the send buffer as a whole (EMSGSIZE), and the answers to
// refused changes lie in the receive buffer until they are read: those that do
// not fit are dropped (ENOBUFS). Machines are tuned to other sizes than the
// kernel's defaults of some 200 KiB, so a batch looks before it begins.

// A room is how much goes to the kernel in one system call.
type batchLimits struct {
	bytes int // of messages
	acks  int // to them: each refused change has one
}

// batchRoom is what a batch of the full size needs. A change is less than 400
// bytes long.
var batchRoom = batchLimits{bytes: 400 * batchSize, acks: batchSize}

const (
	// sendReserve is what a send buffer has beyond the messages it takes.
	sndbufOverhead = 64
	// answerSpace is what an answer takes of a receive buffer at most: 768
	// bytes in Linux 6.1, 1280 before 4.3, when it repeats the message.
	ackTruesize = 1536
)

// room makes the socket's buffers as large as want needs, if they are smaller,
// and returns what they hold. Beyond the system's limits (net.core.wmem_max,
// rmem_max) that takes CAP_NET_ADMIN in the first user namespace.
func (s *socket) growBuffers(want batchLimits) batchLimits {
	bytes, answers := want.bytes+sndbufOverhead, want.acks*ackTruesize
	bytes = s.growBuffer(unix.SO_SNDBUF, bytes, s.conn.SetWriteBuffer)
	answers = s.growBuffer(unix.SO_RCVBUF, answers, s.conn.SetReadBuffer)
	return batchLimits{bytes - sndbufOverhead, answers / ackTruesize}
}

// enlarge makes a buffer as large as want, unless it is, and returns its size.
func (s *socket) growBuffer(option, want int, set func(bytes int) error) int {
	size := s.bufferSize(option)
	if size < want && set((want+1)/2) == nil { // the kernel doubles it
		size = s.bufferSize(option)
	}
	return size
}

// buffer returns the size of a buffer, 0 if it cannot be told.
func (s *socket) bufferSize(option int) (size int) {
	err := s.raw.Control(func(fd uintptr) {
		size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option)
	})
	if err != nil {
		return 0
	}
	return size
}

// ready finds out how much room there is, once.
func (c *Client) initLimits() {
	if c.limits != (batchLimits{}) {
		return
	}
	c.limits = batchRoom
	if c.kernel != nil {
		c.limits = c.kernel.growBuffers(batchRoom)
	}
	c.limits.acks = max(1, c.limits.acks)
}

// fit returns the end of the part of the load, from a message on, that there
// is room for. A single message is sent in any case.
func (l *chunk) chunkEnd(from int) (to int) {
	to = min(len(l.queued), from+l.c.limits.acks)
	for to > from+1 && len(l.bytes(from, to)) > l.c.limits.bytes {
		to--
	}
	return to
}

// rehearsed is the size of the messages of a rehearsal: a usual change's.
const preflightMsgSize = 256

// Rehearse makes sure that a batch gets through. It has the kernel acknowledge
// as many messages as there are going to be changes, or as go out at once, of a
// kind that has no effect. What does not get through is tried in smaller
// numbers, to which the client then keeps. An error says that changes would not
// reach the kernel, or their outcome not be known.
func (b *Batch) Preflight(changes int) error {
	c := b.c
	c.acquire()
	defer c.mu.Unlock()
	c.initLimits()
	for {
		n := max(1, min(changes, c.limits.acks, c.limits.bytes/preflightMsgSize))
		sent, err := c.sendNoops(n)
		switch {
		case err == nil:
			return nil
		case n > 1 && !sent && isSendBufferError(err):
			c.limits.bytes = n / 2 * preflightMsgSize
		case n > 1 && sent && recoverable(err) && c.flushReceiveQueue(nil) == nil:
			c.limits.acks = n / 2
		default:
			return fmt.Errorf("ipvs: rehearse a batch: %w", err)
		}
	}
}

// rehearse sends n messages and reads the acknowledgements of all.
func (c *Client) sendNoops(n int) (sent bool, err error) {
	var out []byte
	due := make(map[uint32]bool, n)
	first := c.seq.Add(uint32(n)) - uint32(n-1)
	for i := range uint32(n) {
		due[first+i] = true
		out = netlinkmsg.AppendNoop(out, preflightMsgSize, netlink.Request|netlink.Acknowledge, first+i)
	}
	if err := c.send(out); err != nil {
		return false, err
	}
	err = c.readReplies(first, first+uint32(n-1), func(f netlinkmsg.Frame) error {
		errno, err := f.Errno()
		if err == nil && errno == 0 {
			delete(due, f.Header.Sequence)
		}
		return err
	})
	if err == nil && len(due) > 0 {
		err = errTruncatedReply
	}
	return true, err
}
