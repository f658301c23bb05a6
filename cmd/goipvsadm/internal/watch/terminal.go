package watch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// What the screen is told, in the language that all but dumb terminals share.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, and no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
	plainText   = "\x1b[m"
)

// A screen is a terminal that shows one thing after another in the same place.
type screen struct {
	out     *os.File
	keys    *keyboard // nil if there is none
	colours bool      // whether it has them
	on      bool
	written chan error // the outcome of what is being written, nil if nothing is
	next    string     // what is to be written then
}

// terminal returns w if it is a terminal that can be written on anywhere.
func terminal(w io.Writer) *os.File {
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

// hasColours reports whether colours are wanted (https://no-color.org) and known
// to the terminal: most have them but those that are, or are like, the old ones.
func hasColours() bool {
	t := os.Getenv("TERM")
	switch {
	case os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("COLORTERM") != "":
		return true
	}
	return !strings.HasPrefix(t, "vt") && !strings.HasSuffix(t, "-m") && !strings.HasSuffix(t, "-mono")
}

// WindowSize returns the columns and lines of a terminal, which are 80 and 24
// where it does not know them. What is no terminal is an error.
func WindowSize(f *os.File) (width, height int, err error) {
	var size *unix.Winsize
	cerr := control(f, func(fd int) { size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ) })
	if err = errors.Join(cerr, err); err != nil {
		return 0, 0, err
	}
	if size.Col == 0 || size.Row == 0 {
		return 80, 24, nil
	}
	return int(size.Col), int(size.Row), nil
}

// control calls fn with the descriptor of f, which stays as it is: Fd would
// make it block.
func control(f *os.File, fn func(fd int)) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { fn(int(fd)) })
}

// size returns the columns and lines of the screen.
func (s *screen) size() (width, height int) {
	width, height, err := WindowSize(s.out)
	if err != nil {
		return 80, 24 // it was a terminal
	}
	return width, height
}

// enter takes the terminal over, also after somebody else had it for a while.
func (s *screen) enter() error {
	s.on = true
	s.waitWrite()
	if s.keys != nil {
		if err := s.keys.raw(); err != nil {
			return err
		}
	}
	s.write(enterScreen)
	return nil
}

// leave gives the terminal back as it was.
func (s *screen) leave() {
	if !s.on {
		return
	}
	s.on = false
	s.waitWrite()
	s.out.WriteString(leaveScreen)
	if s.keys != nil {
		s.keys.restore()
	}
}

// write writes text when all that is being written is written: on a terminal that
// is stopped this may take long, and there are keys to be heard meanwhile. What
// waits already is left out.
func (s *screen) write(text string) {
	if s.writing() {
		s.next = text
		return
	}
	written := make(chan error, 1)
	s.written, s.next = written, ""
	go func() {
		_, err := s.out.WriteString(text)
		written <- err
	}()
}

// writing reports whether something is being written. Its outcome comes from
// s.written, and is for wrote.
func (s *screen) writing() bool { return s.written != nil }

// wrote goes on with what waits, unless err is an error.
func (s *screen) writeDone(err error) error {
	s.written = nil
	if err == nil && s.next != "" {
		s.write(s.next)
	}
	return err
}

// settle waits for what is being written, and drops what waits.
func (s *screen) waitWrite() {
	if s.writing() {
		<-s.written
	}
	s.written, s.next = nil, ""
}

// unblock makes a terminal take what is being written: at the first try, should
// somebody have stopped it with Ctrl-S; at the second, should nobody read it,
// when what it has not shown yet is dropped. There is no third.
func (s *screen) forceOutput(try int) bool {
	err := errors.New("no more to be tried")
	control(s.out, func(fd int) {
		switch try {
		case 0:
			// The kernel starts again what Ctrl-S stopped only if a program
			// stopped it too.
			err = errors.Join(unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOOFF), unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON))
		case 1:
			err = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
		}
	})
	return err == nil
}

// close leaves the terminal for good.
func (s *screen) close() {
	s.leave()
	if s.keys != nil {
		s.keys.close()
	}
}

// show shows lines, which fit on a screen of width columns and height lines.
// What stood there is overwritten, not erased first, so that nothing flickers.
func (s *screen) show(lines []Line, width, height int) {
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := line.Text
		if colours := marks[line.Mark].colours; s.colours && colours != "" {
			// All of the line, so that it is seen from afar.
			text = fmt.Sprintf("%-*s", width, text)
			b.WriteString("\x1b[" + colours + "m" + text + plainText)
		} else {
			b.WriteString(text)
		}
		// Behind the last column, some terminals would erase the column.
		if len(text) < width {
			b.WriteString(clearRight)
		}
	}
	if len(lines) < height {
		b.WriteString("\r\n" + clearBelow)
	}
	s.write(b.String())
}
