package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// changes are the commands that change something, as changes of a batch.
var changes = [...]func(b *ipvs.Batch, c *command.Command){
	command.AddService:    func(b *ipvs.Batch, c *command.Command) { b.AddService(c.Service) },
	command.EditService:   func(b *ipvs.Batch, c *command.Command) { b.UpdateService(c.Service) },
	command.DeleteService: func(b *ipvs.Batch, c *command.Command) { b.RemoveService(c.Service.ServiceKey) },
	command.AddServer: func(b *ipvs.Batch, c *command.Command) {
		b.AddDestination(c.Service.ServiceKey, c.Destination)
	},
	command.EditServer: func(b *ipvs.Batch, c *command.Command) {
		b.UpdateDestination(c.Service.ServiceKey, c.Destination)
	},
	command.DeleteServer: func(b *ipvs.Batch, c *command.Command) {
		b.RemoveDestination(c.Service.ServiceKey, c.Destination.AddrPort)
	},
	command.Flush: func(b *ipvs.Batch, _ *command.Command) { b.RemoveAllServices() },
	command.Zero: func(b *ipvs.Batch, c *command.Command) {
		if c.Options.Has(command.ServiceAddress) {
			b.ZeroService(c.Service.ServiceKey)
		} else {
			b.Zero()
		}
	},
	command.SetTimeouts: func(b *ipvs.Batch, c *command.Command) { b.SetTimeouts(c.Timeouts) },
	command.StartDaemon: func(b *ipvs.Batch, c *command.Command) { b.StartDaemon(c.Daemon) },
	command.StopDaemon:  func(b *ipvs.Batch, c *command.Command) { b.StopDaemon(c.Daemon.State) },
}

// changeOf returns the change that a verb stands for, nil for one that changes
// nothing.
func changeOf(v command.Verb) func(*ipvs.Batch, *command.Command) {
	if int(v) < len(changes) {
		return changes[v]
	}
	return nil
}

// change carries out one change.
func (p *invocation) change(cmd *command.Command) int {
	if cmd.Options.Has(command.Drain) {
		return p.drain(cmd)
	}
	b := p.client.Batch()
	changeOf(cmd.Verb)(b, cmd)
	failures, err := b.Commit()
	if err != nil {
		p.errorf(refusal(cmd.Verb, err))
		return exitKernelError
	}
	for _, f := range failures {
		p.errorf(refusal(cmd.Verb, f.Err))
		return exitKernelError
	}
	return statusOK
}
