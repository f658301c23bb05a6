package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// dumpTries is how often a dump that changed underneath is read again.
const maxDumpRetries = 10

var errTruncatedReply = errors.New("the kernel's answer is incomplete")

// Do makes a change, as the method of its operation does.
func (c *Client) Do(change *Change) error {
	l := chunk{c: c}
	ch := *change // defaults are filled in
	request := ch.request()
	m := &request
	l.add(m)
	if err := l.queued[0].mistake; err != nil {
		return err
	}
	failures, err := l.send()
	switch {
	case err != nil && err.FirstUnsent > 0:
		return transportError(m, fmt.Errorf("%w: %w", ErrAckLost, err.Err))
	case err != nil:
		return transportError(m, err.Err)
	case len(failures) > 0:
		return failures[0].Err
	}
	return nil
}

// get decodes the one answer to m into answer.
func (c *Client) get(m, answer *netlinkmsg.Message) error {
	got := false
	err := c.query(m, netlink.Request|netlink.Acknowledge, func() {}, func(body []byte) error {
		got = true
		return answer.Decode(body, netlinkmsg.IPv4)
	}, func() bool { return false })
	if err == nil && !got {
		err = transportError(m, errTruncatedReply)
	}
	return err
}

// dump decodes the answers to m into answer, one after the other, and calls
// each after each. It calls restart before each try: the kernel may have to
// be asked more than once, also because torn says so of what came.
func (c *Client) dump(m, answer *netlinkmsg.Message, restart, each func(), torn func() bool) error {
	family := netlinkmsg.IPv4
	if m.Service != nil {
		family = m.Service.Family
	}
	var datagrams int
	var last uint64 // the receive that brought the last of them
	handle := func(body []byte) error {
		if last != c.receives {
			last = c.receives
			datagrams++
		}
		if err := answer.Decode(body, family); err != nil {
			return err
		}
		each()
		return nil
	}
	begin := func() {
		datagrams, last = 0, 0
		restart()
	}
	// What comes in one piece is of one moment.
	return c.query(m, netlink.Request|netlink.Dump, begin, handle, func() bool { return datagrams > 1 && torn() })
}

// repeats reports whether two of list have the same key.
func hasDuplicates[T any, K comparable](list []T, key func(*T) K) bool {
	seen := make(map[K]bool, len(list))
	for i := range list {
		k := key(&list[i])
		if seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

// read sends m, which changes nothing, hands the bodies of the answers to
// take, and returns the kernel's refusal as an error. It calls restart before
// each try: what changed while it was read, as the kernel or torn says, or did
// not arrive in full, is asked for again.
func (c *Client) query(m *netlinkmsg.Message, flags netlink.HeaderFlags, restart func(), take func([]byte) error, torn func() bool) error {
	if err := c.normalizeAndValidate(m); err != nil {
		return err
	}
	c.acquire()
	defer c.mu.Unlock()
	losses := 0
	for range maxDumpRetries {
		restart()
		errno, err := c.exchange(m, flags, take)
		switch {
		case err == nil && errno == 0 && torn():
		case err == nil && errno == 0:
			return nil
		case err == nil && errno != syscall.EINTR:
			return kernelError(m, errno, errno == syscall.ENOENT && c.familyGone())
		case err != nil:
			if losses++; !recoverable(err) || losses == maxAckRetries || c.flushReceiveQueue(nil) != nil {
				return transportError(m, err)
			}
		}
	}
	return &Error{Op: describe(m), Err: ErrDumpInterrupted, Errno: syscall.EINTR}
}

// exchange sends m and reads until the kernel has answered it in full. The
// errno is the kernel's refusal, the error anything else.
func (c *Client) exchange(m *netlinkmsg.Message, flags netlink.HeaderFlags, take func([]byte) error) (errno syscall.Errno, err error) {
	seq := c.seq.Add(1)
	if c.out, err = m.Append(c.out[:0], c.family, flags, seq); err != nil {
		return 0, err
	}
	if err := c.send(c.out); err != nil {
		return 0, err
	}
	var bad error // the first answer that could not be taken; the rest is read all the same
	interrupted := false
	err = c.readReplies(seq, seq, func(f netlinkmsg.Frame) error {
		interrupted = interrupted || f.Header.Flags&netlink.DumpInterrupted != 0
		if isFinal(f) {
			errno, err = f.Errno()
			return err
		}
		if bad == nil && take != nil {
			bad = take(f.Body)
		}
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case errno == 0 && interrupted:
		return syscall.EINTR, nil
	case errno == 0:
		return 0, bad
	}
	return errno, nil
}

// answers hands the answers to the requests numbered from first to last to
// take, until that one which closes the exchange of the last. Among them may be
// answers to earlier requests, whose reader gave up.
func (c *Client) readReplies(first, last uint32, take func(netlinkmsg.Frame) error) error {
	for strangers := 0; strangers < maxUnrelated; {
		b, err := c.receive()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var f netlinkmsg.Frame
			if f, b, err = netlinkmsg.Split(b); err != nil {
				return fmt.Errorf("%w: %w", errTruncatedReply, err)
			}
			if f.Header.Sequence-first > last-first {
				strangers++
				continue
			}
			if err := take(f); err != nil {
				return err
			}
			if f.Header.Sequence == last && isFinal(f) {
				return nil
			}
		}
	}
	return ErrTimeout
}

// maxStrangers is how many messages are read in search of an answer.
const maxUnrelated = 16 * batchSize

// interruptions is how many signals in a row a system call is made again after.
const maxEINTR = 100

// send hands b to the kernel. After an error nothing has been sent.
func (c *Client) send(b []byte) (err error) {
	for range maxEINTR {
		if err = c.s.Send(b); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	return err
}

// receive returns what one system call brings.
func (c *Client) receive() ([]byte, error) {
	var n int
	var err error
	for range maxEINTR {
		if n, err = c.s.Receive(c.in); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil, ErrTimeout
	case err != nil:
		return nil, err
	case n == 0:
		return nil, errTruncatedReply
	}
	c.receives++
	return c.in[:n], nil
}

// closes reports whether f is the last message of an answer.
func isFinal(f netlinkmsg.Frame) bool {
	return f.Header.Type == netlink.Error || f.Header.Type == netlink.Done
}

// vanished asks whether the family is gone: its module may have been unloaded
// after Dial. The kernel answers any command with ENOENT then, which for some
// is an answer of IPVS as well.
func (c *Client) familyGone() bool {
	probe := &netlinkmsg.Message{Command: netlinkmsg.GetInfo}
	errno, err := c.exchange(probe, netlink.Request|netlink.Acknowledge, nil)
	return err == nil && errno == syscall.ENOENT
}

// refusal makes the kernel's errno into an error.
func kernelError(m *netlinkmsg.Message, errno syscall.Errno, vanished bool) error {
	if vanished {
		return &Error{Op: describe(m), Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	}
	return &Error{Op: describe(m), Err: sentinelFor(m, errno), Errno: errno}
}

// failure wraps what kept a message from being sent or answered.
func transportError(m *netlinkmsg.Message, err error) error {
	return fmt.Errorf("ipvs: %s: %w", describe(m), err)
}
