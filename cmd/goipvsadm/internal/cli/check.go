// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/kmod"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/sched"
)

// check executes --check.
func (inv *invocation) check(cmd *command.Command) int {
	input, status := inv.openRules(cmd)
	if input == nil {
		return status
	}
	defer input.Close()
	inv.parser.DetailedErrors = true
	k := &checker{modules: runningModules()}
	var errs []lineError
	if cmd.ForApply {
		var rules *ruleset.Rules
		rules, _, errs = inv.readTable(input, k.checkForApply)
		if len(errs) == 0 && rules.Empty() && !cmd.Options.Has(command.AllowEmpty) {
			return inv.emptyError()
		}
	} else {
		errs, _ = inv.readRules(input, k.checkForRestore)
	}
	errs = append(errs, k.problems...)
	if len(errs) > 0 {
		inv.reportErrors(errs)
	}
	if slices.ContainsFunc(errs, func(e lineError) bool { return e.status != exitOK }) {
		return exitUsage
	}
	return exitOK
}

// A lineError is an error in a line of rules, or a warning.
type lineError struct {
	line   int
	text   string
	status int // exit status of -R; exitOK for a warning
}

// readRules reads and parses rules and calls add, if set, for each valid one. errs
// holds the errors of the rules and of add. If rules cannot be read, readErr is the
// read error, which is also the last one in errs.
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

// runningModules returns the modules of the running kernel. Tests replace it.
var runningModules = kmod.Running

// A checker finds the problems of valid rules that --check reports.
type checker struct {
	modules     *kmod.Modules
	tracker     ruleset.Tracker
	unreachable unreachableDetector
	problems    []lineError
}

// checkForRestore checks a rule for -R, which executes rules one after the other.
func (k *checker) checkForRestore(c *command.Command, line int) error {
	if err := k.unreachable.check(c, line); err != nil {
		k.warn(line, err.Error())
	}
	k.checkSingle(c, line)
	return k.tracker.Add(c, line)
}

// checkForApply checks a rule for --apply, for which the order does not matter.
func (k *checker) checkForApply(c *command.Command, line int) error {
	k.checkSingle(c, line)
	return ruleset.Validate(c)
}

// checkSingle checks what does not depend on other rules.
func (k *checker) checkSingle(c *command.Command, line int) {
	if c.Verb == command.AddService || c.Verb == command.EditService {
		s := &c.Service
		k.checkModule(line, "scheduler", s.Scheduler, "ip_vs_", sched.SimilarSchedulers(s.Scheduler))
		if s.PEName != "" {
			k.checkModule(line, "persistence engine", s.PEName, "ip_vs_pe_", sched.SimilarEngines(s.PEName))
		}
	}
	for _, text := range ruleset.Warnings(c) {
		k.warn(line, text)
	}
}

// checkModule reports a scheduler or persistence engine that is neither in the mainline
// kernel nor a module of this host. similar lists the names in the mainline kernel that
// resemble name, or only name if it is one of them.
func (k *checker) checkModule(line int, kind, name, prefix string, similar []string) {
	if slices.Contains(similar, name) {
		return
	}
	found, known := k.modules.Find(prefix + name)
	switch {
	case found:
	case len(similar) > 0:
		k.fail(line, fmt.Sprintf("%s %s not found (did you mean %s?)", kind, name, strings.Join(similar, " or ")))
	case known:
		k.fail(line, fmt.Sprintf("%s %s not found", kind, name))
	default:
		k.warn(line, fmt.Sprintf("cannot look up %s %s: no list of modules in %s", kind, name, k.modules.Directory()))
	}
}

func (k *checker) fail(line int, text string) {
	k.problems = append(k.problems, lineError{line, text, exitUsage})
}

func (k *checker) warn(line int, text string) {
	k.problems = append(k.problems, lineError{line, "warning: " + text, exitOK})
}

// An unreachableDetector finds the first rule after -h or -v, which end the input
// of -R.
type unreachableDetector struct {
	end      int // line of -h or -v
	reported bool
}

// check returns an error if c is that rule.
func (d *unreachableDetector) check(c *command.Command, line int) error {
	switch {
	case d.end == 0 && (c.Verb == command.Help || c.Verb == command.Version):
		d.end = line
	case d.end != 0 && !d.reported:
		d.reported = true
		return fmt.Errorf("not reached: %s ends the input", lineName(d.end))
	}
	return nil
}
