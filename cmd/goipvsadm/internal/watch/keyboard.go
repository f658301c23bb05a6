package watch

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A keyboard is the terminal from which the process is controlled, wherever
// its standard input comes from.
type keyboard struct {
	tty     *os.File
	before  atomic.Pointer[unix.Termios] // as it was, while it is raw
	pressed chan key
	closed  chan struct{}
}

// openKeyboard returns the keyboard, or nil if there is none.
func openKeyboard() *keyboard {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	k := &keyboard{tty: tty, pressed: make(chan key), closed: make(chan struct{})}
	go k.read()
	return k
}

// escapeDelay is how long the rest of a key may take to come: after that, what looks
// like its beginning is the key Esc.
const escapeDelay = 100 * time.Millisecond

// read hands on what is typed until the keyboard is closed.
func (k *keyboard) read() {
	var typed []byte
	var b [64]byte
	for {
		var until time.Time
		if len(typed) > 0 {
			until = time.Now().Add(escapeDelay)
		}
		k.tty.SetReadDeadline(until)
		n, err := k.tty.Read(b[:])
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if !late && (n == 0 || err != nil) {
			return
		}
		for typed = append(typed, b[:n]...); len(typed) > 0; {
			pressed, length := decode(typed, late)
			if length == 0 {
				break
			}
			typed = typed[length:]
			select {
			case k.pressed <- pressed:
			case <-k.closed:
				return
			}
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
