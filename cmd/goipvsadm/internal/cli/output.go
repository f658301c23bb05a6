// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An outputQueue decouples the program from the readers of standard output and
// standard error. Listings write directly, and a closed pipe ends them, as in
// ipvsadm. While the table is being modified, output is queued and written by a
// goroutine, so that a slow or closed reader cannot interrupt the change.
type outputQueue struct {
	queueing bool // writes are queued
	limited  bool // flushQueue waits at most flushTimeout

	mu      sync.Mutex
	pending []queuedWrite
	drained chan struct{} // closed when all writes are done; nil if none is pending
	err     error         // first error of a queued write
}

type queuedWrite struct {
	to   *output
	text []byte
}

// startQueueing queues all writes from now on.
func (q *outputQueue) startQueueing() { q.queueing = true }

// enqueue writes text to an output after all earlier writes.
func (q *outputQueue) enqueue(to *output, text []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.pending); n > 0 && q.pending[n-1].to == to {
		q.pending[n-1].text = append(q.pending[n-1].text, text...)
	} else {
		q.pending = append(q.pending, queuedWrite{to, bytes.Clone(text)})
	}
	if q.drained == nil {
		q.drained = make(chan struct{})
		go q.writePending()
	}
}

// writePending writes until the queue is empty.
func (q *outputQueue) writePending() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.pending) > 0 {
		writes := q.pending
		q.pending = nil
		q.mu.Unlock()
		err := writeAll(writes)
		q.mu.Lock()
		q.err = cmp.Or(q.err, err)
	}
	close(q.drained)
	q.drained = nil
}

// writeAll makes the writes and returns the first error other than EPIPE.
func writeAll(writes []queuedWrite) error {
	var first error
	for _, w := range writes {
		if _, err := w.to.write(w.text); !errors.Is(err, syscall.EPIPE) {
			first = cmp.Or(first, err)
		}
	}
	return first
}

// hasBacklog reports whether queued writes are pending.
func (q *outputQueue) hasBacklog() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.drained != nil
}

// limitFlush makes flushQueue wait at most flushTimeout for a blocked output.
func (q *outputQueue) limitFlush() { q.limited = true }

const flushTimeout = time.Second

// flushQueue waits for all queued writes and returns the first error other than
// EPIPE.
func (q *outputQueue) flushQueue() error {
	q.mu.Lock()
	drained := q.drained
	q.mu.Unlock()
	if drained != nil {
		var timeout <-chan time.Time
		if q.limited {
			timeout = time.After(flushTimeout)
		}
		select {
		case <-drained:
		case <-timeout:
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// An output is standard output or standard error.
type output struct {
	*outputQueue
	w io.Writer
}

// Write writes or queues b. If a direct write fails with EPIPE, the program is
// killed by SIGPIPE unless its parent ignores that signal.
func (o *output) Write(b []byte) (int, error) {
	if o.queueing {
		o.enqueue(o, b)
		return len(b), nil
	}
	n, err := o.write(b)
	if !errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	if file, ok := o.w.(*os.File); ok && !parentIgnoresSIGPIPE() {
		return file.Write(b[n:]) // the runtime raises SIGPIPE
	}
	return n, err
}

// write writes b with write(2). os.File.Write would raise SIGPIPE on file
// descriptors 1 and 2 even if the parent ignores it.
func (o *output) write(b []byte) (n int, err error) {
	file, ok := o.w.(*os.File)
	if !ok {
		return o.w.Write(b)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var writeErr error
	err = raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			var written int
			written, writeErr = unix.Write(int(fd), b[n:])
			switch writeErr {
			case nil:
				n += written
			case unix.EINTR:
			case unix.EAGAIN:
				// Another process that shares the file has set O_NONBLOCK.
				_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1) // the next write returns errors of the file
			default:
				return true
			}
		}
		return true
	})
	if err == nil && writeErr != nil {
		err = &fs.PathError{Op: "write", Path: file.Name(), Err: writeErr}
	}
	return n, err
}

// parentIgnoresSIGPIPE reports whether the parent process ignores SIGPIPE, as do
// systemd and a shell after trap "" PIPE. The program inherits that disposition,
// but the Go runtime overwrites it without saving it.
func parentIgnoresSIGPIPE() bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/status")
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	ignored, _ := strconv.ParseUint(mask, 16, 64)
	return ignored&(1<<(unix.SIGPIPE-1)) != 0
}
