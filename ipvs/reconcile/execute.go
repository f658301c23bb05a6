// SPDX-License-Identifier: MIT

package reconcile

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"goipvsadm/ipvs"
)

// ErrEmptyTable is returned by Apply if want has no services, the kernel has
// some, and Options.AllowEmpty is not set.
var ErrEmptyTable = errors.New("reconcile: refusing to remove all services")

// A ConnLostError reports that the connection to the kernel was lost. Changes
// after Last, or from First on if Last is nil, were not made.
type ConnLostError struct {
	First *Change // first change whose outcome is unknown, or first unsent change if Last is nil
	Last  *Change // last change whose outcome is unknown; nil if all outcomes are known
	Err   error   // error of the socket
}

// Error describes which changes have an unknown outcome or were not made, and why.
func (e *ConnLostError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("reconcile: connection lost: %v: this and later changes were not made: %v", e.First, e.Err)
	}
	return fmt.Sprintf("reconcile: connection lost: outcome unknown from %q to %q, later changes were not made: %v", e.First, e.Last, e.Err)
}

// Unwrap returns the error of the socket.
func (e *ConnLostError) Unwrap() error { return e.Err }

// A SkippedError reports changes that were skipped because an earlier change failed:
// after the failure, they could leave a service without destinations.
type SkippedError struct {
	// Service is the service whose destinations were to be removed or get weight 0.
	// It is the zero value for removals of services and sync daemons, and for all
	// changes after the connection was lost.
	Service ipvs.ServiceKey

	Weights  int // number of skipped changes to weight 0
	Removals int // number of skipped removals
}

// Error returns the numbers of skipped changes.
func (e *SkippedError) Error() string {
	text := "reconcile: errors occurred; skipped"
	if e.Service != (ipvs.ServiceKey{}) {
		text = fmt.Sprintf("reconcile: %s: errors occurred; skipped", e.Service)
	}
	if e.Weights > 0 {
		text += fmt.Sprintf(" changes to weight 0: %d", e.Weights)
		if e.Removals > 0 {
			text += ","
		}
	}
	if e.Removals > 0 {
		text += fmt.Sprintf(" removals: %d", e.Removals)
	}
	return text
}

// A RestartError reports that a sync daemon was stopped and could not be started:
// starting it with the new settings failed with Cause, and then starting it with its
// previous settings failed with Err. It unwraps to both errors.
type RestartError struct {
	Previous   ipvs.Daemon
	Cause, Err error
}

// Error returns a message with both errors.
func (e *RestartError) Error() string {
	return fmt.Sprintf("reconcile: %v; cannot start the %s daemon with its previous settings: %v", e.Cause, e.Previous.State, e.Err)
}

// Unwrap returns Cause and Err.
func (e *RestartError) Unwrap() []error { return []error{e.Cause, e.Err} }

// Apply changes the kernel's table to match want. Entries that want does not
// have are removed. Apply is Validate, Read, Compare and Execute in one call.
//
// The kernel's table cannot be locked: changes that other programs make while Apply
// runs may go unnoticed until the next call.
func Apply(c *ipvs.Client, want *Table, o Options) error {
	if err := want.Validate(); err != nil {
		return err
	}
	have, err := Read(c, want)
	if err == nil && o.StopDaemons {
		have.Daemons, err = c.Daemons()
	}
	if err != nil {
		return err
	}
	if len(want.Services) == 0 && len(have.Services) > 0 && !o.AllowEmpty {
		return ErrEmptyTable
	}
	return Execute(c, Compare(want, have, o), o)
}

// Execute makes changes in the order given. As the kernel's replies arrive, it
// calls o.OnChange for each change that was made and o.OnError for each that
// failed.
//
// The kernel's table may differ from the one that was compared, because another
// program has changed it or a dump skipped an entry. If an entry to be added exists,
// Execute updates it; if a destination to be updated does not exist, Execute adds it,
// unless o.KeepWeights is set; if an entry to be removed does not exist, that is no
// error. Execute makes these additions and updates before it lowers weights to 0.
//
// A failed change does not stop the additions and updates after it, but entries that may
// be the only working ones are kept. If an addition or update of a service or its
// destinations has failed, none of its destinations is removed or gets weight 0. If any
// addition or update has failed, no service is removed and no sync daemon is stopped.
// Calling Apply again makes the skipped changes.
//
// Execute stops a sync daemon for a restart only if the kernel does not reject the
// new settings. If the daemon cannot be started with them, it is started with the
// previous ones.
//
// With o.KeepWeights, Execute reads the weights of a service's destinations again
// before it updates any of them. The kernel has no update without a weight, so a
// weight that another program sets between this read and the update is lost.
//
// The returned error joins the errors of the failed changes, as passed to
// o.OnError, and then a *ConnLostError and *SkippedErrors if they apply.
func Execute(c *ipvs.Client, changes iter.Seq[*Change], o Options) error {
	e := &executor{client: c, batch: c.Batch(), options: o}
	for change := range changes {
		e.add(change)
	}
	e.flush()
	return errors.Join(append(e.errs, e.skippedErrors...)...)
}

// maxPending is the maximum number of changes in the batch before it is committed.
const maxPending = 128

// An executor sends changes to the kernel and applies the failure policy.
type executor struct {
	client   *ipvs.Client
	batch    *ipvs.Batch
	options  Options
	pending  []pendingChange // changes in batch
	retries  []Change        // changes to retry as another operation
	stop     *Change         // stop of a sync daemon for a restart by the next change
	reducing bool            // the last change was a removal or lowered a weight to 0

	weights   map[netip.AddrPort]uint32 // current weights of a service's destinations; nil after a commit
	weightsOf ipvs.ServiceKey           // the service of weights

	errs          []error
	connLost      bool
	failed        map[ipvs.ServiceKey]bool // services of additions and updates that failed
	anyFailed     bool
	skipped       map[ipvs.ServiceKey]*SkippedError
	skippedErrors []error // values of skipped, in the order of their first change
}

// A pendingChange is a change in the batch.
type pendingChange struct {
	Change
	retried bool // the change is a retry; it is not retried again
}

// add queues, executes or, according to the failure policy, skips c.
func (e *executor) add(c *Change) {
	reducing := c.Prune || c.Disable
	if reducing && !e.reducing {
		e.flush() // the failure policy needs the outcomes of all earlier changes
	}
	e.reducing = reducing
	switch {
	case reducing && e.skip(c):
	case c.Op == ipvs.OpStopDaemon && !c.Prune:
		stop := *c
		e.stop = &stop
	case c.Op == ipvs.OpStartDaemon && e.stop != nil:
		e.flush()
		if !e.connLost {
			e.restartDaemon(e.stop, c)
		}
		e.stop = nil
	default:
		e.queue(c, false)
	}
}

// skip reports whether c, which removes an entry or lowers a weight to 0, must be
// skipped. If so, it counts c in a SkippedError.
func (e *executor) skip(c *Change) bool {
	var key ipvs.ServiceKey
	switch {
	case e.connLost:
	case c.Op == ipvs.OpRemoveDestination || c.Op == ipvs.OpUpdateDestination:
		if key = c.Service.ServiceKey; !e.failed[key] {
			return false
		}
	case !e.anyFailed:
		return false
	}
	s := e.skipped[key]
	if s == nil {
		s = &SkippedError{Service: key}
		if e.skipped == nil {
			e.skipped = make(map[ipvs.ServiceKey]*SkippedError)
		}
		e.skipped[key] = s
		e.skippedErrors = append(e.skippedErrors, s)
	}
	if c.Disable {
		s.Weights++
	} else {
		s.Removals++
	}
	return true
}

// queue adds c to the batch.
func (e *executor) queue(c *Change, retried bool) {
	if len(e.pending) == maxPending {
		e.commit()
	}
	p := pendingChange{*c, retried}
	if e.options.KeepWeights && c.Op == ipvs.OpUpdateDestination && !e.connLost {
		if err := e.keepWeight(&p.Change); err != nil {
			e.fail(c, err)
			return
		}
	}
	if !e.connLost {
		e.batch.Add(&p.Change.Change)
		e.pending = append(e.pending, p)
	}
}

// keepWeight sets the weight in c, an update of a destination, to the current one.
// Between reading the weights of a service and sending the updates that use them,
// nothing else is sent.
func (e *executor) keepWeight(c *Change) error {
	if e.weights == nil || e.weightsOf != c.Service.ServiceKey {
		e.commit()
		destinations, err := e.client.AppendDestinationsConsistent(nil, c.Service.ServiceKey)
		if err != nil {
			return err
		}
		e.weights, e.weightsOf = make(map[netip.AddrPort]uint32, len(destinations)), c.Service.ServiceKey
		for i := range destinations {
			e.weights[destinations[i].AddrPort] = destinations[i].Weight
		}
	}
	if weight, ok := e.weights[c.Destination.AddrPort]; ok {
		c.Destination.Weight = weight
	}
	return nil
}

// flush commits the pending changes and makes the retries.
func (e *executor) flush() {
	e.commit()
	retries := e.retries
	e.retries = nil
	for i := range retries {
		if c := &retries[i]; !c.Disable {
			e.queue(c, true)
		}
	}
	e.commit()
	for i := range retries {
		if c := &retries[i]; c.Disable && !e.skip(c) {
			e.queue(c, true)
		}
	}
	e.commit()
}

// commit sends the pending changes and reports their outcomes.
func (e *executor) commit() {
	failures, err := e.batch.Commit()
	known := len(e.pending) // the outcomes of changes before this index are known
	lost := new(ipvs.ConnLostError)
	if errors.As(err, &lost) {
		known = lost.FirstUnknown
	}
	for i := range e.pending {
		switch p := &e.pending[i]; {
		case len(failures) > 0 && failures[0].Index == i:
			if !e.resolve(p, failures[0].Err) {
				e.fail(&p.Change, failures[0].Err)
			}
			failures = failures[1:]
		case i < known:
			e.made(&p.Change)
		}
	}
	if err != nil {
		e.connLost, e.anyFailed = true, true
		e.errs = append(e.errs, e.connLostError(lost))
	}
	e.pending = e.pending[:0]
	e.weights = nil
}

// resolve reports whether the failure of p with err is not an error, because the
// entry to remove does not exist or the change is retried as another operation.
func (e *executor) resolve(p *pendingChange, err error) bool {
	c := p.Change
	switch {
	case c.Op.Removes():
		missing := errors.Is(err, ipvs.ErrNoService) || errors.Is(err, ipvs.ErrNoDestination) || errors.Is(err, ipvs.ErrNoDaemon)
		if missing && errors.Is(err, ipvs.ErrAckLost) {
			e.made(&c) // the attempt whose acknowledgement was lost may have removed it
		}
		return missing
	case p.retried:
		return false
	case errors.Is(err, ipvs.ErrServiceExists):
		c.Op = ipvs.OpUpdateService
	case errors.Is(err, ipvs.ErrDestinationExists):
		c.Op = ipvs.OpUpdateDestination
		c.Disable = c.Destination.Weight == 0
	case errors.Is(err, ipvs.ErrNoDestination) && !e.options.KeepWeights:
		c.Op = ipvs.OpAddDestination
		c.Disable = false
	default:
		return false
	}
	e.retries = append(e.retries, c)
	return true
}

// made calls OnChange for c.
func (e *executor) made(c *Change) {
	if e.options.OnChange != nil {
		e.options.OnChange(c)
	}
}

// fail records the failure of c and calls OnError.
func (e *executor) fail(c *Change, err error) {
	if !c.Prune && !c.Disable {
		e.anyFailed = true
		if c.Service.ServiceKey != (ipvs.ServiceKey{}) {
			if e.failed == nil {
				e.failed = make(map[ipvs.ServiceKey]bool)
			}
			e.failed[c.Service.ServiceKey] = true
		}
	}
	e.errs = append(e.errs, err)
	if e.options.OnError != nil {
		e.options.OnError(c, err)
	}
}

// restartDaemon restarts a sync daemon with other settings, as Execute describes.
func (e *executor) restartDaemon(stop, start *Change) {
	// This start fails if the daemon is still running. The kernel checks the
	// interface first, so ErrDaemonRunning means that the interface exists.
	err := e.client.StartDaemon(start.Daemon)
	if errors.Is(err, ipvs.ErrDaemonRunning) {
		if err := e.client.StopDaemon(stop.Daemon.State); err != nil && !errors.Is(err, ipvs.ErrNoDaemon) {
			e.fail(stop, err)
			return
		}
		if err = e.client.StartDaemon(start.Daemon); err != nil {
			if restoreErr := e.client.StartDaemon(stop.Daemon); restoreErr != nil {
				e.made(stop)
				err = &RestartError{Previous: stop.Daemon, Cause: err, Err: restoreErr}
			}
		} else {
			e.made(stop)
		}
	}
	if err != nil {
		e.fail(start, err)
		return
	}
	e.made(start)
}

// connLostError converts lost, which has the indexes of changes, to an error with the
// changes.
func (e *executor) connLostError(lost *ipvs.ConnLostError) *ConnLostError {
	first := e.pending[lost.FirstUnknown].Change
	err := &ConnLostError{First: &first, Err: lost.Err}
	if lost.FirstUnsent > lost.FirstUnknown {
		last := e.pending[lost.FirstUnsent-1].Change
		err.Last = &last
	}
	return err
}
