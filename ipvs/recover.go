// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// This file recovers from lost acknowledgements. The kernel drops an
// acknowledgement if the receive buffer is full or memory is short. The request
// itself was executed, so resending it blindly is not safe: it could undo a later
// change, or report EEXIST for a change that succeeded.

// maxLosses is the number of lost replies after which requests are not resent.
const maxLosses = 3

// recoverable reports whether the socket can still be used after err: a reply was
// lost or incomplete.
func recoverable(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, ErrTimeout) || errors.Is(err, errIncompleteReply)
}

// isSendBufferError reports whether a send failed because it exceeds the send
// buffer or memory is short; a smaller send may succeed.
func isSendBufferError(err error) bool {
	return errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// flushReceiveQueue reads the queued replies, calls handle (which may be nil) with
// each message, and then waits for the acknowledgement of a no-op. After an overrun,
// the kernel drops all replies until the queue is empty; the acknowledgement proves
// that it no longer drops them.
func (c *Client) flushReceiveQueue(handle func(netlinkmsg.Frame) error) error {
	if c.kernel != nil {
		c.kernel.setNonblocking(true)
	}
	err := c.readUntil(0, handle)
	if c.kernel != nil {
		c.kernel.setNonblocking(false)
	}
	if !errors.Is(err, ErrTimeout) {
		return err
	}
	seq := c.seq.Add(1)
	c.out = netlinkmsg.AppendNoop(c.out[:0], nlmsgHeaderLen, netlink.Request|netlink.Acknowledge, seq)
	if err := c.send(c.out); err != nil {
		return err
	}
	return c.readUntil(seq, handle)
}

// readUntil reads up to the final message of the reply to request seq, and calls
// handle, unless it is nil, with every other message. If seq is 0, readUntil reads
// until the queue is empty and returns ErrTimeout.
func (c *Client) readUntil(seq uint32, handle func(netlinkmsg.Frame) error) error {
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
				break // equivalent to a lost reply
			}
			if !c.isOurs(f) {
				continue
			}
			if seq != 0 && f.Header.Sequence == seq && isFinal(f) {
				return nil
			}
			if handle != nil {
				_ = handle(f)
			}
		}
	}
	return ErrTimeout
}

// recoverLostAcks determines the results of the requests with indexes in [from, to)
// after reading their acknowledgements failed with readErr. It resends requests
// without a result if that is safe, and marks the others with ErrAckLost. It returns
// an error if the socket can no longer be used.
func (k *chunk) recoverLostAcks(from, to int, readErr error) error {
	if !recoverable(readErr) {
		return readErr
	}
	// Even the smallest receive buffer holds one acknowledgement.
	k.client.initLimits()
	k.client.limits.acks = 1
	if k.client.flushReceiveQueue(k.recordAck) != nil {
		return readErr
	}
	unacked := make(map[int]*netlinkmsg.Message)
	for i := from; i < to; i++ {
		if r := &k.requests[i]; !r.acked && !r.invalid {
			unacked[i] = k.message(i)
		}
	}
	losses := 0
	for i := from; i < to; i++ {
		m := unacked[i]
		if m == nil {
			continue
		}
		k.requests[i].err = &Error{Op: describe(m), Err: ErrAckLost, Errno: syscall.ENOBUFS}
		if losses == maxLosses || !safeToResend(i, unacked) {
			continue
		}
		if err := k.resend(i, m); err != nil {
			return err
		}
		if !k.requests[i].acked {
			losses++
		}
	}
	return nil
}

// resend sends request i a second time; m is the decoded request. It returns an
// error if the socket can no longer be used.
func (k *chunk) resend(i int, m *netlinkmsg.Message) error {
	r := &k.requests[i]
	netlinkmsg.AddFlags(k.buf[r.start:], netlink.Acknowledge)
	if err := k.client.send(k.bytes(i, i+1)); err != nil {
		if isSendBufferError(err) {
			return nil
		}
		return err
	}
	if err := k.client.readReplies(r.seq, r.seq, k.recordAck); err != nil {
		if !recoverable(err) {
			return err
		}
		if err := k.client.flushReceiveQueue(k.recordAck); err != nil {
			return err
		}
	}
	if r.acked && followsSuccess(m.Command, r.status.errno) {
		e := newError(m, r.status)
		e.AckLost = true
		r.err = e
	}
	return nil
}

// followsSuccess reports whether a second attempt at a command fails with this
// errno if the first attempt succeeded.
func followsSuccess(command netlinkmsg.Command, errno syscall.Errno) bool {
	m := meaningOf(command, errno)
	return m != nil && m.afterSuccess
}

// safeToResend reports whether resending request i cannot conflict with another
// unacknowledged request.
func safeToResend(i int, unacked map[int]*netlinkmsg.Message) bool {
	for j, m := range unacked {
		if j != i && conflicts(unacked[i], m) {
			return false
		}
	}
	return true
}

// conflicts reports whether the result of a and b may depend on their order. The
// configuration of a service and that of its destinations are independent, unless
// the service is removed.
func conflicts(a, b *netlinkmsg.Message) bool {
	switch {
	case a.Timeouts != nil || b.Timeouts != nil:
		return a.Timeouts != nil && b.Timeouts != nil
	case a.Daemon != nil || b.Daemon != nil:
		return a.Daemon != nil && b.Daemon != nil && a.Daemon.State == b.Daemon.State
	case a.Service == nil || b.Service == nil:
		return true // changes the whole table
	case a.Service.ServiceKey != b.Service.ServiceKey:
		return false
	case a.Destination != nil && b.Destination != nil:
		return a.Destination.AddrPort == b.Destination.AddrPort
	case a.Destination != nil || b.Destination != nil:
		return a.Command == netlinkmsg.DelService || b.Command == netlinkmsg.DelService
	}
	return true
}
