// SPDX-License-Identifier: MIT

package ipvs

import "syscall"

// An update replaces the whole configuration of a service or destination. To change
// only a part of it, read it, change a copy, and pass both to a CompareAndUpdate
// method.

// CompareAndUpdateService is like UpdateService, but first reads the service and
// compares its configuration with that of old, the service as the caller has read it.
// If they differ, it changes nothing and returns ErrChanged.
//
// The kernel has no conditional update: a change that another program makes after the
// comparison, usually less than a millisecond before the update, is overwritten.
func (c *Client) CompareAndUpdateService(old, s Service) error {
	now, err := c.Service(s.ServiceKey)
	if err != nil {
		return err
	}
	change := &Change{Op: OpUpdateService, Service: s.Configuration()}
	if now.Configuration() != old.Configuration() {
		return changedError(change)
	}
	return c.Do(change)
}

// CompareAndUpdateDestination is like UpdateDestination, but first reads the
// destination and compares its configuration with that of old. See
// CompareAndUpdateService.
func (c *Client) CompareAndUpdateDestination(key ServiceKey, old, d Destination) error {
	now, err := c.Destination(key, d.AddrPort)
	if err != nil {
		return err
	}
	change := &Change{Op: OpUpdateDestination, Service: Service{ServiceKey: key}, Destination: d.Configuration()}
	if now.Configuration() != old.Configuration() {
		return changedError(change)
	}
	return c.Do(change)
}

func changedError(c *Change) error {
	return &Error{Op: c.String(), Err: ErrChanged, Errno: syscall.EAGAIN}
}
