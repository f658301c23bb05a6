package ipvs

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// openInside opens a file on a thread that is in the network namespace ns.
func openInside(ns *os.File, file string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and nothing else
		// can find itself in the other namespace.
		runtime.LockOSThread()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{nil, fmt.Errorf("enter network namespace %s: %w", ns.Name(), err)}
			return
		}
		f, err := os.Open(file)
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}
