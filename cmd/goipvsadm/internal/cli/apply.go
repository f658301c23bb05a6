package cli

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs/reconcile"
)

// statusDifferent is what --diff returns when there is something to do.
const statusDifferent = 1

// compare carries out --apply and --diff: it reads the rules to their end, and
// the table, and makes the changes between the two or prints them.
func (p *invocation) applyOrDiff(cmd *command.Command) int {
	rules, want, status := p.readDesired(cmd)
	if status != statusOK {
		return status
	}
	if status := p.open(cmd.NetNS); status != statusOK {
		return status
	}
	have, err := p.table(want)
	if err != nil {
		p.errorf(refusal(command.List, err))
		if cmd.Verb == command.Diff {
			return exitUsage
		}
		return exitKernelError
	}
	if len(want.Services) == 0 && len(have.Services) > 0 && !cmd.Options.Has(command.AllowEmpty) {
		return p.refuseEmpty()
	}
	options := reconcile.Options{KeepWeights: cmd.Options.Has(command.KeepWeights)}
	if cmd.Verb == command.Diff {
		return p.diff(want, have, options)
	}
	return p.apply(rules, want, have, options, cmd.Options.Has(command.Verbose))
}

// wanted reads the rules on standard input into the table that they describe.
func (p *invocation) readDesired(cmd *command.Command) (*ruleset.Rules, *reconcile.Table, int) {
	if stdinClosed(p.stdin) {
		p.errorf(msgStdinClosed)
		return nil, nil, exitUsage
	}
	empty := true
	rules, table, mistakes := p.readTable(p.stdin, func(*command.Command) { empty = false })
	if len(mistakes) > 0 {
		p.reportErrors(mistakes)
		return nil, nil, exitUsage
	}
	if empty && !cmd.Options.Has(command.AllowEmpty) {
		return nil, nil, p.refuseEmpty()
	}
	return rules, table, statusOK
}

// refuseEmpty tells that the whole table would go: an empty file is more often
// an accident than meant.
func (p *invocation) refuseEmpty() int {
	p.errorf("There is no service in the rules, which would clear the table: use --allow-empty if that is meant")
	return exitUsage
}

// table reads from the kernel as much as want is to be compared with.
func (p *invocation) table(want *reconcile.Table) (*reconcile.Table, error) {
	have, err := reconcile.Read(p.client, want)
	if err == nil {
		tablefmt.SortTable(have)
	}
	return have, err
}

// diff prints what separates have from want, as rules for -R.
func (p *invocation) diff(want, have *reconcile.Table, o reconcile.Options) int {
	status := statusOK
	var b []byte
	for c := range reconcile.Compare(want, have, o) {
		cmd := command.FromChange(&c.Change)
		b = ruleset.Append(b[:0], &cmd, resolve.Numeric{})
		p.stdout.Write(b)
		status = statusDifferent
	}
	if err := p.stdout.Flush(); err != nil {
		p.errorf(err.Error())
		return exitUsage
	}
	return status
}

// An applier makes the changes of a plan.
type applier struct {
	batchRunner
	line  []byte
	count map[command.Verb]int // of those made
	left  int                  // removals that were not tried
}

// applyQueue is how many changes are under way before their outcome is told.
const applyQueue = 128

// apply makes of have what is wanted.
func (p *invocation) apply(rules *ruleset.Rules, want, have *reconcile.Table, o reconcile.Options, verbose bool) int {
	a := &applier{batchRunner: p.newSender(), count: make(map[command.Verb]int)}
	a.done = func(q queuedChange) {
		a.count[q.verb]++
		if verbose {
			p.stdout.WriteString(q.text + "\n")
		}
	}
	p.startQueueing()
	for c := range reconcile.Compare(want, have, o) {
		a.change(c, rules.Line(c))
	}
	a.flush()
	if a.left > 0 {
		a.errorf(fmt.Sprintf("Nothing was removed because of this (still to remove: %d)", a.left))
	}
	if verbose {
		p.stdout.WriteString(a.summary())
	}
	return a.status
}

// change makes one change. Removals come last; they wait until all else is
// done, and are not tried if any of it failed: what they remove may be all
// that still works.
func (a *applier) change(c *reconcile.Change, line int) {
	removal := c.Prune
	if len(a.queued) == applyQueue || removal && a.left == 0 && a.queueHasAdditions() {
		a.flush()
	}
	if a.broken || removal && a.status != statusOK {
		if removal {
			a.left++
		}
		return
	}
	cmd := command.FromChange(&c.Change)
	a.line = ruleset.Append(a.line[:0], &cmd, resolve.Numeric{})
	a.queue(&cmd, line, string(a.line[:len(a.line)-1]))
}

// adding reports whether what is queued is no removal.
func (a *applier) queueHasAdditions() bool { return len(a.queued) > 0 && a.queued[0].line != 0 }

// tallies are the words for what was done, and the changes they stand for.
var summaryLabels = []struct {
	word  string
	verbs []command.Verb
}{
	{"added", []command.Verb{command.AddService, command.AddServer, command.StartDaemon}},
	{"edited", []command.Verb{command.EditService, command.EditServer, command.SetTimeouts}},
	{"removed", []command.Verb{command.DeleteService, command.DeleteServer, command.StopDaemon}},
}

// tally counts what was done, as a comment among the rules printed.
func (a *applier) summary() string {
	text := "#"
	for i, t := range summaryLabels {
		n := 0
		for _, verb := range t.verbs {
			n += a.count[verb]
		}
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d %s", n, t.word)
	}
	return text + "\n"
}
