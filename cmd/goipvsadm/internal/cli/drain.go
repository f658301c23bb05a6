// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/drain"
)

// A drainer drains servers and prints progress and messages.
type drainer struct {
	*invocation
	servers  []ipvs.DestinationKey
	timeout  time.Duration // 0 means no limit
	progress progressLine
	report   *serverReport // gets the result of each server; nil without --all-services
}

// drain executes -d with --drain.
func (inv *invocation) drain(cmd *command.Command) int {
	// Like -d, --drain does not find a server with an IPv4 address by the
	// corresponding IPv4-mapped address.
	if err := ruleset.ValidateServerAddr(cmd.Destination.AddrPort.Addr()); err != nil {
		inv.errorf("%v", err)
		return exitKernelError
	}
	return inv.drainServers(cmd, []ipvs.DestinationKey{{Service: cmd.Service.ServiceKey, AddrPort: cmd.Destination.AddrPort}}, nil)
}

// drainServers drains servers for cmd.
func (inv *invocation) drainServers(cmd *command.Command, servers []ipvs.DestinationKey, report *serverReport) int {
	inv.stdout.Flush() // draining may take hours
	inv.startQueueing()
	d := &drainer{
		invocation: inv,
		servers:    servers,
		timeout:    time.Duration(cmd.Drain) * time.Second,
		progress:   newProgressLine(inv.stderr, inv.files.stderr),
		report:     report,
	}
	var status int
	inv.caughtSignal = runUntilSignal(func(ctx context.Context) { status = d.run(ctx) })
	if inv.caughtSignal != 0 {
		inv.limitFlush()
	}
	return status
}

// run drains the servers and returns the highest of their exit statuses.
func (d *drainer) run(ctx context.Context) int {
	outcomes := drain.RunAll(ctx, d.client, d.servers, drain.Options{
		Timeout:    d.timeout,
		OnPoll:     d.showProgress,
		OnFallback: d.reportFallback,
	})
	d.progress.clear()
	status := exitOK
	for i, o := range outcomes {
		status = max(status, d.reportOutcome(d.servers[i], o))
	}
	return status
}

// reportOutcome reports the outcome for one server and returns the exit status.
func (d *drainer) reportOutcome(key ipvs.DestinationKey, o drain.Outcome) int {
	restore := new(drain.RestoreFallbackError)
	if errors.As(o.Err, &restore) {
		o.Err = restore.Cause
	}
	status := exitOK
	if o.Err != nil {
		status = d.reportError(key, o.Err)
	} else {
		d.reportRemoval(key, o.Result)
	}
	if restore.Err != nil {
		d.warn(key, "cannot clear %s-fallback (still set): %s", restore.Scheduler, kernelMessage(command.EditService, restore.Err))
		return exitKernelError
	}
	return status
}

// reportRemoval reports that a server was removed. Without --all-services, it reports
// this only if connections were cut.
func (d *drainer) reportRemoval(key ipvs.DestinationKey, r *drain.Result) {
	text := "removed"
	switch {
	case r.RemovedByOther:
		text = "removed by another program"
	case r.Busy():
		text = fmt.Sprintf("removed after %d s", d.timeout/time.Second)
	}
	var cut *jsonout.CutConns
	if r.Busy() {
		text += "; connections cut: " + connectionCounts([]drain.State{r.State})
		cut = &jsonout.CutConns{Active: r.ActiveConns}
		if r.Persistent {
			cut.Persistent = r.PersistentConns
		}
	}
	switch {
	case d.report != nil:
		d.report.printResult(key, resultRemoved, text, cut)
	case r.Busy():
		d.warn(key, "%s", text)
	}
}

// reportError reports why a server was not removed and returns the exit status. It
// reports a signal only with --all-services.
func (d *drainer) reportError(key ipvs.DestinationKey, err error) int {
	restore := new(drain.RestoreWeightError)
	notRestored := errors.As(err, &restore)
	if notRestored {
		err = restore.Cause
	}
	status := exitKernelError
	changed, sig := new(drain.WeightChangedError), signalError(0)
	text := ""
	switch {
	case errors.As(err, &sig) && !notRestored:
		status = signalStatus(syscall.Signal(sig))
		if d.report != nil {
			d.report.printResult(key, resultNotRemoved, "not removed; weight restored", nil)
		}
		return status
	case errors.As(err, &sig):
	case errors.As(err, &changed):
		text = fmt.Sprintf("weight changed to %d while draining; not removed", changed.Weight)
		d.warn(key, "%s", text)
	case d.report != nil:
		text = serverMessage(command.DeleteServer, key, err)
		d.warn(key, "%s", text)
	default:
		d.errorf("%s", d.subjectMessage(command.DeleteServer, subjectOfServer(key), err))
	}
	if notRestored {
		text = fmt.Sprintf("cannot restore weight %d (now 0): %s", restore.Weight, kernelMessage(command.EditServer, restore.Err))
		d.warn(key, "%s", text)
	}
	if d.report != nil {
		d.report.record(key, resultNotRemoved, text, nil)
	}
	return status
}

// reportFallback warns about clients that the scheduler assigns to a server with
// weight 0. It prints nothing under the name ipvsadm.
func (d *drainer) reportFallback(key ipvs.DestinationKey, f drain.Fallback, scheduler string) {
	if !d.isGoipvsadm {
		return
	}
	d.progress.clear()
	switch f {
	case drain.FallbackSet:
		d.warn(key, "scheduler %s assigns clients to servers with weight 0; %[1]s-fallback is set until the drain ends", scheduler)
	case drain.NoFallback:
		d.warn(key, "scheduler %s assigns clients to servers with weight 0; their new connections are refused until the drain ends", scheduler)
	case drain.FallbackKept:
		d.warn(key, "%s-fallback remains set because another server has weight 0", scheduler)
	}
}

// showProgress shows, on a terminal, how many connections are left. It shows
// nothing while earlier output is queued because the terminal is stopped.
func (d *drainer) showProgress(states []drain.State, left time.Duration) {
	if d.hasBacklog() {
		return
	}
	server := string(resolve.AppendNumeric(nil, states[0].AddrPort))
	if d.report != nil {
		server = d.report.server + " in " + humanize.Count(len(states), "service")
	}
	text := "draining " + server + "; connections left: " + connectionCounts(states)
	if d.timeout > 0 {
		text += fmt.Sprintf("; timeout in %d s", (left+time.Second-1)/time.Second)
	}
	d.progress.show(text)
}

// warn writes a message about a server to standard error.
func (d *drainer) warn(key ipvs.DestinationKey, format string, args ...any) {
	name := string(resolve.AppendNumeric(nil, key.AddrPort))
	if d.report != nil {
		name = serverName(key)
	}
	d.errorf("%s: %s", name, fmt.Sprintf(format, args...))
}

// connectionCounts formats the connections that a drain waits for.
func connectionCounts(states []drain.State) string {
	var active, persistent uint64
	isPersistent := false
	for i := range states {
		active += uint64(states[i].ActiveConns)
		if states[i].Persistent {
			isPersistent = true
			persistent += uint64(states[i].PersistentConns)
		}
	}
	if isPersistent {
		return fmt.Sprintf("%d active, %d persistent", active, persistent)
	}
	return fmt.Sprintf("%d active", active)
}
