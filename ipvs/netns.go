package ipvs

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// inside calls open on a thread that is in the network namespace that a path
// leads to, "" for the caller's. What open opens stays in that one. The error
// is a *NetNSError, or open's own.
func inside[T any](netns string, open func() (T, error)) (opened T, err error) {
	if netns == "" {
		return open()
	}
	ns, err := os.Open(netns)
	if err != nil {
		return opened, netnsError(netns, err)
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
