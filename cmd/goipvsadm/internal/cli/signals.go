// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// terminationSignals are the signals that runUntilSignal catches. By default, they kill
// the program.
var terminationSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}

// A signalError is the cause of a cancellation by a signal.
type signalError syscall.Signal

func (e signalError) Error() string { return syscall.Signal(e).String() }

// runUntilSignal calls work with a context that is canceled by the first of
// terminationSignals. It returns that signal, or 0 if none arrived while work ran.
func runUntilSignal(work func(context.Context)) syscall.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range terminationSignals {
		if !signal.Ignored(s) { // as under nohup
			signal.Notify(signals, s)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	watcherDone := make(chan struct{})
	var caught syscall.Signal
	go func() {
		defer close(watcherDone)
		select {
		case s := <-signals:
			caught = s.(syscall.Signal)
			cancel(signalError(caught)) // no effect if work is done
		case <-ctx.Done():
		}
	}()
	work(ctx)
	cancel(nil)
	<-watcherDone
	if caught != 0 {
		// Keep catching: a repeated signal must not change the exit status.
		return caught
	}
	signal.Stop(signals)
	select {
	case s := <-signals:
		return s.(syscall.Signal)
	default:
		return 0
	}
}
