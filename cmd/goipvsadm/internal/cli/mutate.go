package cli

import (
	"goipvsadm/cmd/goipvsadm/internal/command"
)

// change carries out one change.
func (p *invocation) change(cmd *command.Command) int {
	if cmd.Options.Has(command.Drain) {
		return p.drain(cmd)
	}
	b := p.client.Batch()
	change := cmd.Change()
	b.Add(&change)
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
