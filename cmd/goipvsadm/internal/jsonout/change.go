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

// change is the JSON form of a Change. Removals have only what identifies the entry.
type change struct {
	Time     string    `json:"time"`
	Initial  bool      `json:"initial,omitempty"`
	Command  string    `json:"change"`
	Rule     string    `json:"rule"`
	Service  any       `json:"service,omitempty"` // serviceConfig or *serviceKey
	Server   any       `json:"server,omitempty"`  // serverConfig or serverAddress
	Timeouts *timeouts `json:"timeouts,omitempty"`
	Daemon   any       `json:"daemon,omitempty"` // daemon or daemonKey
}

// Write writes c on one line.
func (c *Change) Write(w *bufio.Writer) error {
	v := change{Time: formatTime(c.Time), Initial: c.Initial, Command: c.Command, Rule: c.Rule}
	switch c.Op {
	case ipvs.OpAddService, ipvs.OpUpdateService:
		v.Service = newServiceConfig(&c.Service)
	case ipvs.OpRemoveService:
		v.Service = newServiceKey(&c.Service.ServiceKey)
	case ipvs.OpAddDestination, ipvs.OpUpdateDestination:
		v.Service = newServiceKey(&c.Service.ServiceKey)
		v.Server = newServerConfig(&c.Destination)
	case ipvs.OpRemoveDestination:
		v.Service = newServiceKey(&c.Service.ServiceKey)
		v.Server = serverAddress{c.Destination.AddrPort.Addr(), c.Destination.AddrPort.Port()}
	case ipvs.OpSetTimeouts:
		v.Timeouts = (*timeouts)(&c.Timeouts)
	case ipvs.OpStartDaemon:
		v.Daemon = newDaemon(&c.Daemon)
	case ipvs.OpStopDaemon:
		v.Daemon = daemonKey{lowerName(c.Daemon.State)}
	}
	return newEncoder(w).Encode(&v)
}
