package watch

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A session is a Watch that runs on a terminal screen.
type session struct {
	*Watch
	screen      *screen
	signals     <-chan os.Signal
	names       *asyncNamer // nil if Watch.Names is nil
	alerts      alertTracker
	mode        mode
	readAll     bool   // a key, such as for scrolling, required more services than fit on the screen
	filterInput string // the filter that is being entered
}

// A mode determines the contents of the screen and the meaning of keys.
type mode int

const (
	modeTable mode = iota
	modeFilter
	modeHelp
)

// run displays samples until a key or signal ends the session. It returns the signal,
// or nil for a key.
func (s *session) run() (os.Signal, error) {
	if err := s.screen.enter(); err != nil {
		return nil, fmt.Errorf("set up the terminal: %w", err)
	}
	s.View.notes = []string{fmt.Sprintf("every %v", s.Interval)}
	if s.screen.keyboard != nil {
		s.View.notes = append(s.View.notes, "? helps", "q quits")
	}
	s.View.alert = s.alerts.alert
	if s.Names != nil {
		s.names = newAsyncNamer(s.Names)
		defer s.names.close()
		s.View.Names = s.names
	}
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for {
		sample, err := s.Sampler.Read(s.readLimit())
		if err != nil {
			return nil, err
		}
		if stop, sig, err := s.display(sample, ticker.C); stop || err != nil {
			return sig, err
		}
	}
}

// readLimit returns how many services to read: as many as fit on the screen, or all
// selected ones after a key such as scrolling.
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

// display displays sample and handles keys, signals and looked-up names until tick
// fires, or until a key or signal ends the session.
func (s *session) display(sample *sampler.Sample, tick <-chan time.Time) (stop bool, sig os.Signal, err error) {
	var keys chan key
	if s.screen.keyboard != nil {
		keys = s.screen.keyboard.keys
	}
	var names chan map[resolve.Endpoint]string
	if s.names != nil {
		names = s.names.results
	}
	s.alerts.observe(sample)
	s.draw(sample)
	for {
		next := tick
		if s.screen.writing() {
			next = nil // read no new sample before the terminal has accepted this one
		}
		select {
		case <-next:
			return false, nil, nil
		case err := <-s.screen.writeResult:
			if err := s.screen.writeDone(err); err != nil {
				return false, nil, err
			}
			continue
		case key := <-keys:
			result := s.handleKey(key)
			if result == quit {
				return true, nil, nil
			}
			if result == reorder {
				if sample, err = s.Sampler.Reorder(s.readLimit()); err != nil {
					return false, nil, err
				}
				s.alerts.observe(sample)
			}
		case found := <-names:
			s.names.store(found)
		case sig := <-s.signals:
			if stop, err := s.handleSignal(sig); stop || err != nil {
				return stop, sig, err
			}
		}
		s.draw(sample)
	}
}

// draw draws sample at the current size of the screen, unless the screen is inactive.
func (s *session) draw(sample *sampler.Sample) {
	if !s.screen.active {
		return
	}
	width, height := s.screen.size()
	s.screen.draw(s.lines(sample, width, height), width, height)
	if s.names != nil {
		s.names.startLookup()
	}
}

// lines returns the contents of the screen.
func (s *session) lines(sample *sampler.Sample, width, height int) []Line {
	if s.mode == modeHelp {
		return helpLines(width, height)
	}
	s.View.order = s.Sampler.Order
	lines := s.View.Lines(sample, width, height)
	if s.mode == modeFilter {
		lines[0].Text = filterPrompt(s.filterInput, width)
	}
	return lines
}

// handleSignal handles a signal and reports whether it ends the session.
func (s *session) handleSignal(sig os.Signal) (stop bool, err error) {
	switch sig {
	case syscall.SIGWINCH:
		return false, nil
	case syscall.SIGTSTP: // Ctrl-Z
		s.screen.leave()
		return false, syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case syscall.SIGCONT:
		return false, s.screen.enter()
	}
	return true, nil
}
