package ipvs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"
)

// A Socket carries whole netlink messages, one or more at a time. It is all a
// Client needs of netlink, and what tests put a kernel of their own behind.
type Socket interface {
	// Send hands the kernel the messages in b with one system call. After an
	// error none of them has been sent.
	Send(b []byte) error
	// Receive reads what one system call brings into b. It does not wait
	// for ever: the error is ErrNoAnswer when nothing comes.
	Receive(b []byte) (int, error)
	Close() error
}

// answerLimit is how long the kernel may take to answer. It answers before a
// send returns; none of the kernels that we know needs any of it.
const replyTimeout = 5 * time.Second

// A socket reads and writes on a connection's descriptor. The kernel answers
// before a send returns, so that waiting is for answers that were lost. The
// connection's own Receive peeks at each message or copies it, and makes a
// slice of them: reading 1,000 services of 10 destinations takes a quarter more
// instructions by it, two fifths where it peeks.
type socket struct {
	conn        *genetlink.Conn
	raw         syscall.RawConn
	timeout     time.Duration // of waiting for an answer
	nonblocking bool

	// What is lent the descriptor, made once, and what it works on.
	write, read func(fd uintptr) bool
	buf         []byte
	n           int
	err         error
	wait        bool
}

func newSocket(conn *genetlink.Conn) (*socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, raw: raw, timeout: replyTimeout}
	s.write, s.read = s.rawFunc(unix.Write), s.rawFunc(unix.Read)
	return s, nil
}

// call makes a system call ready. It reports whether it is done, or must wait
// until the descriptor is ready.
func (s *socket) rawFunc(system func(int, []byte) (int, error)) func(fd uintptr) bool {
	return func(fd uintptr) bool {
		s.n, s.err = system(int(fd), s.buf)
		for s.err == unix.EINTR {
			s.n, s.err = system(int(fd), s.buf)
		}
		return s.err != unix.EAGAIN || !s.wait
	}
}

// Send does not wait either: the kernel takes a message or refuses it.
func (s *socket) Send(b []byte) error {
	s.buf = b
	if err := s.raw.Write(s.write); err != nil {
		return err
	}
	return s.err
}

func (s *socket) Receive(b []byte) (int, error) {
	s.buf = b
	if err := s.raw.Read(s.read); err != nil {
		return 0, err
	}
	if s.err != unix.EAGAIN {
		return max(s.n, 0), s.err
	}
	if s.nonblocking {
		return 0, ErrTimeout
	}
	return s.blockingRead()
}

// await reads what may come yet.
func (s *socket) blockingRead() (int, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(s.timeout)); err != nil {
		return 0, err
	}
	s.wait = true
	err := s.raw.Read(s.read)
	s.wait = false
	_ = s.conn.SetReadDeadline(time.Time{})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, fmt.Errorf("%w within %v", ErrTimeout, s.timeout)
	case err != nil:
		return 0, err
	}
	return max(s.n, 0), s.err
}

// hurry makes Receive take what is there and not wait for anything, or ends
// that.
func (s *socket) setNonblocking(on bool) { s.nonblocking = on }

func (s *socket) Close() error { return s.conn.Close() }
