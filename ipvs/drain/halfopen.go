package drain

import (
	"time"

	"goipvsadm/ipvs"
)

// maxHalfOpen is the number of active connections above which the connection table
// is not read.
const maxHalfOpen = 1000

// readingPause is how long the connection table is not read after a reading, as a
// multiple of the time that the reading took.
const readingPause = 10

// halfOpen returns active, the destination's number of active connections, if none
// of them is established, and otherwise 0. The kernel counts a connection as active
// from the first SYN on, so those to a server that is down are active until they
// time out.
func (d *drainer) halfOpen(active uint32) uint32 {
	begin := time.Now()
	if active == 0 || active > maxHalfOpen || begin.Before(d.nextReading) {
		return 0
	}
	defer func() {
		end := time.Now()
		d.nextReading = end.Add(readingPause * end.Sub(begin))
	}()
	// A reading can miss a connection while others end, so as many must be found
	// as are active.
	found := uint32(0)
	for c, err := range d.connections() {
		if err != nil {
			return 0
		}
		if !d.belongs(&c) {
			continue
		}
		switch c.State {
		case "SYN_SENT", "SYN_RECV", "SYNACK":
			found++
		case "ESTABLISHED":
			return 0
		}
	}
	if found < active {
		return 0
	}
	return active
}

// belongs reports whether c is a TCP connection of the service to the destination.
// For a firewall mark, which the table does not show, it is one of any service.
func (d *drainer) belongs(c *ipvs.Connection) bool {
	if c.Protocol != ipvs.TCP || c.Destination.Addr() != d.server.Addr() || d.server.Port() != 0 && c.Destination.Port() != d.server.Port() {
		return false
	}
	if d.service.Mark != 0 {
		return true
	}
	service := d.service.AddrPort
	return d.service.Protocol == ipvs.TCP && c.VIP.Addr() == service.Addr() && (service.Port() == 0 || c.VIP.Port() == service.Port())
}
