// SPDX-License-Identifier: MIT

package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

func (inv *invocation) jsonTimeouts() error {
	t, err := inv.client.Timeouts()
	if err != nil {
		return err
	}
	return jsonout.Timeouts(inv.stdout, &t)
}

func (inv *invocation) jsonDaemons() error {
	daemons, err := inv.client.Daemons()
	if err != nil {
		return err
	}
	return jsonout.Daemons(inv.stdout, daemons)
}

// jsonTable writes the services as JSON, as they are read. The options that
// select columns are ignored.
func (inv *invocation) jsonTable(cmd *command.Command) error {
	services, err := inv.services(cmd)
	if err != nil {
		return err
	}
	t, err := jsonout.NewTable(inv.stdout, &inv.info)
	if err != nil {
		return err
	}
	var destinations []ipvs.Destination
	for i := range services {
		s := &services[i]
		if destinations, err = inv.client.AppendDestinationsConsistent(destinations[:0], s.ServiceKey); err != nil {
			return err
		}
		if !cmd.Options.Has(command.NoSort) {
			tablefmt.SortDestinations(destinations)
		}
		if err := t.Add(s, destinations); err != nil {
			return err
		}
	}
	return t.End()
}
