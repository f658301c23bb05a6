// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"time"

	"goipvsadm/ipvs"
)

// A Change is a change of the table that --monitor prints.
type Change struct {
	Time    time.Time // when the table was read
	Initial bool      // the entry was in the table at the beginning
	Command string    // name of the command that makes the change
	Rule    string    // rule that makes the change
	*ipvs.Change
}

// Write writes c on one line. Removals have only what identifies the entry.
func (c *Change) Write(w *bufio.Writer) error {
	b := newTimedObject(c.Time)
	if c.Initial {
		b.bool("initial", true)
	}
	b.string("change", c.Command)
	b.string("rule", c.Rule)
	switch c.Op {
	case ipvs.OpAddService, ipvs.OpUpdateService:
		b.openObject("service")
		b.serviceConfig(&c.Service)
		b.closeObject()
	case ipvs.OpRemoveService:
		b.serviceObject(&c.Service.ServiceKey)
	case ipvs.OpAddDestination, ipvs.OpUpdateDestination:
		b.serviceObject(&c.Service.ServiceKey)
		b.openObject("server")
		b.serverConfig(&c.Destination)
		b.closeObject()
	case ipvs.OpRemoveDestination:
		b.serviceObject(&c.Service.ServiceKey)
		b.openObject("server")
		b.addrPort(c.Destination.AddrPort)
		b.closeObject()
	case ipvs.OpSetTimeouts:
		b.timeouts(&c.Timeouts)
	case ipvs.OpStartDaemon:
		b.openObject("daemon")
		b.daemon(&c.Daemon)
		b.closeObject()
	case ipvs.OpStopDaemon:
		b.openObject("daemon")
		b.lower("state", c.Daemon.State.String())
		b.closeObject()
	}
	return b.write(w)
}
