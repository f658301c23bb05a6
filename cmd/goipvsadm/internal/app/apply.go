package app

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/rule"
	"goipvsadm/ipvs/plan"
)

// statusDifferent is what --diff returns when there is something to do.
const statusDifferent = 1

// compare carries out --apply and --diff: it reads the rules to their end, and
// the table, and makes the changes between the two or prints them.
func (p *program) compare(cmd *command.Command) int {
	rules, want, status := p.wanted(cmd)
	if status != statusOK {
		return status
	}
	if status := p.open(cmd.NetNS); status != statusOK {
		return status
	}
	have, err := p.table(want)
	if err != nil {
		p.complain(refusal(command.List, err))
		if cmd.Verb == command.Diff {
			return statusMistake
		}
		return statusRefused
	}
	if len(want.Services) == 0 && len(have.Services) > 0 && !cmd.Options.Has(command.AllowEmpty) {
		return p.refuseEmpty()
	}
	options := plan.Options{KeepWeights: cmd.Options.Has(command.KeepWeights)}
	if cmd.Verb == command.Diff {
		return p.diff(want, have, options)
	}
	return p.apply(rules, want, have, options, cmd.Options.Has(command.Verbose))
}

// wanted reads the rules on standard input into the table that they describe.
func (p *program) wanted(cmd *command.Command) (*rule.Rules, *plan.Table, int) {
	if nobodyFeeds(p.stdin) {
		p.complain(noInput)
		return nil, nil, statusMistake
	}
	var rules rule.Rules
	empty := true
	mistakes := p.readRules(p.stdin, func(c *command.Command, line int) string {
		empty = false
		return rules.Add(c, line)
	})
	table, more := rules.Table()
	for _, m := range more {
		mistakes = append(mistakes, lineMistake{m.Line, m.Text, statusMistake})
	}
	if len(mistakes) > 0 {
		p.tellMistakes(mistakes)
		return nil, nil, statusMistake
	}
	if empty && !cmd.Options.Has(command.AllowEmpty) {
		return nil, nil, p.refuseEmpty()
	}
	return &rules, table, statusOK
}

// refuseEmpty tells that the whole table would go: an empty file is more often
// an accident than meant.
func (p *program) refuseEmpty() int {
	p.complain("There is no service in the rules, which would clear the table: use --allow-empty if that is meant")
	return statusMistake
}

// table reads from the kernel as much as want is to be compared with.
func (p *program) table(want *plan.Table) (*plan.Table, error) {
	have, err := plan.Read(p.client, want)
	if err == nil {
		listing.SortTable(have)
	}
	return have, err
}

// diff prints what separates have from want, as rules for -R.
func (p *program) diff(want, have *plan.Table, o plan.Options) int {
	status := statusOK
	var b []byte
	for c := range plan.Compare(want, have, o) {
		cmd := rule.CommandOf(c)
		b = rule.Append(b[:0], &cmd, numeric{})
		p.stdout.Write(b)
		status = statusDifferent
	}
	if err := p.stdout.Flush(); err != nil {
		p.complain(err.Error())
		return statusMistake
	}
	return status
}

// An applier makes the changes of a plan.
type applier struct {
	sender
	line  []byte
	count map[command.Verb]int // of those made
	left  int                  // removals that were not tried
}

// applyQueue is how many changes are under way before their outcome is told.
const applyQueue = 128

// apply makes of have what is wanted.
func (p *program) apply(rules *rule.Rules, want, have *plan.Table, o plan.Options, verbose bool) int {
	a := &applier{sender: p.newSender(), count: make(map[command.Verb]int)}
	a.done = func(q queuedChange) {
		a.count[q.verb]++
		if verbose {
			p.stdout.WriteString(q.text + "\n")
		}
	}
	p.work()
	for c := range plan.Compare(want, have, o) {
		a.change(c, rules.Line(c))
	}
	a.flush()
	if a.left > 0 {
		a.complain(fmt.Sprintf("Nothing was removed because of this (still to remove: %d)", a.left))
	}
	if verbose {
		p.stdout.WriteString(a.tally())
	}
	return a.status
}

// change makes one change. Removals come last; they wait until all else is
// done, and are not tried if any of it failed: what they remove may be all
// that still works.
func (a *applier) change(c *plan.Change, line int) {
	removal := c.Unwanted
	if len(a.queued) == applyQueue || removal && a.left == 0 && a.adding() {
		a.flush()
	}
	if a.broken || removal && a.status != statusOK {
		if removal {
			a.left++
		}
		return
	}
	cmd := rule.CommandOf(c)
	a.line = rule.Append(a.line[:0], &cmd, numeric{})
	a.queue(&cmd, line, string(a.line[:len(a.line)-1]))
}

// adding reports whether what is queued is no removal.
func (a *applier) adding() bool { return len(a.queued) > 0 && a.queued[0].line != 0 }

// tallies are the words for what was done, and the changes they stand for.
var tallies = []struct {
	word  string
	verbs []command.Verb
}{
	{"added", []command.Verb{command.AddService, command.AddServer, command.StartDaemon}},
	{"edited", []command.Verb{command.EditService, command.EditServer, command.SetTimeouts}},
	{"removed", []command.Verb{command.DeleteService, command.DeleteServer, command.StopDaemon}},
}

// tally counts what was done, as a comment among the rules printed.
func (a *applier) tally() string {
	text := "#"
	for i, t := range tallies {
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
