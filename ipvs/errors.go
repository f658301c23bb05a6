// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// Causes of an *Error, which it matches with errors.Is.
var (
	ErrServiceExists     = errors.New("service already exists")
	ErrNoService         = errors.New("no such service")
	ErrDestinationExists = errors.New("destination already exists")
	ErrNoDestination     = errors.New("no such destination")
	ErrNoScheduler       = errors.New("scheduler or persistence engine not found")
	ErrDaemonRunning     = errors.New("sync daemon is already running")
	ErrNoDaemon          = errors.New("no such sync daemon is running")

	// ErrNoIPVS means that the kernel has no IPVS, or that the ip_vs module was
	// unloaded after Dial. The errno is ENOPROTOOPT.
	ErrNoIPVS = errors.New("kernel does not support IPVS")

	// ErrNotLoaded means that Dial was called with the option WithoutModuleLoading
	// and that the kernel has no IPVS or has not loaded it yet. The errno is
	// ENOPROTOOPT.
	ErrNotLoaded = errors.New("the kernel module ip_vs is not loaded")

	// ErrAckLost means that the acknowledgement of a change was lost, so that the
	// change may or may not have been applied. If it is the Err of an *Error, the
	// errno is ENOBUFS.
	ErrAckLost = errors.New("acknowledgement lost; the change may or may not have been applied")

	// ErrDumpInterrupted means that the table changed during every attempt to
	// read it. The errno is EINTR.
	ErrDumpInterrupted = errors.New("table changed during every attempt to read it")

	// ErrChanged means that another program has changed the configuration that a
	// CompareAndUpdate method was to replace. The errno is EAGAIN.
	ErrChanged = errors.New("changed by another program; not overwritten")
)

// ErrTimeout means that the kernel did not reply in time. Its method Timeout
// returns true.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "no reply from the kernel" }
func (timeoutError) Timeout() bool { return true }

// An Error reports a request that the kernel rejected, or one that the client
// rejected without sending it: the kernel accepts some invalid requests. With
// errors.Is, it matches Errno, Err and, if AckLost is set, ErrAckLost.
type Error struct {
	Op    string        // description of the request, such as "add service TCP 192.0.2.1:80"
	Err   error         // cause: one of the package's Err values, a validation error, or nil
	Errno syscall.Errno // errno of the kernel's reply; EINVAL or, with ErrChanged, EAGAIN if the request was not sent

	// Message is the error text in the kernel's extended acknowledgement
	// (NLMSGERR_ATTR_MSG), or "" if it sent none.
	Message string

	// AckLost is set if the acknowledgement of the first attempt was lost and the
	// error is the result of the second. The first attempt may have succeeded.
	AckLost bool
}

// Error returns the request and the cause of the error.
func (e *Error) Error() string {
	reason := e.Err
	if reason == nil {
		reason = e.Errno
	}
	text := fmt.Sprintf("ipvs: %s: %v", e.Op, reason)
	if e.Message != "" {
		text += " (" + e.Message + ")"
	}
	if e.AckLost {
		text += " (after a lost acknowledgement; the first attempt may have succeeded)"
	}
	return text
}

// Unwrap returns Errno, Err unless it is nil, and ErrAckLost if AckLost is set.
func (e *Error) Unwrap() []error {
	errs := []error{e.Errno}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if e.AckLost {
		errs = append(errs, ErrAckLost)
	}
	return errs
}

// causeOf returns the cause of an errno with which the kernel rejected a request:
// an Err value, a validation error, or nil if the cause is unknown.
func causeOf(request *netlinkmsg.Message, errno syscall.Errno) error {
	if m := meaningOf(request.Command, errno); m != nil {
		return *m.err
	}
	return firstMatch(kernelChecks, request, errno)
}

// describe returns a description of a request for Error.Op.
func describe(m *netlinkmsg.Message) string {
	switch {
	case m.Destination != nil:
		return fmt.Sprintf("%s %s of %s", m.Command, m.Destination.AddrPort, m.Service.ServiceKey)
	case m.Service != nil:
		return fmt.Sprintf("%s %s", m.Command, m.Service.ServiceKey)
	case m.Daemon != nil:
		return fmt.Sprintf("%s %s", m.Command, m.Daemon.State)
	}
	return m.Command.String()
}
