// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"io/fs"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/metrics"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// listMetrics writes the table as metrics. It reads the whole table before it
// writes, because a reader would not notice that metrics are missing.
func (inv *invocation) listMetrics(cmd *command.Command) error {
	services, err := inv.services(cmd)
	if err != nil {
		return err
	}
	t := reconcile.Table{Services: make([]reconcile.Service, len(services))}
	for i := range services {
		t.Services[i].Service = services[i]
	}
	var buf []ipvs.Destination
	for i := range t.Services {
		s := &t.Services[i]
		if buf, err = inv.client.AppendDestinationsConsistent(buf[:0], s.ServiceKey); err != nil {
			return err
		}
		s.Destinations = slices.Clone(buf)
		if !cmd.Options.Has(command.NoSort) {
			tablefmt.SortDestinations(s.Destinations)
		}
	}
	if t.Timeouts, err = inv.client.Timeouts(); err != nil {
		return err
	}
	if t.Daemons, err = inv.client.Daemons(); err != nil {
		return err
	}
	totals := new(ipvs.Stats)
	switch *totals, err = inv.client.Totals(); {
	case errors.Is(err, fs.ErrNotExist): // as in a container without /proc/net
		totals = nil
	case err != nil:
		return err
	}
	format := metrics.Prometheus
	if cmd.OpenMetrics {
		format = metrics.OpenMetrics
	}
	return format.Write(inv.stdout, &inv.info, totals, &t)
}
