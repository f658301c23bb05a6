// SPDX-License-Identifier: MIT

package drain

import (
	"errors"
	"fmt"
	"net/netip"

	"goipvsadm/ipvs"
)

// A Fallback describes what happens to clients that the scheduler assigns to a
// destination whose weight is 0.
type Fallback uint8

const (
	// FallbackSet means that other destinations get these clients: Run sets the
	// fallback flag of the scheduler, sh or mh, until the drain ends.
	FallbackSet Fallback = iota + 1

	// NoFallback means that their new connections are rejected until the drain
	// ends: the scheduler, dh, has no fallback flag.
	NoFallback

	// FallbackKept means that Run has not cleared the fallback flag that it set,
	// because another destination of the service has weight 0.
	FallbackKept
)

// A RestoreFallbackError reports that clearing the fallback flag of the scheduler at
// the end of a drain failed with Err. Cause is the error of the drain, or nil if the
// destination was removed. It unwraps to both errors.
type RestoreFallbackError struct {
	Scheduler  string
	Cause, Err error
}

// Error returns a message with both errors.
func (e *RestoreFallbackError) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("drain: cannot clear the fallback flag of %s: %v", e.Scheduler, e.Err)
	}
	return fmt.Sprintf("drain: %v; cannot clear the fallback flag of %s: %v", e.Cause, e.Scheduler, e.Err)
}

// Unwrap returns Cause, unless it is nil, and Err.
func (e *RestoreFallbackError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Cause, e.Err}
}

// fallbackFlag is the fallback flag of sh and mh.
const fallbackFlag = ipvs.Sched1

// setFallback sets the fallback flag if the scheduler needs it. If it cannot be set, the
// targets of s are done.
func (s *service) setFallback() {
	targets := draining(s.targets)
	if len(targets) == 0 {
		return
	}
	switch s.config.Scheduler {
	case "sh", "mh":
		if s.config.Flags&fallbackFlag != 0 {
			return
		}
		s.reportFallback(FallbackSet)
		changed := s.config
		changed.Flags |= fallbackFlag
		if err := s.UpdateService(changed); err != nil {
			for _, t := range targets {
				t.end(nil, err)
			}
			return
		}
		s.fallback = &changed
	case "dh":
		s.reportFallback(NoFallback)
	}
}

// restoreFallbacks clears the fallback flag of the services whose targets are all done.
func (d *drainer) restoreFallbacks() {
	for _, s := range d.services {
		if s.fallback == nil || len(draining(s.targets)) > 0 {
			continue
		}
		if err := s.restoreFallback(); err != nil {
			t := s.targets[len(s.targets)-1]
			t.Err = &RestoreFallbackError{Scheduler: s.config.Scheduler, Cause: t.Err, Err: err}
		}
		s.fallback = nil
	}
}

// restoreFallback clears the fallback flag, unless another program has changed the service or
// another destination has weight 0.
func (s *service) restoreFallback() error {
	now, err := s.Service(s.config.ServiceKey)
	switch {
	case errors.Is(err, ipvs.ErrNoService):
		return nil
	case err != nil:
		return err
	case !ipvs.SameEffect(&now, s.fallback):
		return nil // another program has changed the service
	}
	destinations, err := s.AppendDestinationsConsistent(nil, s.config.ServiceKey)
	if err != nil {
		return err
	}
	for i := range destinations {
		if d := &destinations[i]; d.Weight == 0 && !s.isTarget(d.AddrPort) {
			s.reportFallback(FallbackKept)
			return nil
		}
	}
	now.Flags &^= fallbackFlag
	if err := s.UpdateService(now); !errors.Is(err, ipvs.ErrNoService) {
		return err
	}
	return nil
}

// isTarget reports whether a destination of s is, or was, a target.
func (s *service) isTarget(server netip.AddrPort) bool {
	for _, t := range s.targets {
		if t.server == server {
			return true
		}
	}
	return false
}

// reportFallback calls OnFallback.
func (s *service) reportFallback(f Fallback) {
	if s.options.OnFallback != nil {
		s.options.OnFallback(ipvs.DestinationKey{Service: s.config.ServiceKey, AddrPort: s.targets[0].server}, f, s.config.Scheduler)
	}
}
