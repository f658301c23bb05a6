// SPDX-License-Identifier: MIT

package reconcile

import "goipvsadm/ipvs"

// A Change is one step from one table to another. A removal has only the key of
// the service, destination or sync daemon. If a sync daemon is stopped for a
// restart, Daemon has all its current settings.
type Change struct {
	ipvs.Change

	// Prune is set if the change removes an entry that the wanted table does
	// not have. It is not set if a sync daemon is stopped for a restart with
	// other settings.
	Prune bool

	// Disable is set if the change lowers the weight of a destination to 0.
	Disable bool
}
