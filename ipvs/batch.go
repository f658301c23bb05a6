package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// batchSize is how many messages go out in one system call, where there is
// room for them and for their answers.
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
	change  change     // the next
	filling *load      // takes it
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

// A queued message: where it starts in the buffer, its number, and what the
// kernel answered.
type queued struct {
	start    int
	seq      uint32
	answered bool
	err      error // of a change that was refused, or whose outcome is not known
	mistake  error // of a change that cannot work: a message without effect is in its place
}

// A result is what came of loads.
type result struct {
	failures []Failure
	err      *BrokenError
}

// A Failure is one change of a Batch that the kernel refused, that was not sent
// since it cannot work, or whose answer was lost.
type Failure struct {
	Index int   // of the change, counted from 0 since the last Flush
	Err   error // an *Error
}

// A BrokenError says that a Batch lost its connection to the kernel. Changes
// are counted as in a Failure.
type BrokenError struct {
	First int // what came of the changes before this one is known
	Sent  int // the changes from this one on were not sent
	Err   error
}

// Error returns what is known of which changes, and why no more is.
func (e *BrokenError) Error() string {
	if e.First == e.Sent {
		return fmt.Sprintf("ipvs: changes from %d on were not sent: %v", e.First, e.Err)
	}
	return fmt.Sprintf("ipvs: changes %d to %d may have been made or not, and none behind them was sent: %v", e.First, e.Sent-1, e.Err)
}

// Unwrap returns why the connection was lost.
func (e *BrokenError) Unwrap() error { return e.Err }

// Batch returns an empty batch.
func (c *Client) Batch() *Batch {
	return &Batch{c: c, filling: &load{c: c}}
}

// AddService adds a virtual service, as Client.AddService does.
func (b *Batch) AddService(s Service) { b.add(b.change.addService(&s)) }

// UpdateService changes a virtual service, as Client.UpdateService does.
func (b *Batch) UpdateService(s Service) { b.add(b.change.updateService(&s)) }

// RemoveService removes a virtual service, as Client.RemoveService does.
func (b *Batch) RemoveService(key ServiceKey) { b.add(b.change.removeService(key)) }

// AddDestination adds a destination, as Client.AddDestination does.
func (b *Batch) AddDestination(key ServiceKey, d Destination) {
	b.add(b.change.addDestination(key, &d))
}

// UpdateDestination changes a destination, as Client.UpdateDestination does.
func (b *Batch) UpdateDestination(key ServiceKey, d Destination) {
	b.add(b.change.updateDestination(key, &d))
}

// RemoveDestination removes a destination, as Client.RemoveDestination does.
func (b *Batch) RemoveDestination(key ServiceKey, ap netip.AddrPort) {
	b.add(b.change.removeDestination(key, ap))
}

// Zero zeroes all counters, as Client.Zero does.
func (b *Batch) Zero() { b.add(b.change.zero()) }

// ZeroService zeroes the counters of a service, as Client.ZeroService does.
func (b *Batch) ZeroService(key ServiceKey) { b.add(b.change.zeroService(key)) }

// Clear removes all services, as Client.Flush does.
func (b *Batch) Clear() { b.add(b.change.flush()) }

// SetTimeouts sets the time-outs, as Client.SetTimeouts does.
func (b *Batch) SetTimeouts(t Timeouts) { b.add(b.change.setTimeouts(&t)) }

// StartDaemon starts a synchronisation daemon, as Client.StartDaemon does.
func (b *Batch) StartDaemon(d Daemon) { b.add(b.change.startDaemon(&d)) }

// StopDaemon stops a synchronisation daemon, as Client.StopDaemon does.
func (b *Batch) StopDaemon(state DaemonState) { b.add(b.change.stopDaemon(state)) }

// Flush sends what is queued and returns the changes that failed since the
// last Flush, in order. The error is a *BrokenError.
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
	if all.err != nil {
		return all.failures, all.err
	}
	return all.failures, nil
}

func (b *Batch) add(m *netlinkmsg.Message) {
	b.filling.add(m)
	if len(b.filling.queued) == batchSize {
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

func (l *load) add(m *netlinkmsg.Message) {
	q := queued{start: len(l.buf), seq: l.c.seq.Add(1)}
	if q.mistake = l.c.prepare(m); q.mistake != nil {
		l.buf = netlinkmsg.AppendNoop(l.buf, smallest, netlink.Request, q.seq)
	} else {
		l.buf = m.Append(l.buf, l.c.family, netlink.Request, q.seq)
	}
	l.queued = append(l.queued, q)
}

// bytes returns the messages from one up to another.
func (l *load) bytes(from, to int) []byte {
	end := len(l.buf)
	if to < len(l.queued) {
		end = l.queued[to].start
	}
	return l.buf[l.queued[from].start:end]
}

// message returns a queued message as it is read back from the buffer: the
// many that succeed need not be kept.
func (l *load) message(i int) *netlinkmsg.Message {
	var m netlinkmsg.Message
	f, _, err := netlinkmsg.Next(l.bytes(i, i+1))
	if err == nil {
		// What cannot be read back is at least told by its command.
		_ = m.Decode(f.Body, netlinkmsg.IPv4)
	}
	return &m
}

// send sends the load, a part at a time, and returns what failed.
func (l *load) send() ([]Failure, *BrokenError) {
	l.c.lock()
	defer l.c.mu.Unlock()

	if len(l.queued) == 1 {
		return l.outcome(1, l.part(0, 1))
	}
	l.c.ready()
	for from := 0; from < len(l.queued); {
		to := l.fit(from)
		err := l.part(from, to)
		switch {
		case err == nil:
			from = to
		case err.Sent == err.First && to > from+1 && unsent(err.Err):
			// Less at a time, then.
			l.c.room.bytes = len(l.bytes(from, to)) / 2
		default:
			return l.outcome(to, err)
		}
	}
	return l.outcome(len(l.queued), nil)
}

// part sends the messages from one up to another and reads the answers. All
// that are refused are answered; of the others only the last one is, which
// asks for it.
func (l *load) part(from, to int) *BrokenError {
	last := &l.queued[to-1]
	netlinkmsg.AddFlags(l.buf[last.start:], netlink.Acknowledge)
	if err := l.c.send(l.bytes(from, to)); err != nil {
		if unsent(err) && to == from+1 {
			last.err = failure(l.message(from), err)
			return nil
		}
		return &BrokenError{from, from, err}
	}
	if err := l.c.answers(l.queued[from].seq, last.seq, l.take); err != nil {
		if err := l.settle(from, to, err); err != nil {
			return &BrokenError{from, to, err}
		}
	}
	return nil
}

// take notes an answer to one of the messages.
func (l *load) take(f netlinkmsg.Frame) error {
	if !closes(f) {
		return nil
	}
	// Numbers ascend, and may have begun anew at 0.
	first := l.queued[0].seq
	i, found := slices.BinarySearchFunc(l.queued, f.Header.Sequence, func(q queued, seq uint32) int {
		return cmp.Compare(q.seq-first, seq-first)
	})
	if !found {
		return nil
	}
	errno, err := f.Errno()
	if err != nil {
		return fmt.Errorf("%w: %w", errShortAnswer, err)
	}
	l.queued[i].answered = true
	l.queued[i].err = nil
	if errno != 0 {
		l.queued[i].err = errno
	}
	return nil
}

// outcome returns the failures among the messages up to one, and err.
func (l *load) outcome(to int, err *BrokenError) ([]Failure, *BrokenError) {
	var all []Failure
	asked, vanished := err != nil, false
	for i := range l.queued[:to] {
		var errno syscall.Errno
		if err := l.queued[i].mistake; err != nil {
			all = append(all, Failure{l.first + i, err})
			continue
		}
		switch e := l.queued[i].err.(type) {
		case nil:
			continue
		case syscall.Errno:
			errno = e
		default:
			all = append(all, Failure{l.first + i, e})
			continue
		}
		if errno == syscall.ENOENT && !asked {
			asked, vanished = true, l.c.vanished()
		}
		all = append(all, Failure{l.first + i, refusal(l.message(i), errno, vanished && errno == syscall.ENOENT)})
	}
	if err != nil {
		err = &BrokenError{l.first + err.First, l.first + err.Sent, err.Err}
	}
	return all, err
}
