// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// nlmsgHeaderLen is the size, in bytes, of a netlink message without a body.
const nlmsgHeaderLen = 16

// maxDumpAttempts is the maximum number of attempts at a dump.
const maxDumpAttempts = 10

// maxUnrelated is the maximum number of messages that are skipped while waiting
// for a reply.
const maxUnrelated = 16 * batchSize

// maxEINTR is the maximum number of attempts at a system call that a signal
// interrupts.
const maxEINTR = 100

var errIncompleteReply = errors.New("incomplete reply from the kernel")

// Do makes one change and returns when the kernel has acknowledged it. The methods
// of Client that change the table call Do.
func (c *Client) Do(change *Change) error {
	ch := *change // a copy, in which normalizeAndValidate fills in defaults
	request := ch.request()
	k := chunk{client: c}
	k.add(&request)
	if k.requests[0].invalid {
		return k.requests[0].err
	}
	failures, err := k.send()
	switch {
	case err != nil && err.FirstUnsent > 0:
		return transportError(&request, fmt.Errorf("%w: %w", ErrAckLost, err.Err))
	case err != nil:
		return transportError(&request, err.Err)
	case len(failures) > 0:
		return failures[0].Err
	}
	return nil
}

// get sends a request with a single reply and decodes it into reply.
func (c *Client) get(request, reply *netlinkmsg.Message) error {
	received := false
	err := c.query(request, netlink.Request|netlink.Acknowledge,
		func() {},
		func(body []byte) error {
			received = true
			return reply.Decode(body, netlinkmsg.IPv4)
		},
		func() bool { return false })
	if err == nil && !received {
		err = transportError(request, errIncompleteReply)
	}
	return err
}

// dump sends a dump request, decodes each message of the reply into reply and then
// calls each. Before every attempt it calls restart. After a complete dump it calls
// repeat, and repeats the dump if that returns true. The argument atomic is true if
// the dump was atomic: a single datagram with enough space left for another message.
func (c *Client) dump(request, reply *netlinkmsg.Message, restart, each func(), repeat func(atomic bool) bool) error {
	family := netlinkmsg.IPv4
	if request.Service != nil {
		family = request.Service.Family
	}
	var (
		datagrams int
		length    int    // length of the last datagram
		longest   int    // length of the longest message body
		last      uint64 // value of c.datagrams at the last message
	)
	return c.query(request, netlink.Request|netlink.Dump,
		func() {
			datagrams, length, longest, last = 0, 0, 0, 0
			restart()
		},
		func(body []byte) error {
			if last != c.datagrams {
				last = c.datagrams
				length = c.lastLen
				datagrams++
			}
			longest = max(longest, len(body))
			if err := reply.Decode(body, family); err != nil {
				return err
			}
			each()
			return nil
		},
		func() bool { return repeat(datagrams <= 1 && length+longest+messageSlack <= receiveBuffer) })
}

// messageSlack is the number of bytes by which the next message of a dump may exceed
// the longest body so far, because of its header and longer names of its scheduler
// and persistence engine.
const messageSlack = 64

// appendRow appends a row of a dump to list. It multiplies the capacity of a list that
// is not small by eight: unused capacity takes no physical memory, whereas the arrays
// that append leaves behind take more than the list itself.
func appendRow[T any](list []T, row *T) []T {
	const large = 256
	if len(list) == cap(list) && len(list) >= large {
		grown := make([]T, len(list), 8*len(list)) // slices.Grow would clear it all
		copy(grown, list)
		list = grown
	}
	return append(list, *row)
}

// acceptDump, as the argument repeat of dump, accepts every dump.
func acceptDump(bool) bool { return false }

// query sends a read-only request and calls handle with the body of each message
// of the reply except the final one. Before every attempt it calls restart. It
// repeats the request if the reply was lost, if the kernel marked the dump as
// interrupted (NLM_F_DUMP_INTR), or if repeat returns true. After maxDumpAttempts it
// returns ErrDumpInterrupted.
func (c *Client) query(request *netlinkmsg.Message, flags netlink.HeaderFlags,
	restart func(), handle func(body []byte) error, repeat func() bool) error {
	if err := normalizeAndValidate(request); err != nil {
		return err
	}
	c.acquire()
	defer c.mu.Unlock()
	losses := 0
	for range maxDumpAttempts {
		restart()
		status, err := c.exchange(request, flags, handle)
		switch {
		case err == nil && status.errno == 0 && repeat():
		case err == nil && status.errno == 0:
			return nil
		case err == nil && status.errno != syscall.EINTR:
			return c.kernelError(request, status)
		case err != nil:
			if losses++; !recoverable(err) || losses == maxLosses || c.flushReceiveQueue(nil) != nil {
				return transportError(request, err)
			}
		}
	}
	return &Error{Op: describe(request), Err: ErrDumpInterrupted, Errno: syscall.EINTR}
}

// exchange sends a request and reads its complete reply; see roundTrip.
func (c *Client) exchange(request *netlinkmsg.Message, flags netlink.HeaderFlags, handle func(body []byte) error) (replyStatus, error) {
	seq := c.seq.Add(1)
	var err error
	if c.out, err = request.Append(c.out[:0], c.family, flags, seq); err != nil {
		return replyStatus{}, err
	}
	return c.roundTrip(seq, handle)
}

// roundTrip sends the request in c.out, which has the given sequence number, and
// reads its complete reply. It calls handle with the body of each message but the
// final one, whose status it returns; the errno is EINTR if the kernel marked the
// dump as interrupted. The error is a transport error or the first error of handle.
func (c *Client) roundTrip(seq uint32, handle func(body []byte) error) (replyStatus, error) {
	if err := c.send(c.out); err != nil {
		return replyStatus{}, err
	}
	var status replyStatus
	var handleErr error // returned at the end: the reply must be read completely before the next request
	interrupted := false
	err := c.readReplies(seq, seq, func(f netlinkmsg.Frame) (err error) {
		interrupted = interrupted || f.Header.Flags&netlink.DumpInterrupted != 0
		if isFinal(f) {
			status, err = readStatus(f)
			return err
		}
		if handleErr == nil && handle != nil {
			handleErr = handle(f.Body)
		}
		return nil
	})
	switch {
	case err != nil:
		return replyStatus{}, err
	case status.errno != 0:
		return status, nil
	case interrupted:
		return replyStatus{errno: syscall.EINTR}, nil
	}
	return replyStatus{}, handleErr
}

// readReplies calls handle with every message that replies to a request with a
// sequence number from first to last, up to the final message for last. It skips
// stale replies and messages for other sockets.
func (c *Client) readReplies(first, last uint32, handle func(netlinkmsg.Frame) error) error {
	for unrelated := 0; unrelated < maxUnrelated; {
		b, err := c.receive()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var f netlinkmsg.Frame
			if f, b, err = netlinkmsg.Split(b); err != nil {
				return fmt.Errorf("%w: %w", errIncompleteReply, err)
			}
			if !c.isOurs(f) || f.Header.Sequence-first > last-first {
				unrelated++
				continue
			}
			if err := handle(f); err != nil {
				return err
			}
			if f.Header.Sequence == last && isFinal(f) {
				return nil
			}
		}
	}
	return ErrTimeout
}

// isOurs reports whether a message replies to a request of this client's socket.
func (c *Client) isOurs(f netlinkmsg.Frame) bool {
	return f.Header.PID == c.portID || f.Header.PID == 0 || c.portID == 0
}

// isFinal reports whether a message ends a reply.
func isFinal(f netlinkmsg.Frame) bool {
	return f.Header.Type == netlink.Error || f.Header.Type == netlink.Done
}

// send sends b with one system call. After an error no request was sent.
func (c *Client) send(b []byte) (err error) {
	for range maxEINTR {
		if err = c.socket.Send(b); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	return err
}

// receive returns the next datagram, which is valid until the next call.
func (c *Client) receive() ([]byte, error) {
	var n int
	var err error
	for range maxEINTR {
		if n, err = c.socket.Receive(c.in); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, ErrTimeout
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errIncompleteReply
	}
	c.datagrams++
	c.lastLen = n
	return c.in[:n], nil
}

// A replyStatus is the result that the final message of a reply reports.
type replyStatus struct {
	errno   syscall.Errno // 0 for success
	message string        // NLMSGERR_ATTR_MSG of an extended acknowledgement, or ""
}

// readStatus reads an NLMSG_ERROR or NLMSG_DONE message.
func readStatus(f netlinkmsg.Frame) (replyStatus, error) {
	errno, err := f.Errno()
	if err != nil {
		return replyStatus{}, fmt.Errorf("%w: %w", errIncompleteReply, err)
	}
	if errno == 0 {
		return replyStatus{}, nil
	}
	return replyStatus{errno: errno, message: extendedAck(f)}, nil
}

// attrMessage is the error text in an extended acknowledgement
// (NLMSGERR_ATTR_MSG).
const attrMessage = 1

// extendedAck returns the error text that the kernel attached to an NLMSG_ERROR
// or NLMSG_DONE message, or "" if there is none.
func extendedAck(f netlinkmsg.Frame) string {
	if f.Header.Flags&netlink.AcknowledgeTLVs == 0 {
		return ""
	}
	attrs := f.Body[min(4, len(f.Body)):] // after the errno
	if f.Header.Type == netlink.Error {
		// The header of the request comes first, and without NETLINK_CAP_ACK its
		// body, too.
		if f.Header.Flags&netlink.Capped != 0 {
			attrs = attrs[min(nlmsgHeaderLen, len(attrs)):]
		} else if _, rest, err := netlinkmsg.Split(attrs); err == nil {
			attrs = rest
		} else {
			return ""
		}
	}
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return ""
	}
	for ad.Next() {
		if ad.Type() == attrMessage {
			return ad.String()
		}
	}
	return ""
}

// kernelError returns the error for a request that the kernel rejected.
func (c *Client) kernelError(request *netlinkmsg.Message, status replyStatus) error {
	if status.errno == syscall.ENOENT && c.familyGone() {
		return noIPVSError(request)
	}
	return newError(request, status)
}

// familyGone reports whether the IPVS family is gone because the ip_vs module was
// unloaded after Dial. The kernel then returns ENOENT for every command. For
// GetInfo, unlike some other commands, ENOENT has no other cause.
func (c *Client) familyGone() bool {
	probe := &netlinkmsg.Message{Command: netlinkmsg.GetInfo}
	status, err := c.exchange(probe, netlink.Request|netlink.Acknowledge, nil)
	return err == nil && status.errno == syscall.ENOENT
}

func noIPVSError(request *netlinkmsg.Message) error {
	return &Error{Op: describe(request), Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
}

func newError(request *netlinkmsg.Message, status replyStatus) *Error {
	return &Error{Op: describe(request), Err: causeOf(request, status.errno), Errno: status.errno, Message: status.message}
}

// encodeError returns the error for a request that cannot be encoded.
func encodeError(request *netlinkmsg.Message, err error) error {
	return &Error{Op: describe(request), Err: err, Errno: syscall.EINVAL}
}

// transportError returns the error for a request that could not be sent or whose
// reply could not be read.
func transportError(request *netlinkmsg.Message, err error) error {
	return fmt.Errorf("ipvs: %s: %w", describe(request), err)
}
