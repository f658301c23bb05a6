//go:build 386 || s390x

package ipvs

import "golang.org/x/sys/unix"

// recv reads one datagram into b and returns its length, which exceeds len(b) if
// the datagram was truncated (MSG_TRUNC). Before Linux 4.3 these architectures
// have no recvfrom(2) system call; unix.Recvfrom uses socketcall(2).
func recv(fd int, b []byte) (int, error) {
	n, _, err := unix.Recvfrom(fd, b, unix.MSG_TRUNC)
	return n, err
}
