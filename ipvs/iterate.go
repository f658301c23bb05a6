package ipvs

import (
	"iter"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// ServicesSeq iterates over all virtual services while they are read, so that
// their number does not matter. What is said of Services holds for it. Within
// the loop the client may be used as ever: what it has not read yet of the
// services then waits in memory. An error ends the iteration.
func (c *Client) ServicesSeq() iter.Seq2[Service, error] {
	return func(yield func(Service, error) bool) {
		var s Service
		err := c.iterate(&netlinkmsg.Message{Command: netlinkmsg.GetService}, &netlinkmsg.Message{Service: &s},
			func() bool { return yield(s, nil) })
		if err != nil {
			yield(Service{}, err)
		}
	}
}

// DestinationsSeq is to Destinations what ServicesSeq is to Services.
func (c *Client) DestinationsSeq(key ServiceKey) iter.Seq2[Destination, error] {
	return func(yield func(Destination, error) bool) {
		var d Destination
		m := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
		err := c.iterate(m, &netlinkmsg.Message{Destination: &d}, func() bool { return yield(d, nil) })
		if err != nil {
			yield(Destination{}, err)
		}
	}
}

// iterate sends m, decodes the answers into answer, one after the other, and
// calls each after each until that returns false.
func (c *Client) iterate(m, answer *netlinkmsg.Message, each func() bool) error {
	s, err := c.begin(m)
	if err != nil {
		return err
	}
	defer s.discard()
	family := netlinkmsg.IPv4
	if m.Service != nil {
		family = m.Service.Family
	}
	for {
		b, err := s.next()
		if err != nil || len(b) == 0 {
			return err
		}
		for len(b) > 0 {
			var f netlinkmsg.Frame
			if f, b, err = netlinkmsg.Split(b); err == nil {
				err = answer.Decode(f.Body, family)
			}
			if err != nil {
				return transportError(m, err)
			}
			if !each() {
				return nil
			}
		}
	}
}

// A stream is a dump that is read piece by piece. The socket has one at a time,
// and no other answers in between, so whoever wants the client meanwhile reads
// it to its end first.
type dump struct {
	c *Client
	m *netlinkmsg.Message

	// Under the client's mutex.
	seq         uint32
	pending     []byte // whole messages that were read, but not taken
	spare       []byte // what was taken last
	done        bool   // the dump was read to its end
	interrupted bool
	err         error
}

// lock waits for the turn to use the socket.
func (c *Client) acquire() {
	c.mu.Lock()
	if c.activeDump != nil {
		c.activeDump.bufferRest()
	}
}

// begin asks for a dump.
func (c *Client) begin(m *netlinkmsg.Message) (*dump, error) {
	if err := c.normalizeAndValidate(m); err != nil {
		return nil, err
	}
	c.acquire()
	defer c.mu.Unlock()
	s := &dump{c: c, m: m, seq: c.seq.Add(1)}
	var err error
	if c.out, err = m.Append(c.out[:0], c.family, netlink.Request|netlink.Dump, s.seq); err != nil {
		return nil, transportError(m, err)
	}
	if err := c.send(c.out); err != nil {
		return nil, transportError(m, err)
	}
	c.activeDump = s
	return s, nil
}

// take returns messages, as many as there are, which are good until the next
// call. None is the end.
func (s *dump) next() ([]byte, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for len(s.pending) == 0 && !s.done {
		s.fill()
	}
	b := s.pending
	s.pending, s.spare = s.spare[:0], b
	if len(b) == 0 {
		return nil, s.err
	}
	return b, nil
}

// more reads what one system call brings.
func (s *dump) fill() {
	b, err := s.c.receive()
	for err == nil && len(b) > 0 && !s.done {
		whole := b
		var f netlinkmsg.Frame
		f, b, err = netlinkmsg.Split(b)
		switch {
		case err != nil || f.Header.Sequence != s.seq:
		case isFinal(f):
			var errno syscall.Errno
			errno, err = f.Errno()
			s.finish(errno)
		default:
			s.interrupted = s.interrupted || f.Header.Flags&netlink.DumpInterrupted != 0
			s.pending = append(s.pending, whole[:len(whole)-len(b)]...)
		}
	}
	if err != nil {
		s.finish(0)
		s.err = transportError(s.m, err)
		if recoverable(err) {
			_ = s.c.flushReceiveQueue(nil) // for those who come next
		}
	}
}

// finish notes that the dump was read, and what the kernel said at its end.
func (s *dump) finish(errno syscall.Errno) {
	s.done = true
	s.c.activeDump = nil
	switch {
	case errno != 0 && errno != syscall.EINTR:
		s.err = kernelError(s.m, errno, errno == syscall.ENOENT && s.c.familyGone())
	case errno != 0 || s.interrupted:
		s.err = &Error{Op: describe(s.m), Err: ErrDumpInterrupted, Errno: syscall.EINTR}
	}
}

// finish reads the dump to its end.
func (s *dump) bufferRest() {
	for !s.done {
		s.fill()
	}
}

// abandon reads what nobody wants any more.
func (s *dump) discard() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for !s.done {
		s.pending = s.pending[:0]
		s.fill()
	}
}
