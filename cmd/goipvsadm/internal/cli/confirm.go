// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/rawfd"
	"goipvsadm/ipvs/reconcile"
)

// A confirmer asks on the terminal whether to keep the changes of --apply.
type confirmer struct {
	tty     *os.File
	timeout time.Duration
}

// newConfirmer opens the controlling terminal, from which the answer is read even if
// the rules come from standard input.
func newConfirmer(cmd *command.Command) (*confirmer, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("--confirm requires a terminal; use --save-undo instead")
	}
	if !inForeground(tty) {
		tty.Close()
		return nil, errors.New("--confirm cannot be used in the background; use --save-undo instead")
	}
	return &confirmer{tty, time.Duration(cmd.Confirm) * time.Second}, nil
}

// inForeground reports whether the program may read from its terminal.
func inForeground(tty *os.File) bool {
	var group uint32
	err := rawfd.Control(tty, func(fd int) (err error) {
		group, err = unix.IoctlGetUint32(fd, unix.TIOCGPGRP)
		return err
	})
	return err == nil && int(group) == unix.Getpgrp()
}

// discardInput discards what was typed before the question.
func (c *confirmer) discardInput() {
	_ = rawfd.Control(c.tty, func(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) })
}

// isHungUp reports whether the error of a read means that the terminal is gone, and not
// that the user typed Ctrl-D.
func (c *confirmer) isHungUp(readErr error) bool {
	return errors.Is(readErr, syscall.EIO) || !isTerminal(c.tty)
}

// errNotConfirmed is the reason to undo changes if the answer is no.
var errNotConfirmed = errors.New("not confirmed")

// readAnswer reads a line. It returns the reason why the changes must not be kept, or
// nil if they are confirmed.
func (c *confirmer) readAnswer(ctx context.Context) error {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(c.tty).ReadString('\n')
		answers <- answer{line, err}
	}()
	timer := time.NewTimer(c.timeout)
	defer timer.Stop()
	select {
	case a := <-answers:
		if a.err != nil && c.isHungUp(a.err) {
			// Catch the SIGHUP that may follow, so that it does not kill the program.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
			return signalError(syscall.SIGHUP)
		}
		switch strings.ToLower(strings.TrimSpace(a.line)) {
		case "", "y", "yes":
			if a.err == nil {
				return nil
			}
			return errors.New("end of input")
		}
		return errNotConfirmed
	case <-timer.C:
		return fmt.Errorf("no answer within %d s", c.timeout/time.Second)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// applyConfirmed makes the changes of p and undoes them unless they are confirmed.
func (inv *invocation) applyConfirmed(p *applyPlan, c *confirmer) int {
	// A stopped program could not undo the changes.
	signal.Ignore(syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	var status int
	undone := false
	var cause signalError // why the changes were undone, if by a signal or hangup
	sig := runUntilSignal(func(ctx context.Context) {
		var made []reconcile.Change
		status, made = inv.makeChanges(p)
		if len(made) == 0 {
			if status == exitOK {
				inv.errorf("no changes to confirm")
			}
			return
		}
		if reason := inv.confirm(ctx, c, made); reason != nil {
			inv.limitFlush() // the terminal may be gone
			status, undone = inv.undo(p, made, reason)
			errors.As(reason, &cause)
		}
	})
	if sig = cmp.Or(sig, syscall.Signal(cause)); undone && sig != 0 {
		return signalStatus(sig)
	}
	return status
}

// confirm asks whether to keep the changes made. It returns the reason why not, or nil.
func (inv *invocation) confirm(ctx context.Context, c *confirmer, made []reconcile.Change) error {
	var s summary
	for i := range made {
		s.count(made[i].Op)
	}
	inv.stdout.Flush()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	tty := &output{&inv.outputQueue, c.tty}
	c.discardInput()
	fmt.Fprintf(tty, "%s. Keep these changes? [Y/n] (undone in %d s without an answer) ", s.counts(), c.timeout/time.Second)
	reason := c.readAnswer(ctx)
	if reason != nil && !errors.Is(reason, errNotConfirmed) {
		c.discardInput()
		_, _ = io.WriteString(tty, "\n") // queued: reports no error
	}
	return reason
}

// undo undoes the changes made, and reports whether that succeeded.
func (inv *invocation) undo(p *applyPlan, made []reconcile.Change, reason error) (status int, undone bool) {
	now, err := reconcile.Read(inv.client, nil)
	if err != nil {
		inv.errorf("%v: the changes were not undone: %s", reason, kernelMessage(command.List, err))
		return exitKernelError, false
	}
	want, kept := reconcile.Undo(made, p.have, now, p.options)
	failed := inv.restoreTable(want, p.options)
	for _, text := range failed {
		inv.errorf("%s", text)
	}
	for i := range kept {
		inv.errorf("%s: not undone completely: changed by another program", strings.TrimSuffix(string(appendChange(nil, &kept[i])), "\n"))
	}
	if len(failed) > 0 {
		inv.errorf("%v: the changes were not undone completely", reason)
		return exitKernelError, false
	}
	inv.errorf("%v: the changes were undone", reason)
	return exitUndone, true
}
