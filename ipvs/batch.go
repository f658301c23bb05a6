package ipvs

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// batchSize is how many messages go out in one system call. The kernel
// answers each one that fails with about 1 KiB of its receive buffer, which
// holds some 200 by default: a batch that fails as a whole must fit.
const batchSize = 128

// A Batch collects changes and sends them to the kernel in few system calls,
// in the order they were made. One that fails does not stop those behind it.
// A Batch sends by itself whenever it has enough, while more changes are
// made; Flush sends the rest and tells what failed.
//
// A Batch is for one goroutine. Other users of its Client may go on; they
// see the changes when they have been sent.
type Batch struct {
	c       *Client
	filling *load      // takes the next change
	empty   chan *load // the others, when they are not on their way
	under   *underway  // nil if nothing is
	sent    int        // changes already handed over since the last Flush
}

// A load is what goes out in one system call.
type load struct {
	c      *Client
	first  int // index of its first change
	buf    []byte
	queued []queued
}

// loads is how many loads a Batch has: one is with the kernel, one fills, and
// two lie between, so that neither side waits for the other to wake up.
const loads = 4

// Loads underway are sent one after the other, by a goroutine that ends when
// full is closed.
type underway struct {
	full chan *load
	done chan result // of all
}

// A queued message: where it starts in the buffer, and its number.
type queued struct {
	start int
	seq   uint32
}

// A result is what came of loads.
type result struct {
	failures []Failure
	err      error
}

// A Failure is one change of a Batch that the kernel refused.
type Failure struct {
	Index int   // of the change, counted from 0 since the last Flush
	Err   error // an *Error
}

// Batch returns an empty batch.
func (c *Client) Batch() *Batch {
	return &Batch{c: c, filling: &load{c: c}}
}

// AddService adds a virtual service, as Client.AddService does.
func (b *Batch) AddService(s Service) { b.add(addService(&s)) }

// UpdateService changes a virtual service, as Client.UpdateService does.
func (b *Batch) UpdateService(s Service) { b.add(updateService(&s)) }

// RemoveService removes a virtual service, as Client.RemoveService does.
func (b *Batch) RemoveService(key ServiceKey) { b.add(removeService(key)) }

// AddDestination adds a destination, as Client.AddDestination does.
func (b *Batch) AddDestination(key ServiceKey, d Destination) { b.add(addDestination(key, &d)) }

// UpdateDestination changes a destination, as Client.UpdateDestination does.
func (b *Batch) UpdateDestination(key ServiceKey, d Destination) { b.add(updateDestination(key, &d)) }

// RemoveDestination removes a destination, as Client.RemoveDestination does.
func (b *Batch) RemoveDestination(key ServiceKey, ap netip.AddrPort) {
	b.add(removeDestination(key, ap))
}

// Zero zeroes all counters, as Client.Zero does.
func (b *Batch) Zero() { b.add(zero()) }

// ZeroService zeroes the counters of a service, as Client.ZeroService does.
func (b *Batch) ZeroService(key ServiceKey) { b.add(zeroService(key)) }

// Clear removes all services, as Client.Flush does.
func (b *Batch) Clear() { b.add(flush()) }

// SetTimeouts sets the time-outs, as Client.SetTimeouts does.
func (b *Batch) SetTimeouts(t Timeouts) { b.add(setTimeouts(&t)) }

// StartDaemon starts a synchronisation daemon, as Client.StartDaemon does.
func (b *Batch) StartDaemon(d Daemon) { b.add(startDaemon(&d)) }

// StopDaemon stops a synchronisation daemon, as Client.StopDaemon does.
func (b *Batch) StopDaemon(state DaemonState) { b.add(stopDaemon(state)) }

// Flush sends what is queued and returns the changes that the kernel refused
// since the last Flush, in order. The error is for a connection that failed;
// it is not known then which of the changes were made.
func (b *Batch) Flush() ([]Failure, error) {
	var all result
	if b.under != nil {
		close(b.under.full)
		all = <-b.under.done
		b.under = nil
	}
	if len(b.filling.queued) > 0 {
		all.add(b.filling)
	}
	b.filling.reset()
	b.sent = 0
	return all.failures, all.err
}

func (b *Batch) add(m *netlinkmsg.Message) {
	l := b.filling
	q := queued{len(l.buf), b.c.seq.Add(1)}
	l.buf = m.Append(l.buf, b.c.family, netlink.Request, q.seq)
	l.queued = append(l.queued, q)
	if len(l.queued) == batchSize {
		b.dispatch()
	}
}

// dispatch hands the load that is full over to be sent.
func (b *Batch) dispatch() {
	if b.empty == nil {
		b.empty = make(chan *load, loads)
		for range loads - 1 {
			b.empty <- &load{c: b.c}
		}
	}
	if b.under == nil {
		b.under = &underway{make(chan *load, loads), make(chan result, 1)}
		go b.under.send(b.empty)
	}
	b.sent += len(b.filling.queued)
	b.under.full <- b.filling
	b.filling = <-b.empty
	b.filling.first = b.sent
}

func (u *underway) send(empty chan<- *load) {
	var all result
	for l := range u.full {
		all.add(l)
		l.reset()
		empty <- l
	}
	u.done <- all
}

// add sends l and adds what comes of it. Behind an error nothing is sent.
func (r *result) add(l *load) {
	if r.err != nil {
		return
	}
	failures, err := l.send()
	r.failures = append(r.failures, failures...)
	r.err = err
}

func (l *load) reset() {
	l.first, l.buf, l.queued = 0, l.buf[:0], l.queued[:0]
}

// send sends the load and reads the answers. All failures are answered; of the
// other messages only the last one is, which asks for it.
func (l *load) send() ([]Failure, error) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()

	last := l.queued[len(l.queued)-1]
	netlinkmsg.AddFlags(l.buf[last.start:], netlink.Acknowledge)
	refused, err := l.exchange(last.seq)
	if err != nil {
		return nil, fmt.Errorf("ipvs: send %d changes: %w", len(l.queued), err)
	}
	return l.failures(refused), nil
}

// A refused message by its place in the load.
type refused struct {
	index int
	errno syscall.Errno
}

// exchange sends the buffer and reads until its last message is answered.
func (l *load) exchange(last uint32) (failed []refused, err error) {
	if err := l.c.s.Send(l.buf); err != nil {
		return nil, err
	}
	i := 0 // answers come in the order of the messages
	err = l.c.answers(last, func(f netlinkmsg.Frame) error {
		for j := i; closes(f) && j < len(l.queued); j++ {
			if l.queued[j].seq != f.Header.Sequence {
				continue
			}
			errno, err := f.Errno()
			if errno != 0 {
				failed = append(failed, refused{j, errno})
			}
			i = j + 1
			return err
		}
		return nil
	})
	return failed, err
}

// failures makes Failures of refusals. What was being done is read from the
// messages themselves, so that the many that succeed need not be kept.
func (l *load) failures(failed []refused) []Failure {
	var all []Failure
	vanished := slices.ContainsFunc(failed, func(r refused) bool { return r.errno == syscall.ENOENT }) && l.c.vanished()
	for _, r := range failed {
		var m netlinkmsg.Message
		f, _, err := netlinkmsg.Next(l.buf[l.queued[r.index].start:])
		if err == nil {
			err = m.Decode(f.Body, netlinkmsg.IPv4)
		}
		if err == nil {
			err = refusal(&m, r.errno, vanished && r.errno == syscall.ENOENT)
		}
		all = append(all, Failure{l.first + r.index, err})
	}
	return all
}
