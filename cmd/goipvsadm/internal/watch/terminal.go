// SPDX-License-Identifier: MIT

package watch

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/rawfd"
)

// Control sequences. All terminals except dumb ones support them.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // alternate screen, hide the cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	cursorHome  = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
	resetSGR    = "\x1b[m"
)

// A screen displays lines in place on a terminal. Writes run in a goroutine, because a
// terminal that was stopped with Ctrl-S blocks them, and keys must still be handled.
type screen struct {
	terminal    *os.File
	keyboard    *keyboard  // nil if there is no controlling terminal
	color       bool       // alerts are highlighted in color
	active      bool       // the alternate screen is in use; false while the program is stopped
	writeResult chan error // receives the result of the running write; nil if none runs
	pending     string     // text to write after the running write
}

// terminalFile returns w if it is a terminal that supports cursor movement, else nil.
func terminalFile(w io.Writer) *os.File {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if t := os.Getenv("TERM"); t == "" || t == "dumb" {
		return nil
	}
	if _, _, err := WindowSize(f); err != nil {
		return nil
	}
	return f
}

// useColor reports whether to use color. It returns false if NO_COLOR is set
// (https://no-color.org) or if TERM names a monochrome terminal and COLORTERM is not set.
func useColor() bool {
	t := os.Getenv("TERM")
	switch {
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("COLORTERM") != "":
		return true
	}
	return !strings.HasPrefix(t, "vt") && !strings.HasSuffix(t, "-m") && !strings.HasSuffix(t, "-mono")
}

// WindowSize returns the columns and lines of a terminal, or 80 and 24 if its size is
// not set. It returns an error if f is not a terminal.
func WindowSize(f *os.File) (width, height int, err error) {
	var size *unix.Winsize
	err = rawfd.Control(f, func(fd int) (err error) {
		size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	if size.Col == 0 || size.Row == 0 {
		return 80, 24, nil
	}
	return int(size.Col), int(size.Row), nil
}

// size returns the columns and lines of the screen, or 80 and 24 if the terminal is gone.
func (s *screen) size() (width, height int) {
	width, height, err := WindowSize(s.terminal)
	if err != nil {
		return 80, 24
	}
	return width, height
}

// enter sets the keyboard to cbreak mode and switches to the alternate screen. It is
// called at the start and when the program continues after Ctrl-Z.
func (s *screen) enter() error {
	s.active = true
	s.waitWrite()
	if s.keyboard != nil {
		if err := s.keyboard.setCbreak(); err != nil {
			return err
		}
	}
	s.write(enterScreen)
	return nil
}

// leave restores the terminal.
func (s *screen) leave() {
	if !s.active {
		return
	}
	s.active = false
	s.waitWrite()
	_, _ = s.terminal.WriteString(leaveScreen) // the terminal may be gone
	if s.keyboard != nil {
		s.keyboard.restore()
	}
}

// write starts writing text. If a write is already running, text becomes the pending text,
// in place of an earlier one.
func (s *screen) write(text string) {
	if s.writing() {
		s.pending = text
		return
	}
	result := make(chan error, 1)
	s.writeResult, s.pending = result, ""
	go func() {
		_, err := s.terminal.WriteString(text)
		result <- err
	}()
}

// writing reports whether a write is running. If so, the caller must receive its error
// from writeResult and pass it to writeDone.
func (s *screen) writing() bool { return s.writeResult != nil }

// writeDone handles the result of a write: it returns an error, otherwise it starts
// writing the pending text.
func (s *screen) writeDone(err error) error {
	s.writeResult = nil
	if err == nil && s.pending != "" {
		s.write(s.pending)
	}
	return err
}

// waitWrite waits for the running write and discards the pending text.
func (s *screen) waitWrite() {
	s.pending = ""
	if s.writing() {
		_ = s.writeDone(<-s.writeResult)
	}
}

// forceOutput tries to unblock a write. Attempt 0 restarts output that was stopped with
// Ctrl-S. Attempt 1 discards output that the other end of the terminal has not read. For
// any other attempt, or if the attempt fails, forceOutput returns false.
func (s *screen) forceOutput(attempt int) bool {
	err := rawfd.Control(s.terminal, func(fd int) error {
		switch attempt {
		case 0:
			// The kernel ignores TCOON unless TCOOFF was used before.
			return errors.Join(unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOOFF), unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON))
		case 1:
			return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
		}
		return errors.New("no further attempt")
	})
	return err == nil
}

// close restores the terminal and closes the keyboard.
func (s *screen) close() {
	s.leave()
	if s.keyboard != nil {
		s.keyboard.close()
	}
}

// draw draws lines, which must fit on a screen of width columns and height lines. It
// overwrites the old contents without erasing them first, to avoid flicker.
func (s *screen) draw(lines []Line, width, height int) {
	var b strings.Builder
	b.WriteString(cursorHome)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		s.writeLine(&b, line)
		// With the cursor after the last column, some terminals would erase that column.
		if utf8.RuneCountInString(line.Text) < width {
			b.WriteString(clearRight)
		}
	}
	if len(lines) < height {
		b.WriteString("\r\n" + clearBelow)
	}
	s.write(b.String())
}

// writeLine writes line with its highlights, unless the screen has no color.
func (s *screen) writeLine(b *strings.Builder, line Line) {
	written := 0
	if s.color {
		for _, h := range line.highlights {
			start, end := min(h.start, len(line.Text)), min(h.end, len(line.Text))
			if start < end {
				b.WriteString(line.Text[written:start] + "\x1b[" + alertStyles[line.Alert].color + "m" + line.Text[start:end] + resetSGR)
				written = end
			}
		}
	}
	b.WriteString(line.Text[written:])
}
