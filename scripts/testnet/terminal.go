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
)

// Terminal is a pseudo-terminal with a program in its foreground.
type Terminal struct {
	master   *os.File // master end
	cmd      *exec.Cmd
	output   []byte // all output of the program so far
	consumed int    // bytes of output returned by ReadUntil
}

// Terminal starts cmd in the namespace, in the foreground of a new pseudo-terminal, which is
// its standard input, output and error.
func (n *Netns) Terminal(columns, lines uint16, cmd *exec.Cmd) (*Terminal, error) {
	master, tty, err := OpenPTY()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	t := &Terminal{master: master, cmd: cmd}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err = t.Resize(columns, lines); err == nil {
		err = n.Do(cmd.Start)
	}
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("start a program on a terminal: %w", err)
	}
	return t, nil
}

// Resize changes the size of the terminal, which sends SIGWINCH to the program.
func (t *Terminal) Resize(columns, lines uint16) error {
	return ResizeTerminal(t.master, columns, lines)
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
