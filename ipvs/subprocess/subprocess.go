// SPDX-License-Identifier: MIT

// Package subprocess runs other programs. Unlike os/exec, which it replaces, it
// has nothing to initialize when this program starts.
package subprocess

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrTimeout means that a program was killed because it ran for too long.
var ErrTimeout = errors.New("timed out")

// An ExitError is a program that exited with a status other than 0 or was killed
// by a signal.
type ExitError struct{ state *os.ProcessState }

// Error returns the status, such as "exit status 1".
func (e *ExitError) Error() string { return e.state.String() }

// pipeDelay limits the wait for the end of the output after the program has
// exited: its children may keep the pipes open.
const pipeDelay = time.Second

// Run runs the program at path, with args and an empty standard input, and returns
// its output. A nil env is the environment of this process. Run kills the program
// after the timeout and then returns ErrTimeout. After a failure, it also returns
// the output until then.
func Run(path string, args, env []string, timeout time.Duration) (stdout, stderr []byte, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	var out, errOut capture
	if err := errors.Join(out.open(), errOut.open()); err != nil {
		out.close()
		errOut.close()
		return nil, nil, err
	}
	process, err := os.StartProcess(path, append([]string{path}, args...), &os.ProcAttr{
		Env:   env,
		Files: []*os.File{null, out.w, errOut.w},
	})
	if err != nil {
		out.close()
		errOut.close()
		return nil, nil, err
	}
	out.start()
	errOut.start()
	err = wait(process, timeout)
	end := time.Now().Add(pipeDelay)
	return out.finish(end), errOut.finish(end), err
}

// wait waits until the process exits, and kills it after the timeout.
func wait(process *os.Process, timeout time.Duration) error {
	killed := make(chan struct{})
	timer := time.AfterFunc(timeout, func() {
		_ = process.Kill() // fails if the process has exited meanwhile
		close(killed)
	})
	state, err := process.Wait()
	if !timer.Stop() {
		<-killed
		return ErrTimeout
	}
	switch {
	case err != nil:
		return fmt.Errorf("wait: %w", err)
	case !state.Success():
		return &ExitError{state}
	}
	return nil
}

// A capture reads what a program writes to a pipe.
type capture struct {
	r, w *os.File
	text bytes.Buffer
	done chan struct{} // closed at the end of the output
}

func (c *capture) open() (err error) {
	c.r, c.w, err = os.Pipe()
	return err
}

func (c *capture) close() {
	c.r.Close() // Close of a nil file returns an error and does nothing
	c.w.Close()
}

// start starts to read. The program has its own copy of the writing end.
func (c *capture) start() {
	c.w.Close()
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		_, _ = io.Copy(&c.text, c.r) // an error, such as the deadline, ends the output
	}()
}

// finish waits for the end of the output, at most until the deadline, and returns
// the output.
func (c *capture) finish(deadline time.Time) []byte {
	_ = c.r.SetReadDeadline(deadline) // pipes have deadlines
	<-c.done
	c.r.Close()
	return c.text.Bytes()
}
