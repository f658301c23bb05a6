package ipvs

import (
	"errors"
	"fmt"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// Errors of the kernel's answers, to be told apart with errors.Is.
var (
	ErrServiceExists     = errors.New("service already exists")
	ErrNoService         = errors.New("no such service")
	ErrDestinationExists = errors.New("destination already exists")
	ErrNoDestination     = errors.New("no such destination")
	ErrNoScheduler       = errors.New("scheduler or persistence engine not found")
	ErrDaemonRunning     = errors.New("daemon is already running")
	ErrNoDaemon          = errors.New("no daemon is running")

	// ErrNoIPVS: the kernel has no IPVS, or lost it while the client was
	// open. Its errno is ENOPROTOOPT, or EPERM where the caller could not use it
	// either.
	ErrNoIPVS = errors.New("the kernel has no IPVS")

	// ErrNoAnswer: the kernel did not answer in time.
	ErrTimeout = errors.New("the kernel does not answer")

	// ErrAnswerLost: a change may have been made or not. In an *Error its
	// errno is ENOBUFS.
	ErrAckLost = errors.New("the kernel's answer was lost: this may have been done or not")

	// ErrInterrupted: the table changed while it was read, again and again.
	// Its errno is EINTR.
	ErrDumpInterrupted = errors.New("the table kept changing while it was read")
)

// An Error is the kernel's refusal of a command, or the client's of one that
// the kernel would take though it cannot work. It unwraps to the Err value that
// says what it means, where there is one, and to the errno.
type Error struct {
	Op    string        // what was being done, such as "add service TCP 192.0.2.1:80"
	Err   error         // one of this package's Err values, or what is wrong, or nil
	Errno syscall.Errno // EINVAL for what was not sent, since it cannot work

	// Lost: the answer was lost, and this is what the kernel said when the
	// command was sent again. It may have done it the first time.
	AckLost bool
}

// Error returns what was being done and why it failed.
func (e *Error) Error() string {
	reason := e.Err
	if reason == nil {
		reason = e.Errno
	}
	if e.AckLost {
		return fmt.Sprintf("ipvs: %s: %v (or done at the first try, whose answer was lost)", e.Op, reason)
	}
	return fmt.Sprintf("ipvs: %s: %v", e.Op, reason)
}

// Unwrap returns the meaning and the errno, and ErrAnswerLost if Lost.
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

func netnsError(path string, err error) error {
	e := &NetNSError{Path: path}
	if errors.As(err, &e.Errno) {
		return e
	}
	return fmt.Errorf("ipvs: open network namespace %s: %w", path, err)
}

// meaning returns what an errno says of a command in particular, or of what is
// wrong with what it carries, nil if nothing.
func sentinelFor(request *netlinkmsg.Message, errno syscall.Errno) error {
	if m := meaningOf(request.Command, errno); m != nil {
		return *m.err
	}
	return firstMatch(kernelChecks, request, errno)
}

// operation puts a message into words.
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
