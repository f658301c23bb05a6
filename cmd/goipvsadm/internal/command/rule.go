// SPDX-License-Identifier: MIT

package command

import "fmt"

// ParseRule parses a line of a ruleset into cmd. It is like Parse, but rejects
// commands that read another ruleset, act on another network namespace, run until
// interrupted or diagnose the host.
func (p *Parser) ParseRule(words []string, cmd *Command) error {
	if err := p.Parse(words, cmd); err != nil {
		return err
	}
	switch cmd.Verb {
	case Restore, Check, Apply, Diff, Doctor, Monitor:
		if p.DetailedErrors {
			return &Error{NoCommand, fmt.Sprintf("command '%s' is not allowed in a rule", cmd.Verb)}
		}
		return p.usageError()
	}
	for _, o := range []Option{NetNS, Watch} {
		if cmd.Options.Has(o) {
			return errorf("option '%s' is not allowed in a rule", o)
		}
	}
	return nil
}
