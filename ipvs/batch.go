// SPDX-License-Identifier: MIT

package ipvs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// batchSize is the number of requests in a full chunk. A chunk is sent with one
// system call if the socket buffers hold it and its acknowledgements.
const batchSize = 128

// A Batch sends changes to the kernel with few system calls, in the order in which
// they were added. A failed change does not stop later ones.
//
// Each chunk of 128 changes is sent in the background while more changes are added;
// Commit sends the remainder and returns all failures. A Batch that is dropped
// without Commit needs no cleanup: full chunks are still sent, the remainder is
// discarded, and the goroutine ends.
//
// A Batch is not safe for concurrent use. Its Client may be used while the batch is
// filled; its reads include the changes that have already been sent.
type Batch struct {
	client   *Client
	change   Change // the change being added
	current  *chunk // the chunk being filled
	pipeline *pipeline
	sent     int // number of changes in full chunks since the last Commit
}

// A FailedChange is a change of a Batch that the kernel or the client rejected, or
// whose acknowledgement was lost.
type FailedChange struct {
	Index int   // position of the change since the last Commit, from 0
	Err   error // an *Error, or the error of the socket if the change does not fit its send buffer
}

// A ConnLostError reports that the connection to the kernel failed during a Batch.
// Its indexes are positions of changes, as in FailedChange.
type ConnLostError struct {
	FirstUnknown int   // first change whose outcome is unknown; FirstUnsent if there is none
	FirstUnsent  int   // first change that was not sent
	Err          error // error of the socket
}

// Error describes which changes have an unknown outcome or were not sent, and why.
func (e *ConnLostError) Error() string {
	if e.FirstUnknown == e.FirstUnsent {
		return fmt.Sprintf("ipvs: connection lost: changes from %d on were not sent: %v", e.FirstUnknown, e.Err)
	}
	return fmt.Sprintf("ipvs: connection lost: changes %d to %d may or may not have been applied, later ones were not sent: %v",
		e.FirstUnknown, e.FirstUnsent-1, e.Err)
}

// Unwrap returns the error of the socket.
func (e *ConnLostError) Unwrap() error { return e.Err }

// Batch returns an empty batch.
func (c *Client) Batch() *Batch {
	return &Batch{client: c, current: &chunk{client: c}}
}

// Add adds a change to the batch.
func (b *Batch) Add(c *Change) {
	b.change = *c // a copy for the defaults; a local variable would be allocated for each change
	m := b.change.request()
	b.current.add(&m)
	if len(b.current.requests) == batchSize {
		b.startChunk()
	}
}

// AddService adds the change that Client.AddService makes.
func (b *Batch) AddService(s Service) { b.Add(&Change{Op: OpAddService, Service: s}) }

// UpdateService adds the change that Client.UpdateService makes.
func (b *Batch) UpdateService(s Service) { b.Add(&Change{Op: OpUpdateService, Service: s}) }

// RemoveService adds the change that Client.RemoveService makes.
func (b *Batch) RemoveService(key ServiceKey) {
	b.Add(&Change{Op: OpRemoveService, Service: Service{ServiceKey: key}})
}

// RemoveAllServices adds the change that Client.RemoveAllServices makes.
func (b *Batch) RemoveAllServices() { b.Add(&Change{Op: OpRemoveAllServices}) }

// AddDestination adds the change that Client.AddDestination makes.
func (b *Batch) AddDestination(key ServiceKey, d Destination) {
	b.Add(&Change{Op: OpAddDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// UpdateDestination adds the change that Client.UpdateDestination makes.
func (b *Batch) UpdateDestination(key ServiceKey, d Destination) {
	b.Add(&Change{Op: OpUpdateDestination, Service: Service{ServiceKey: key}, Destination: d})
}

// RemoveDestination adds the change that Client.RemoveDestination makes.
func (b *Batch) RemoveDestination(key ServiceKey, ap netip.AddrPort) {
	b.Add(&Change{Op: OpRemoveDestination, Service: Service{ServiceKey: key}, Destination: Destination{AddrPort: ap}})
}

// Zero adds the change that Client.Zero makes.
func (b *Batch) Zero() { b.Add(&Change{Op: OpZero}) }

// ZeroService adds the change that Client.ZeroService makes.
func (b *Batch) ZeroService(key ServiceKey) {
	b.Add(&Change{Op: OpZeroService, Service: Service{ServiceKey: key}})
}

// SetTimeouts adds the change that Client.SetTimeouts makes.
func (b *Batch) SetTimeouts(t Timeouts) { b.Add(&Change{Op: OpSetTimeouts, Timeouts: t}) }

// StartDaemon adds the change that Client.StartDaemon makes.
func (b *Batch) StartDaemon(d Daemon) { b.Add(&Change{Op: OpStartDaemon, Daemon: d}) }

// StopDaemon adds the change that Client.StopDaemon makes.
func (b *Batch) StopDaemon(state DaemonState) {
	b.Add(&Change{Op: OpStopDaemon, Daemon: Daemon{State: state}})
}

// Commit sends the changes that have not been sent and returns, in order, the
// changes that failed since the last Commit. The Batch is then empty and can be
// used again. A non-nil error is a *ConnLostError.
func (b *Batch) Commit() ([]FailedChange, error) {
	var r batchResult
	if b.pipeline != nil {
		r = b.pipeline.wait()
	}
	if len(b.current.requests) > 0 {
		r.send(b.current)
	}
	b.current.reset()
	b.sent = 0
	if r.err != nil {
		return r.failures, r.err
	}
	return r.failures, nil
}

// startChunk passes the current chunk, which is full, to the pipeline.
func (b *Batch) startChunk() {
	if b.pipeline == nil {
		b.pipeline = newPipeline(b.client)
	}
	b.sent += len(b.current.requests)
	b.pipeline.push(b.current)
	b.current = <-b.pipeline.free
	b.current.first = b.sent
}

// chunksInFlight is the number of chunks of a Batch: one being filled, one being
// sent, and two queued so that neither side waits for the other to be scheduled.
const chunksInFlight = 4

// A pipeline sends full chunks in order, in a goroutine that ends when no chunk is
// queued.
type pipeline struct {
	free chan *chunk // chunks to fill

	mu      sync.Mutex
	queue   []*chunk // chunks to send
	running bool     // the goroutine is running

	run       func() // sendQueue; starting a goroutine with it does not allocate
	goroutine sync.WaitGroup
	result    batchResult // result of the chunks sent since the last wait
}

func newPipeline(c *Client) *pipeline {
	p := &pipeline{free: make(chan *chunk, chunksInFlight), queue: make([]*chunk, 0, chunksInFlight)}
	for range chunksInFlight - 1 {
		p.free <- &chunk{client: c}
	}
	p.run = p.sendQueue
	return p
}

// push queues a chunk and starts the goroutine if it is not running.
func (p *pipeline) push(k *chunk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, k)
	if !p.running {
		p.running = true
		p.goroutine.Add(1)
		go p.run()
	}
}

// sendQueue sends the queued chunks.
func (p *pipeline) sendQueue() {
	defer p.goroutine.Done()
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.running = false
			p.mu.Unlock()
			return
		}
		k := p.queue[0]
		p.queue = slices.Delete(p.queue, 0, 1)
		p.mu.Unlock()
		p.result.send(k)
		k.reset()
		p.free <- k
	}
}

// wait waits until the queued chunks are sent and returns the result of the chunks
// sent since the last wait.
func (p *pipeline) wait() batchResult {
	p.goroutine.Wait()
	r := p.result
	p.result = batchResult{}
	return r
}

// A batchResult is the result of the chunks that were sent.
type batchResult struct {
	failures []FailedChange
	err      *ConnLostError
}

// send sends k, unless the connection was lost, and adds its result.
func (r *batchResult) send(k *chunk) {
	if r.err != nil {
		return
	}
	failures, err := k.send()
	r.failures = append(r.failures, failures...)
	r.err = err
}

// A chunk is a sequence of requests that are sent together.
type chunk struct {
	client   *Client
	first    int              // index of the first change in the batch
	buf      []byte           // encoded requests
	requests []pendingRequest // one for each change
}

// A pendingRequest is a request in a chunk and its result.
type pendingRequest struct {
	start   int    // offset of the request in the buffer of the chunk
	seq     uint32 // sequence number
	invalid bool   // the change is invalid and a no-op was encoded in its place
	acked   bool   // status is valid
	status  replyStatus
	err     error // error of an invalid change, or one that takes precedence over status
}

func (k *chunk) reset() {
	k.first, k.buf, k.requests = 0, k.buf[:0], k.requests[:0]
}

// add encodes a request.
func (k *chunk) add(m *netlinkmsg.Message) {
	r := pendingRequest{start: len(k.buf), seq: k.client.seq.Add(1)}
	if r.err = normalizeAndValidate(m); r.err == nil {
		var err error
		if k.buf, err = m.Append(k.buf, k.client.family, netlink.Request, r.seq); err != nil {
			r.err = encodeError(m, err)
		}
	}
	if r.err != nil {
		r.invalid = true
		k.buf = netlinkmsg.AppendNoop(k.buf, nlmsgHeaderLen, netlink.Request, r.seq)
	}
	k.requests = append(k.requests, r)
}

// bytes returns the encoded requests with indexes in [from, to).
func (k *chunk) bytes(from, to int) []byte {
	end := len(k.buf)
	if to < len(k.requests) {
		end = k.requests[to].start
	}
	return k.buf[k.requests[from].start:end]
}

// message decodes request i from the buffer. Decoded requests are not stored, because
// they are needed only for failures.
func (k *chunk) message(i int) *netlinkmsg.Message {
	var m netlinkmsg.Message
	if f, _, err := netlinkmsg.Split(k.bytes(i, i+1)); err == nil {
		_ = m.Decode(f.Body, netlinkmsg.IPv4) // after an error, at least the command is set
	}
	return &m
}

// send sends the requests and returns the failures. The client's limits may
// require several system calls.
func (k *chunk) send() ([]FailedChange, *ConnLostError) {
	k.client.acquire()
	defer k.client.mu.Unlock()

	if len(k.requests) == 1 {
		return k.failures(1, k.sendRange(0, 1))
	}
	k.client.initLimits()
	for from := 0; from < len(k.requests); {
		to := k.sendEnd(from)
		err := k.sendRange(from, to)
		switch {
		case err == nil:
			from = to
		case err.FirstUnsent == err.FirstUnknown && to > from+1 && isSendBufferError(err.Err):
			// Nothing was sent: retry with half the size.
			k.client.limits.bytes = len(k.bytes(from, to)) / 2
		default:
			return k.failures(to, err)
		}
	}
	return k.failures(len(k.requests), nil)
}

// sendRange sends the requests with indexes in [from, to) and reads their
// acknowledgements. The kernel acknowledges every request that fails, and the last
// one, whose header has NLM_F_ACK.
func (k *chunk) sendRange(from, to int) *ConnLostError {
	last := &k.requests[to-1]
	netlinkmsg.AddFlags(k.buf[last.start:], netlink.Acknowledge)
	if err := k.client.send(k.bytes(from, to)); err != nil {
		if isSendBufferError(err) && to == from+1 {
			last.err = transportError(k.message(from), err)
			return nil
		}
		return &ConnLostError{FirstUnknown: from, FirstUnsent: from, Err: err}
	}
	if err := k.client.readReplies(k.requests[from].seq, last.seq, k.recordAck); err != nil {
		if err := k.recoverLostAcks(from, to, err); err != nil {
			return &ConnLostError{FirstUnknown: from, FirstUnsent: to, Err: err}
		}
	}
	return nil
}

// recordAck stores the status of an acknowledgement in the request to which it
// replies.
func (k *chunk) recordAck(f netlinkmsg.Frame) error {
	if !isFinal(f) {
		return nil
	}
	first := k.requests[0].seq // differences from it ascend even if the sequence numbers wrap around
	i, found := slices.BinarySearchFunc(k.requests, f.Header.Sequence, func(r pendingRequest, seq uint32) int {
		return cmp.Compare(r.seq-first, seq-first)
	})
	if !found || k.requests[i].invalid {
		return nil
	}
	status, err := readStatus(f)
	if err != nil {
		return err
	}
	r := &k.requests[i]
	r.acked, r.status, r.err = true, status, nil
	return nil
}

// failures returns the failed changes with indexes less than to. It also returns err
// with its indexes, which are relative to the chunk, converted to indexes of the batch.
func (k *chunk) failures(to int, err *ConnLostError) ([]FailedChange, *ConnLostError) {
	var all []FailedChange
	// A failure with ENOENT may mean that the module was unloaded. Check this only
	// once, and only if the connection was not lost.
	checked, gone := err != nil, false
	for i := range k.requests[:to] {
		r := &k.requests[i]
		failure := r.err
		if failure == nil {
			if r.status.errno == 0 {
				continue
			}
			if r.status.errno == syscall.ENOENT && !checked {
				checked, gone = true, k.client.familyGone()
			}
			if r.status.errno == syscall.ENOENT && gone {
				failure = noIPVSError(k.message(i))
			} else {
				failure = newError(k.message(i), r.status)
			}
		}
		all = append(all, FailedChange{Index: k.first + i, Err: failure})
	}
	if err != nil {
		err = &ConnLostError{FirstUnknown: k.first + err.FirstUnknown, FirstUnsent: k.first + err.FirstUnsent, Err: err.Err}
	}
	return all, err
}
