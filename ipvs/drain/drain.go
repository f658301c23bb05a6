// SPDX-License-Identifier: MIT

// Package drain removes destinations from services without breaking their
// connections: it sets the weight to 0, so that no new connections are scheduled, and
// removes a destination when its connections have closed. If another program changes
// the weight while draining, that weight is kept.
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

// Options configure Run and RunAll.
type Options struct {
	// Timeout is the time after which the destination is removed even if it has
	// open connections; 0 means no limit.
	Timeout time.Duration

	// OnPoll, if set, is called after each poll except the last one, with the
	// states of the destinations that are being drained. left is the time until
	// the Timeout, or 0 without one.
	OnPoll func(states []State, left time.Duration)

	// OnFallback, if set, is called if the service's scheduler assigns clients
	// even to a destination with weight 0: with FallbackSet or NoFallback before
	// the weight is changed, and possibly with FallbackKept at the end. If several
	// destinations of the service are drained, key identifies the first of them.
	OnFallback func(key ipvs.DestinationKey, f Fallback, scheduler string)
}

// A State is the destination as last reported by the kernel.
type State struct {
	ipvs.Destination
	Service ipvs.ServiceKey // service of the destination

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
	outcomes := RunAll(ctx, c, []ipvs.DestinationKey{{Service: service, AddrPort: server}}, o)
	return outcomes[0].Result, outcomes[0].Err
}

// An Outcome is the end of the drain of one destination: what Run returns for it.
type Outcome struct {
	Result *Result
	Err    error
}

// RunAll drains several destinations, such as those of one machine in all services.
// It removes them when none is Busy any more, or after the Timeout. The outcomes are
// in the order of keys, which must be distinct.
//
// No destination is removed earlier than the others, so that RunAll can restore all
// weights if ctx is done. If some destinations cannot be drained, because a request fails or another
// program changes their weight, the others are drained nevertheless.
func RunAll(ctx context.Context, c *ipvs.Client, keys []ipvs.DestinationKey, o Options) []Outcome {
	d := &drainer{Client: c, options: o, connections: c.Connections}
	for _, key := range keys {
		d.add(key)
	}
	for _, s := range d.services {
		s.setFallback()
	}
	for _, t := range d.draining() {
		t.start()
	}
	d.wait(ctx)
	d.restoreFallbacks()
	outcomes := make([]Outcome, len(d.targets))
	for i, t := range d.targets {
		outcomes[i] = t.Outcome
	}
	return outcomes
}

// A drainer drains destinations.
type drainer struct {
	*ipvs.Client
	options  Options
	services []*service
	targets  []*target

	connections func() iter.Seq2[ipvs.Connection, error]
	nextReading time.Time // the connection table is not read before this time
}

// A service is the service of one or more targets.
type service struct {
	*drainer
	config   ipvs.Service // configuration before the drain
	targets  []*target
	fallback *ipvs.Service // the service as setFallback has changed it; nil if it has not
}

// A target is a destination to drain.
type target struct {
	*service
	server   netip.AddrPort
	original *State // destination before the drain
	last     *State // destination as last listed by a dump
	isStale  bool   // the last dump did not list it
	isDone   bool
	Outcome
}

// add adds a target. If it cannot be read, it is done.
func (d *drainer) add(key ipvs.DestinationKey) {
	t := &target{server: key.AddrPort}
	d.targets = append(d.targets, t)
	s, err := d.findService(key.Service)
	if err != nil {
		t.end(nil, err)
		return
	}
	t.service = s
	s.targets = append(s.targets, t)
	if t.original, err = t.read(); err != nil {
		t.end(nil, err)
		return
	}
	t.last = t.original
}

// findService returns the service with a key, which it reads on first use.
func (d *drainer) findService(key ipvs.ServiceKey) (*service, error) {
	key = ipvs.WithDefaults(ipvs.Service{ServiceKey: key}).ServiceKey
	for _, s := range d.services {
		if s.config.ServiceKey == key {
			return s, nil
		}
	}
	config, err := d.Service(key)
	if err != nil {
		return nil, err
	}
	s := &service{drainer: d, config: config}
	d.services = append(d.services, s)
	return s, nil
}

// draining returns the targets that are not done.
func (d *drainer) draining() []*target { return draining(d.targets) }

func draining(targets []*target) (list []*target) {
	for _, t := range targets {
		if !t.isDone {
			list = append(list, t)
		}
	}
	return list
}

// wait waits until the targets can be removed or the drain is aborted.
func (d *drainer) wait(ctx context.Context) {
	begin := time.Now()
	for polls := 1; ; polls++ {
		for _, t := range d.draining() {
			t.poll()
		}
		targets := d.draining()
		d.findHalfOpen(targets)
		left := d.options.Timeout - time.Since(begin)
		timedOut := d.options.Timeout > 0 && left <= 0
		if timedOut || allDrained(targets, polls) {
			d.removeAll(ctx, targets)
			return
		}
		d.restoreFallbacks()
		if d.options.OnPoll != nil {
			d.options.OnPoll(states(targets), max(0, left))
		}
		pause := pollInterval
		if d.options.Timeout > 0 {
			pause = min(pause, left)
		}
		select {
		case <-ctx.Done():
			abortAll(targets, context.Cause(ctx))
			return
		case <-time.After(pause):
		}
	}
}

func states(targets []*target) []State {
	list := make([]State, len(targets))
	for i, t := range targets {
		list[i] = *t.last
	}
	return list
}

// removeAll removes the targets.
func (d *drainer) removeAll(ctx context.Context, targets []*target) {
	if ctx.Err() != nil { // ctx was done during the last poll
		abortAll(targets, context.Cause(ctx))
		return
	}
	for _, t := range targets {
		t.remove()
	}
}

func abortAll(targets []*target, cause error) {
	for _, t := range targets {
		t.abort(cause)
	}
}

// allDrained reports whether all targets can be removed.
func allDrained(targets []*target, polls int) bool {
	for _, t := range targets {
		if t.isStale || !drained(t.last, polls) {
			return false
		}
	}
	return true
}

// drained reports whether a destination in state s can be removed after the given number
// of polls. Connections whose TCP handshake is in progress, which the kernel counts as
// active or inactive, get one poll interval to become established.
func drained(s *State, polls int) bool {
	return !s.Busy() && (s.InactiveConns == 0 && s.HalfOpenConns == 0 || polls > 1)
}

// end ends the drain of t.
func (t *target) end(result *Result, err error) {
	t.isDone = true
	t.Outcome = Outcome{result, err}
}

// start sets the weight to 0.
func (t *target) start() {
	if t.original.Weight != 0 {
		if err := t.setWeight(t.original, 0); err != nil {
			t.end(nil, err)
		}
	}
}

// read reads the destination.
func (t *target) read() (*State, error) {
	destination, err := t.Destination(t.config.ServiceKey, t.server)
	if err != nil {
		return nil, err
	}
	return &State{Destination: destination, Service: t.config.ServiceKey, Persistent: t.config.Flags&ipvs.Persistent != 0}, nil
}

// poll reads the destination while it is drained. If it was removed or changed, t is
// done.
func (t *target) poll() {
	now, err := t.read()
	t.isStale = isMissing(err) || errors.Is(err, ipvs.ErrDumpInterrupted)
	switch {
	case t.isStale:
		// The update proves whether the destination exists.
		if err := t.setWeight(t.last, 0); isMissing(err) {
			t.end(&Result{State: *t.last, RemovedByOther: true}, nil)
		} else if err != nil {
			t.abort(err)
		}
	case err != nil:
		t.abort(err)
	case now.Weight != 0:
		t.end(nil, &WeightChangedError{now.Weight})
	default:
		t.last = now
	}
}

// remove removes the destination.
func (t *target) remove() {
	err := t.RemoveDestination(t.config.ServiceKey, t.server)
	switch {
	case isMissing(err):
		t.end(&Result{State: *t.last, RemovedByOther: true}, nil)
	case err != nil:
		t.abort(err)
	default:
		t.end(&Result{State: *t.last}, nil)
	}
}

// abort restores the weight, unless another program has changed it, and ends the
// drain of t with cause or a *RestoreWeightError.
func (t *target) abort(cause error) {
	err := t.restoreWeight()
	if err != nil && !isMissing(err) {
		cause = &RestoreWeightError{Weight: t.original.Weight, Cause: cause, Err: err}
	}
	t.end(nil, cause)
}

// restoreWeight restores the weight, unless another program has changed it.
func (t *target) restoreWeight() error {
	if t.original.Weight == 0 {
		return nil
	}
	now, err := t.read()
	if isMissing(err) || errors.Is(err, ipvs.ErrDumpInterrupted) {
		now = t.last // assume that it still exists; otherwise the update fails
	} else if err != nil || now.Weight != 0 {
		return err
	}
	return t.setWeight(now, t.original.Weight)
}

// setWeight sets the weight and keeps the other configuration in now.
func (t *target) setWeight(now *State, weight uint32) error {
	d := now.Configuration()
	d.Weight = weight
	return t.UpdateDestination(t.config.ServiceKey, d)
}

// isMissing reports whether err means that the destination or its service does
// not exist.
func isMissing(err error) bool {
	return errors.Is(err, ipvs.ErrNoDestination) || errors.Is(err, ipvs.ErrNoService)
}
