// Package drain removes a destination from a service without breaking its
// connections: it sets the weight to 0, so that no new connections are
// scheduled, and removes the destination when its connections have closed. If
// another program changes the weight while draining, that weight is kept.
package drain

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

const pollInterval = time.Second

// Options configure Run.
type Options struct {
	// Timeout is how long to wait for connections to close before the
	// destination is removed anyway; 0 waits without limit.
	Timeout time.Duration

	// OnPoll, if set, is called after each poll that finds open connections,
	// with the time left until the Timeout, if there is one.
	OnPoll func(s State, left time.Duration)
}

// A State is the destination as last reported by the kernel.
type State struct {
	ipvs.Destination

	// Persistent is set if the service is persistent. PersistentConns are then
	// waited for too, because those clients would return to the destination.
	Persistent bool
}

// Busy reports whether the destination has connections to wait for. Inactive
// ones, which include all UDP connections, are not waited for.
func (s *State) Busy() bool {
	return s.ActiveConns > 0 || s.Persistent && s.PersistentConns > 0
}

// A Result describes a completed drain. If its State is Busy, the connections
// were broken by the removal.
type Result struct {
	State
	RemovedByOther bool // another program removed the destination or its service
}

// A WeightChangedError reports that another program changed the weight, so the
// destination was not removed.
type WeightChangedError struct{ Weight uint32 }

// Error returns the message, with the new weight.
func (e *WeightChangedError) Error() string {
	return fmt.Sprintf("drain: weight changed to %d while draining; not removed", e.Weight)
}

// A RestoreWeightError reports that a drain was aborted because of Cause and
// that, because of Err, the weight could not be restored and is still 0. It
// unwraps to both.
type RestoreWeightError struct {
	Weight     uint32 // weight before the drain
	Cause, Err error
}

// Error returns the message, with the original weight and both errors.
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
func Run(ctx context.Context, c *ipvs.Client, service ipvs.ServiceKey, server netip.AddrPort, o Options) (*Result, error) {
	s, err := c.Service(service)
	if err != nil {
		return nil, err
	}
	d := &drainer{
		Client:     c,
		service:    service,
		server:     netip.AddrPortFrom(server.Addr().Unmap(), server.Port()),
		options:    o,
		persistent: s.Flags&ipvs.Persistent != 0,
	}
	if d.original, err = d.poll(); err != nil {
		return nil, err
	}
	if d.original == nil {
		// Let the kernel return the error.
		return &Result{}, c.RemoveDestination(service, server)
	}
	if d.original.Weight != 0 {
		if err := d.setWeight(d.original, 0); err != nil {
			return nil, err
		}
	}
	return d.wait(ctx)
}

// A drainer drains one destination.
type drainer struct {
	*ipvs.Client
	service    ipvs.ServiceKey
	server     netip.AddrPort
	options    Options
	persistent bool
	original   *State // destination before the drain
}

// wait polls until the destination can be removed or the drain is aborted.
func (d *drainer) wait(ctx context.Context) (*Result, error) {
	begin := time.Now()
	last := d.original
	for polls := 1; ; polls++ {
		now, err := d.poll()
		left := d.options.Timeout - time.Since(begin)
		switch {
		case err != nil:
			return nil, d.abort(err)
		case now == nil:
			return &Result{State: *last, RemovedByOther: true}, nil
		case now.Weight != 0:
			return nil, &WeightChangedError{now.Weight}
		case drained(now, polls), d.options.Timeout > 0 && left <= 0:
			return d.remove(ctx, now)
		}
		if d.options.OnPoll != nil {
			d.options.OnPoll(*now, max(0, left))
		}
		last = now
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

// poll returns the destination, or nil if the kernel does not have it.
func (d *drainer) poll() (*State, error) {
	destinations, err := d.Destinations(d.service)
	for i := range destinations {
		if destinations[i].AddrPort == d.server {
			return &State{destinations[i], d.persistent}, err
		}
	}
	return nil, err
}

// drained reports whether now has no connections to wait for. A connection
// whose TCP handshake is in progress counts as inactive, so inactive
// connections get one poll interval to become active.
func drained(now *State, polls int) bool {
	return !now.Busy() && (now.InactiveConns == 0 || polls > 1)
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
	now, err := d.poll()
	if err == nil && now != nil && now.Weight == 0 && d.original.Weight != 0 {
		err = d.setWeight(now, d.original.Weight)
	}
	if err != nil && !isMissing(err) {
		return &RestoreWeightError{Weight: d.original.Weight, Cause: cause, Err: err}
	}
	return cause
}

// setWeight changes the weight and keeps the rest of the configuration in now.
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
