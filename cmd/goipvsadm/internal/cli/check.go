package cli

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
)

// check executes --check.
func (inv *invocation) check(cmd *command.Command) int {
	input, status := inv.openRules(cmd)
	if input == nil {
		return status
	}
	defer input.Close()
	inv.parser.DetailedErrors = true
	errs, _ := inv.readRules(input, nil)
	if len(errs) == 0 {
		return exitOK
	}
	inv.reportErrors(errs)
	return exitUsage
}

// A lineError is an error in a line of rules.
type lineError struct {
	line   int
	text   string
	status int // exit status of -R
}

// readRules reads and checks rules, calls add, if set, for each valid one, and
// returns the errors, those of add included. If rules cannot be
// read, the read error is returned as well as being the last lineError.
func (inv *invocation) readRules(rules io.Reader, add func(c *command.Command, line int) error) (errs []lineError, readErr error) {
	reader := ruleset.NewReader(rules)
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		if err != nil {
			errs = append(errs, lineError{line: line + 1, text: err.Error(), status: exitUsage})
			if err != ruleset.ErrLineTooLong {
				readErr = err
			}
			return errs, readErr
		}
		if words == nil {
			return errs, nil
		}
		if e := new(command.Error); errors.As(inv.parser.ParseRule(words, &cmd), &e) {
			errs = append(errs, lineError{line: line, text: e.Text, status: e.Status()})
		} else if add != nil {
			if err := add(&cmd, line); err != nil {
				errs = append(errs, lineError{line: line, text: err.Error(), status: exitUsage})
			}
		}
	}
}

// reportErrors reports errs in the order of their lines and returns the status
// of the first.
func (inv *invocation) reportErrors(errs []lineError) int {
	slices.SortStableFunc(errs, func(a, b lineError) int { return cmp.Compare(a.line, b.line) })
	for _, e := range errs {
		inv.errorf("%s", termsafe.Escape(lineName(e.line)+": "+e.text))
	}
	return errs[0].status
}
