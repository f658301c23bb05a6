package ipvs

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openNetNS opens the network namespace that a path leads to.
func openNetNS(path string) (*os.File, error) {
	ns, err := openNonblock(path)
	if err == nil && ns.Fd() == 0 {
		// Where standard input was closed. To package netlink a 0 is no
		// namespace at all, so this one only keeps the place.
		defer ns.Close()
		ns, err = openNonblock(path)
	}
	if err != nil {
		return nil, netnsError(path, err)
	}
	return ns, nil
}

// openAtOnce opens a file for reading, and does not wait for whoever would
// write, should it be a FIFO.
func openNonblock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// DoInNetNS calls f on a thread in the network namespace that WithNetNS selects, or in
// the caller's without that option; other options have no effect. Sockets that f opens
// and files that it opens below /proc/sys/net belong to that namespace; goroutines that f
// starts run in the original one. The error is a *NetNSError or that of f.
func DoInNetNS(f func() error, options ...Option) error {
	var cfg config
	for _, o := range options {
		o(&cfg)
	}
	netns, err := cfg.netnsPath()
	if err != nil {
		return err
	}
	_, err = inside(netns, func() (*os.File, error) { return nil, f() })
	return err
}

// inside calls open on a thread that is in the network namespace that a path
// leads to, "" for the caller's. The error is a *NetNSError, or open's own.
func inside(netns string, open func() (*os.File, error)) (opened *os.File, err error) {
	if netns == "" {
		return open()
	}
	ns, err := openNetNS(netns)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with the goroutine, and nothing else
		// can find itself in the other namespace.
		runtime.LockOSThread()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			err = netnsError(netns, err)
			return
		}
		opened, err = open()
	}()
	<-done
	return opened, err
}
