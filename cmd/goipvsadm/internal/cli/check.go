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

// A lineMistake is what is wrong with a line of rules.
type lineError struct {
	line   int
	text   string
	status int // of -R
}

// readAll carries out the commands that read all rules before they do anything.
func (p *invocation) runRules(cmd *command.Command) int {
	p.parser.DetailedErrors = true
	if cmd.Verb == command.Check {
		return p.check()
	}
	return p.applyOrDiff(cmd)
}

// check carries out --check.
func (p *invocation) check() int {
	if stdinClosed(p.stdin) {
		p.errorf(msgStdinClosed)
		return exitUsage
	}
	mistakes := p.readRules(p.stdin, nil)
	if len(mistakes) == 0 {
		return statusOK
	}
	p.reportErrors(mistakes)
	return exitUsage
}

// readRules reads rules to their end, calls take for each good one, and
// returns the mistakes. What take returns is another one, unless it is nil.
func (p *invocation) readRules(rules io.Reader, take func(c *command.Command, line int) error) []lineError {
	var mistakes []lineError
	reader := ruleset.NewReader(rules)
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		if err != nil {
			return append(mistakes, lineError{line + 1, err.Error(), exitUsage})
		}
		if words == nil {
			return mistakes
		}
		err = p.parser.ParseRule(words, &cmd)
		if e := new(command.Error); errors.As(err, &e) {
			mistakes = append(mistakes, lineError{line, e.Text, e.Status()})
			continue
		}
		if take == nil {
			continue
		}
		if err := take(&cmd, line); err != nil {
			mistakes = append(mistakes, lineError{line, err.Error(), exitUsage})
		}
	}
}

// tellMistakes tells of all mistakes, and returns the status of the first.
func (p *invocation) reportErrors(mistakes []lineError) int {
	slices.SortStableFunc(mistakes, func(a, b lineError) int { return cmp.Compare(a.line, b.line) })
	for _, m := range mistakes {
		p.errorf(termsafe.Escape(linePrefix(m.line) + m.text))
	}
	return mistakes[0].status
}
