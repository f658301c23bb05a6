// Package drain removes a destination from a service without breaking its
// connections: it sets the weight to 0, so that no new connections are
// scheduled, and removes the destination when its connections have closed. If
// another program changes the weight while draining, that weight is kept.
//
// A dump that does not list the destination does not prove that it was removed,
// because a dump can skip a destination while others are removed. Run therefore
// updates the destination: if it does not exist, the kernel rejects the update. The
// update has the configuration of the last poll, so it changes nothing unless
// another program has changed the destination since.
package drain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

const pollInterval = time.Second

// Options configure Run.
type Options struct {
	// Timeout is the time after which the destination is removed even if it has
	// open connections; 0 means no limit.
	Timeout time.Duration

	// OnPoll, if set, is called after each poll except the last one. left is the
	// time until the Timeout, or 0 without one.
	OnPoll func(s State, left time.Duration)

	// OnFallback, if set, is called if the service's scheduler assigns clients
	// even to a destination with weight 0: before the weight is changed, with
	// FallbackSet or NoFallback, and at the end, possibly with FallbackKept.
	OnFallback func(f Fallback, scheduler string)
}

// A State is the destination as last reported by the kernel.
type State struct {
	ipvs.Destination

	// Persistent is set if the service is persistent. Run then also waits for
	// PersistentConns to expire, because their clients would return to the
	// destination.
	Persistent bool

	// HalfOpenConns equals ActiveConns if none of these connections has completed
	// its TCP handshake; otherwise, or if this is unknown, it is 0.
	HalfOpenConns uint32
}

// Busy reports whether the destination has connections for which Run waits. Run
// does not wait for half-open and inactive connections; all UDP connections are
// inactive.
func (s *State) Busy() bool {
	return s.ActiveConns > s.HalfOpenConns || s.Persistent && s.PersistentConns > 0
}

// A Result describes a completed drain. If its State is Busy, the removal broke
// connections.
type Result struct {
	State
	RemovedByOther bool // another program removed the destination or its service
}

// A WeightChangedError reports that another program changed the weight and that Run
// therefore did not remove the destination.
type WeightChangedError struct{ Weight uint32 }

// Error returns a message with the new weight.
func (e *WeightChangedError) Error() string {
	return fmt.Sprintf("drain: weight changed to %d while draining; not removed", e.Weight)
}

// A RestoreWeightError reports that Cause ended a drain, that restoring the weight
// failed with Err, and that the weight is still 0. It unwraps to both errors.
type RestoreWeightError struct {
	Weight     uint32 // weight before the drain
	Cause, Err error
}

// Error returns a message with the original weight and both errors.
func (e *RestoreWeightError) Error() string {
	return fmt.Sprintf("drain: %v; cannot restore weight %d (now 0): %v", e.Cause, e.Weight, e.Err)
}

// Unwrap returns Cause and Err.
func (e *RestoreWeightError) Unwrap() []error { return []error{e.Cause, e.Err} }

// Run drains and removes the destination with the given address and port. It
// polls the kernel once a second.
//
// If ctx is done or a request fails, Run restores the weight, does not remove
// the destination, and returns context.Cause(ctx) or the error of the request,
// such as ipvs.ErrNoDestination. If the weight cannot be restored, the error is
// a *RestoreWeightError. If another program changes the weight, it is a
// *WeightChangedError.
//
// The schedulers sh and mh assign clients even to a destination with weight 0, and
// reject them unless the fallback flag is set. Run sets it and clears it at the end,
// unless another program has changed the service or another destination has
// weight 0. If it cannot be cleared, the error is a *RestoreFallbackError; the
// Result is then set if the destination was removed.
func Run(ctx context.Context, c *ipvs.Client, service ipvs.ServiceKey, server netip.AddrPort, o Options) (*Result, error) {
	s, err := c.Service(service)
	if err != nil {
		return nil, err
	}
	d := &drainer{
		Client:      c,
		service:     service,
		server:      server,
		options:     o,
		persistent:  s.Flags&ipvs.Persistent != 0,
		connections: c.Connections,
	}
	if d.original, err = d.poll(); err != nil {
		return nil, err
	}
	d.last = d.original
	f := fallback{drainer: d}
	if err := f.enable(s); err != nil {
		return nil, err
	}
	result, err := d.drain(ctx)
	if restoreErr := f.restore(); restoreErr != nil {
		err = &RestoreFallbackError{Scheduler: s.Scheduler, Cause: err, Err: restoreErr}
	}
	return result, err
}

// A drainer drains one destination.
type drainer struct {
	*ipvs.Client
	service    ipvs.ServiceKey
	server     netip.AddrPort
	options    Options
	persistent bool
	original   *State // destination before the drain
	last       *State // destination as last listed by a dump

	connections func() iter.Seq2[ipvs.Connection, error]
	nextReading time.Time // the connection table is not read before this time
}

// drain sets the weight to 0, waits for the connections to close, and removes the
// destination.
func (d *drainer) drain(ctx context.Context) (*Result, error) {
	if d.original.Weight != 0 {
		if err := d.setWeight(d.original, 0); err != nil {
			return nil, err
		}
	}
	begin := time.Now()
	for polls := 1; ; polls++ {
		now, err := d.poll()
		left := d.options.Timeout - time.Since(begin)
		timedOut := d.options.Timeout > 0 && left <= 0
		switch {
		case isMissing(err) || errors.Is(err, ipvs.ErrDumpInterrupted):
			// The update proves whether the destination exists.
			if err := d.setWeight(d.last, 0); isMissing(err) {
				return &Result{State: *d.last, RemovedByOther: true}, nil
			} else if err != nil {
				return nil, d.abort(err)
			}
			now = d.last
			if timedOut {
				return d.remove(ctx, now)
			}
		case err != nil:
			return nil, d.abort(err)
		case now.Weight != 0:
			return nil, &WeightChangedError{now.Weight}
		case drained(now, polls), timedOut:
			return d.remove(ctx, now)
		}
		d.last = now
		if d.options.OnPoll != nil {
			d.options.OnPoll(*now, max(0, left))
		}
		pause := pollInterval
		if d.options.Timeout > 0 {
			pause = min(pause, left)
		}
		select {
		case <-ctx.Done():
			return nil, d.abort(context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// poll reads the destination.
func (d *drainer) poll() (*State, error) {
	destination, err := d.Destination(d.service, d.server)
	if err != nil {
		return nil, err
	}
	s := &State{Destination: destination, Persistent: d.persistent}
	s.HalfOpenConns = d.halfOpen(destination.ActiveConns)
	return s, nil
}

// drained reports whether the destination, whose state is now, can be removed.
// Connections whose TCP handshake is in progress, which the kernel counts as active
// or inactive, get one poll interval to become established.
func drained(now *State, polls int) bool {
	return !now.Busy() && (now.InactiveConns == 0 && now.HalfOpenConns == 0 || polls > 1)
}

// remove removes the destination, whose last known state is now.
func (d *drainer) remove(ctx context.Context, now *State) (*Result, error) {
	if ctx.Err() != nil { // ctx was done during the last poll
		return nil, d.abort(context.Cause(ctx))
	}
	err := d.RemoveDestination(d.service, d.server)
	switch {
	case isMissing(err):
		return &Result{State: *now, RemovedByOther: true}, nil
	case err != nil:
		return nil, d.abort(err)
	}
	return &Result{State: *now}, nil
}

// abort restores the weight, unless another program has changed it, and returns
// cause or a *RestoreWeightError.
func (d *drainer) abort(cause error) error {
	if d.original.Weight == 0 {
		return cause
	}
	destination, err := d.Destination(d.service, d.server)
	if isMissing(err) || errors.Is(err, ipvs.ErrDumpInterrupted) {
		destination, err = d.last.Destination, nil
		destination.Weight = 0 // assume that it still exists; otherwise the update fails
	}
	if err == nil && destination.Weight == 0 {
		err = d.setWeight(&State{Destination: destination}, d.original.Weight)
	}
	if err != nil && !isMissing(err) {
		return &RestoreWeightError{Weight: d.original.Weight, Cause: cause, Err: err}
	}
	return cause
}

// setWeight sets the weight and keeps the other configuration in now.
func (d *drainer) setWeight(now *State, weight uint32) error {
	return d.UpdateDestination(d.service, ipvs.Destination{
		AddrPort:       now.AddrPort,
		Method:         now.Method,
		Weight:         weight,
		Tunnel:         now.Tunnel,
		UpperThreshold: now.UpperThreshold,
		LowerThreshold: now.LowerThreshold,
	})
}

// isMissing reports whether err means that the destination or its service does
// not exist.
func isMissing(err error) bool {
	return errors.Is(err, ipvs.ErrNoDestination) || errors.Is(err, ipvs.ErrNoService)
}
