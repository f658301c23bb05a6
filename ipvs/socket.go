package ipvs

import (
	"fmt"
	"syscall"

	"github.com/mdlayher/genetlink"
	"golang.org/x/sys/unix"
)

// A Socket carries whole netlink messages, one or more at a time. It is all a
// Client needs of netlink, and what tests put a kernel of their own behind.
type Socket interface {
	// Send hands the kernel the messages in b with one system call.
	Send(b []byte) error
	// Receive reads what one system call brings into b.
	Receive(b []byte) (int, error)
	Close() error
}

// A conn is the socket of a genetlink connection. It goes to the descriptor
// for its reads and writes: the netlink package peeks at every message before
// it reads it and copies it into a fresh slice, which doubles the time of a
// large listing.
type conn struct {
	*genetlink.Conn
	raw syscall.RawConn
}

func newConn(c *genetlink.Conn) (*conn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("ipvs: reach the netlink socket: %w", err)
	}
	return &conn{c, raw}, nil
}

func (c *conn) Send(b []byte) error {
	var n int
	var err error
	if cerr := c.raw.Write(func(fd uintptr) bool {
		n, err = retry(func() (int, error) { return unix.Write(int(fd), b) })
		return err != unix.EAGAIN
	}); cerr != nil {
		return cerr
	}
	if err == nil && n != len(b) {
		return fmt.Errorf("%d of %d bytes sent", n, len(b))
	}
	return err
}

func (c *conn) Receive(b []byte) (int, error) {
	var n int
	var err error
	if cerr := c.raw.Read(func(fd uintptr) bool {
		n, err = retry(func() (int, error) { return unix.Read(int(fd), b) })
		return err != unix.EAGAIN
	}); cerr != nil {
		return 0, cerr
	}
	return n, err
}

// retry calls f until no signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
