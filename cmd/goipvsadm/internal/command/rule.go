package command

import "fmt"

// ParseRule reads the words of a line of rules into cmd, as Parse does a
// command line. Rules are for the table that they are read for, so they cannot
// turn to another; nor do they read rules themselves, wait for a key, or look at
// the whole machine.
func (p *Parser) ParseRule(words []string, cmd *Command) error {
	if err := p.Parse(words, cmd); err != nil {
		return err
	}
	switch cmd.Verb {
	case Restore, Check, Apply, Diff, Doctor:
		if p.Verbose {
			return &Error{NoCommand, fmt.Sprintf("Illegal '%s' command in a rule", cmd.Verb)}
		}
		return p.UsageError()
	}
	for _, o := range []Option{NetNS, Watch} {
		if cmd.Options.Has(o) {
			return errorf("Illegal '%s' option in a rule", optionMatrix[o].name)
		}
	}
	return nil
}
