// SPDX-License-Identifier: MIT

package ipvs

import (
	"iter"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// ServicesSeq iterates over all virtual services while it reads the dump, so that
// memory use does not depend on their number. As with Services, the dump is not atomic.
// The Client may be used inside the loop; the rest of the dump is then buffered in
// memory. An error ends the iteration.
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

// DestinationsSeq iterates over the destinations of a service, as ServicesSeq does
// over services. A missing service has no destinations.
func (c *Client) DestinationsSeq(key ServiceKey) iter.Seq2[Destination, error] {
	return func(yield func(Destination, error) bool) {
		var d Destination
		request := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
		err := c.iterate(request, &netlinkmsg.Message{Destination: &d}, func() bool { return yield(d, nil) })
		if err != nil {
			yield(Destination{}, err)
		}
	}
}

// iterate sends a dump request, decodes each message of the reply into reply and
// then calls each, until that returns false.
func (c *Client) iterate(request, reply *netlinkmsg.Message, each func() bool) error {
	d, err := c.startDump(request)
	if err != nil {
		return err
	}
	defer d.discard()
	family := netlinkmsg.IPv4
	if request.Service != nil {
		family = request.Service.Family
	}
	for {
		b, err := d.next()
		if err != nil || len(b) == 0 {
			return err
		}
		for len(b) > 0 {
			var f netlinkmsg.Frame
			if f, b, err = netlinkmsg.Split(b); err == nil {
				err = reply.Decode(f.Body, family)
			}
			if err != nil {
				return transportError(request, err)
			}
			if !each() {
				return nil
			}
		}
	}
}

// A dump is a dump request whose reply is read datagram by datagram. No other request
// can be sent on the socket until the reply has been read completely; before the next
// request, acquire therefore reads the rest of the dump into memory.
type dump struct {
	client  *Client
	request *netlinkmsg.Message

	// Guarded by the client's mutex.
	seq         uint32
	pending     []byte // messages that next has not returned
	spare       []byte // buffer of the messages that the last call of next returned
	done        bool   // the final message was read, or err is set
	interrupted bool   // the kernel marked the dump as interrupted
	err         error
}

// acquire locks the client for a request. If an iteration is running, acquire first
// reads the rest of the dump into memory.
func (c *Client) acquire() {
	c.mu.Lock()
	if c.activeDump != nil {
		c.activeDump.bufferRest()
	}
}

// startDump sends a dump request.
func (c *Client) startDump(request *netlinkmsg.Message) (*dump, error) {
	if err := normalizeAndValidate(request); err != nil {
		return nil, err
	}
	c.acquire()
	defer c.mu.Unlock()
	d := &dump{client: c, request: request, seq: c.seq.Add(1)}
	var err error
	if c.out, err = request.Append(c.out[:0], c.family, netlink.Request|netlink.Dump, d.seq); err != nil {
		return nil, encodeError(request, err)
	}
	if err := c.send(c.out); err != nil {
		return nil, transportError(request, err)
	}
	c.activeDump = d
	return d, nil
}

// next returns one or more messages, which are valid until the next call, or none
// at the end of the dump.
func (d *dump) next() ([]byte, error) {
	d.client.mu.Lock()
	defer d.client.mu.Unlock()
	for len(d.pending) == 0 && !d.done {
		d.fill()
	}
	b := d.pending
	d.pending, d.spare = d.spare[:0], b
	if len(b) == 0 {
		return nil, d.err
	}
	return b, nil
}

// fill reads one datagram and appends its messages to pending.
func (d *dump) fill() {
	b, err := d.client.receive()
	for err == nil && len(b) > 0 && !d.done {
		message := b
		var f netlinkmsg.Frame
		f, b, err = netlinkmsg.Split(b)
		switch {
		case err != nil || f.Header.Sequence != d.seq || !d.client.isOurs(f):
		case isFinal(f):
			var status replyStatus
			status, err = readStatus(f)
			d.finish(status)
		default:
			d.interrupted = d.interrupted || f.Header.Flags&netlink.DumpInterrupted != 0
			d.pending = append(d.pending, message[:len(message)-len(b)]...)
		}
	}
	if err != nil {
		d.finish(replyStatus{})
		d.err = transportError(d.request, err)
		if recoverable(err) {
			_ = d.client.flushReceiveQueue(nil) // the next request needs an empty queue
		}
	}
}

// finish ends the dump with the status of its final message.
func (d *dump) finish(status replyStatus) {
	d.done = true
	d.client.activeDump = nil
	switch {
	case status.errno != 0 && status.errno != syscall.EINTR:
		d.err = d.client.kernelError(d.request, status)
	case status.errno != 0 || d.interrupted:
		d.err = &Error{Op: describe(d.request), Err: ErrDumpInterrupted, Errno: syscall.EINTR}
	}
}

// bufferRest reads the rest of the dump into memory.
func (d *dump) bufferRest() {
	for !d.done {
		d.fill()
	}
}

// discard reads and drops the rest of the dump.
func (d *dump) discard() {
	d.client.mu.Lock()
	defer d.client.mu.Unlock()
	for !d.done {
		d.pending = d.pending[:0]
		d.fill()
	}
}
