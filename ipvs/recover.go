package ipvs

import (
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// The kernel drops an answer that it has no memory or no room for. It has done
// what the message said all the same, so that the message cannot simply be sent
// again: whatever was done since would be undone, or a rule that was carried
// out be told as refused.

// lossTries is how often something is asked when the answers are lost.
const maxAckRetries = 3

// smallest is the size of a message that has nothing but a header.
const nlmsgHeaderLen = 16

// recoverable reports whether the connection may still be of use after err:
// an answer did not come, or did not come in full.
func recoverable(err error) bool {
	for _, e := range []error{syscall.ENOBUFS, ErrTimeout, errTruncatedReply} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unsent reports whether err says that there was no room for what was sent,
// and that less of it might find some.
func isSendBufferError(err error) bool {
	return errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// resync hands take what the kernel left of earlier exchanges, and makes sure
// that it answers again: it drops all answers until its queue has been read to
// the end.
func (c *Client) flushReceiveQueue(take func(netlinkmsg.Frame) error) error {
	if c.kernel != nil {
		c.kernel.setNonblocking(true)
	}
	err := c.readUntil(0, take)
	if c.kernel != nil {
		c.kernel.setNonblocking(false)
	}
	if !errors.Is(err, ErrTimeout) {
		return err
	}
	seq := c.seq.Add(1)
	// It has a single answer, for which an empty queue has room.
	c.out = netlinkmsg.AppendNoop(c.out[:0], nlmsgHeaderLen, netlink.Request|netlink.Acknowledge, seq)
	if err := c.send(c.out); err != nil {
		return err
	}
	return c.readUntil(seq, take)
}

// drain reads until the request numbered seq is answered, or for 0 until
// nothing is left, and hands all else to take.
func (c *Client) readUntil(seq uint32, take func(netlinkmsg.Frame) error) error {
	for range maxUnrelated {
		b, err := c.receive()
		if err != nil {
			if errors.Is(err, ErrTimeout) || !recoverable(err) {
				return err
			}
			continue
		}
		for len(b) > 0 {
			var f netlinkmsg.Frame
			if f, b, err = netlinkmsg.Split(b); err != nil {
				break // of no use, like an answer that was lost
			}
			if seq != 0 && f.Header.Sequence == seq && isFinal(f) {
				return nil
			}
			if take != nil {
				_ = take(f)
			}
		}
	}
	return ErrTimeout
}

// settle finds out what came of the messages from one up to another, after an
// error in reading the answers. What is left open is tried again where that is
// harmless, and told as not known elsewhere. An error says that the connection
// is of no use.
func (l *chunk) recoverLostAcks(from, to int, err error) error {
	if !recoverable(err) {
		return err
	}
	// An empty queue has room for one answer, however small it is.
	l.c.initLimits()
	l.c.limits.acks = 1
	if l.c.flushReceiveQueue(l.recordAck) != nil {
		return err
	}
	open := make(map[int]*netlinkmsg.Message)
	for i := from; i < to; i++ {
		if !l.queued[i].answered && l.queued[i].mistake == nil {
			open[i] = l.message(i)
		}
	}
	losses := 0
	for i := from; i < to; i++ {
		m := open[i]
		if m == nil {
			continue
		}
		l.queued[i].err = &Error{Op: describe(m), Err: ErrAckLost, Errno: syscall.ENOBUFS}
		if losses == maxAckRetries || !safeToResend(i, open) {
			continue
		}
		if err := l.resend(i, m); err != nil {
			return err
		}
		if !l.queued[i].answered {
			losses++
		}
	}
	return nil
}

// again sends a message a second time, by itself. An error says that the
// connection is of no use.
func (l *chunk) resend(i int, m *netlinkmsg.Message) error {
	q := &l.queued[i]
	netlinkmsg.AddFlags(l.buf[q.start:], netlink.Acknowledge)
	if err := l.c.send(l.bytes(i, i+1)); err != nil {
		if isSendBufferError(err) {
			return nil
		}
		return err
	}
	if err := l.c.readReplies(q.seq, q.seq, l.recordAck); err != nil {
		if !recoverable(err) {
			return err
		}
		if err := l.c.flushReceiveQueue(l.recordAck); err != nil {
			return err
		}
	}
	if errno, ok := q.err.(syscall.Errno); ok && afterSuccess(m.Command, errno) {
		q.err = &Error{Op: describe(m), Err: sentinelFor(m, errno), Errno: errno, AckLost: true}
	}
	return nil
}

// afterSuccess reports whether errno, as the reply to a second attempt, is what
// the success of the first one leads to.
func afterSuccess(command netlinkmsg.Command, errno syscall.Errno) bool {
	m := meaningOf(command, errno)
	return m != nil && m.afterSuccess
}

// alone reports whether a message of open can be carried out again without
// undoing what another one did.
func safeToResend(i int, open map[int]*netlinkmsg.Message) bool {
	for j, m := range open {
		if j != i && conflicts(open[i], m) {
			return false
		}
	}
	return true
}

// crosses reports whether it matters in which order two changes are made, or
// how often. What a service is and which destinations it has do not depend on
// each other, unless it is removed.
func conflicts(a, b *netlinkmsg.Message) bool {
	switch {
	case a.Timeouts != nil || b.Timeouts != nil:
		return a.Timeouts != nil && b.Timeouts != nil
	case a.Daemon != nil || b.Daemon != nil:
		return a.Daemon != nil && b.Daemon != nil && a.Daemon.State == b.Daemon.State
	case a.Service == nil || b.Service == nil:
		return true // the whole table
	case a.Service.ServiceKey != b.Service.ServiceKey:
		return false
	case a.Destination != nil && b.Destination != nil:
		return a.Destination.AddrPort == b.Destination.AddrPort
	case a.Destination != nil || b.Destination != nil:
		return a.Command == netlinkmsg.DelService || b.Command == netlinkmsg.DelService
	}
	return true
}
