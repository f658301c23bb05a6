package watch

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
)

// A display shows a content on a terminal screen.
type display struct {
	screen  *screen
	signals <-chan os.Signal
	names   *asyncNamer // nil if addresses are shown numerically
}

// A content is what a display shows.
type content interface {
	// read reads the next sample.
	read() error
	// pressKey handles a key and reports whether it ends the display.
	pressKey(k key) (stop bool, err error)
	// lines returns the contents of a screen of width columns and height lines.
	lines(width, height int) []Line
}

// run shows c, with a new sample at each interval, until a key or signal ends it. It
// returns the signal, or nil for a key.
func (d *display) run(c content, interval time.Duration) (os.Signal, error) {
	if err := d.screen.enter(); err != nil {
		return nil, fmt.Errorf("set up the terminal: %w", err)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := c.read(); err != nil {
			return nil, err
		}
		if stop, sig, err := d.show(c, ticker.C); stop || err != nil {
			return sig, err
		}
	}
}

// show shows the sample that c has read, and handles keys, signals and looked-up names
// until tick fires, or until a key or signal ends the display.
func (d *display) show(c content, tick <-chan time.Time) (stop bool, sig os.Signal, err error) {
	var keys chan key
	if d.screen.keyboard != nil {
		keys = d.screen.keyboard.keys
	}
	var names chan map[resolve.Endpoint]string
	if d.names != nil {
		names = d.names.results
	}
	d.draw(c)
	for {
		next := tick
		if d.screen.writing() {
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
			if stop, err := c.pressKey(key); stop || err != nil {
				return stop, nil, err
			}
		case found := <-names:
			d.names.store(found)
		case sig := <-d.signals:
			if stop, err := d.handleSignal(sig); stop || err != nil {
				return stop, sig, err
			}
		}
		d.draw(c)
	}
}

// draw draws c at the current size of the screen, unless the screen is inactive.
func (d *display) draw(c content) {
	if !d.screen.active {
		return
	}
	width, height := d.screen.size()
	d.screen.draw(c.lines(width, height), width, height)
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

// notes returns the notes of the header.
func (d *display) notes(interval time.Duration) []string {
	notes := []string{fmt.Sprintf("every %v", interval)}
	if d.screen.keyboard != nil {
		notes = append(notes, "? helps", "q quits")
	}
	return notes
}
