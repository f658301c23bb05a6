// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// kernelMessage returns ipvsadm's message for the kernel's error on a command.
// Errors that ipvsadm does not have keep their own text.
func kernelMessage(verb command.Verb, err error) string {
	e := new(ipvs.Error)
	switch {
	case !errors.As(err, &e), e.Err == ipvs.ErrDumpInterrupted:
		return err.Error()
	case e.Err == ipvs.ErrChanged:
		return e.Err.Error()
	case e.Err == ipvs.ErrAckLost:
		return "acknowledgement lost; the change may or may not have been applied"
	case e.AckLost:
		return resultMessage(verb, e) + " (after a retry; the first attempt may have succeeded)"
	}
	return resultMessage(verb, e)
}

// resultMessage returns ipvsadm's message for the kernel's reply to a command.
func resultMessage(verb command.Verb, e *ipvs.Error) string {
	switch e.Err {
	case ipvs.ErrServiceExists:
		return "Service already exists"
	case ipvs.ErrNoService:
		switch verb {
		case command.AddServer, command.EditServer, command.DeleteServer:
			return "Service not defined"
		}
		return "No such service"
	case ipvs.ErrDestinationExists:
		return "Destination already exists"
	case ipvs.ErrNoDestination:
		return "No such destination"
	case ipvs.ErrNoScheduler:
		return "Scheduler or persistence engine not found"
	case ipvs.ErrDaemonRunning:
		return "Daemon has already run"
	case ipvs.ErrNoDaemon:
		return "No daemon is running"
	}
	return errnoText(e.Errno)
}

// errnoText returns ipvsadm's message for an errno without a meaning particular
// to the command.
func errnoText(errno syscall.Errno) string {
	switch errno {
	case syscall.EPERM:
		return "Permission denied (you must be root)"
	case syscall.EINVAL:
		return "Invalid operation.  Possibly wrong module version, address not unicast, ..."
	case syscall.ENOPROTOOPT:
		return "Protocol not available"
	case syscall.ENOMEM:
		return "Memory allocation problem"
	case syscall.EOPNOTSUPP:
		return "Operation not supported with IPv6"
	case syscall.EAFNOSUPPORT:
		return "Operation not supported with specified address family"
	case syscall.EMSGSIZE:
		return "Module is wrong version"
	}
	return strerror(errno)
}

// strerror returns strerror(3)'s text, which is Go's with a capital letter.
func strerror(errno syscall.Errno) string {
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// dialMessage returns the message for a failure to connect to the kernel.
func dialMessage(err error) string {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errnoText(errno)
	}
	return err.Error()
}

// lineName returns the name of a line of rules in messages.
func lineName(line int) string { return fmt.Sprintf("line %d", line) }

// connLostMessage returns the message for the first line whose change may not
// have been made because the connection to the kernel was lost. last names the
// last line whose change may have been made; it is "" if there is none.
func connLostMessage(err error, last string) string {
	if last == "" {
		return fmt.Sprintf("%v: this and later lines were not executed", err)
	}
	return fmt.Sprintf("%v: outcome unknown from this line to %s; later lines were not executed", err, last)
}
