package app

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonlist"
	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/ipvs"
)

// jsonConnections writes the connections as JSON.
func (p *program) jsonConnections() error {
	return jsonlist.Connections(p.stdout, p.client.Connections())
}

func (p *program) jsonTimeouts() error {
	t, err := p.client.Timeouts()
	if err != nil {
		return err
	}
	return jsonlist.Timeouts(p.stdout, &t)
}

func (p *program) jsonDaemons() error {
	daemons, err := p.client.Daemons()
	if err != nil {
		return err
	}
	return jsonlist.Daemons(p.stdout, daemons)
}

// jsonTable writes the services as JSON, one after the other. There is one
// format: the options that choose columns choose nothing here.
func (p *program) jsonTable(cmd *command.Command) error {
	services, err := p.services(cmd)
	if err != nil {
		return err
	}
	t, err := jsonlist.NewTable(p.stdout, &p.info)
	if err != nil {
		return err
	}
	var destinations []ipvs.Destination
	for i := range services {
		s := &services[i]
		if destinations, err = p.client.AppendUniqueDestinations(destinations[:0], s.ServiceKey); err != nil {
			return err
		}
		if !cmd.Options.Has(command.NoSort) {
			listing.SortDestinations(destinations)
		}
		if err := t.Add(s, destinations); err != nil {
			return err
		}
	}
	return t.End()
}
