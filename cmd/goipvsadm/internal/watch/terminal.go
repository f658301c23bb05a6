package watch

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// What the screen is told, in the language that all but dumb terminals share.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, and no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// A screen is a terminal that shows one thing after another in the same place.
type screen struct {
	out  *os.File
	keys *keyboard // nil if there is none
	on   bool
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
	if s.keys != nil {
		if err := s.keys.raw(); err != nil {
			return err
		}
	}
	_, err := s.out.WriteString(enterScreen)
	return err
}

// leave gives the terminal back as it was.
func (s *screen) leave() {
	if !s.on {
		return
	}
	s.on = false
	s.out.WriteString(leaveScreen)
	if s.keys != nil {
		s.keys.restore()
	}
}

// unblock makes a terminal take what is being written: at the first try, should
// somebody have stopped it with Ctrl-S; at the second, should nobody read it,
// when what it has not shown yet is dropped. There is no third.
func (s *screen) unblock(try int) bool {
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
func (s *screen) show(lines []string, width, height int) error {
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(line)
		// Behind the last column, some terminals would erase the column.
		if len(line) < width {
			b.WriteString(clearRight)
		}
	}
	if len(lines) < height {
		b.WriteString("\r\n" + clearBelow)
	}
	_, err := s.out.WriteString(b.String())
	return err
}

// A keyboard is the terminal from which the process is controlled, wherever
// its standard input comes from.
type keyboard struct {
	tty     *os.File
	before  atomic.Pointer[unix.Termios] // as it was, while it is raw
	pressed chan byte
	closed  chan struct{}
}

// openKeyboard returns the keyboard, or nil if there is none.
func openKeyboard() *keyboard {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	k := &keyboard{tty: tty, pressed: make(chan byte), closed: make(chan struct{})}
	go k.read()
	return k
}

// read hands on what is typed until the keyboard is closed.
func (k *keyboard) read() {
	var b [1]byte
	for {
		if n, err := k.tty.Read(b[:]); n == 0 || err != nil {
			return
		}
		select {
		case k.pressed <- b[0]:
		case <-k.closed:
			return
		}
	}
}

// raw makes each key come at once, and unseen. Those that make signals still
// do.
func (k *keyboard) raw() error {
	var err error
	cerr := control(k.tty, func(fd int) {
		if k.before.Load() == nil {
			before, getErr := unix.IoctlGetTermios(fd, unix.TCGETS)
			if err = getErr; err != nil {
				return
			}
			k.before.Store(before)
		}
		raw := *k.before.Load()
		raw.Lflag &^= unix.ICANON | unix.ECHO
		raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(fd, unix.TCSETSW, &raw)
	})
	return errors.Join(cerr, err)
}

// restore makes the keyboard what it was before raw. What was typed and not
// read is dropped: it was not meant for the shell.
func (k *keyboard) restore() {
	before := k.before.Load()
	if before == nil {
		return
	}
	control(k.tty, func(fd int) { unix.IoctlSetTermios(fd, unix.TCSETSF, before) })
	k.before.Store(nil)
}

// restoreNow is restore without a wait for what is still to be shown, by
// somebody who has no part in what else happens here.
func (k *keyboard) restoreNow() {
	if before := k.before.Load(); before != nil {
		control(k.tty, func(fd int) { unix.IoctlSetTermios(fd, unix.TCSETS, before) })
	}
}

// close ends the reading.
func (k *keyboard) close() {
	close(k.closed)
	k.tty.Close()
}
