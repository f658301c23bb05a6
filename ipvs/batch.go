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
	change  Change      // the one added last
	current *chunk      // takes it
	free    chan *chunk // the others, when they are not on their way
	pipe    *pipeline   // nil if nothing is
	sent    int         // changes already handed over since the last Flush
}

// A load is what goes out in one system call.
type chunk struct {
	c      *Client
	first  int // index of its first change
	buf    []byte
	queued []pendingRequest
}

// loads is how many loads a Batch has: one is with the kernel, one fills, and
// two lie between, so that neither side waits for the other to wake up.
const chunksInFlight = 4

// Loads underway are sent one after the other, by a goroutine that ends when
// full is closed.
type pipeline struct {
	full chan *chunk
	done chan result // of all
}

// A queued message: where it starts in the buffer, its number, and what the
// kernel answered.
type pendingRequest struct {
	start    int
	seq      uint32
	answered bool
	err      error // of a change that was refused, or whose outcome is not known
	mistake  error // of a change that cannot work: a message without effect is in its place
}

// A result is what came of loads.
type result struct {
	failures []ChangeError
	err      *ConnLostError
}

// A Failure is one change of a Batch that the kernel refused, that was not sent
// since it cannot work, or whose answer was lost.
type ChangeError struct {
	Index int   // of the change, counted from 0 since the last Flush
	Err   error // an *Error
}

// A BrokenError says that a Batch lost its connection to the kernel. Changes
// are counted as in a Failure.
type ConnLostError struct {
	FirstUnknown int // what came of the changes before this one is known
	FirstUnsent  int // the changes from this one on were not sent
	Err          error
}

// Error returns what is known of which changes, and why no more is.
func (e *ConnLostError) Error() string {
	if e.FirstUnknown == e.FirstUnsent {
		return fmt.Sprintf("ipvs: changes from %d on were not sent: %v", e.FirstUnknown, e.Err)
	}
	return fmt.Sprintf("ipvs: changes %d to %d may have been made or not, and none behind them was sent: %v", e.FirstUnknown, e.FirstUnsent-1, e.Err)
}

// Unwrap returns why the connection was lost.
func (e *ConnLostError) Unwrap() error { return e.Err }

// Batch returns an empty batch.
func (c *Client) Batch() *Batch {
	return &Batch{c: c, current: &chunk{c: c}}
}

// Add queues a change.
func (b *Batch) Add(c *Change) {
	b.change = *c // defaults are filled in here, and escaping to the heap is paid for once
	m := b.change.request()
	b.current.add(&m)
	if len(b.current.queued) == batchSize {
		b.startChunk()
	}
}

// AddService queues what Client.AddService does.
func (b *Batch) AddService(s Service) { b.Add(&Change{Op: OpAddService, Service: s}) }

// UpdateService queues what Client.UpdateService does.
func (b *Batch) UpdateService(s Service) { b.Add(&Change{Op: OpUpdateService, Service: s}) }

// RemoveService queues what Client.RemoveService does.
func (b *Batch) RemoveService(key ServiceKey) {
	b.Add(&Change{Op: OpRemoveService, Service: Service{ServiceKey: key}})
}

// RemoveAllServices queues what Client.RemoveAllServices does.
func (b *Batch) RemoveAllServices() { b.Add(&Change{Op: OpRemoveAllServices}) }

// AddDestination queues what Client.AddDestination does.
func (b *Batch) AddDestination(key ServiceKey, d Destination) {
	b.Add(&Change{Op: OpAddDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// UpdateDestination queues what Client.UpdateDestination does.
func (b *Batch) UpdateDestination(key ServiceKey, d Destination) {
	b.Add(&Change{Op: OpUpdateDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// RemoveDestination queues what Client.RemoveDestination does.
func (b *Batch) RemoveDestination(key ServiceKey, ap netip.AddrPort) {
	b.Add(&Change{Op: OpRemoveDestination, Service: Service{ServiceKey: key}, Destination: Destination{AddrPort: ap}})
}

// Zero queues what Client.Zero does.
func (b *Batch) Zero() { b.Add(&Change{Op: OpZero}) }

// ZeroService queues what Client.ZeroService does.
func (b *Batch) ZeroService(key ServiceKey) {
	b.Add(&Change{Op: OpZeroService, Service: Service{ServiceKey: key}})
}

// SetTimeouts queues what Client.SetTimeouts does.
func (b *Batch) SetTimeouts(t Timeouts) { b.Add(&Change{Op: OpSetTimeouts, Timeouts: t}) }

// StartDaemon queues what Client.StartDaemon does.
func (b *Batch) StartDaemon(d Daemon) { b.Add(&Change{Op: OpStartDaemon, Daemon: d}) }

// StopDaemon queues what Client.StopDaemon does.
func (b *Batch) StopDaemon(state DaemonState) {
	b.Add(&Change{Op: OpStopDaemon, Daemon: Daemon{State: state}})
}

// Flush sends what is queued and returns the changes that failed since the
// last Flush, in order. The error is a *BrokenError.
func (b *Batch) Commit() ([]ChangeError, error) {
	var all result
	if b.pipe != nil {
		close(b.pipe.full)
		all = <-b.pipe.done
		b.pipe = nil
	}
	if len(b.current.queued) > 0 {
		all.add(b.current)
	}
	b.current.reset()
	b.sent = 0
	if all.err != nil {
		return all.failures, all.err
	}
	return all.failures, nil
}

// dispatch hands the load that is full over to be sent.
func (b *Batch) startChunk() {
	if b.free == nil {
		b.free = make(chan *chunk, chunksInFlight)
		for range chunksInFlight - 1 {
			b.free <- &chunk{c: b.c}
		}
	}
	if b.pipe == nil {
		b.pipe = &pipeline{make(chan *chunk, chunksInFlight), make(chan result, 1)}
		go b.pipe.send(b.free)
	}
	b.sent += len(b.current.queued)
	b.pipe.full <- b.current
	b.current = <-b.free
	b.current.first = b.sent
}

func (u *pipeline) send(empty chan<- *chunk) {
	var all result
	for l := range u.full {
		all.add(l)
		l.reset()
		empty <- l
	}
	u.done <- all
}

// add sends l and adds what comes of it. Behind an error nothing is sent.
func (r *result) add(l *chunk) {
	if r.err != nil {
		return
	}
	failures, err := l.send()
	r.failures = append(r.failures, failures...)
	r.err = err
}

func (l *chunk) reset() {
	l.first, l.buf, l.queued = 0, l.buf[:0], l.queued[:0]
}

func (l *chunk) add(m *netlinkmsg.Message) {
	q := pendingRequest{start: len(l.buf), seq: l.c.seq.Add(1)}
	if q.mistake = l.c.normalizeAndValidate(m); q.mistake == nil {
		var err error
		if l.buf, err = m.Append(l.buf, l.c.family, netlink.Request, q.seq); err != nil {
			q.mistake = &Error{Op: describe(m), Err: err, Errno: syscall.EINVAL}
		}
	}
	if q.mistake != nil {
		l.buf = netlinkmsg.AppendNoop(l.buf, nlmsgHeaderLen, netlink.Request, q.seq)
	}
	l.queued = append(l.queued, q)
}

// bytes returns the messages from one up to another.
func (l *chunk) bytes(from, to int) []byte {
	end := len(l.buf)
	if to < len(l.queued) {
		end = l.queued[to].start
	}
	return l.buf[l.queued[from].start:end]
}

// message returns a queued message as it is read back from the buffer: the
// many that succeed need not be kept.
func (l *chunk) message(i int) *netlinkmsg.Message {
	var m netlinkmsg.Message
	f, _, err := netlinkmsg.Split(l.bytes(i, i+1))
	if err == nil {
		// What cannot be read back is at least told by its command.
		_ = m.Decode(f.Body, netlinkmsg.IPv4)
	}
	return &m
}

// send sends the load, a part at a time, and returns what failed.
func (l *chunk) send() ([]ChangeError, *ConnLostError) {
	l.c.acquire()
	defer l.c.mu.Unlock()

	if len(l.queued) == 1 {
		return l.failures(1, l.sendRange(0, 1))
	}
	l.c.initLimits()
	for from := 0; from < len(l.queued); {
		to := l.chunkEnd(from)
		err := l.sendRange(from, to)
		switch {
		case err == nil:
			from = to
		case err.FirstUnsent == err.FirstUnknown && to > from+1 && isSendBufferError(err.Err):
			// Less at a time, then.
			l.c.limits.bytes = len(l.bytes(from, to)) / 2
		default:
			return l.failures(to, err)
		}
	}
	return l.failures(len(l.queued), nil)
}

// part sends the messages from one up to another and reads the answers. All
// that are refused are answered; of the others only the last one is, which
// asks for it.
func (l *chunk) sendRange(from, to int) *ConnLostError {
	last := &l.queued[to-1]
	netlinkmsg.AddFlags(l.buf[last.start:], netlink.Acknowledge)
	if err := l.c.send(l.bytes(from, to)); err != nil {
		if isSendBufferError(err) && to == from+1 {
			last.err = transportError(l.message(from), err)
			return nil
		}
		return &ConnLostError{from, from, err}
	}
	if err := l.c.readReplies(l.queued[from].seq, last.seq, l.recordAck); err != nil {
		if err := l.recoverLostAcks(from, to, err); err != nil {
			return &ConnLostError{from, to, err}
		}
	}
	return nil
}

// take notes an answer to one of the messages.
func (l *chunk) recordAck(f netlinkmsg.Frame) error {
	if !isFinal(f) {
		return nil
	}
	// Numbers ascend, and may have begun anew at 0.
	first := l.queued[0].seq
	i, found := slices.BinarySearchFunc(l.queued, f.Header.Sequence, func(q pendingRequest, seq uint32) int {
		return cmp.Compare(q.seq-first, seq-first)
	})
	if !found {
		return nil
	}
	errno, err := f.Errno()
	if err != nil {
		return fmt.Errorf("%w: %w", errTruncatedReply, err)
	}
	l.queued[i].answered = true
	l.queued[i].err = nil
	if errno != 0 {
		l.queued[i].err = errno
	}
	return nil
}

// outcome returns the failures among the messages up to one, and err.
func (l *chunk) failures(to int, err *ConnLostError) ([]ChangeError, *ConnLostError) {
	var all []ChangeError
	asked, vanished := err != nil, false
	for i := range l.queued[:to] {
		var errno syscall.Errno
		if err := l.queued[i].mistake; err != nil {
			all = append(all, ChangeError{l.first + i, err})
			continue
		}
		switch e := l.queued[i].err.(type) {
		case nil:
			continue
		case syscall.Errno:
			errno = e
		default:
			all = append(all, ChangeError{l.first + i, e})
			continue
		}
		if errno == syscall.ENOENT && !asked {
			asked, vanished = true, l.c.familyGone()
		}
		all = append(all, ChangeError{l.first + i, kernelError(l.message(i), errno, vanished && errno == syscall.ENOENT)})
	}
	if err != nil {
		err = &ConnLostError{l.first + err.FirstUnknown, l.first + err.FirstUnsent, err.Err}
	}
	return all, err
}
