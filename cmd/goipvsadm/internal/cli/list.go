// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"slices"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// formatOptions select the columns of a listing. If several are given, the first
// one in this list applies.
var formatOptions = []struct {
	option command.Option
	format tablefmt.Format
}{
	{command.Stats, tablefmt.Stats},
	{command.Rate, tablefmt.Rate},
	{command.Thresholds, tablefmt.Thresholds},
	{command.PersistentConn, tablefmt.PersistentConns},
	{command.TunInfo, tablefmt.TunnelInfo},
}

// list executes -L.
func (inv *invocation) list(cmd *command.Command) int {
	var err error
	inv.allowEPIPE = true
	json := cmd.Options.Has(command.JSON)
	switch {
	case cmd.Options.Has(command.Watch):
		return inv.watch(cmd)
	case cmd.Options.Has(command.Metrics):
		err = inv.listMetrics(cmd)
	case cmd.Options.Has(command.Connection):
		return inv.listConnections(cmd)
	case cmd.Options.Has(command.Timeout) && json:
		err = inv.jsonTimeouts()
	case cmd.Options.Has(command.Timeout):
		err = inv.listTimeouts()
	case cmd.Options.Has(command.Daemon) && json:
		err = inv.jsonDaemons()
	case cmd.Options.Has(command.Daemon):
		err = inv.listDaemons()
	case json:
		err = inv.jsonTable(cmd)
	default:
		err = inv.listTable(cmd)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		inv.errorf("%s", inv.subjectMessage(command.List, inv.subjectOf(cmd), err))
		return exitListError
	}
	return exitOK
}

func (inv *invocation) listTimeouts() error {
	t, err := inv.client.Timeouts()
	if err == nil {
		inv.stdout.Write(tablefmt.AppendTimeouts(nil, &t))
	}
	return err
}

func (inv *invocation) listDaemons() error {
	daemons, err := inv.client.Daemons()
	for i := range daemons {
		inv.stdout.Write(tablefmt.AppendDaemon(nil, &daemons[i]))
	}
	return err
}

// listTable lists all services, or one, with their destinations.
func (inv *invocation) listTable(cmd *command.Command) error {
	t := tablefmt.Table{Exact: cmd.Options.Has(command.Exact)}
	for _, f := range formatOptions {
		if cmd.Options.Has(f.option) {
			t.Format = f.format
			break
		}
	}
	info := &inv.info
	if cmd.Options.Has(command.ServiceAddress) {
		info = nil
	}
	services, err := inv.services(cmd)
	if err != nil {
		return err
	}
	sort := tablefmt.SortDestinations
	if cmd.Options.Has(command.NoSort) {
		sort = nil
	}
	return inv.writeServices(services, inv.client.AppendDestinations, inv.namer(cmd), sort, func(n tablefmt.Namer) rowFormatter {
		t.Names = n
		inv.stdout.Write(t.AppendHeader(nil, info))
		return rowFormatter{t.AppendService, t.AppendDestination}
	})
}

// services returns the services to list, in the order of the listing.
func (inv *invocation) services(cmd *command.Command) ([]ipvs.Service, error) {
	services, err := inv.readServices(cmd)
	if err == nil && cmd.Options.Has(command.Server) {
		services, err = inv.servicesWithServer(services, cmd.Filter)
	}
	if !cmd.Options.Has(command.NoSort) {
		tablefmt.SortServices(services)
	}
	if cmd.Options.Has(command.Top) && !cmd.Options.Has(command.Watch) {
		sampler.SortByPackets(services)
		services = services[:min(len(services), int(cmd.Top))]
	}
	return services, err
}

// readServices returns the services that the kernel lists, or the one that the
// command names.
func (inv *invocation) readServices(cmd *command.Command) ([]ipvs.Service, error) {
	switch {
	case cmd.Options.Has(command.ServiceAddress):
		s, err := inv.client.Service(cmd.Service.ServiceKey)
		return []ipvs.Service{s}, err
	case cmd.Options.HasAny(command.JSON, command.Metrics, command.Watch, command.Server):
		return inv.client.ServicesConsistent()
	}
	return inv.client.Services()
}

// servicesWithServer returns the services that have a destination that filter
// selects.
func (inv *invocation) servicesWithServer(services []ipvs.Service, filter ipvs.ConnectionFilter) ([]ipvs.Service, error) {
	var selected []ipvs.Service
	var destinations []ipvs.Destination
	for i := range services {
		var err error
		if destinations, err = inv.client.AppendDestinationsConsistent(destinations[:0], services[i].ServiceKey); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(destinations, func(d ipvs.Destination) bool { return filter.MatchesDestination(d.AddrPort) }) {
			selected = append(selected, services[i])
		}
	}
	return selected, nil
}

// namer returns the namer that the command and its options select.
func (inv *invocation) namer(cmd *command.Command) tablefmt.Namer {
	if cmd.Options.Has(command.Numeric) {
		return resolve.Numeric{}
	}
	if cmd.Verb == command.Save {
		return resolve.NewRoundTripNamer(inv.names)
	}
	return resolve.NewNamer(inv.names)
}
