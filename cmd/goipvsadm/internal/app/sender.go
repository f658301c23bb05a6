package app

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// A sender sends changes to the kernel in batches, in order, and tells which
// are refused. Those behind a refused one are sent all the same.
type sender struct {
	*program
	batch  *ipvs.Batch
	queued []queuedChange
	status int                // of the first that failed
	done   func(queuedChange) // if not nil, called for each that the kernel took
	broken bool               // the connection is
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
		return at(q.line)
	}
	return q.text + ": "
}

// at begins a message about a line.
func at(line int) string { return fmt.Sprintf("line %d: ", line) }

// newSender returns a sender. Changes are read and encoded while the kernel
// works on those before them.
func (p *program) newSender() sender {
	return sender{program: p, batch: p.client.Batch()}
}

// queue puts a change into the batch.
func (s *sender) queue(cmd *command.Command, line int, text string) {
	changeOf(cmd.Verb)(s.batch, cmd)
	s.queued = append(s.queued, queuedChange{cmd.Verb, line, text})
}

// flush sends what is queued and tells what failed.
func (s *sender) flush() {
	if len(s.queued) == 0 {
		return
	}
	failures, err := s.batch.Flush()
	for i, q := range s.queued {
		switch {
		case len(failures) > 0 && failures[0].Index == i:
			s.fail(q.where(), refusal(q.verb, failures[0].Err), statusRefused)
			failures = failures[1:]
		case err == nil && s.done != nil:
			s.done(q)
		}
	}
	if err != nil {
		s.fail(s.queued[0].where(), err.Error(), statusRefused)
		s.broken = true
	}
	s.queued = s.queued[:0]
}

// fail tells of something that failed.
func (s *sender) fail(where, text string, status int) {
	s.complain(where + text)
	s.status = firstFailure(s.status, status)
}

func firstFailure(first, status int) int {
	if first != statusOK {
		return first
	}
	return status
}
