package reconcile

import (
	"errors"
	"fmt"
	"iter"

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
	Err   error   // error from the socket
}

// Error describes which changes are affected, and why.
func (e *ConnLostError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("reconcile: connection lost: %v: this and later changes were not made: %v", e.First, e.Err)
	}
	return fmt.Sprintf("reconcile: connection lost: outcome unknown from %q to %q, later changes were not made: %v", e.First, e.Last, e.Err)
}

// Unwrap returns the error from the socket.
func (e *ConnLostError) Unwrap() error { return e.Err }

// A SkippedError reports that removals were not attempted because an earlier
// change failed.
type SkippedError struct{ Removals int }

// Error returns the number of skipped removals.
func (e *SkippedError) Error() string {
	return fmt.Sprintf("reconcile: errors occurred; skipped removals: %d", e.Removals)
}

// Apply changes the kernel's table to match want. Entries that want does not
// have are removed. It is Validate, Read, Compare and Execute in one call.
//
// The table is read once, without a lock: changes that other programs make
// while Apply runs may go unnoticed until the next call.
func Apply(c *ipvs.Client, want *Table, o Options) error {
	if err := want.Validate(); err != nil {
		return err
	}
	have, err := Read(c, want)
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
// failed, in the same order.
//
// A failed change does not stop the additions and updates after it, but no
// removal is attempted once a change has failed: the entries to remove may be
// the only ones that still work. Calling Apply again resumes where this call
// stopped.
//
// The returned error joins the errors of the failed changes, as passed to
// o.OnError, and then a *ConnLostError and a *SkippedError if they apply.
func Execute(c *ipvs.Client, changes iter.Seq[*Change], o Options) error {
	e := &executor{batch: c.Batch(), options: o}
	for change := range changes {
		e.add(change)
	}
	e.commit()
	if e.skipped > 0 {
		e.errs = append(e.errs, &SkippedError{e.skipped})
	}
	return errors.Join(e.errs...)
}

// maxPending is the number of changes after which their outcomes are reported.
const maxPending = 128

// An executor sends changes to the kernel and applies the failure policy.
type executor struct {
	batch    *ipvs.Batch
	options  Options
	pending  []Change // changes in batch
	errs     []error
	connLost bool
	skipped  int // number of removals that were not attempted
}

// add queues c or, according to the failure policy, skips it. A removal needs the
// outcomes of all additions and updates before it.
func (e *executor) add(c *Change) {
	n := len(e.pending)
	if n == maxPending || n > 0 && c.Prune && !e.pending[n-1].Prune {
		e.commit()
	}
	switch {
	case c.Prune && len(e.errs) > 0:
		e.skipped++
	case !e.connLost:
		e.batch.Add(&c.Change)
		e.pending = append(e.pending, *c)
	}
}

// commit sends the pending changes and reports their outcomes.
func (e *executor) commit() {
	failures, err := e.batch.Commit()
	known := len(e.pending) // the outcome of changes before this index is known
	lost := new(ipvs.ConnLostError)
	if errors.As(err, &lost) {
		known = lost.FirstUnknown
	}
	for i := range e.pending {
		switch c := &e.pending[i]; {
		case len(failures) > 0 && failures[0].Index == i:
			e.failed(c, failures[0].Err)
			failures = failures[1:]
		case i < known && e.options.OnChange != nil:
			e.options.OnChange(c)
		}
	}
	if err != nil {
		e.connLost = true
		e.errs = append(e.errs, e.connLostError(lost))
	}
	e.pending = e.pending[:0]
}

func (e *executor) failed(c *Change, err error) {
	e.errs = append(e.errs, err)
	if e.options.OnError != nil {
		e.options.OnError(c, err)
	}
}

// connLostError returns lost with the changes instead of their indexes.
func (e *executor) connLostError(lost *ipvs.ConnLostError) *ConnLostError {
	first := e.pending[lost.FirstUnknown]
	err := &ConnLostError{First: &first, Err: lost.Err}
	if lost.FirstUnsent > lost.FirstUnknown {
		last := e.pending[lost.FirstUnsent-1]
		err.Last = &last
	}
	return err
}
