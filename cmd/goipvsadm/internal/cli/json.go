package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// jsonConnections writes the connections as JSON.
func (p *invocation) jsonConnections() error {
	return jsonout.Connections(p.stdout, p.client.Connections())
}

func (p *invocation) jsonTimeouts() error {
	t, err := p.client.Timeouts()
	if err != nil {
		return err
	}
	return jsonout.Timeouts(p.stdout, &t)
}

func (p *invocation) jsonDaemons() error {
	daemons, err := p.client.Daemons()
	if err != nil {
		return err
	}
	return jsonout.Daemons(p.stdout, daemons)
}

// jsonTable writes the services as JSON, one after the other. There is one
// format: the options that choose columns choose nothing here.
func (p *invocation) jsonTable(cmd *command.Command) error {
	services, err := p.services(cmd)
	if err != nil {
		return err
	}
	t, err := jsonout.NewTable(p.stdout, &p.info)
	if err != nil {
		return err
	}
	var destinations []ipvs.Destination
	for i := range services {
		s := &services[i]
		if destinations, err = p.client.AppendDestinationsConsistent(destinations[:0], s.ServiceKey); err != nil {
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
