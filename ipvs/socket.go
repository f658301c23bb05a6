package ipvs

import (
	"fmt"
	"os"

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

// A socket is the kernel's, with plain reads and writes: since the kernel
// answers before a send returns, there is nothing to wait for. A connection of
// the netlink package peeks at every message before it reads it and copies it
// into a fresh slice, and the runtime's poller wakes a thread for each.
type socket struct{ file *os.File }

// openSocket opens a socket in the network namespace of the calling thread.
// The kernel binds it with the first message.
func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	// Answers to refused messages need not repeat them; kernels before 4.3
	// do so all the same.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	return &socket{os.NewFile(uintptr(fd), "netlink socket")}, nil
}

func (s *socket) Send(b []byte) error {
	_, err := s.file.Write(b)
	return err
}

func (s *socket) Receive(b []byte) (int, error) { return s.file.Read(b) }

func (s *socket) Close() error { return s.file.Close() }
