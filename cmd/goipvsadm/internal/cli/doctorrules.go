package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// readDoctorRules reads the rules of --rules. It returns nil after reporting an
// error.
func (p *invocation) readDoctorRules(cmd *command.Command) *doctor.Rules {
	input := p.stdin
	if cmd.RulesFile != "-" {
		file, err := os.Open(cmd.RulesFile)
		if err != nil {
			e := new(os.PathError)
			if errors.As(err, &e) {
				err = fmt.Errorf("%s: %w", e.Path, e.Err)
			}
			p.errorf(err.Error())
			return nil
		}
		defer file.Close()
		input = file
	} else if stdinClosed(p.stdin) {
		p.errorf(msgStdinClosed)
		return nil
	}
	rules := &doctor.Rules{IgnoredPorts: make(map[ipvs.DestinationKey]uint16)}
	_, table, mistakes := p.readTable(input, func(c *command.Command) {
		if c.IgnoredPort != 0 {
			rules.IgnoredPorts[ipvs.DestinationKey{Service: c.Service.ServiceKey, AddrPort: c.Destination.AddrPort}] = c.IgnoredPort
		}
	})
	if len(mistakes) > 0 {
		p.reportErrors(mistakes)
		return nil
	}
	rules.Table = table
	return rules
}

// readTable reads rules into the table that they describe and calls do for each
// of them.
func (p *invocation) readTable(input io.Reader, do func(*command.Command)) (*ruleset.Rules, *reconcile.Table, []lineError) {
	p.parser.DetailedErrors = true
	rules := new(ruleset.Rules)
	mistakes := p.readRules(input, func(c *command.Command, line int) error {
		do(c)
		return rules.Add(c, line)
	})
	table, more := rules.Table()
	for _, m := range more {
		mistakes = append(mistakes, lineError{m.Line, m.Text, exitUsage})
	}
	return rules, table, mistakes
}
