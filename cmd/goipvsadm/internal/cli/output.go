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

// Outputs are standard output and standard error. Their reader may be gone,
// which ends a listing as it ends ipvsadm; or it may be slow, like somebody
// who reads page by page. Work on the table heeds neither: what it says is
// queued, and written as fast as it is read.
type outputs struct {
	queueing bool // on the table
	hurried  bool // somebody wants the program to end

	mu    sync.Mutex
	queue []queuedText
	done  chan struct{} // closed when all is written; nil if all is
	err   error         // the first that came then
}

// A queuedText is what waits for an output.
type queuedText struct {
	to   *output
	text []byte
}

// work begins the work on the table, which goes on until the program ends.
func (o *outputs) startQueueing() { o.queueing = true }

// later writes text when all before it is written.
func (o *outputs) enqueue(to *output, text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.queue); n > 0 && o.queue[n-1].to == to {
		o.queue[n-1].text = append(o.queue[n-1].text, text...)
	} else {
		o.queue = append(o.queue, queuedText{to, bytes.Clone(text)})
	}
	if o.done == nil {
		o.done = make(chan struct{})
		go o.writeQueued()
	}
}

// writeQueued writes until the queue is empty.
func (o *outputs) writeQueued() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		queue := o.queue
		o.queue = nil
		o.mu.Unlock()
		err := writeAll(queue)
		o.mu.Lock()
		o.err = cmp.Or(o.err, err)
	}
	close(o.done)
	o.done = nil
}

// writeAll returns the first error. A reader that is gone is none.
func writeAll(queue []queuedText) error {
	var first error
	for _, q := range queue {
		if _, err := q.to.write(q.text); !errors.Is(err, syscall.EPIPE) {
			first = cmp.Or(first, err)
		}
	}
	return first
}

// behind reports whether something waits to be written.
func (o *outputs) hasBacklog() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done != nil
}

// hurry makes finish wait for an output that is stuck no longer than stuckLimit.
func (o *outputs) limitFlush() { o.hurried = true }

const flushTimeout = time.Second

// finish waits until all is written. What nobody reads is no error.
func (o *outputs) finish() error {
	o.mu.Lock()
	last := o.done
	o.mu.Unlock()
	if last != nil {
		var limit <-chan time.Time
		if o.hurried {
			limit = time.After(flushTimeout)
		}
		select {
		case <-last:
		case <-limit:
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// An output is one of the outputs.
type output struct {
	*outputs
	w io.Writer
}

// Write writes b. It does not return where a signal is to end the program.
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

// write writes without the SIGPIPE that the runtime makes of a refusal on
// standard output and standard error, even where the caller ignores it.
func (o *output) write(b []byte) (n int, err error) {
	file, ok := o.w.(*os.File)
	if !ok {
		return o.w.Write(b)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var refusal error
	err = raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			var written int
			written, refusal = unix.Write(int(fd), b[n:])
			switch refusal {
			case nil:
				n += written
			case unix.EINTR:
			case unix.EAGAIN:
				// Another program made it so that it does not wait, perhaps since
				// this one began.
				unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
			default:
				return true
			}
		}
		return true
	})
	if err == nil && refusal != nil {
		err = &fs.PathError{Op: "write", Path: file.Name(), Err: refusal}
	}
	return n, err
}

// pipeIgnored reports whether the program was started with SIGPIPE ignored.
// The runtime does not keep what it finds, but who hands that on ignores the
// signal too, as a rule: a shell whose trap says so, and systemd.
func parentIgnoresSIGPIPE() bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/status")
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	ignored, _ := strconv.ParseUint(mask, 16, 64)
	return ignored&(1<<(unix.SIGPIPE-1)) != 0
}
