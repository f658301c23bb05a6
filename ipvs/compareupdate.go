// SPDX-License-Identifier: MIT

package ipvs

import "syscall"

// An update replaces the whole configuration of a service or destination. To change
// only a part of it, read it, change a copy, and pass both to a CompareAndUpdate
// method.

// CompareAndUpdateService is like UpdateService, but reads the service first. Unless
// its configuration is that of old, which the caller has read, it returns ErrChanged
// and changes nothing.
//
// The kernel has no conditional update: a change that another program makes between
// the reading and the update, usually within a millisecond, is overwritten.
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

// CompareAndUpdateDestination is like UpdateDestination, but reads the destination
// first. Unless its configuration is that of old, which the caller has read, it
// returns ErrChanged and changes nothing. See CompareAndUpdateService.
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
