package cli

import (
	"errors"
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// A sender sends changes to the kernel in batches, in order, and tells which
// are refused. Those behind a refused one are sent all the same.
type batchRunner struct {
	*invocation
	batch  *ipvs.Batch
	queued []queuedChange
	status int                // of the first that failed
	done   func(queuedChange) // if not nil, called for each that the kernel took
	broken bool               // the connection is; nothing more is sent
}

// A queuedChange is one that is in the batch.
type queuedChange struct {
	verb command.Verb
	line int    // of its rule, 0 if it has none
	text string // the change itself as a rule, where that is wanted
}

// where begins a message about the change.
func (q *queuedChange) where() string {
	if q.line != 0 {
		return linePrefix(q.line)
	}
	return q.text + ": "
}

// name names the change within a message.
func (q *queuedChange) name() string {
	if q.line != 0 {
		return fmt.Sprintf("line %d", q.line)
	}
	return q.text
}

// at begins a message about a line.
func linePrefix(line int) string { return fmt.Sprintf("line %d: ", line) }

// newSender returns a sender. Changes are read and encoded while the kernel
// works on those before them.
func (p *invocation) newSender() batchRunner {
	return batchRunner{invocation: p, batch: p.client.Batch()}
}

// queue puts a change into the batch.
func (s *batchRunner) queue(cmd *command.Command, line int, text string) {
	change := cmd.Change()
	s.batch.Add(&change)
	s.queued = append(s.queued, queuedChange{cmd.Verb, line, text})
}

// flush sends what is queued and tells what failed. It reports whether more can
// be sent.
func (s *batchRunner) flush() bool {
	if len(s.queued) == 0 {
		return !s.broken
	}
	failures, err := s.batch.Commit()
	settled := len(s.queued)
	lost := new(ipvs.ConnLostError)
	if errors.As(err, &lost) {
		settled = lost.FirstUnknown
	}
	for i, q := range s.queued {
		switch {
		case len(failures) > 0 && failures[0].Index == i:
			s.fail(q.where(), refusal(q.verb, failures[0].Err), exitKernelError)
			failures = failures[1:]
		case i < settled && s.done != nil:
			s.done(q)
		}
	}
	if err != nil {
		s.reportLostConn(lost)
	}
	s.queued = s.queued[:0]
	return !s.broken
}

// abandon tells from where to where it is not known what was done, and from
// where on nothing was.
func (s *batchRunner) reportLostConn(lost *ipvs.ConnLostError) {
	s.broken = true
	text := "from here on nothing was done"
	if lost.FirstUnsent > lost.FirstUnknown {
		text = fmt.Sprintf("from here to %s it is not known what was done, and nothing was behind that", s.queued[lost.FirstUnsent-1].name())
	}
	s.fail(s.queued[lost.FirstUnknown].where(), fmt.Sprintf("%v: %s", lost.Err, text), exitKernelError)
}

// fail tells of something that failed.
func (s *batchRunner) fail(where, text string, status int) {
	s.errorf(termsafe.Escape(where + text))
	s.status = firstFailure(s.status, status)
}

func firstFailure(first, status int) int {
	if first != statusOK {
		return first
	}
	return status
}
