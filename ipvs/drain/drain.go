// Package drain takes a destination out of a service without cutting its
// connections: its weight becomes 0, so that it gets no new ones, and it is
// removed when those that it has are over. Whoever else works on the table has
// the last word: a weight that was changed meanwhile is left alone.
package drain

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

// interval is the time between two looks at the destination.
const pollInterval = time.Second

// Options say how long to wait.
type Options struct {
	// Limit is how long connections are waited for before they are cut; 0 is
	// for ever.
	Timeout time.Duration

	// Waiting, if it is not nil, is told after each look what is waited for,
	// and with a Limit for how long at most.
	OnPoll func(s State, left time.Duration)
}

// A State is a destination as it was seen last.
type State struct {
	ipvs.Destination

	// Persistent says whether the service is persistent. Clients that are
	// remembered for the destination are waited for then, since they would be
	// sent to it again.
	Persistent bool
}

// Busy reports whether the destination has connections that are waited for.
// Closed ones that linger on are not, nor those of UDP, which all count as
// inactive.
func (s *State) Busy() bool {
	return s.ActiveConns > 0 || s.Persistent && s.PersistentConns > 0
}

// A Result is how a drain ended. If the destination was Busy in its last
// State, connections were cut.
type Result struct {
	State
	RemovedByOther bool // somebody else removed the destination, or its service
}

// A WeightError says that somebody else gave the destination a weight. It was
// not removed.
type WeightChangedError struct{ Weight uint32 }

// Error returns the weight.
func (e *WeightChangedError) Error() string {
	return fmt.Sprintf("drain: not removed: its weight was set to %d meanwhile", e.Weight)
}

// A PutBackError says that a drain ended early, because of Cause, and that the
// destination could not be given its weight back and has 0 still, because of
// Err. It unwraps to both.
type RestoreWeightError struct {
	Weight     uint32 // as it was before
	Cause, Err error
}

// Error returns the weight and both reasons.
func (e *RestoreWeightError) Error() string {
	return fmt.Sprintf("drain: %v; the weight, now 0, could not be set to %d: %v", e.Cause, e.Weight, e.Err)
}

// Unwrap returns both reasons.
func (e *RestoreWeightError) Unwrap() []error { return []error{e.Cause, e.Err} }

// Destination drains the destination at an address and port, and returns when
// it is removed. It asks the kernel once a second.
//
// When ctx ends first, or the kernel refuses something, the destination stays
// and gets its weight back; the error is ctx's cause or the refusal, such as
// ipvs.ErrNoDestination, or a *PutBackError, or a *WeightError.
func Run(ctx context.Context, c *ipvs.Client, service ipvs.ServiceKey, at netip.AddrPort, o Options) (*Result, error) {
	s, err := c.Service(service)
	if err != nil {
		return nil, err
	}
	d := &drainer{Client: c, service: service, server: netip.AddrPortFrom(at.Addr().Unmap(), at.Port()),
		options: o, persistent: s.Flags&ipvs.Persistent != 0}
	if d.original, err = d.poll(); err != nil {
		return nil, err
	}
	if d.original == nil {
		// The kernel knows what to say.
		return &Result{}, c.RemoveDestination(service, at)
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
	original   *State // as it was
}

// wait looks at the destination until it is drained, or the wait is over for
// another reason.
func (d *drainer) wait(ctx context.Context) (*Result, error) {
	begin := time.Now()
	last := d.original
	for looks := 1; ; looks++ {
		now, err := d.poll()
		left := d.options.Timeout - time.Since(begin)
		switch {
		case err != nil:
			return nil, d.rollback(err)
		case now == nil:
			return &Result{*last, true}, nil
		case now.Weight != 0:
			return nil, &WeightChangedError{now.Weight}
		case drained(now, looks), d.options.Timeout > 0 && left <= 0:
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
			return nil, d.rollback(context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// look returns the destination as the kernel has it, or nil if it has none.
func (d *drainer) poll() (*State, error) {
	all, err := d.Destinations(d.service)
	for i := range all {
		if all[i].AddrPort == d.server {
			return &State{all[i], d.persistent}, err
		}
	}
	return nil, err
}

// drained reports whether a destination that looks like now has no
// connections. One whose handshake is under way counts as inactive still; it
// gets the time between two looks.
func drained(now *State, looks int) bool {
	return !now.Busy() && (now.InactiveConns == 0 || looks > 1)
}

// remove removes the destination, which has the connections that now has.
func (d *drainer) remove(ctx context.Context, now *State) (*Result, error) {
	if ctx.Err() != nil { // during the last look
		return nil, d.rollback(context.Cause(ctx))
	}
	err := d.RemoveDestination(d.service, d.server)
	switch {
	case isGone(err):
		return &Result{*now, true}, nil
	case err != nil:
		return nil, d.rollback(err)
	}
	return &Result{*now, false}, nil
}

// giveUp gives the destination its weight back, unless somebody gave it another
// one meanwhile, and returns why that was necessary.
func (d *drainer) rollback(cause error) error {
	now, err := d.poll()
	if err == nil && now != nil && now.Weight == 0 && d.original.Weight != 0 {
		err = d.setWeight(now, d.original.Weight)
	}
	if err != nil && !isGone(err) {
		return &RestoreWeightError{d.original.Weight, cause, err}
	}
	return cause
}

// setWeight changes the weight of the destination and leaves the rest as it is.
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

// isGone reports whether the kernel knows no such destination.
func isGone(err error) bool {
	return errors.Is(err, ipvs.ErrNoDestination) || errors.Is(err, ipvs.ErrNoService)
}
