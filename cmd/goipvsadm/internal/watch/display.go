// SPDX-License-Identifier: MIT

package watch

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
)

// A display shows a pane on a terminal screen.
type display struct {
	screen  *screen
	signals <-chan os.Signal
	names   *asyncNamer // nil if addresses are shown numerically

	interval time.Duration // between samples
	paused   bool          // no samples are read
}

// A pane provides the lines that a display shows, and handles the keys.
type pane interface {
	// read reads the next sample.
	read() error
	// pressKey handles a key and reports whether it ends the display.
	pressKey(k key) (stop bool, err error)
	// lines returns the lines of a screen of width columns and height lines.
	lines(width, height int) []Line
}

// show shows p until a key or signal ends the display; see display.run. Names are looked
// up in the background.
func (w *Watch) show(d *display, p pane) (os.Signal, error) {
	if w.Names != nil {
		d.names = newAsyncNamer(w.Names)
		defer d.names.close()
		w.View.Names = d.names
	}
	return d.run(p)
}

// run shows p, with a new sample at each interval, until a key or signal ends the
// display. It returns the signal, or nil for a key.
func (d *display) run(p pane) (os.Signal, error) {
	if err := d.screen.enter(); err != nil {
		return nil, fmt.Errorf("set up the terminal: %w", err)
	}
	ticker := time.NewTicker(d.interval)
	defer ticker.Stop()
	for {
		if err := p.read(); err != nil {
			return nil, err
		}
		if stop, sig, err := d.showSample(p, ticker); stop || err != nil {
			return sig, err
		}
	}
}

// showSample shows the sample that p has read, and handles keys, signals and looked-up names
// until the next tick of ticker, or until a key or signal ends the display.
func (d *display) showSample(p pane, ticker *time.Ticker) (stop bool, sig os.Signal, err error) {
	var keys chan key
	if d.screen.keyboard != nil {
		keys = d.screen.keyboard.keys
	}
	var names chan map[resolve.Endpoint]string
	if d.names != nil {
		names = d.names.results
	}
	d.draw(p)
	for {
		next := ticker.C
		if d.paused || d.screen.writing() {
			next = nil // read no new sample before the terminal has accepted this one
		}
		select {
		case <-next:
			return false, nil, nil
		case err := <-d.screen.writeResult:
			if err := d.screen.writeDone(err); err != nil {
				return false, nil, err
			}
			continue
		case key := <-keys:
			interval := d.interval
			if stop, err := p.pressKey(key); stop || err != nil {
				return stop, nil, err
			}
			if d.interval != interval {
				ticker.Reset(d.interval)
			}
		case found := <-names:
			d.names.store(found)
		case sig := <-d.signals:
			if stop, err := d.handleSignal(sig); stop || err != nil {
				return stop, sig, err
			}
		}
		d.draw(p)
	}
}

// draw draws p at the current size of the screen, unless the screen is inactive.
func (d *display) draw(p pane) {
	if !d.screen.active {
		return
	}
	width, height := d.screen.size()
	d.screen.draw(p.lines(width, height), width, height)
	if d.names != nil {
		d.names.startLookup()
	}
}

// handleSignal handles a signal and reports whether it ends the display.
func (d *display) handleSignal(sig os.Signal) (stop bool, err error) {
	switch sig {
	case syscall.SIGWINCH:
		return false, nil
	case syscall.SIGTSTP: // Ctrl-Z
		d.screen.leave()
		return false, syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case syscall.SIGCONT:
		return false, d.screen.enter()
	}
	return true, nil
}

// minInterval is the shortest interval, and the step by which keys change it.
const minInterval = time.Second

// pressTimingKey handles the keys that pause the display or change the interval. It
// reports whether k is one of them.
func (d *display) pressTimingKey(k key) bool {
	switch k {
	case 'p', 'P':
		d.paused = !d.paused
	case '+', '=':
		d.interval += minInterval
	case '-':
		d.interval = max(minInterval, d.interval-minInterval)
	default:
		return false
	}
	return true
}

// endOffset is beyond the end of every pane.
const endOffset = 1 << 30

// scroll returns the offset, the number of rows scrolled off at the top, after the key k.
// The result may be beyond the end. header is the number of lines above the rows. ok is
// false if k does not scroll.
func (d *display) scroll(k key, offset, header int) (_ int, ok bool) {
	_, height := d.screen.size()
	page := max(height-header-1, 1) // keep one line of the previous page
	switch k {
	case keyUp:
		offset--
	case keyDown:
		offset++
	case keyPageUp:
		offset -= page
	case keyPageDown:
		offset += page
	case keyHome:
		offset = 0
	case keyEnd:
		offset = endOffset
	default:
		return offset, false
	}
	return max(0, offset), true
}

// isQuit reports whether k ends the display.
func (k key) isQuit() bool { return k == 'q' || k == 'Q' }

// isHelp reports whether k shows the help.
func (k key) isHelp() bool { return k == 'h' || k == 'H' || k == '?' || k == keyF1 }

// notes returns the notes of the header.
func (d *display) notes() []string {
	interval := fmt.Sprintf("every %v", d.interval)
	switch {
	case d.screen.keyboard == nil:
		return []string{interval}
	case d.paused:
		return []string{"h helps", "q quits", "paused, p continues"}
	}
	return []string{interval, "h helps", "q quits"}
}
