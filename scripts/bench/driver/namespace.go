// SPDX-License-Identifier: MIT

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// newNamespace moves the calling thread, and thus the programs that it starts, to
// a new network namespace, and sets lo up. It is not enough to clear the table: the
// kernel keeps removed servers in a list for minutes, and searches the list for each
// added server, so that each round would be slower than the previous one.
func newNamespace() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("creating a network namespace: %w", err)
	}
	return ip("link", "set", "lo", "up")
}

// ip runs busybox ip in the namespace.
func ip(args ...string) error {
	return runSilent("/bin/busybox", append([]string{"ip"}, args...)...)
}
