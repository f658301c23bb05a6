package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/rule"
	"goipvsadm/ipvs"
)

// A restorer runs rules. Changes go to the kernel in batches, in order; what
// else a line may say waits until those before it are done.
type restorer struct {
	*program
	batch  *ipvs.Batch
	queued []queuedRule
	status int // of the first line that failed
}

// A queuedRule is a line whose change is in the batch.
type queuedRule struct {
	line int
	verb command.Verb
}

// restore carries out -R. It returns the status of the first line that failed.
func (p *program) restore(rules io.Reader) int {
	r := &restorer{program: p, batch: p.client.Batch()}
	reader := rule.NewReader(&eager{rules, r.flush})
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		switch {
		case err != nil:
			r.flush()
			r.fail(line+1, err.Error(), statusRefused)
			return r.status
		case words == nil:
			r.flush()
			return r.status
		}
		if !r.rule(words, line, &cmd) {
			return r.status
		}
	}
}

// rule runs one line. It reports whether the next is to be read.
func (r *restorer) rule(words []string, line int, cmd *command.Command) bool {
	mistake := r.parser.Parse(words, cmd)
	if mistake == nil && cmd.Verb == command.Restore {
		mistake = r.parser.NoCommand()
	}
	if mistake != nil {
		r.flush()
		status := statusMistake
		var e *command.Error
		if errors.As(mistake, &e) {
			status = e.Status()
		}
		r.fail(line, mistake.Error(), status)
		// ipvsadm takes an option that it cannot read for a refusal.
		return e != nil && e.Kind == command.WrongOption
	}
	if change, ok := changes[cmd.Verb]; ok {
		change(r.batch, cmd)
		r.queued = append(r.queued, queuedRule{line, cmd.Verb})
		return true
	}
	r.flush()
	r.where = at(line)
	status := r.execute(cmd)
	r.where = ""
	if status != statusOK {
		r.status = firstFailure(r.status, status)
	}
	ends := status != statusOK || cmd.Verb == command.Help || cmd.Verb == command.Version
	return !ends
}

// flush sends what is queued and tells what failed.
func (r *restorer) flush() {
	if len(r.queued) == 0 {
		return
	}
	failures, err := r.batch.Flush()
	for _, f := range failures {
		q := r.queued[f.Index]
		r.fail(q.line, refusal(q.verb, f.Err), statusRefused)
	}
	if err != nil {
		r.fail(r.queued[0].line, err.Error(), statusRefused)
	}
	r.queued = r.queued[:0]
}

// fail tells of a line that failed.
func (r *restorer) fail(line int, text string, status int) {
	r.complain(at(line) + text)
	r.status = firstFailure(r.status, status)
}

// at begins a message about a line.
func at(line int) string { return fmt.Sprintf("line %d: ", line) }

func firstFailure(first, status int) int {
	if first != statusOK {
		return first
	}
	return status
}

// An eager reader sends what is queued before it waits for more: whoever writes
// rules into a pipe may wait for them to be done.
type eager struct {
	io.Reader
	before func()
}

func (e *eager) Read(b []byte) (int, error) {
	e.before()
	return e.Reader.Read(b)
}

// runRestore runs the program as ipvsadm-restore: it replaces the table, and
// takes no arguments. Unlike that it looks at all rules before it clears
// anything.
func (p *program) runRestore([]string) int {
	if status := p.open(); status != statusOK {
		return status
	}
	rules, err := io.ReadAll(p.stdin)
	if err != nil {
		p.complain(err.Error())
		return statusMistake
	}
	if line, err := p.check(rules); err != nil {
		p.complain(fmt.Sprintf("line %d: %v", line, err))
		var e *command.Error
		if errors.As(err, &e) {
			return e.Status()
		}
		return statusMistake
	}
	if status := p.change(&command.Command{Verb: command.Flush}); status != statusOK {
		return status
	}
	return p.restore(bytes.NewReader(rules))
}

// check returns the first mistake in rules.
func (p *program) check(rules []byte) (line int, err error) {
	reader := rule.NewReader(bytes.NewReader(rules))
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		if err != nil || words == nil {
			return line, err
		}
		err = p.parser.Parse(words, &cmd)
		if err == nil && cmd.Verb == command.Restore {
			err = p.parser.NoCommand()
		}
		if err != nil {
			return line, err
		}
	}
}
