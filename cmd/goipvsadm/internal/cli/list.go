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

// formats are the options that choose the columns; the first that is given
// counts.
var formats = []struct {
	option command.Option
	format tablefmt.Format
}{
	{command.Stats, tablefmt.Stats},
	{command.Rate, tablefmt.Rate},
	{command.Thresholds, tablefmt.Thresholds},
	{command.PersistentConn, tablefmt.PersistentConns},
	{command.TunInfo, tablefmt.TunnelInfo},
}

// list carries out -L.
func (p *invocation) list(cmd *command.Command) int {
	var err error
	p.allowEPIPE = true
	json := cmd.Options.Has(command.JSON)
	switch {
	case cmd.Options.Has(command.Watch):
		return p.watch(cmd)
	case cmd.Options.Has(command.Metrics):
		err = p.listMetrics(cmd)
	case cmd.Options.Has(command.Connection):
		return p.listConnections(cmd)
	case cmd.Options.Has(command.Timeout) && json:
		err = p.jsonTimeouts()
	case cmd.Options.Has(command.Timeout):
		err = p.listTimeouts()
	case cmd.Options.Has(command.Daemon) && json:
		err = p.jsonDaemons()
	case cmd.Options.Has(command.Daemon):
		err = p.listDaemons()
	case json:
		err = p.jsonTable(cmd)
	default:
		err = p.listTable(cmd)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		p.errorf(refusal(command.List, err))
		return exitListError
	}
	return statusOK
}

func (p *invocation) listTimeouts() error {
	t, err := p.client.Timeouts()
	if err == nil {
		p.stdout.Write(tablefmt.AppendTimeouts(nil, &t))
	}
	return err
}

func (p *invocation) listDaemons() error {
	daemons, err := p.client.Daemons()
	for i := range daemons {
		p.stdout.Write(tablefmt.AppendDaemon(nil, &daemons[i]))
	}
	return err
}

func (p *invocation) listConnections(cmd *command.Command) int {
	p.stdout.Flush() // connections come at their own pace
	var err error
	if cmd.Options.Has(command.JSON) {
		err = p.jsonConnections()
	} else {
		err = tablefmt.Connections(p.rawStdout, p.client.Connections(), p.namer(cmd), cmd.Options.Has(command.PersistentConn))
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return statusOK
	}
	if file := new(fs.PathError); errors.As(err, &file) && file.Op == "open" {
		p.errorf("cannot open file /proc/net/ip_vs_conn")
	} else {
		p.errorf(err.Error())
	}
	return exitListError
}

// listTable lists the services with their destinations: all, or one.
func (p *invocation) listTable(cmd *command.Command) error {
	t := tablefmt.Table{Exact: cmd.Options.Has(command.Exact)}
	for _, f := range formats {
		if cmd.Options.Has(f.option) {
			t.Format = f.format
			break
		}
	}
	info := &p.info
	if cmd.Options.Has(command.ServiceAddress) {
		info = nil
	}
	services, err := p.services(cmd)
	if err != nil {
		return err
	}
	return p.writeServices(services, p.client.AppendDestinations, p.namer(cmd), !cmd.Options.Has(command.NoSort), func(n tablefmt.Namer) rowFormatter {
		t.Names = n
		p.stdout.Write(t.AppendHeader(nil, info))
		return rowFormatter{t.AppendService, t.AppendDestination}
	})
}

// services returns the services that a listing is to show, in its order.
func (p *invocation) services(cmd *command.Command) ([]ipvs.Service, error) {
	if cmd.Options.Has(command.ServiceAddress) {
		s, err := p.client.Service(cmd.Service.ServiceKey)
		return []ipvs.Service{s}, err
	}
	read := p.client.Services
	if cmd.Options.HasAny(command.JSON, command.Metrics) {
		read = p.client.ServicesConsistent
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

// namer returns the namer that the options ask for.
func (p *invocation) namer(cmd *command.Command) tablefmt.Namer {
	if cmd.Options.Has(command.Numeric) {
		return resolve.Numeric{}
	}
	if cmd.Verb == command.Save {
		return resolve.NewRoundTripNamer(p.names)
	}
	return resolve.NewNamer(p.names)
}
