package reconcile

import "goipvsadm/ipvs"

// A Change is one step from one table to another. The service or destination of
// a removal has only its key set.
type Change struct {
	ipvs.Change

	// Prune is set if the change removes an entry that the wanted table does
	// not have. A sync daemon that is stopped without Prune is started again
	// with other settings.
	Prune bool
}
