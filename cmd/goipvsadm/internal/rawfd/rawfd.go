// SPDX-License-Identifier: MIT

// Package rawfd calls functions with the descriptor of a file.
package rawfd

import "os"

// Control calls fn with the descriptor of f, which remains in non-blocking mode,
// unlike after f.Fd, and cannot be closed during the call. It returns the error of fn,
// or an error if f is closed.
func Control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var fnErr error
	if err := raw.Control(func(fd uintptr) { fnErr = fn(int(fd)) }); err != nil {
		return err
	}
	return fnErr
}
