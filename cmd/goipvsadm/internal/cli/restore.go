package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
)

// A restorer runs rules. Changes go to the kernel in batches, in order; what
// else a line may say waits until those before it are done.
type restorer struct {
	batchRunner
	stoppedAt int // the line behind which nothing was read, 0 if all was
}

// restore carries out -R. It returns the status of the first line that failed.
func (p *invocation) restore(rules io.Reader) int {
	return p.restoreWith(rules).status
}

// restoreSome is restore where the rest is to be spoken of.
func (p *invocation) restoreAndReport(rules io.Reader) int {
	r := p.restoreWith(rules)
	r.reportStop()
	return r.status
}

// tellEnd tells where the rules were left, if they were.
func (r *restorer) reportStop() {
	if r.stoppedAt != 0 {
		r.errorf(fmt.Sprintf("The rules before line %d are in place; those behind it were not read", r.stoppedAt))
	}
}

func (p *invocation) restoreWith(rules io.Reader) *restorer {
	p.startQueueing()
	r := &restorer{batchRunner: p.newSender()}
	reader := ruleset.NewReader(&flushingReader{rules, r.flush})
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		switch {
		case err != nil:
			r.flush()
			r.fail(linePrefix(line+1), err.Error(), exitKernelError)
			r.stoppedAt = line + 1
			return r
		case words == nil:
			r.flush()
			return r
		}
		if !r.rule(words, line, &cmd) {
			r.stoppedAt = line
			return r
		}
	}
}

// rule runs one line. It reports whether the next is to be read.
func (r *restorer) rule(words []string, line int, cmd *command.Command) bool {
	if mistake := r.parser.ParseRule(words, cmd); mistake != nil {
		r.flush()
		status := exitUsage
		var e *command.Error
		if errors.As(mistake, &e) {
			status = e.Status()
		}
		r.fail(linePrefix(line), mistake.Error(), status)
		// ipvsadm takes an option that it cannot read for a refusal.
		return e != nil && e.Kind == command.BadOption
	}
	if cmd.Verb.IsChange() && !cmd.Options.Has(command.Drain) {
		r.queue(cmd, line, "")
		return !r.broken
	}
	if !r.flush() {
		return false
	}
	r.prefix = linePrefix(line)
	status := r.execute(cmd)
	r.prefix = ""
	if r.signal != 0 { // whatever became of the drain
		r.status = 128 + int(r.signal)
		return false
	}
	if status != statusOK {
		r.status = firstFailure(r.status, status)
	}
	// A drain that the kernel refuses is passed over like other changes.
	ends := status != statusOK && status != exitKernelError || cmd.Verb == command.Help || cmd.Verb == command.Version
	return !ends
}

// An eager reader sends what is queued before it waits for more: whoever writes
// rules into a pipe may wait for them to be done.
type flushingReader struct {
	io.Reader
	before func() bool // false if no more is wanted
}

func (e *flushingReader) Read(b []byte) (int, error) {
	if !e.before() {
		return 0, io.EOF
	}
	return e.Reader.Read(b)
}

// restoreHelp is what ipvsadm-restore tells of itself.
const restoreHelp = "ipvsadm-restore: replaces the IPVS table by the rules on stdin, as ipvsadm-save prints them.\n" +
	"   -N NETNS   the table of another network namespace\n"

// runRestore runs the program as ipvsadm-restore: it replaces the table, and
// of its arguments heeds --netns and those that ask for help. Unlike that it
// looks at all rules before it clears anything. Where there is nothing to clear,
// as when a machine starts, it brings up all before a mistake, as that does.
func (p *invocation) runRestore(args []string) int {
	var cmd command.Command
	netns, others := cutNetNS(args)
	if slices.Contains(others, "-h") || slices.Contains(others, "--help") {
		p.allowEPIPE = true
		p.stdout.WriteString(restoreHelp)
		return statusOK
	}
	if mistake := p.parser.Parse(append([]string{"-R"}, netns...), &cmd); mistake != nil {
		return p.usageError(mistake)
	}
	if status := p.open(cmd.NetNS); status != statusOK {
		return status
	}
	if stdinClosed(p.stdin) {
		p.errorf(msgStdinClosed)
		return exitUsage
	}
	input := &keeper{from: p.stdin}
	mistakes := p.readRules(input, detectUnreachable())
	if input.err != nil {
		p.errorf(input.err.Error())
		return exitUsage
	}
	rules := input.kept
	if len(mistakes) > 0 {
		if p.tableEmpty() {
			return p.restoreAndReport(bytes.NewReader(rules))
		}
		return p.reportErrors(mistakes)
	}
	// What is cleared must be sure to find its way back.
	if err := p.client.Batch().Preflight(bytes.Count(rules, []byte("\n")) + 1); err != nil {
		p.errorf(refusal(command.Flush, err) + "\nNothing was changed")
		return exitKernelError
	}
	if status := p.change(&command.Command{Verb: command.Flush}); status != statusOK {
		return status
	}
	r := p.restoreWith(bytes.NewReader(rules))
	if r.status != statusOK {
		r.reportStop()
	}
	return r.status
}

// unreached returns what finds a rule behind one that ends the rules without being
// a mistake.
func detectUnreachable() func(*command.Command, int) error {
	end, told := 0, false
	return func(c *command.Command, line int) error {
		switch {
		case end == 0 && (c.Verb == command.Help || c.Verb == command.Version):
			end = line
		case end != 0 && !told:
			told = true
			return fmt.Errorf("Not reached: line %d ends the rules", end)
		}
		return nil
	}
}

// A keeper keeps what is read through it: of rules no more than they are read
// for, up to a line that is too long.
type keeper struct {
	from io.Reader
	kept []byte
	err  error // what ended it before the end
}

func (k *keeper) Read(b []byte) (int, error) {
	n, err := k.from.Read(b)
	k.kept = append(k.kept, b[:n]...)
	if err != io.EOF {
		k.err = err
	}
	return n, err
}

// nothingToLose reports whether the table is empty.
func (p *invocation) tableEmpty() bool {
	services, err := p.client.Services()
	return err == nil && len(services) == 0
}
