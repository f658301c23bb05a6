// SPDX-License-Identifier: MIT

package ipvs

import (
	"net/netip"
	"syscall"
)

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
	change := &Change{Op: OpUpdateService, Service: s}
	if now.Configuration() != old.Configuration() {
		return changedError(change)
	}
	change.Service = s.Configuration()
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

// A ServiceDestination is a destination with its service.
type ServiceDestination struct {
	Service     Service
	Destination Destination
}

// DestinationsWithAddr returns the destinations that have an address, with any port
// and in any service. The services and their destinations are read with the guarantees
// of ServicesConsistent.
func (c *Client) DestinationsWithAddr(addr netip.Addr) ([]ServiceDestination, error) {
	services, err := c.ServicesConsistent()
	if err != nil {
		return nil, err
	}
	var found []ServiceDestination
	var ds []Destination
	for i := range services {
		if ds, err = c.AppendDestinationsConsistent(ds[:0], services[i].ServiceKey); err != nil {
			return nil, err
		}
		for _, d := range ds {
			if d.AddrPort.Addr() == addr {
				found = append(found, ServiceDestination{services[i], d})
			}
		}
	}
	return found, nil
}
