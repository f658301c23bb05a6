// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// apply executes --apply.
func (inv *invocation) apply(cmd *command.Command) int {
	var c *confirmer
	if cmd.Options.Has(command.Confirm) {
		var err error
		if c, err = newConfirmer(cmd); err != nil {
			inv.errorf("%v", err)
			return exitUsage
		}
	}
	p, status := inv.planApply(cmd)
	if p == nil {
		return status
	}
	if cmd.Options.Has(command.SaveUndo) {
		if err := inv.saveUndo(cmd, p); err != nil {
			inv.errorf("cannot save the undo rules: %v", err)
			return exitUsage
		}
	}
	inv.startQueueing()
	if c != nil {
		return inv.applyConfirmed(p, c)
	}
	status, _ = inv.makeChanges(p)
	return status
}

// makeChanges makes the changes of p and returns the exit status and the changes that
// were made.
func (inv *invocation) makeChanges(p *applyPlan) (status int, made []reconcile.Change) {
	var total summary
	var b []byte
	options := p.options
	options.OnChange = func(c *reconcile.Change) {
		total.count(c.Op)
		if p.confirm {
			made = append(made, *c)
		}
		if p.verbose {
			b = appendChange(b[:0], c)
			inv.stdout.Write(b)
		}
	}
	options.OnError = func(c *reconcile.Change, err error) {
		inv.changeError(p.rules, c, inv.changeMessage(p.rules, c, err))
	}
	err := reconcile.Execute(inv.client, p.changes(), options)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			inv.reportIncomplete(p.rules, err)
		}
	}
	if p.verbose {
		inv.stdout.WriteString(total.String())
	}
	if err != nil {
		return exitKernelError, made
	}
	return exitOK, made
}

// reportIncomplete reports that changes were not made because the connection was
// lost or an earlier change failed. It ignores other errors.
func (inv *invocation) reportIncomplete(rules *ruleset.Rules, err error) {
	switch e := err.(type) {
	case *reconcile.ConnLostError:
		last := ""
		if e.Last != nil {
			last = changeName(rules, e.Last)
		}
		inv.changeError(rules, e.First, connLostMessage(e.Err, last))
	case *reconcile.SkippedError:
		inv.errorf("%s", skippedMessage(e))
	}
}

// skippedMessage returns the message for changes that were not attempted.
func skippedMessage(e *reconcile.SkippedError) string {
	var skipped []string
	if e.Weights > 0 {
		skipped = append(skipped, humanize.Count(e.Weights, "change")+" to weight 0")
	}
	if e.Removals > 0 {
		skipped = append(skipped, humanize.Count(e.Removals, "removal"))
	}
	text := "errors occurred; skipped " + strings.Join(skipped, " and ")
	if e.Service != (ipvs.ServiceKey{}) {
		// Name the service as a rule does: -t 192.0.2.1:80.
		remove := ipvs.Change{Op: ipvs.OpRemoveService, Service: ipvs.Service{ServiceKey: e.Service}}
		rule := string(appendChange(nil, &reconcile.Change{Change: remove}))
		text = strings.TrimSuffix(strings.TrimPrefix(rule, "-D "), "\n") + ": " + text
	}
	return text
}

// changeMessage returns the message for an error of a change, without the prefix
// that changeError adds. It contains the subject unless the prefix is a rule,
// which already names the subject.
func (inv *invocation) changeMessage(rules *ruleset.Rules, c *reconcile.Change, err error) string {
	cmd := command.FromChange(&c.Change)
	var s subject
	if rules.Line(c) != 0 {
		s = inv.subjectOf(&cmd)
	}
	if restart := new(reconcile.RestartError); errors.As(err, &restart) {
		return fmt.Sprintf("%s; cannot start the daemon with its previous settings: %s",
			inv.subjectMessage(cmd.Verb, s, restart.Cause), kernelMessage(cmd.Verb, restart.Err))
	}
	return inv.subjectMessage(cmd.Verb, s, err)
}

// diff executes --diff.
func (inv *invocation) diff(cmd *command.Command) int {
	p, status := inv.planApply(cmd)
	if p == nil {
		return status
	}
	var b []byte
	for c := range p.changes() {
		b = appendChange(b[:0], c)
		inv.stdout.Write(b)
		status = exitDifferent
	}
	if err := inv.stdout.Flush(); err != nil {
		inv.errorf("%v", err)
		return exitUsage
	}
	return status
}

// An applyPlan holds what determines the changes that --apply makes and --diff prints.
type applyPlan struct {
	rules      *ruleset.Rules
	want, have *reconcile.Table
	options    reconcile.Options
	verbose    bool
	confirm    bool
}

// changes returns the changes that turn the kernel's table into the one that the
// rules describe.
func (p *applyPlan) changes() iter.Seq[*reconcile.Change] {
	return reconcile.Compare(p.want, p.have, p.options)
}

// planApply reads the rules that cmd names and then the kernel's table. It reports
// errors; the plan is then nil.
func (inv *invocation) planApply(cmd *command.Command) (p *applyPlan, status int) {
	rules, want, status := inv.readWanted(cmd)
	if status != exitOK {
		return nil, status
	}
	if status := inv.open(cmd.NetNS); status != exitOK {
		return nil, status
	}
	scope := want // only what Compare needs
	if cmd.Options.HasAny(command.Confirm, command.SaveUndo) {
		scope = nil // an undo needs the entries that are removed
	}
	have, err := reconcile.Read(inv.client, scope)
	if err != nil {
		inv.errorf("%s", kernelMessage(command.List, err))
		if cmd.Verb == command.Diff {
			return nil, exitUsage
		}
		return nil, exitKernelError
	}
	if len(want.Services) == 0 && len(have.Services) > 0 && !cmd.Options.Has(command.AllowEmpty) {
		return nil, inv.emptyError()
	}
	tablefmt.SortTable(have)
	return &applyPlan{
		rules:   rules,
		want:    want,
		have:    have,
		options: reconcile.Options{KeepWeights: cmd.Options.Has(command.KeepWeights)},
		verbose: cmd.Options.Has(command.Verbose),
		confirm: cmd.Options.Has(command.Confirm),
	}, exitOK
}

// readWanted reads the rules that cmd names and the table that they describe.
func (inv *invocation) readWanted(cmd *command.Command) (*ruleset.Rules, *reconcile.Table, int) {
	input, status := inv.openRules(cmd)
	if input == nil {
		return nil, nil, status
	}
	defer input.Close()
	inv.parser.DetailedErrors = true
	rules, table, errs := inv.readTable(input, nil)
	if len(errs) > 0 {
		inv.reportErrors(errs)
		return nil, nil, exitUsage
	}
	if rules.Empty() && !cmd.Options.Has(command.AllowEmpty) {
		return nil, nil, inv.emptyError()
	}
	return rules, table, exitOK
}

// readTable reads rules and the table that they describe, and returns the errors.
// It calls check, if set, for each rule that describes a part of a table.
func (inv *invocation) readTable(input io.Reader, check func(c *command.Command, line int) error) (*ruleset.Rules, *reconcile.Table, []lineError) {
	rules := new(ruleset.Rules)
	errs, _ := inv.readRules(input, func(c *command.Command, line int) error {
		if err := rules.Add(c, line); err != nil || check == nil {
			return err
		}
		return check(c, line)
	})
	table, invalid := rules.Table()
	for _, e := range invalid {
		errs = append(errs, lineError{line: e.Line, text: e.Text, status: exitUsage})
	}
	return rules, table, errs
}

// emptyError reports that clearing the table requires --allow-empty, and returns
// the exit status.
func (inv *invocation) emptyError() int {
	inv.errorf("no services in input; refusing to clear the table (use --allow-empty to override)")
	return exitUsage
}

// appendChange appends c as a rule, with a newline.
func appendChange(b []byte, c *reconcile.Change) []byte {
	cmd := command.FromChange(&c.Change)
	return ruleset.Append(b, &cmd, resolve.Numeric{})
}

// changeName returns the name of c in messages: the line in the input that requires
// it or, if c removes an entry that the input does not have, c as a rule.
func changeName(rules *ruleset.Rules, c *reconcile.Change) string {
	if line := rules.Line(c); line != 0 {
		return lineName(line)
	}
	return strings.TrimSuffix(string(appendChange(nil, c)), "\n")
}

// changeError reports an error of one change.
func (inv *invocation) changeError(rules *ruleset.Rules, c *reconcile.Change, text string) {
	inv.errorf("%s", termsafe.Escape(changeName(rules, c)+": "+text))
}

// A summary counts the changes that were made.
type summary struct{ added, edited, removed int }

func (s *summary) count(op ipvs.Operation) {
	switch op {
	case ipvs.OpAddService, ipvs.OpAddDestination, ipvs.OpStartDaemon:
		s.added++
	case ipvs.OpUpdateService, ipvs.OpUpdateDestination, ipvs.OpSetTimeouts:
		s.edited++
	case ipvs.OpRemoveService, ipvs.OpRemoveDestination, ipvs.OpStopDaemon:
		s.removed++
	}
}

// counts returns the numbers as text.
func (s summary) counts() string {
	return fmt.Sprintf("%d added, %d edited, %d removed", s.added, s.edited, s.removed)
}

// String returns the summary as a comment line that -R ignores.
func (s summary) String() string { return "# " + s.counts() + "\n" }
