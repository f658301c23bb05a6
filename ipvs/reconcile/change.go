package reconcile

import "goipvsadm/ipvs"

// A Change is one step from one table to another. Removals set only the key of
// the service, destination or sync daemon; a daemon that is stopped to be
// restarted is complete.
type Change struct {
	ipvs.Change

	// Prune is set if the change removes an entry that the wanted table does
	// not have. It is not set for a sync daemon that is stopped to be restarted
	// with other settings.
	Prune bool

	// Disable is set if the change lowers the weight of a destination to 0.
	Disable bool
}
