package drain

import (
	"time"

	"goipvsadm/ipvs"
)

// maxHalfOpen is the number of active connections above which the connection table
// is not read.
const maxHalfOpen = 1000

// readingPause is the minimum pause between two readings of the connection table, as a
// multiple of the duration of the first one.
const readingPause = 10

// halfOpen returns active, the number of active connections of the destination, if all
// of them are half-open; otherwise, or if this is unknown, it returns 0. The kernel
// counts a connection as active from the first SYN on, so connections to a server that
// is down are active until they time out.
func (d *drainer) halfOpen(active uint32) uint32 {
	begin := time.Now()
	if active == 0 || active > maxHalfOpen || begin.Before(d.nextReading) {
		return 0
	}
	defer func() {
		end := time.Now()
		d.nextReading = end.Add(readingPause * end.Sub(begin))
	}()
	// A reading can miss connections while others end. Its result is used only if it
	// has as many half-open connections as are active.
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

// belongs reports whether c is a TCP connection of the service to the destination. If
// the service has a firewall mark, which the connection table does not show, TCP
// connections of all services to the destination belong.
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
