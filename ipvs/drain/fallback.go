package drain

import (
	"errors"
	"fmt"

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

// fallback sets the fallback flag of the service during a drain.
type fallback struct {
	*drainer
	changed *ipvs.Service // the service as enable has changed it; nil if it has not
}

// enable sets the flag if s has a scheduler that needs it.
func (f *fallback) enable(s ipvs.Service) error {
	switch s.Scheduler {
	case "sh", "mh":
		if s.Flags&fallbackFlag != 0 {
			return nil
		}
		f.report(FallbackSet, s.Scheduler)
		s.Flags |= fallbackFlag
		if err := f.UpdateService(s); err != nil {
			return err
		}
		f.changed = &s
	case "dh":
		f.report(NoFallback, s.Scheduler)
	}
	return nil
}

// restore clears the flag if enable has set it.
func (f *fallback) restore() error {
	if f.changed == nil {
		return nil
	}
	s, err := f.Service(f.service)
	switch {
	case errors.Is(err, ipvs.ErrNoService):
		return nil
	case err != nil:
		return err
	case !sameConfig(s, *f.changed):
		return nil // another program has changed the service
	}
	destinations, err := f.AppendDestinationsConsistent(nil, f.service)
	if err != nil {
		return err
	}
	for i := range destinations {
		if d := &destinations[i]; d.Weight == 0 && d.AddrPort != f.server {
			f.report(FallbackKept, s.Scheduler)
			return nil
		}
	}
	s.Flags &^= fallbackFlag
	if err := f.UpdateService(s); !errors.Is(err, ipvs.ErrNoService) {
		return err
	}
	return nil
}

func (f *fallback) report(event Fallback, scheduler string) {
	if f.options.OnFallback != nil {
		f.options.OnFallback(event, scheduler)
	}
}

// sameConfig reports whether two services have the same configuration, ignoring fields
// that have no effect.
func sameConfig(a, b ipvs.Service) bool {
	a, b = ipvs.WithDefaults(a), ipvs.WithDefaults(b)
	const flags = ipvs.Persistent | ipvs.OnePacketScheduling | ipvs.SchedFlags
	if a.Flags&flags != b.Flags&flags || a.Scheduler != b.Scheduler || a.PEName != b.PEName {
		return false
	}
	return a.Flags&ipvs.Persistent == 0 || a.Timeout == b.Timeout && a.Netmask == b.Netmask
}
