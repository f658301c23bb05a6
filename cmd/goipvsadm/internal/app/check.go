package app

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/quote"
	"goipvsadm/cmd/goipvsadm/internal/rule"
)

// A lineMistake is what is wrong with a line of rules.
type lineMistake struct {
	line   int
	text   string
	status int // of -R
}

// readAll carries out the commands that read all rules before they do anything.
func (p *program) readAll(cmd *command.Command) int {
	p.parser.Explain = true
	if cmd.Verb == command.Check {
		return p.check()
	}
	return p.compare(cmd)
}

// check carries out --check.
func (p *program) check() int {
	if nobodyFeeds(p.stdin) {
		p.complain(noInput)
		return statusMistake
	}
	mistakes := p.readRules(p.stdin, nil)
	if len(mistakes) == 0 {
		return statusOK
	}
	p.tellMistakes(mistakes)
	return statusMistake
}

// readRules reads rules to their end, calls take for each good one, and
// returns the mistakes. What take returns is another one, unless it is "".
func (p *program) readRules(rules io.Reader, take func(c *command.Command, line int) string) []lineMistake {
	var mistakes []lineMistake
	reader := rule.NewReader(rules)
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		if err != nil {
			return append(mistakes, lineMistake{line + 1, err.Error(), statusMistake})
		}
		if words == nil {
			return mistakes
		}
		err = p.parser.ParseRule(words, &cmd)
		if e := new(command.Error); errors.As(err, &e) {
			mistakes = append(mistakes, lineMistake{line, e.Text, e.Status()})
			continue
		}
		if take == nil {
			continue
		}
		if text := take(&cmd, line); text != "" {
			mistakes = append(mistakes, lineMistake{line, text, statusMistake})
		}
	}
}

// tellMistakes tells of all mistakes, and returns the status of the first.
func (p *program) tellMistakes(mistakes []lineMistake) int {
	slices.SortStableFunc(mistakes, func(a, b lineMistake) int { return cmp.Compare(a.line, b.line) })
	for _, m := range mistakes {
		p.complain(quote.Visible(at(m.line) + m.text))
	}
	return mistakes[0].status
}
