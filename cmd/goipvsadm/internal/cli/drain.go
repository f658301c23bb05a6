package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
)

// A drainer drains one server and prints progress and messages.
type drainer struct {
	*invocation
	service  ipvs.ServiceKey
	server   netip.AddrPort
	timeout  time.Duration // 0 means no limit
	progress progressLine
}

// drain executes -d with --drain.
func (inv *invocation) drain(cmd *command.Command) int {
	// Like -d, --drain does not find the server with the IPv4 address by its
	// IPv4-mapped address.
	if err := ruleset.ValidateServerAddr(cmd.Destination.AddrPort.Addr()); err != nil {
		inv.errorf("%v", err)
		return exitKernelError
	}
	inv.stdout.Flush() // draining may take hours
	inv.startQueueing()
	d := &drainer{
		invocation: inv,
		service:    cmd.Service.ServiceKey,
		server:     cmd.Destination.AddrPort,
		timeout:    time.Duration(cmd.Drain) * time.Second,
		progress:   newProgressLine(inv.stderr, inv.files.stderr),
	}
	var status int
	inv.caughtSignal = runUntilSignal(func(ctx context.Context) { status = d.run(ctx) })
	if inv.caughtSignal != 0 {
		inv.limitFlush()
	}
	return status
}

// run drains the server and returns the exit status.
func (d *drainer) run(ctx context.Context) int {
	result, err := drain.Run(ctx, d.client, d.service, d.server, drain.Options{
		Timeout:    d.timeout,
		OnPoll:     d.showProgress,
		OnFallback: d.reportFallback,
	})
	d.progress.clear()
	restore := new(drain.RestoreFallbackError)
	if errors.As(err, &restore) {
		err = restore.Cause
	}
	status := d.reportResult(result, err)
	if restore.Err != nil {
		d.report("cannot clear %s-fallback (still set): %s", restore.Scheduler, kernelMessage(command.EditService, restore.Err))
		return exitKernelError
	}
	return status
}

// reportResult reports an error, or connections that were cut, and returns the
// exit status.
func (d *drainer) reportResult(result *drain.Result, err error) int {
	switch {
	case err != nil:
		return d.reportError(err)
	case result.Busy() && result.RemovedByOther:
		d.report("removed by another program; connections cut: %s", connectionCounts(&result.State))
	case result.Busy():
		d.report("removed after %d s; connections cut: %s", d.timeout/time.Second, connectionCounts(&result.State))
	}
	return exitOK
}

// reportError reports why the server was not removed, except after a signal,
// and returns the exit status.
func (d *drainer) reportError(err error) int {
	restore := new(drain.RestoreWeightError)
	notRestored := errors.As(err, &restore)
	if notRestored {
		err = restore.Cause
	}
	status := exitKernelError
	changed, sig := new(drain.WeightChangedError), signalError(0)
	switch {
	case errors.As(err, &sig):
		if !notRestored {
			status = signalStatus(syscall.Signal(sig))
		}
	case errors.As(err, &changed):
		d.report("weight changed to %d while draining; not removed", changed.Weight)
	default:
		d.errorf("%s", d.subjectMessage(command.DeleteServer, subject{service: d.service, server: d.server}, err))
	}
	if notRestored {
		d.report("cannot restore weight %d (now 0): %s", restore.Weight, kernelMessage(command.EditServer, restore.Err))
	}
	return status
}

// reportFallback warns about clients that the scheduler assigns to a server with
// weight 0. It prints nothing under the name ipvsadm.
func (d *drainer) reportFallback(f drain.Fallback, scheduler string) {
	if path.Base(d.name) != help.Name {
		return
	}
	d.progress.clear()
	switch f {
	case drain.FallbackSet:
		d.report("scheduler %s assigns clients to servers with weight 0; %[1]s-fallback is set until the drain ends", scheduler)
	case drain.NoFallback:
		d.report("scheduler %s assigns clients to servers with weight 0; their new connections are refused until the drain ends", scheduler)
	case drain.FallbackKept:
		d.report("%s-fallback remains set because another server has weight 0", scheduler)
	}
}

// showProgress shows, on a terminal, how many connections are left. It shows
// nothing while earlier output is queued because the terminal is stopped.
func (d *drainer) showProgress(now drain.State, left time.Duration) {
	if d.hasBacklog() {
		return
	}
	text := fmt.Sprintf("draining %s; connections left: %s", resolve.AppendNumeric(nil, d.server), connectionCounts(&now))
	if d.timeout > 0 {
		text += fmt.Sprintf("; timeout in %d s", (left+time.Second-1)/time.Second)
	}
	d.progress.show(text)
}

// report writes a message about the server.
func (d *drainer) report(format string, args ...any) {
	d.errorf("%s: %s", resolve.AppendNumeric(nil, d.server), fmt.Sprintf(format, args...))
}

// connectionCounts formats the connections that a drain waits for.
func connectionCounts(s *drain.State) string {
	if s.Persistent {
		return fmt.Sprintf("%d active, %d persistent", s.ActiveConns, s.PersistentConns)
	}
	return fmt.Sprintf("%d active", s.ActiveConns)
}

// drainSignals abort a drain, so that it restores the weight. By default they
// kill the program.
var drainSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}

// A signalError is the cancellation cause of a drain that a signal aborted.
type signalError syscall.Signal

func (e signalError) Error() string { return syscall.Signal(e).String() }

// runUntilSignal calls work with a context that is canceled by the first of
// drainSignals. It returns that signal, or 0 if none arrived while work ran.
func runUntilSignal(work func(context.Context)) syscall.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range drainSignals {
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
