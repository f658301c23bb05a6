package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo-terminal in front of which somebody runs a program.
type Terminal struct {
	keys   *os.File // the end that is not the program's
	fd     int      // of keys
	cmd    *exec.Cmd
	screen []byte // what the program wrote, from the beginning
	seen   int    // how much of it Until has returned
}

// Terminal starts a program in a namespace, in the foreground of a terminal of its own.
// Its three standard files are the terminal.
func (n *Netns) Terminal(columns, lines uint16, cmd *exec.Cmd) (*Terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	t := &Terminal{fd: fd, keys: os.NewFile(uintptr(fd), "/dev/ptmx"), cmd: cmd}
	if err := t.start(n, columns, lines); err != nil {
		t.keys.Close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return t, nil
}

func (t *Terminal) start(n *Netns, columns, lines uint16) error {
	if err := unix.IoctlSetPointerInt(t.fd, unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	number, err := unix.IoctlGetUint32(t.fd, unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := t.Resize(columns, lines); err != nil {
		return err
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = tty, tty, tty
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return n.Do(t.cmd.Start)
}

// Resize gives the terminal another size, which its program is told.
func (t *Terminal) Resize(columns, lines uint16) error {
	return unix.IoctlSetWinsize(t.fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines})
}

// Type sends keys; "\x03" is Ctrl-C.
func (t *Terminal) Type(keys string) error {
	_, err := t.keys.WriteString(keys)
	return err
}

// Until reads what the program writes until text is there, and returns what has come
// since the last time.
func (t *Terminal) Until(text string) (string, error) {
	deadline := time.Now().Add(TestTimeout)
	for !strings.Contains(string(t.screen[t.seen:]), text) {
		if err := t.read(deadline); err != nil {
			return "", fmt.Errorf("%q did not come on the terminal: %w (%s); there is %q", text, err, MorePatience, t.screen[t.seen:])
		}
	}
	end := t.seen + strings.Index(string(t.screen[t.seen:]), text) + len(text)
	came := string(t.screen[t.seen:end])
	t.seen = end
	return came, nil
}

func (t *Terminal) read(deadline time.Time) error {
	if err := t.keys.SetReadDeadline(deadline); err != nil {
		return err
	}
	var b [4096]byte
	n, err := t.keys.Read(b[:])
	t.screen = append(t.screen, b[:n]...)
	return err
}

// Wait waits for the program to end. It returns what has come since the last time, and
// the exit status.
func (t *Terminal) Wait() (rest string, status int, err error) {
	deadline := time.Now().Add(TestTimeout)
	for err == nil {
		err = t.read(deadline)
	}
	if !errors.Is(err, syscall.EIO) { // which is the end of a terminal
		t.cmd.Process.Kill()
		t.cmd.Wait()
		return string(t.screen[t.seen:]), -1, fmt.Errorf("the program does not end: %w (%s)", err, MorePatience)
	}
	t.keys.Close()
	var exit *exec.ExitError
	if err := t.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return string(t.screen[t.seen:]), -1, err
	}
	return string(t.screen[t.seen:]), t.cmd.ProcessState.ExitCode(), nil
}
