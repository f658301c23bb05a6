package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freshNamespace moves the calling thread, and so the programs it starts, to a
// new network namespace with lo up: an IPVS table without a past. After a
// flush the kernel keeps deleted servers for two minutes in a list that it
// searches for each new one, which would make each round slower than the last.
func newNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	return ip("link", "set", "lo", "up")
}

// ip runs busybox's ip command in the namespace.
func ip(args ...string) error {
	return runSilent("/bin/busybox", append([]string{"ip"}, args...)...)
}
