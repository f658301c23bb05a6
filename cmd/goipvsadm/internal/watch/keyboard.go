// SPDX-License-Identifier: MIT

package watch

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/rawfd"
)

// A keyboard reads keys from the controlling terminal, even if standard input is
// something else.
type keyboard struct {
	tty          *os.File
	savedTermios atomic.Pointer[unix.Termios] // the original modes; nil unless cbreak mode is set
	keys         chan key
	closed       chan struct{}
}

// openKeyboard returns the keyboard, or nil if there is no controlling terminal.
func openKeyboard() *keyboard {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	k := &keyboard{tty: tty, keys: make(chan key), closed: make(chan struct{})}
	go k.readKeys()
	return k
}

// escapeDelay is how long readKeys waits for the end of an escape sequence before it
// decodes the bytes received so far as the key Esc and other keys.
const escapeDelay = 100 * time.Millisecond

// readKeys sends keys to k.keys until the keyboard is closed.
func (k *keyboard) readKeys() {
	var pending []byte
	var buf [64]byte
	for {
		var deadline time.Time
		if len(pending) > 0 {
			deadline = time.Now().Add(escapeDelay)
		}
		if k.tty.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := k.tty.Read(buf[:])
		timedOut := errors.Is(err, os.ErrDeadlineExceeded)
		if !timedOut && (n == 0 || err != nil) {
			return
		}
		for pending = append(pending, buf[:n]...); len(pending) > 0; {
			key, length := decodeKey(pending, timedOut)
			if length == 0 {
				break
			}
			pending = pending[length:]
			select {
			case k.keys <- key:
			case <-k.closed:
				return
			}
		}
	}
}

// setCbreak sets the terminal to cbreak mode: keys are neither buffered until the end of
// a line nor echoed, but Ctrl-C and Ctrl-Z still generate signals.
func (k *keyboard) setCbreak() error {
	return rawfd.Control(k.tty, func(fd int) error {
		if k.savedTermios.Load() == nil {
			saved, err := unix.IoctlGetTermios(fd, unix.TCGETS)
			if err != nil {
				return err
			}
			k.savedTermios.Store(saved)
		}
		cbreak := *k.savedTermios.Load()
		cbreak.Lflag &^= unix.ICANON | unix.ECHO
		cbreak.Cc[unix.VMIN], cbreak.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETSW, &cbreak)
	})
}

// restore restores the terminal modes that setCbreak changed, after output has drained.
// It discards unread input, which was not meant for the shell.
func (k *keyboard) restore() {
	saved := k.savedTermios.Load()
	if saved == nil {
		return
	}
	_ = rawfd.Control(k.tty, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETSF, saved) }) // the terminal may be gone
	k.savedTermios.Store(nil)
}

// restoreNow is like restore but does not wait for output to drain. It may be called
// from any goroutine.
func (k *keyboard) restoreNow() {
	if saved := k.savedTermios.Load(); saved != nil {
		_ = rawfd.Control(k.tty, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, saved) })
	}
}

// close stops readKeys and closes the terminal.
func (k *keyboard) close() {
	close(k.closed)
	k.tty.Close()
}
