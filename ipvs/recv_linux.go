//go:build !386 && !s390x

package ipvs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recv reads one datagram into b and returns its length, which exceeds len(b) if
// the datagram was truncated (MSG_TRUNC). Unlike unix.Recvfrom it does not
// allocate the sender's address.
func recv(fd int, b []byte) (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
