// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"errors"
	"io"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// A replacer replaces the table with rules, for ipvsadm-restore.
type replacer struct {
	*invocation
	rules bytes.Buffer
	errs  []lineError // invalid rules

	rejected []lineError                // rules that the kernel would reject once the table is cleared
	modules  map[schedulerAndEngine]int // first line with each scheduler and persistence engine

	unreachable unreachableDetector
	tracker     ruleset.Tracker
}

type schedulerAndEngine struct{ scheduler, engine string }

// replaceTable replaces the table with rules. If there is an error in them, or
// the kernel lacks a scheduler, it changes nothing. If a rule fails after the
// table was cleared, it restores the previous table.
//
// If the table is empty, as at boot, some rules are better than none: errors then
// have the same effect as with -R.
func (inv *invocation) replaceTable(rules io.Reader) int {
	r := &replacer{invocation: inv, modules: make(map[schedulerAndEngine]int), tracker: ruleset.Tracker{Empty: true}}
	var readErr error
	r.errs, readErr = inv.readRules(io.TeeReader(rules, &r.rules), r.checkRule)
	if readErr != nil {
		inv.errorf("%v", readErr)
		return exitUsage
	}
	old, err := reconcile.Read(inv.client, nil)
	if err != nil {
		inv.errorf("%s\nnothing was changed", kernelMessage(command.List, err))
		return exitKernelError
	}
	if len(old.Services) == 0 {
		return r.fillTable()
	}
	errs := append(r.errs, r.rejected...)
	errs = append(errs, r.missingModules(old)...)
	if len(errs) > 0 {
		return inv.reportErrors(errs)
	}
	if status := r.preflight(); status != exitOK {
		return status
	}
	var status int
	// A signal must not end the program before the table is complete.
	sig := runUntilSignal(func(context.Context) { status = r.replace(old) })
	if sig != 0 {
		inv.limitFlush()
		return signalStatus(sig)
	}
	return status
}

// checkRule checks a rule that was parsed without an error.
func (r *replacer) checkRule(c *command.Command, line int) error {
	if err := r.unreachable.check(c, line); err != nil {
		return err
	}
	if (c.Verb == command.AddService || c.Verb == command.EditService) && !c.KeepsScheduler() {
		key := schedulerAndEngine{c.Service.Scheduler, c.Service.PEName}
		if r.modules[key] == 0 {
			r.modules[key] = line
		}
	}
	rejected := new(ruleset.RejectedError)
	if errors.As(r.tracker.Add(c, line), &rejected) && !rejected.Redundant {
		r.rejected = append(r.rejected, lineError{line, rejected.Text, exitKernelError})
	}
	return nil
}

// fillTable executes the rules on an empty table.
func (r *replacer) fillTable() int {
	if len(r.errs) == 0 {
		if status := r.preflight(); status != exitOK {
			return status
		}
	}
	restored := r.restore(&r.rules)
	if len(r.errs) > 0 || restored.status != exitOK {
		restored.reportStop()
	}
	return restored.status
}

// preflight verifies that a batch of rules will reach the kernel.
func (r *replacer) preflight() int {
	rules := bytes.Count(r.rules.Bytes(), []byte("\n")) + 1
	if err := r.client.Batch().Preflight(rules); err != nil {
		r.errorf("%s\nnothing was changed", kernelMessage(command.Flush, err))
		return exitKernelError
	}
	return exitOK
}

// replace clears the table and executes the rules. If a rule fails, it restores the
// previous table.
func (r *replacer) replace(old *reconcile.Table) int {
	if status := r.change(&command.Command{Verb: command.Flush}); status != exitOK {
		return status
	}
	restored := r.restore(&r.rules)
	if !restored.broken {
		return restored.status
	}
	restored.reportStop()
	if restored.connLost {
		r.errorf("the previous table was not restored")
	} else {
		r.putBack(old)
	}
	return exitKernelError
}

// putBack restores the previous table. It reports success or the changes that failed.
func (r *replacer) putBack(old *reconcile.Table) {
	failed := r.restoreTable(old.Configuration(), reconcile.Options{})
	for _, text := range failed {
		r.errorf("%s", text)
	}
	if len(failed) == 0 {
		r.errorf("the previous table was restored")
	} else {
		r.errorf("the previous table was not restored completely")
	}
}

// restoreAttempts is the maximum number of attempts to restore a table. One is not
// always enough: after a failed change, reconcile.Apply removes nothing.
const restoreAttempts = 3

// restoreTable makes the kernel's table equal to old. It returns the errors of the last
// attempt, one for each change that failed.
func (inv *invocation) restoreTable(old *reconcile.Table, o reconcile.Options) (failed []string) {
	o.AllowEmpty, o.StopDaemons = true, true
	o.OnError = func(c *reconcile.Change, err error) {
		text := kernelMessage(command.FromChange(&c.Change).Verb, err)
		failed = append(failed, string(bytes.TrimSpace(appendChange(nil, c)))+": "+text)
	}
	for range restoreAttempts {
		failed = nil
		err := reconcile.Apply(inv.client, old, o)
		if err == nil {
			return nil
		}
		if len(failed) == 0 {
			failed = append(failed, err.Error())
		}
	}
	return failed
}

// missingModules returns an error for each scheduler and persistence engine that
// the kernel neither has nor can load.
func (r *replacer) missingModules(old *reconcile.Table) (errs []lineError) {
	key := unusedKey(old)
	for m, line := range r.modules {
		if err := r.findModules(key, m); errors.Is(err, ipvs.ErrNoScheduler) {
			errs = append(errs, lineError{line, kernelMessage(command.AddService, err), exitKernelError})
		}
	}
	return errs
}

// findModules returns ipvs.ErrNoScheduler if the kernel lacks the scheduler or the
// persistence engine and cannot load its module. It requests a service with an
// invalid netmask: the kernel looks for the modules before it checks the netmask.
func (r *replacer) findModules(key ipvs.ServiceKey, m schedulerAndEngine) error {
	const invalidPrefixLen = 129
	err := r.client.AddService(ipvs.Service{ServiceKey: key, Scheduler: m.scheduler, PEName: m.engine, Netmask: invalidPrefixLen})
	if err == nil {
		return r.client.RemoveService(key)
	}
	return err
}

// unusedKey returns the key of an IPv6 service that is not in the table.
func unusedKey(t *reconcile.Table) ipvs.ServiceKey {
	used := make(map[ipvs.ServiceKey]bool, len(t.Services))
	for i := range t.Services {
		used[t.Services[i].ServiceKey] = true
	}
	key := ipvs.MarkKey(1, ipvs.IPv6)
	for used[key] {
		key.Mark++
	}
	return key
}
