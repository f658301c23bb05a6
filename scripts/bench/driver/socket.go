package main

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// socket is a bare blocking generic netlink socket with one buffer, and
// nothing between it and the system calls.
type socket struct {
	fd     int
	family uint16
	buf    []byte
}

// receiveBuffer is the size with which a listing is quickest (see package ipvs).
const receiveBuffer = 8<<10 - 320

func dial() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("opening netlink socket: %w", err)
	}
	s := &socket{fd: fd, buf: make([]byte, receiveBuffer)}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("binding netlink socket: %w", err)
	}
	if err := s.lookUp(); err != nil {
		return nil, fmt.Errorf("looking up the IPVS family: %w", err)
	}
	return s, nil
}

func (s *socket) close() { unix.Close(s.fd) }

// lookUp asks the kernel for the number of the IPVS family.
func (s *socket) lookUp() error {
	if err := s.send(netlinkmsg.AppendFamilyRequest(nil, netlink.Request, 1)); err != nil {
		return err
	}
	f, err := s.answer()
	if err != nil {
		return err
	}
	s.family, err = netlinkmsg.DecodeFamily(f.Body)
	return err
}

func (s *socket) send(b []byte) error {
	if _, err := unix.Write(s.fd, b); err != nil {
		return fmt.Errorf("sending %d bytes: %w", len(b), err)
	}
	return nil
}

// answer reads one message, and turns one that reports a failure into an error.
func (s *socket) answer() (netlinkmsg.Frame, error) {
	n, err := unix.Read(s.fd, s.buf)
	if err != nil {
		return netlinkmsg.Frame{}, fmt.Errorf("reading an answer: %w", err)
	}
	f, _, err := netlinkmsg.Next(s.buf[:n])
	if err == nil && f.Header.Type == netlink.Error {
		var errno unix.Errno
		if errno, err = f.Errno(); err == nil && errno != 0 {
			err = errno
		}
	}
	return f, err
}

// exchange sends prepared messages and waits for one answer, which is the
// acknowledgement of the last, or the failure of an earlier one.
func (s *socket) exchange(b []byte) error {
	if err := s.send(b); err != nil {
		return err
	}
	_, err := s.answer()
	return err
}

// drain sends a request for a dump and reads it to its end, looking at no
// more than the types of the messages.
func (s *socket) drain(request []byte) error {
	if err := s.send(request); err != nil {
		return err
	}
	for {
		n, err := unix.Read(s.fd, s.buf)
		if err != nil {
			return fmt.Errorf("reading a dump: %w", err)
		}
		for b := s.buf[:n]; len(b) >= 16; {
			switch netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])) {
			case netlink.Done:
				return nil
			case netlink.Error:
				return fmt.Errorf("dump refused: %w", unix.Errno(-int32(binary.NativeEndian.Uint32(b[16:]))))
			}
			b = b[min((int(binary.NativeEndian.Uint32(b))+3)&^3, len(b)):]
		}
	}
}
