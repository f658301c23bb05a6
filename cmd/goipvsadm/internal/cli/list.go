package cli

import (
	"errors"
	"io/fs"
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

func (inv *invocation) listConnections(cmd *command.Command) int {
	inv.stdout.Flush() // the text listing bypasses this buffer
	var err error
	if cmd.Options.Has(command.JSON) {
		err = inv.jsonConnections()
	} else {
		err = tablefmt.Connections(inv.rawStdout, inv.client.Connections(), inv.namer(cmd), cmd.Options.Has(command.PersistentConn))
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return exitOK
	}
	if file := new(fs.PathError); errors.As(err, &file) && file.Op == "open" {
		inv.errorf("cannot open file /proc/net/ip_vs_conn")
	} else {
		inv.errorf("%v", err)
	}
	return exitListError
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
	return inv.writeServices(services, inv.client.AppendDestinations, inv.namer(cmd), !cmd.Options.Has(command.NoSort), func(n tablefmt.Namer) rowFormatter {
		t.Names = n
		inv.stdout.Write(t.AppendHeader(nil, info))
		return rowFormatter{t.AppendService, t.AppendDestination}
	})
}

// services returns the services to list, in the order of the listing.
func (inv *invocation) services(cmd *command.Command) ([]ipvs.Service, error) {
	if cmd.Options.Has(command.ServiceAddress) {
		s, err := inv.client.Service(cmd.Service.ServiceKey)
		return []ipvs.Service{s}, err
	}
	read := inv.client.Services
	if cmd.Options.HasAny(command.JSON, command.Metrics, command.Watch) {
		read = inv.client.ServicesConsistent
	}
	services, err := read()
	if !cmd.Options.Has(command.NoSort) {
		tablefmt.SortServices(services)
	}
	if cmd.Options.Has(command.Top) && !cmd.Options.Has(command.Watch) {
		sampler.SortByPackets(services)
		services = services[:min(len(services), int(cmd.Top))]
	}
	return services, err
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
