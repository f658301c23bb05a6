package reconcile

import (
	"errors"
	"fmt"

	"goipvsadm/ipvs"
)

// ErrEmpty is Apply's refusal of a table without services, which is more often
// an accident than meant; see Options.AllowEmpty.
var ErrEmptyTable = errors.New("plan: no service is wanted, which would remove all that there are")

// applyQueue is how many changes are under way before their outcome is told.
const applyQueue = 128

// Apply makes the kernel's table the wanted one: what that does not have is
// removed, last.
//
// When the kernel refuses a change, the other additions and edits are made all
// the same, but nothing is removed: that may be all that still works. The error
// joins the refusals, each of them an *ipvs.Error that says what was to be
// done. The same call again goes on from there.
//
// The table is read once, and not locked: what somebody else changes meanwhile
// may be overlooked until the next time.
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
	a := &applier{batch: c.Batch(), done: o.OnChange}
	for change := range Compare(want, have, o) {
		a.change(change)
	}
	a.flush()
	if a.skipped > 0 {
		a.errs = append(a.errs, fmt.Errorf("plan: nothing was removed because of this (still to remove: %d)", a.skipped))
	}
	return errors.Join(a.errs...)
}

// An applier makes changes.
type applier struct {
	batch   *ipvs.Batch
	queued  []Change
	done    func(*Change)
	errs    []error
	broken  bool // the connection is; nothing more is sent
	skipped int  // removals that were not tried
}

func (a *applier) change(c *Change) {
	// What is removed waits until the outcome of what is before it is known.
	if len(a.queued) == applyQueue || c.Prune && len(a.queued) > 0 && !a.queued[0].Prune {
		a.flush()
	}
	switch {
	case c.Prune && len(a.errs) > 0:
		a.skipped++
	case !a.broken:
		a.batch.Add(&c.Change)
		a.queued = append(a.queued, *c)
	}
}

// flush sends what is queued.
func (a *applier) flush() {
	failures, err := a.batch.Commit()
	settled := len(a.queued)
	if lost := new(ipvs.ConnLostError); errors.As(err, &lost) {
		settled = lost.FirstUnknown
	}
	for i := range a.queued {
		switch {
		case len(failures) > 0 && failures[0].Index == i:
			a.errs = append(a.errs, failures[0].Err)
			failures = failures[1:]
		case i < settled && a.done != nil:
			a.done(&a.queued[i])
		}
	}
	if err != nil {
		a.broken = true
		a.errs = append(a.errs, err)
	}
	a.queued = a.queued[:0]
}
