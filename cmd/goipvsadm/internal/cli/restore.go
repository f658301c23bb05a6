// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"errors"
	"io"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/ruleset"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// A restorer executes rules. Changes are sent in batches, in order; any other
// command waits for the changes before it.
type restorer struct {
	*invocation
	batch     *ipvs.Batch
	pending   []pendingRule // changes in batch
	line      int           // last line that was executed
	status    int           // exit status; see setStatus
	connLost  bool
	broken    bool // a rule failed, and the table is not what the rules describe
	stoppedAt int  // line after which nothing was read; 0 if all rules were read
}

type pendingRule struct {
	verb    command.Verb
	line    int
	subject subject
}

// restore executes -R with the given rules.
func (inv *invocation) restore(rules io.Reader) *restorer {
	inv.startQueueing()
	r := &restorer{invocation: inv, batch: inv.client.Batch()}
	reader := ruleset.NewReader(&flushingReader{rules, r.commit})
	var cmd command.Command
	for {
		words, line, err := reader.Next()
		switch {
		case err != nil:
			r.commit()
			r.line = line + 1
			r.fail(r.line, err.Error(), exitKernelError)
			r.stoppedAt = r.line
			return r
		case words == nil:
			r.commit()
			return r
		}
		if !r.executeRule(words, line, &cmd) {
			r.stoppedAt = line
			return r
		}
	}
}

// executeRule executes one line and reports whether to read the next one.
func (r *restorer) executeRule(words []string, line int, cmd *command.Command) (ok bool) {
	r.line = line
	r.setStatus(line, exitOK)
	if err := r.parser.ParseRule(words, cmd); err != nil {
		r.commit()
		r.fail(line, err.Error(), usageStatus(err))
		// Like ipvsadm, skip lines with an unknown or incomplete option and
		// stop at any other error.
		e := new(command.Error)
		return errors.As(err, &e) && e.Kind == command.BadOption
	}
	if cmd.IsSingleChange() {
		cmd.StoreChange(&r.request)
		r.batch.Add(&r.request)
		r.pending = append(r.pending, pendingRule{cmd.Verb, line, r.subjectOf(cmd)})
		return !r.connLost
	}
	if !r.commit() {
		return false
	}
	r.prefix = lineName(line) + ": "
	status := r.execute(cmd)
	r.prefix = ""
	r.broken = r.broken || status != exitOK
	if r.caughtSignal != 0 {
		r.status = signalStatus(r.caughtSignal)
		return false
	}
	r.setStatus(line, status)
	switch cmd.Verb {
	case command.Help, command.Version:
		return false
	}
	// Like other changes, a drain that the kernel rejects does not end -R.
	return status == exitOK || status == exitKernelError
}

// commit sends the pending changes and reports failures. It returns false if
// the connection to the kernel is lost.
func (r *restorer) commit() bool {
	if len(r.pending) == 0 {
		return !r.connLost
	}
	failures, err := r.batch.Commit()
	for _, f := range failures {
		rule := r.pending[f.Index]
		r.report(rule.line, r.subjectMessage(rule.verb, rule.subject, f.Err), exitKernelError)
		r.broken = r.broken || !isRedundant(rule.verb, f.Err)
	}
	if lost := new(ipvs.ConnLostError); errors.As(err, &lost) {
		r.connLost = true
		last := ""
		if lost.FirstUnsent > lost.FirstUnknown {
			last = lineName(r.pending[lost.FirstUnsent-1].line)
		}
		r.fail(r.pending[lost.FirstUnknown].line, connLostMessage(lost.Err, last), exitKernelError)
		r.setStatus(r.line, exitKernelError)
	}
	r.pending = r.pending[:0]
	return !r.connLost
}

// isRedundant reports whether a change failed because it would have no effect: the
// entry to add exists, or the entry to remove does not.
func isRedundant(verb command.Verb, err error) bool {
	switch verb {
	case command.DeleteService, command.DeleteServer:
		return errors.Is(err, ipvs.ErrNoService) || errors.Is(err, ipvs.ErrNoDestination)
	}
	for _, redundant := range []error{ipvs.ErrServiceExists, ipvs.ErrDestinationExists, ipvs.ErrDaemonRunning, ipvs.ErrNoDaemon} {
		if errors.Is(err, redundant) {
			return true
		}
	}
	return false
}

// fail reports that a line failed, and records that the table is not what the
// rules describe.
func (r *restorer) fail(line int, text string, status int) {
	r.report(line, text, status)
	r.broken = true
}

// report reports that a line failed.
func (r *restorer) report(line int, text string, status int) {
	r.errorf("%s", termsafe.Escape(lineName(line)+": "+text))
	r.setStatus(line, status)
}

// setStatus records the status of a line. The exit status is that of the first
// line that failed or, under the name ipvsadm, that of the last line.
func (r *restorer) setStatus(line, status int) {
	switch {
	case r.isGoipvsadm:
		r.status = cmp.Or(r.status, status)
	case line == r.line:
		r.status = status
	}
}

// reportStop reports at which line reading stopped, if it did.
func (r *restorer) reportStop() {
	if r.stoppedAt != 0 {
		r.errorf("stopped at line %d: earlier lines were executed, later lines were not read", r.stoppedAt)
	}
}

// A flushingReader commits pending changes before a read that may block, so that
// a writer on a pipe sees each rule take effect.
type flushingReader struct {
	io.Reader
	commit func() bool
}

func (r *flushingReader) Read(b []byte) (int, error) {
	if !r.commit() {
		return 0, io.EOF
	}
	return r.Reader.Read(b)
}
