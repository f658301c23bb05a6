// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"syscall"

	sock "github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

var errOtherNetNS = errors.New("not in the network namespace of the client")

// readOption implements kernelSocket. It opens another socket, and fails unless that is in
// the network namespace of s: since Dial, another namespace may have been mounted at the
// path or, without a path, the calling thread may have entered another one.
func (s *socket) readOption(netns string, option int, b []byte) error {
	var conn *sock.Conn
	err := inNetNS(netns, func(fd int) (err error) {
		conn, err = sock.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0, "ipvs", &sock.Config{NetNS: fd})
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	want, err := netnsCookie(s.raw)
	if err != nil {
		return err
	}
	if got, err := netnsCookie(raw); err != nil || got != want {
		return errors.Join(errOtherNetNS, err)
	}
	_, err = conn.GetsockoptBytes(unix.SOL_IP, option, b)
	return err
}

// netnsCookie returns the number by which the kernel identifies the network namespace of
// a socket, since Linux 5.14.
func netnsCookie(raw syscall.RawConn) (cookie uint64, err error) {
	cerr := raw.Control(func(fd uintptr) {
		cookie, err = unix.GetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	})
	return cookie, errors.Join(cerr, err)
}
