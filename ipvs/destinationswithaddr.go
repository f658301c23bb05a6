// SPDX-License-Identifier: MIT

package ipvs

import "net/netip"

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
