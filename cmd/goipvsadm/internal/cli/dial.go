// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"goipvsadm/ipvs"
)

// Dial is ipvs.Dial with ipvsadm's error for a kernel without IPVS: EPERM instead
// of ENOPROTOOPT if the caller may not open a raw socket. ipvsadm tries a raw
// socket if the kernel has no generic netlink family for IPVS.
func Dial(options ...ipvs.Option) (*ipvs.Client, error) {
	client, err := ipvs.Dial(options...)
	if e := new(ipvs.Error); errors.As(err, &e) && e.Err == ipvs.ErrNoIPVS && rawSocketDenied() {
		e.Errno = syscall.EPERM
	}
	return client, err
}

func rawSocketDenied() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err == nil {
		unix.Close(fd)
	}
	return err == unix.EPERM
}
