// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openNetNS opens the network namespace at path.
func openNetNS(path string) (*os.File, error) {
	ns, err := openNonblock(path)
	if err == nil && ns.Fd() == 0 {
		// Standard input is closed. netlink.Config.NetNS treats 0 as unset, so
		// keep descriptor 0 open while opening the namespace once more.
		defer ns.Close()
		ns, err = openNonblock(path)
	}
	if err != nil {
		return nil, netnsError(path, err)
	}
	return ns, nil
}

// openNonblock opens path with O_NONBLOCK, so that a FIFO does not block.
func openNonblock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// netnsError returns a *NetNSError for the errno in err.
func netnsError(path string, err error) error {
	e := &NetNSError{Path: path}
	if errors.As(err, &e.Errno) {
		return e
	}
	return fmt.Errorf("ipvs: open network namespace %s: %w", path, err)
}

// doInNetNS calls f on a thread in the network namespace at path, or in the
// caller's goroutine if path is empty. The error is a *NetNSError or the error of f.
func doInNetNS(path string, f func() error) (err error) {
	if path == "" {
		return f()
	}
	ns, err := openNetNS(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The goroutine never unlocks its thread, so the thread exits with it and
		// no other goroutine runs in the other namespace.
		runtime.LockOSThread()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			err = netnsError(path, err)
			return
		}
		err = f()
	}()
	<-done
	return err
}
