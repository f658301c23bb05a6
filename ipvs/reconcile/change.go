package reconcile

import (
	"fmt"

	"goipvsadm/ipvs"
)

// An Action is what a Change does, under the name of the Batch's method.
type Action uint8

// The actions.
const (
	AddService Action = iota + 1
	UpdateService
	RemoveService
	AddDestination
	UpdateDestination
	RemoveDestination
	SetTimeouts
	StartDaemon
	StopDaemon
)

// actions say of each how it is put into words, and into a batch.
var actions = [...]struct {
	name  string
	queue func(b *ipvs.Batch, c *Change)
}{
	AddService:    {"add service", func(b *ipvs.Batch, c *Change) { b.AddService(c.Service) }},
	UpdateService: {"edit service", func(b *ipvs.Batch, c *Change) { b.UpdateService(c.Service) }},
	RemoveService: {"delete service", func(b *ipvs.Batch, c *Change) { b.RemoveService(c.Service.ServiceKey) }},
	AddDestination: {"add destination", func(b *ipvs.Batch, c *Change) {
		b.AddDestination(c.Service.ServiceKey, c.Destination)
	}},
	UpdateDestination: {"edit destination", func(b *ipvs.Batch, c *Change) {
		b.UpdateDestination(c.Service.ServiceKey, c.Destination)
	}},
	RemoveDestination: {"delete destination", func(b *ipvs.Batch, c *Change) {
		b.RemoveDestination(c.Service.ServiceKey, c.Destination.AddrPort)
	}},
	SetTimeouts: {"set timeouts", func(b *ipvs.Batch, c *Change) { b.SetTimeouts(c.Timeouts) }},
	StartDaemon: {"start daemon", func(b *ipvs.Batch, c *Change) { b.StartDaemon(c.Daemon) }},
	StopDaemon:  {"stop daemon", func(b *ipvs.Batch, c *Change) { b.StopDaemon(c.Daemon.State) }},
}

// String returns what the action does, in words.
func (a Action) String() string {
	if int(a) < len(actions) && actions[a].name != "" {
		return actions[a].name
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// A Change is one step from a table to another.
type Change struct {
	Action Action

	// Service is the one that is added, edited or removed, or that the
	// destination belongs to; of one that is removed only the key is set.
	Service ipvs.Service

	// Destination is the one that is added, edited or removed; of one that is
	// removed only its address and port are set.
	Destination ipvs.Destination

	Timeouts ipvs.Timeouts // all three
	Daemon   ipvs.Daemon

	// Unwanted is set where something is removed that is not wanted any more.
	// Other changes remove nothing: a daemon that is stopped without it starts
	// again in another way.
	Prune bool
}

// Queue puts the change into a batch.
func (c *Change) Queue(b *ipvs.Batch) { actions[c.Action].queue(b, c) }

// String returns the change in words, such as "add destination
// 198.51.100.1:80 of TCP 192.0.2.1:80".
func (c *Change) String() string {
	switch c.Action {
	case AddService, UpdateService, RemoveService:
		return fmt.Sprintf("%s %s", c.Action, c.Service.ServiceKey)
	case AddDestination, UpdateDestination, RemoveDestination:
		return fmt.Sprintf("%s %s of %s", c.Action, c.Destination.AddrPort, c.Service.ServiceKey)
	case StartDaemon, StopDaemon:
		return fmt.Sprintf("%s %s", c.Action, c.Daemon.State)
	}
	return c.Action.String()
}
