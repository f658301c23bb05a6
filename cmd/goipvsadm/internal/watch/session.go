// SPDX-License-Identifier: MIT

package watch

import (
	"os"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A session shows the services of a Watch.
type session struct {
	*Watch
	*display
	sample      *sampler.Sample
	alerts      alertTracker
	history     history
	mode        mode
	readAll     bool   // set by keys, such as for scrolling, that need more services than fit on the screen
	filterInput string // the filter that is being entered
}

// A mode determines the contents of the screen and the meaning of keys.
type mode int

const (
	modeTable mode = iota
	modeFilter
	modeHelp
)

// run shows the services until a key or signal ends the session. It returns the
// signal, or nil for a key.
func (s *session) run() (os.Signal, error) {
	s.View.alert = s.alerts.alert
	s.View.history = &s.history
	return s.show(s.display, s)
}

// readLimit returns how many services to read: as many as fit on the screen or, if
// readAll is set, all selected ones.
func (s *session) readLimit() int {
	if s.readAll {
		return s.View.Top
	}
	_, height := s.screen.size()
	if s.View.Top > 0 {
		return min(s.View.Top, height)
	}
	return height
}

func (s *session) read() error {
	s.Sampler.Lag = sampler.LagFor(uint32(s.interval / time.Second))
	return s.setSample(s.Sampler.Read(s.readLimit()))
}

// pressKey handles a key and reports whether it ends the session.
func (s *session) pressKey(k key) (stop bool, err error) {
	switch s.handleKey(k) {
	case quit:
		return true, nil
	case reorder:
		return false, s.setSample(s.Sampler.Reorder(s.readLimit()))
	}
	return false, nil
}

func (s *session) setSample(sample *sampler.Sample, err error) error {
	if err != nil {
		return err
	}
	s.sample = sample
	s.alerts.observe(sample)
	s.history.observe(sample)
	return nil
}

// lines returns the contents of the screen.
func (s *session) lines(width, height int) []Line {
	if s.mode == modeHelp {
		return helpLines(width, height)
	}
	s.View.order, s.View.serverOrder, s.View.notes = s.Sampler.Order, s.Sampler.DestinationOrder, s.notes()
	lines := s.View.Lines(s.sample, width, height)
	if s.mode == modeFilter {
		lines[0].Text = filterPrompt(s.filterInput, width)
	}
	return lines
}
