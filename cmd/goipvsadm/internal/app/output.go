package app

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Outputs are standard output and standard error. Their reader may be gone,
// which ends a listing as it ends ipvsadm; or it may be slow, like somebody
// who reads page by page. Work on the table heeds neither.
type outputs struct {
	working bool          // on the table
	hurried bool          // somebody wants the program to end
	last    chan struct{} // closed when all is written that was while working
	err     error         // the first that came then
}

// work begins the work on the table, which goes on until the program ends.
// From here on outputs are written as fast as they are read, but nothing waits
// for that.
func (o *outputs) work() { o.working = true }

// later writes text when all before it is written.
func (o *outputs) later(to *output, text []byte) {
	before, done := o.last, make(chan struct{})
	o.last = done
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		if _, err := to.write(text); err != nil && o.err == nil && !errors.Is(err, syscall.EPIPE) {
			o.err = err
		}
	}()
}

// behind reports whether something waits to be written.
func (o *outputs) behind() bool {
	if o.last == nil {
		return false
	}
	select {
	case <-o.last:
		return false
	default:
		return true
	}
}

// hurry makes finish wait for an output that is stuck no longer than stuckLimit.
func (o *outputs) hurry() { o.hurried = true }

const stuckLimit = time.Second

// finish waits until all is written. What nobody reads is no error.
func (o *outputs) finish() error {
	if o.last == nil {
		return o.err
	}
	var limit <-chan time.Time
	if o.hurried {
		limit = time.After(stuckLimit)
	}
	select {
	case <-o.last:
		return o.err
	case <-limit:
		return nil
	}
}

// An output is one of the outputs.
type output struct {
	*outputs
	w io.Writer
}

// Write writes b. It does not return where a signal is to end the program.
func (o *output) Write(b []byte) (int, error) {
	if o.working {
		o.later(o, bytes.Clone(b))
		return len(b), nil
	}
	n, err := o.write(b)
	if !errors.Is(err, syscall.EPIPE) {
		return n, err
	}
	if file, ok := o.w.(*os.File); ok && !pipeIgnored() {
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
				return false // not before there is room
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
func pipeIgnored() bool {
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/status")
	_, mask, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	ignored, _ := strconv.ParseUint(mask, 16, 64)
	return ignored&(1<<(unix.SIGPIPE-1)) != 0
}
