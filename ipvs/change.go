// SPDX-License-Identifier: MIT

package ipvs

import (
	"fmt"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// An Operation is a kind of change to the kernel's table.
type Operation uint8

// The operations. Client and Batch have a method for each.
const (
	OpAddService Operation = iota + 1
	OpUpdateService
	OpRemoveService
	OpRemoveAllServices
	OpAddDestination
	OpUpdateDestination
	OpRemoveDestination
	OpZero
	OpZeroService
	OpSetTimeouts
	OpStartDaemon
	OpStopDaemon
)

// A Change is one change to the kernel's table. Fields that its operation does
// not use are ignored.
type Change struct {
	Op Operation

	// Service is the virtual service to add or update. Other operations on a
	// service or on one of its destinations use only its key.
	Service Service

	// Destination is the destination to add or update. OpRemoveDestination
	// uses only its address and port.
	Destination Destination

	Timeouts Timeouts

	// Daemon is the sync daemon to start. OpStopDaemon uses only its state.
	Daemon Daemon
}

// A payload is the part of a Change that its request carries.
type payload uint8

const (
	carriesNothing payload = iota
	carriesService
	carriesDestination // with the key of its service
	carriesTimeouts
	carriesDaemon
)

// operations lists, for each operation, its IPVS_CMD_*, the part of the Change that
// the request carries, whether it removes an entry of the table or stops a daemon,
// and the errnos that have a meaning specific to it.
var operations = [...]struct {
	command netlinkmsg.Command
	carries payload
	removes bool
	errors  []errnoMeaning
}{
	OpAddService: {command: netlinkmsg.NewService, carries: carriesService,
		errors: []errnoMeaning{
			{errno: syscall.EEXIST, err: &ErrServiceExists, afterSuccess: true},
			{errno: syscall.ENOENT, err: &ErrNoScheduler},
		}},
	OpUpdateService: {command: netlinkmsg.SetService, carries: carriesService,
		errors: []errnoMeaning{
			{errno: syscall.ESRCH, err: &ErrNoService},
			{errno: syscall.ENOENT, err: &ErrNoScheduler},
		}},
	OpRemoveService: {command: netlinkmsg.DelService, carries: carriesService, removes: true,
		errors: []errnoMeaning{{errno: syscall.ESRCH, err: &ErrNoService, afterSuccess: true}}},
	OpRemoveAllServices: {command: netlinkmsg.Flush, removes: true},
	OpAddDestination: {command: netlinkmsg.NewDestination, carries: carriesDestination,
		errors: []errnoMeaning{
			{errno: syscall.ESRCH, err: &ErrNoService},
			{errno: syscall.EEXIST, err: &ErrDestinationExists, afterSuccess: true},
		}},
	OpUpdateDestination: {command: netlinkmsg.SetDestination, carries: carriesDestination,
		errors: []errnoMeaning{
			{errno: syscall.ESRCH, err: &ErrNoService},
			{errno: syscall.ENOENT, err: &ErrNoDestination},
		}},
	OpRemoveDestination: {command: netlinkmsg.DelDestination, carries: carriesDestination, removes: true,
		errors: []errnoMeaning{
			{errno: syscall.ESRCH, err: &ErrNoService},
			{errno: syscall.ENOENT, err: &ErrNoDestination, afterSuccess: true},
		}},
	OpZero: {command: netlinkmsg.Zero},
	OpZeroService: {command: netlinkmsg.Zero, carries: carriesService,
		errors: []errnoMeaning{{errno: syscall.ESRCH, err: &ErrNoService}}},
	OpSetTimeouts: {command: netlinkmsg.SetConfig, carries: carriesTimeouts},
	OpStartDaemon: {command: netlinkmsg.NewDaemon, carries: carriesDaemon,
		errors: []errnoMeaning{{errno: syscall.EEXIST, err: &ErrDaemonRunning, afterSuccess: true}}},
	OpStopDaemon: {command: netlinkmsg.DelDaemon, carries: carriesDaemon, removes: true,
		errors: []errnoMeaning{{errno: syscall.ESRCH, err: &ErrNoDaemon, afterSuccess: true}}},

	// Not a change; listed for the meaning of ESRCH.
	opGetService: {command: netlinkmsg.GetService, carries: carriesService,
		errors: []errnoMeaning{{errno: syscall.ESRCH, err: &ErrNoService}}},
}

const opGetService = OpStopDaemon + 1

// An errnoMeaning is the meaning of an errno as the reply to one operation.
type errnoMeaning struct {
	errno syscall.Errno
	err   *error // one of the Err variables; a pointer, so that the table needs no initialization

	// afterSuccess is set if a second attempt fails with this errno when the
	// first one has succeeded.
	afterSuccess bool
}

// meaningOf returns the meaning of an errno as the reply to a command, or nil if
// it has no specific meaning.
func meaningOf(command netlinkmsg.Command, errno syscall.Errno) *errnoMeaning {
	for i := range operations {
		if operations[i].command != command {
			continue
		}
		for j := range operations[i].errors {
			if m := &operations[i].errors[j]; m.errno == errno {
				return m
			}
		}
	}
	return nil
}

// String returns a description of the operation, such as "add service".
func (o Operation) String() string {
	if !o.isValid() {
		return fmt.Sprintf("Operation(%d)", uint8(o))
	}
	return operations[o].command.String()
}

// Removes reports whether the operation removes an entry of the table or stops
// a sync daemon.
func (o Operation) Removes() bool { return o.isValid() && operations[o].removes }

func (o Operation) isValid() bool { return OpAddService <= o && o <= OpStopDaemon }

// String returns a description of the change, such as "add destination
// 198.51.100.1:80 of TCP 192.0.2.1:80".
func (c *Change) String() string {
	m := c.request()
	return describe(&m)
}

// request returns the request for c. It points to the fields of c. The command of an
// invalid operation is 0.
func (c *Change) request() netlinkmsg.Message {
	if !c.Op.isValid() {
		return netlinkmsg.Message{}
	}
	o := &operations[c.Op]
	m := netlinkmsg.Message{Command: o.command}
	switch o.carries {
	case carriesService:
		m.Service = &c.Service
	case carriesDestination:
		m.Service, m.Destination = &c.Service, &c.Destination
	case carriesTimeouts:
		m.Timeouts = &c.Timeouts
	case carriesDaemon:
		m.Daemon = &c.Daemon
	}
	return m
}
