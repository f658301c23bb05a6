package app

import (
	"errors"
	"io/fs"
	"net/netip"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/cmd/goipvsadm/internal/reading"
	"goipvsadm/ipvs"
)

// numeric is the namer that asks nobody.
type numeric struct{}

func (numeric) Append(b []byte, ap netip.AddrPort, _ ipvs.Protocol) []byte {
	return names.AppendNumeric(b, ap)
}

// formats are the options that choose the columns; the first that is given
// counts.
var formats = []struct {
	option command.Option
	format listing.Format
}{
	{command.Stats, listing.Stats},
	{command.Rate, listing.Rate},
	{command.Thresholds, listing.Thresholds},
	{command.PersistentConn, listing.PersistentConns},
	{command.TunInfo, listing.TunnelInfo},
}

// list carries out -L.
func (p *program) list(cmd *command.Command) int {
	var err error
	p.listing = true
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
		p.complain(refusal(command.List, err))
		return statusListing
	}
	return statusOK
}

func (p *program) listTimeouts() error {
	t, err := p.client.Timeouts()
	if err == nil {
		p.stdout.Write(listing.AppendTimeouts(nil, &t))
	}
	return err
}

func (p *program) listDaemons() error {
	daemons, err := p.client.Daemons()
	for i := range daemons {
		p.stdout.Write(listing.AppendDaemon(nil, &daemons[i]))
	}
	return err
}

func (p *program) listConnections(cmd *command.Command) int {
	p.stdout.Flush() // connections come at their own pace
	var err error
	if cmd.Options.Has(command.JSON) {
		err = p.jsonConnections()
	} else {
		err = listing.Connections(p.direct, p.client.Connections(), p.namer(cmd), cmd.Options.Has(command.PersistentConn))
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return statusOK
	}
	if file := new(fs.PathError); errors.As(err, &file) && file.Op == "open" {
		p.complain("cannot open file /proc/net/ip_vs_conn")
	} else {
		p.complain(err.Error())
	}
	return statusListing
}

// listTable lists the services with their destinations: all, or one.
func (p *program) listTable(cmd *command.Command) error {
	t := listing.Table{Exact: cmd.Options.Has(command.Exact)}
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
	return p.eachService(services, p.client.AppendDestinations, p.namer(cmd), !cmd.Options.Has(command.NoSort), func(n listing.Namer) rows {
		t.Names = n
		p.stdout.Write(t.AppendHeader(nil, info))
		return rows{t.AppendService, t.AppendDestination}
	})
}

// services returns the services that a listing is to show, in its order.
func (p *program) services(cmd *command.Command) ([]ipvs.Service, error) {
	if cmd.Options.Has(command.ServiceAddress) {
		s, err := p.client.Service(cmd.Service.ServiceKey)
		return []ipvs.Service{s}, err
	}
	read := p.client.Services
	if cmd.Options.HasAny(command.JSON, command.Metrics) {
		read = p.client.UniqueServices
	}
	services, err := read()
	if !cmd.Options.Has(command.NoSort) {
		listing.SortServices(services)
	}
	if cmd.Options.Has(command.Top) && !cmd.Options.Has(command.Watch) {
		reading.Busiest(services)
		services = services[:min(len(services), int(cmd.Top))]
	}
	return services, err
}

// namer returns the namer that the options ask for.
func (p *program) namer(cmd *command.Command) listing.Namer {
	if cmd.Options.Has(command.Numeric) {
		return numeric{}
	}
	if cmd.Verb == command.Save {
		return names.NewSaver(p.names)
	}
	return names.NewNamer(p.names)
}
