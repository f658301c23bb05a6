package app

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/ipvs"
)

// Draining takes a server out without cutting its connections: its weight
// becomes 0, so that it gets no new ones, and it is removed when those that it
// has are over. Whoever else works on the table has the last word: a weight
// that was changed meanwhile is left alone.

// drainInterval is the time between two looks at the server.
const drainInterval = time.Second

// drainSignals end a drain before its time. ipvsadm would be ended by them too.
var drainSignals = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}

// A drainer drains one server.
type drainer struct {
	*program
	service  ipvs.ServiceKey
	server   netip.AddrPort
	limit    time.Duration // 0 for none
	signals  <-chan os.Signal
	progress statusLine

	persistent bool              // whether persistent connections count
	before     *ipvs.Destination // as it was
}

// drain carries out -d with --drain.
func (p *program) drain(cmd *command.Command) int {
	p.stdout.Flush() // what comes next may take hours
	p.work()
	signals := make(chan os.Signal, 1)
	for _, s := range drainSignals {
		if !signal.Ignored(s) { // as under nohup
			signal.Notify(signals, s)
		}
	}
	// They are not given up at the end: one more of them, on the heels of the
	// first, must not decide how the program ends.
	d := &drainer{
		program:  p,
		service:  cmd.Service.ServiceKey,
		server:   cmd.Destination.AddrPort,
		limit:    time.Duration(cmd.Drain) * time.Second,
		signals:  signals,
		progress: newStatusLine(p.stderr, p.given.stderr),
	}
	return d.run()
}

// run drains the server and returns the exit status.
func (d *drainer) run() int {
	defer d.progress.clear()
	s, err := d.client.Service(d.service)
	if err != nil {
		return d.refused(err)
	}
	d.persistent = s.Flags&ipvs.Persistent != 0
	if d.before, err = d.look(); err != nil {
		return d.refused(err)
	}
	if d.before == nil {
		// The kernel knows what to say.
		return d.refused(d.client.RemoveDestination(d.service, d.server))
	}
	if d.before.Weight != 0 {
		if err := d.setWeight(d.before, 0); err != nil {
			return d.refused(err)
		}
	}
	return d.wait()
}

// wait looks at the server until it is drained, or the wait is over for
// another reason.
func (d *drainer) wait() int {
	begin := time.Now()
	last := d.before
	for looks := 1; ; looks++ {
		now, err := d.look()
		left := d.limit - time.Since(begin)
		switch {
		case err != nil:
			return d.failed(err)
		case now == nil:
			return d.gone(last)
		case now.Weight != 0:
			d.tell("not removed: its weight was set to %d meanwhile", now.Weight)
			return statusRefused
		case d.drained(now, looks), d.limit > 0 && left <= 0:
			return d.remove(now)
		}
		d.show(now, left)
		last = now
		pause := drainInterval
		if d.limit > 0 {
			pause = min(pause, left)
		}
		select {
		case s := <-d.signals:
			return d.interrupted(s)
		case <-time.After(pause):
		}
	}
}

// look returns the server as the kernel has it, or nil if it has none.
func (d *drainer) look() (*ipvs.Destination, error) {
	all, err := d.client.Destinations(d.service)
	for i := range all {
		if all[i].AddrPort == d.server {
			return &all[i], err
		}
	}
	return nil, err
}

// drained reports whether a server that looks like now has no connections.
// One whose handshake is under way counts as inactive still; it gets the time
// between two looks.
func (d *drainer) drained(now *ipvs.Destination, looks int) bool {
	return !d.busy(now) && (now.InactiveConns == 0 || looks > 1)
}

// remove removes the server, which has the connections that now has.
func (d *drainer) remove(now *ipvs.Destination) int {
	select {
	case s := <-d.signals: // it came during the last look
		return d.interrupted(s)
	default:
	}
	err := d.client.RemoveDestination(d.service, d.server)
	switch {
	case isGone(err):
		return d.gone(now)
	case err != nil:
		return d.failed(err)
	}
	if d.busy(now) {
		d.tell("removed after %d s; connections cut: %s", d.limit/time.Second, d.connections(now))
	}
	return statusOK
}

// gone tells of a server that somebody else removed: what was asked for is
// done, if not as it was asked for.
func (d *drainer) gone(last *ipvs.Destination) int {
	if d.busy(last) {
		d.tell("was removed meanwhile; connections cut: %s", d.connections(last))
	}
	return statusOK
}

// interrupted ends the drain because of a signal. Those that follow are not
// listened to.
func (d *drainer) interrupted(s os.Signal) int {
	if err := d.putBack(); err != nil {
		d.tellStuck(err)
		return statusRefused
	}
	return 128 + int(s.(syscall.Signal))
}

// failed ends the drain because of a refusal of the kernel. The weight comes
// before the message, which may find nobody who reads it.
func (d *drainer) failed(err error) int {
	stuck := d.putBack()
	d.refused(err)
	if stuck != nil {
		d.tellStuck(stuck)
	}
	return statusRefused
}

// putBack gives the server its weight back, unless somebody gave it another
// one meanwhile.
func (d *drainer) putBack() error {
	now, err := d.look()
	if err == nil && now != nil && now.Weight == 0 && d.before.Weight != 0 {
		err = d.setWeight(now, d.before.Weight)
	}
	if isGone(err) {
		return nil
	}
	return err
}

// tellStuck tells of a weight that could not be put back.
func (d *drainer) tellStuck(err error) {
	d.tell("its weight, now 0, could not be set to %d: %s", d.before.Weight, refusal(command.EditServer, err))
}

// setWeight changes the weight of the server and leaves the rest as it is.
func (d *drainer) setWeight(now *ipvs.Destination, weight uint32) error {
	return d.client.UpdateDestination(d.service, ipvs.Destination{
		AddrPort:       now.AddrPort,
		Method:         now.Method,
		Weight:         weight,
		Tunnel:         now.Tunnel,
		UpperThreshold: now.UpperThreshold,
		LowerThreshold: now.LowerThreshold,
	})
}

// isGone reports whether the kernel knows no such server.
func isGone(err error) bool {
	return errors.Is(err, ipvs.ErrNoDestination) || errors.Is(err, ipvs.ErrNoService)
}

// busy reports whether the server has connections that a drain waits for.
func (d *drainer) busy(now *ipvs.Destination) bool {
	return now.ActiveConns > 0 || d.persistent && now.PersistentConns > 0
}

// connections counts those that a drain waits for.
func (d *drainer) connections(now *ipvs.Destination) string {
	if d.persistent {
		return fmt.Sprintf("%d active, %d persistent", now.ActiveConns, now.PersistentConns)
	}
	return fmt.Sprintf("%d active", now.ActiveConns)
}

// show says on a terminal what the drain waits for, and how much longer.
func (d *drainer) show(now *ipvs.Destination, left time.Duration) {
	text := fmt.Sprintf("draining %s; connections left: %s", names.AppendNumeric(nil, d.server), d.connections(now))
	if d.limit > 0 {
		text += fmt.Sprintf("; %d s to go", (left+time.Second-1)/time.Second)
	}
	d.progress.show(text)
}

// tell writes a message about the server.
func (d *drainer) tell(format string, args ...any) {
	d.progress.clear()
	d.complain(string(names.AppendNumeric(nil, d.server)) + ": " + fmt.Sprintf(format, args...))
}

// refused tells of a refusal of the kernel.
func (d *drainer) refused(err error) int {
	if err == nil {
		return statusOK
	}
	d.progress.clear()
	d.complain(refusal(command.DeleteServer, err))
	return statusRefused
}
