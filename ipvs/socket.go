package ipvs

import (
	"fmt"
	"os"

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

// A conn is the socket of a genetlink connection on its own. The netlink
// package peeks at every message before it reads it and copies it into a fresh
// slice, and has a goroutine wait beside every call; and the runtime's poller
// wakes a thread for every message. Since the kernel answers before a send
// returns, there is nothing to wait for, and plain reads and writes do.
type conn struct{ file *os.File }

// detach makes a conn of the socket of c, and closes c.
func detach(c *genetlink.Conn) (*conn, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("ipvs: reach the netlink socket: %w", err)
	}
	var own int
	if cerr := raw.Control(func(fd uintptr) {
		own, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("ipvs: copy the netlink socket: %w", err)
	}
	if err := unix.SetNonblock(own, false); err != nil {
		unix.Close(own)
		return nil, fmt.Errorf("ipvs: prepare the netlink socket: %w", err)
	}
	c.Close()
	return &conn{os.NewFile(uintptr(own), "netlink socket")}, nil
}

func (c *conn) Send(b []byte) error {
	_, err := c.file.Write(b)
	return err
}

func (c *conn) Receive(b []byte) (int, error) { return c.file.Read(b) }

func (c *conn) Close() error { return c.file.Close() }
