// SPDX-License-Identifier: MIT

// Empty is the floor of the benchmark: a minimal Go program that sends the netlink
// messages on standard input, one at a time, and reads a reply to each without
// decoding it. With empty input it exits immediately.
package main

import (
	"encoding/binary"
	"os"
	"syscall"
)

func main() {
	var messages, reply [4096]byte
	n, _ := syscall.Read(0, messages[:])
	if n <= 0 {
		return
	}
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_GENERIC)
	for b := messages[:n]; err == nil && len(b) > 0; {
		next := (binary.NativeEndian.Uint32(b) + 3) &^ 3
		if _, err = syscall.Write(fd, b[:next]); err == nil {
			_, err = syscall.Read(fd, reply[:])
		}
		b = b[next:]
	}
	if err != nil {
		os.Exit(1)
	}
}
