package watch

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A session is a watch on a screen.
type session struct {
	*Watch
	screen  *screen
	signals <-chan os.Signal
	names   *asyncNamer // nil where addresses are numbers
	lookout alertTracker
	mode    mode
	steered bool   // a key was pressed for which all of the table is read
	typed   string // the filter that is being typed
}

// A mode says what keys mean.
type mode int

const (
	watching mode = iota
	typing        // a filter
	helping
)

func (s *session) run() (os.Signal, error) {
	if err := s.screen.enter(); err != nil {
		return nil, fmt.Errorf("take over the terminal: %w", err)
	}
	s.View.notes = []string{fmt.Sprintf("every %v", s.Interval)}
	if s.screen.keys != nil {
		s.View.notes = append(s.View.notes, "? helps", "q quits")
	}
	s.View.mark = s.lookout.mark
	if s.Names != nil {
		s.names = newLateNames(s.Names)
		defer s.names.close()
		s.View.Names = s.names
	}
	ticker := time.NewTicker(s.Interval)
	defer ticker.Stop()
	for {
		r, err := s.Reader.Read(s.visibleServices())
		if err != nil {
			return nil, err
		}
		if stop, sig, err := s.show(r, ticker.C); stop || err != nil {
			return sig, err
		}
	}
}

// room is how many services may find room on the screen, of those wanted. After
// some keys it is all of them.
func (s *session) visibleServices() int {
	if s.steered {
		return s.View.Top
	}
	_, height := s.screen.size()
	if s.View.Top > 0 {
		return min(s.View.Top, height)
	}
	return height
}

// show shows r until the next reading is due or somebody says stop.
func (s *session) show(r *sampler.Sample, due <-chan time.Time) (stop bool, sig os.Signal, err error) {
	var pressed chan key
	if s.screen.keys != nil {
		pressed = s.screen.keys.pressed
	}
	var found chan map[resolve.Endpoint]string
	if s.names != nil {
		found = s.names.found
	}
	s.lookout.observe(r)
	s.draw(r)
	for {
		next := due
		if s.screen.writing() {
			next = nil // nobody has seen this one
		}
		select {
		case <-next:
			return false, nil, nil
		case err := <-s.screen.written:
			if err := s.screen.writeDone(err); err != nil {
				return false, nil, err
			}
			continue
		case key := <-pressed:
			did := s.handleKey(key)
			if did == quit {
				return true, nil, nil
			}
			if did == needFullRead {
				if r, err = s.Reader.Resort(s.visibleServices()); err != nil {
					return false, nil, err
				}
				s.lookout.observe(r)
			}
		case known := <-found:
			s.names.store(known)
		case sig := <-s.signals:
			if stop, err := s.handle(sig); stop || err != nil {
				return stop, sig, err
			}
		}
		s.draw(r)
	}
}

// draw draws r in the size that the screen has now, unless the shell has it.
func (s *session) draw(r *sampler.Sample) {
	if !s.screen.on {
		return
	}
	width, height := s.screen.size()
	s.screen.show(s.lines(r, width, height), width, height)
	if s.names != nil {
		s.names.startLookup()
	}
}

// lines returns what the screen shows.
func (s *session) lines(r *sampler.Sample, width, height int) []Line {
	if s.mode == helping {
		return help(width, height)
	}
	s.View.order = s.Reader.Order
	lines := s.View.Lines(r, width, height)
	if s.mode == typing {
		lines[0].Text = prompt(s.typed, width)
	}
	return lines
}

// handle does what a signal asks for. It reports whether that is to stop.
func (s *session) handle(sig os.Signal) (stop bool, err error) {
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
