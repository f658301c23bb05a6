// SPDX-License-Identifier: MIT

package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
)

// save executes -S.
func (inv *invocation) save(cmd *command.Command) int {
	if err := inv.saveRules(cmd); err != nil {
		inv.errorf("%s", kernelMessage(command.List, err))
		return exitListError
	}
	return exitOK
}

// saveRules prints the table as rules. With --all, the timeouts come first, so
// that they are set before the services accept connections. The daemons come
// last, so that a backup daemon can assign the connections that it receives to
// destinations.
func (inv *invocation) saveRules(cmd *command.Command) error {
	all := cmd.Options.Has(command.All)
	if all {
		t, err := inv.client.Timeouts()
		if err != nil {
			return err
		}
		inv.stdout.Write(ruleset.AppendTimeouts(nil, &t))
	}
	services, err := inv.client.ServicesConsistent()
	if err != nil {
		return err
	}
	tablefmt.SortServices(services)
	err = inv.writeServices(services, inv.client.AppendDestinationsConsistent, inv.namer(cmd), tablefmt.SortDestinations, ruleFormatter)
	if err != nil || !all {
		return err
	}
	daemons, err := inv.client.Daemons()
	for i := range daemons {
		inv.stdout.Write(ruleset.AppendDaemon(nil, &daemons[i]))
	}
	return err
}
