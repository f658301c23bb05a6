package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
)

// drainSignals end a drain before its time. ipvsadm would be ended by them too.
var drainSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}

// A caught signal is why a drain ended.
type signalError syscall.Signal

func (c signalError) Error() string { return syscall.Signal(c).String() }

// A drainer drains one server.
type drainer struct {
	*invocation
	service  ipvs.ServiceKey
	server   netip.AddrPort
	limit    time.Duration // 0 for none
	progress statusLine
}

// drain carries out -d with --drain.
func (p *invocation) drain(cmd *command.Command) int {
	p.stdout.Flush() // what comes next may take hours
	p.startQueueing()
	d := &drainer{
		invocation: p,
		service:    cmd.Service.ServiceKey,
		server:     cmd.Destination.AddrPort,
		limit:      time.Duration(cmd.Drain) * time.Second,
		progress:   newStatusLine(p.stderr, p.files.stderr),
	}
	var status int
	if p.signal = runUntilSignal(func(ctx context.Context) { status = d.run(ctx) }); p.signal != 0 {
		p.limitFlush()
	}
	return status
}

// heed has work done with a context that one of drainSignals ends. It returns the
// signal that came before the work was done, 0 if none did.
func runUntilSignal(work func(context.Context)) syscall.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range drainSignals {
		if !signal.Ignored(s) { // as under nohup
			signal.Notify(signals, s)
		}
	}
	ctx, end := context.WithCancelCause(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case s := <-signals:
			end(signalError(s.(syscall.Signal)))
		case <-ctx.Done():
		}
	}()
	work(ctx)
	end(nil)
	<-over
	var came signalError
	if errors.As(context.Cause(ctx), &came) {
		// They are kept: one more of them, on the heels of the first, must not
		// decide how the program ends.
		return syscall.Signal(came)
	}
	signal.Stop(signals) // what comes next they may end
	select {
	case s := <-signals:
		return s.(syscall.Signal)
	default:
		return 0
	}
}

// run drains the server and returns the exit status.
func (d *drainer) run(ctx context.Context) int {
	result, err := drain.Run(ctx, d.client, d.service, d.server, drain.Options{Timeout: d.limit, OnPoll: d.show})
	d.progress.clear()
	switch {
	case err != nil:
		return d.failed(err)
	case result.Busy() && result.RemovedByOther:
		d.tell("was removed meanwhile; connections cut: %s", connections(&result.State))
	case result.Busy():
		d.tell("removed after %d s; connections cut: %s", d.limit/time.Second, connections(&result.State))
	}
	return statusOK
}

// failed tells why the server was not removed, unless that was asked for by a
// signal.
func (d *drainer) failed(err error) int {
	back := new(drain.RestoreWeightError)
	stuck := errors.As(err, &back)
	if stuck {
		err = back.Cause
	}
	status := exitKernelError
	changed, signal := new(drain.WeightChangedError), signalError(0)
	switch {
	case errors.As(err, &signal):
		if !stuck {
			status = 128 + int(signal)
		}
	case errors.As(err, &changed):
		d.tell("not removed: its weight was set to %d meanwhile", changed.Weight)
	default:
		d.errorf(refusal(command.DeleteServer, err))
	}
	if stuck {
		d.tell("its weight, now 0, could not be set to %d: %s", back.Weight, refusal(command.EditServer, back.Err))
	}
	return status
}

// connections counts those that a drain waits for.
func connections(s *drain.State) string {
	if s.Persistent {
		return fmt.Sprintf("%d active, %d persistent", s.ActiveConns, s.PersistentConns)
	}
	return fmt.Sprintf("%d active", s.ActiveConns)
}

// show says on a terminal what the drain waits for, and how much longer, unless
// the terminal is stopped.
func (d *drainer) show(now drain.State, left time.Duration) {
	if d.hasBacklog() {
		return
	}
	text := fmt.Sprintf("draining %s; connections left: %s", resolve.AppendNumeric(nil, d.server), connections(&now))
	if d.limit > 0 {
		text += fmt.Sprintf("; %d s to go", (left+time.Second-1)/time.Second)
	}
	d.progress.show(text)
}

// tell writes a message about the server.
func (d *drainer) tell(format string, args ...any) {
	d.errorf(string(resolve.AppendNumeric(nil, d.server)) + ": " + fmt.Sprintf(format, args...))
}
