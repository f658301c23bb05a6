package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// dumpTries is how often a dump that changed underneath is read again.
const dumpTries = 10

var errShortAnswer = errors.New("the kernel's answer is incomplete")

// do carries out a change.
func (c *Client) do(m *netlinkmsg.Message) error {
	return c.request(m, netlink.Request|netlink.Acknowledge, nil)
}

// get decodes the one answer to m into answer.
func (c *Client) get(m, answer *netlinkmsg.Message) error {
	got := false
	err := c.request(m, netlink.Request|netlink.Acknowledge, func(body []byte) error {
		got = true
		return answer.Decode(body, netlinkmsg.IPv4)
	})
	if err == nil && !got {
		err = failure(m, errShortAnswer)
	}
	return err
}

// dump decodes the answers to m into answer, one after the other, and calls
// each after each. It calls restart before each try: the kernel may have to
// be asked more than once.
func (c *Client) dump(m, answer *netlinkmsg.Message, restart, each func()) error {
	family := netlinkmsg.IPv4
	if m.Service != nil {
		family = m.Service.Family
	}
	for range dumpTries {
		restart()
		err := c.request(m, netlink.Request|netlink.Dump, func(body []byte) error {
			if err := answer.Decode(body, family); err != nil {
				return err
			}
			each()
			return nil
		})
		if !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.ENOBUFS) {
			return err
		}
	}
	return &Error{Op: operation(m), Err: ErrInterrupted, Errno: syscall.EINTR}
}

// request sends m, hands the bodies of the answers to take, and returns the
// kernel's refusal as an error.
func (c *Client) request(m *netlinkmsg.Message, flags netlink.HeaderFlags, take func([]byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	errno, err := c.exchange(m, flags, take)
	if err != nil {
		return failure(m, err)
	}
	if errno != 0 {
		return refusal(m, errno, errno == syscall.ENOENT && c.vanished())
	}
	return nil
}

// exchange sends m and reads until the kernel has answered it in full. The
// errno is the kernel's refusal, the error anything else.
func (c *Client) exchange(m *netlinkmsg.Message, flags netlink.HeaderFlags, take func([]byte) error) (errno syscall.Errno, err error) {
	seq := c.seq.Add(1)
	c.out = m.Append(c.out[:0], c.family, flags, seq)
	return c.roundTrip(seq, take)
}

// roundTrip does that for the message in c.out, which is numbered seq.
func (c *Client) roundTrip(seq uint32, take func([]byte) error) (errno syscall.Errno, err error) {
	if err := c.s.Send(c.out); err != nil {
		return 0, err
	}
	var bad error // the first answer that could not be taken; the rest is read all the same
	interrupted := false
	err = c.answers(seq, func(f netlinkmsg.Frame) error {
		if f.Header.Sequence != seq {
			return nil
		}
		interrupted = interrupted || f.Header.Flags&netlink.DumpInterrupted != 0
		if closes(f) {
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

// answers hands each message that comes to take, until the one that closes the
// exchange of the request numbered last. Among them may be answers to earlier
// requests, whose reader gave up.
func (c *Client) answers(last uint32, take func(netlinkmsg.Frame) error) error {
	for {
		n, err := c.s.Receive(c.in)
		if err != nil {
			return err
		}
		if n == 0 {
			return errShortAnswer
		}
		for rest := c.in[:n]; len(rest) > 0; {
			var f netlinkmsg.Frame
			if f, rest, err = netlinkmsg.Next(rest); err != nil {
				return err
			}
			if err := take(f); err != nil {
				return err
			}
			if f.Header.Sequence == last && closes(f) {
				return nil
			}
		}
	}
}

// closes reports whether f is the last message of an answer.
func closes(f netlinkmsg.Frame) bool {
	return f.Header.Type == netlink.Error || f.Header.Type == netlink.Done
}

// vanished asks whether the family is gone: its module may have been unloaded
// after Dial. The kernel answers any command with ENOENT then, which for some
// is an answer of IPVS as well.
func (c *Client) vanished() bool {
	probe := &netlinkmsg.Message{Command: netlinkmsg.GetInfo}
	errno, err := c.exchange(probe, netlink.Request|netlink.Acknowledge, nil)
	return err == nil && errno == syscall.ENOENT
}

// refusal makes the kernel's errno into an error.
func refusal(m *netlinkmsg.Message, errno syscall.Errno, vanished bool) error {
	if vanished {
		return &Error{Op: operation(m), Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	}
	return &Error{Op: operation(m), Err: meaning(m.Command, errno), Errno: errno}
}

// failure wraps what kept a message from being sent or answered.
func failure(m *netlinkmsg.Message, err error) error {
	return fmt.Errorf("ipvs: %s: %w", operation(m), err)
}
