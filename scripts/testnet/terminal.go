// SPDX-License-Identifier: MIT

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

// Terminal is a pseudo-terminal with a program in its foreground.
type Terminal struct {
	master   *os.File // master end
	fd       int      // file descriptor of master
	cmd      *exec.Cmd
	output   []byte // all output of the program so far
	consumed int    // bytes of output returned by ReadUntil
}

// Terminal starts cmd in the namespace, in the foreground of a new pseudo-terminal, which is
// its standard input, output and error.
func (n *Netns) Terminal(columns, lines uint16, cmd *exec.Cmd) (*Terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	t := &Terminal{fd: fd, master: os.NewFile(uintptr(fd), "/dev/ptmx"), cmd: cmd}
	if err := t.start(n, columns, lines); err != nil {
		t.master.Close()
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

// Resize changes the size of the terminal, which sends SIGWINCH to the program.
func (t *Terminal) Resize(columns, lines uint16) error {
	return unix.IoctlSetWinsize(t.fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines})
}

// Type sends keystrokes; "\x03" is Ctrl-C.
func (t *Terminal) Type(keys string) error {
	_, err := t.master.WriteString(keys)
	return err
}

// ReadUntil reads output up to and including text, and returns all of it since the last call.
func (t *Terminal) ReadUntil(text string) (string, error) {
	deadline := time.Now().Add(TestTimeout)
	for !strings.Contains(string(t.output[t.consumed:]), text) {
		if err := t.read(deadline); err != nil {
			return "", fmt.Errorf("waiting for %q on the terminal: %w (%s); got %q", text, err, TimeoutHint, t.output[t.consumed:])
		}
	}
	end := t.consumed + strings.Index(string(t.output[t.consumed:]), text) + len(text)
	read := string(t.output[t.consumed:end])
	t.consumed = end
	return read, nil
}

// read reads output once.
func (t *Terminal) read(deadline time.Time) error {
	if err := t.master.SetReadDeadline(deadline); err != nil {
		return err
	}
	var b [4096]byte
	n, err := t.master.Read(b[:])
	t.output = append(t.output, b[:n]...)
	return err
}

// Hangup closes the terminal, like a connection that is lost, and waits for the program
// to exit. It returns the exit status.
func (t *Terminal) Hangup() (status int, err error) {
	t.master.Close()
	killer := time.AfterFunc(TestTimeout, func() { _ = t.cmd.Process.Kill() })
	err = t.cmd.Wait()
	if !killer.Stop() {
		return -1, fmt.Errorf("the program does not exit after a hangup (%s)", TimeoutHint)
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return -1, err
	}
	return t.cmd.ProcessState.ExitCode(), nil
}

// Wait waits for the program to exit. It returns the output since the last ReadUntil and the
// exit status.
func (t *Terminal) Wait() (rest string, status int, err error) {
	deadline := time.Now().Add(TestTimeout)
	for err == nil {
		err = t.read(deadline)
	}
	if !errors.Is(err, syscall.EIO) { // a closed terminal reads as EIO
		_ = t.cmd.Process.Kill()
		_ = t.cmd.Wait()
		return string(t.output[t.consumed:]), -1, fmt.Errorf("the program does not exit: %w (%s)", err, TimeoutHint)
	}
	t.master.Close()
	var exit *exec.ExitError
	if err := t.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return string(t.output[t.consumed:]), -1, err
	}
	return string(t.output[t.consumed:]), t.cmd.ProcessState.ExitCode(), nil
}
