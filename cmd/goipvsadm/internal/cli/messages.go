package cli

import (
	"errors"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/ipvs"
)

// refusals are the messages for what the kernel refuses, where the errno says
// something particular to the command.
var kernelMessages = [...]struct {
	verb  command.Verb
	errno syscall.Errno
	text  string
}{
	{command.AddService, syscall.EEXIST, "Service already exists"},
	{command.AddService, syscall.ENOENT, "Scheduler or persistence engine not found"},
	{command.EditService, syscall.ESRCH, "No such service"},
	{command.EditService, syscall.ENOENT, "Scheduler or persistence engine not found"},
	{command.DeleteService, syscall.ESRCH, "No such service"},
	{command.Zero, syscall.ESRCH, "No such service"},
	{command.List, syscall.ESRCH, "No such service"},
	{command.AddServer, syscall.ESRCH, "Service not defined"},
	{command.AddServer, syscall.EEXIST, "Destination already exists"},
	{command.EditServer, syscall.ESRCH, "Service not defined"},
	{command.EditServer, syscall.ENOENT, "No such destination"},
	{command.DeleteServer, syscall.ESRCH, "Service not defined"},
	{command.DeleteServer, syscall.ENOENT, "No such destination"},
	{command.StartDaemon, syscall.EEXIST, "Daemon has already run"},
	{command.StopDaemon, syscall.ESRCH, "No daemon is running"},
}

// generals are the messages for errnos that mean the same to every command.
var errnoMessages = [...]struct {
	errno syscall.Errno
	text  string
}{
	{syscall.EPERM, "Permission denied (you must be root)"},
	{syscall.EINVAL, "Invalid operation.  Possibly wrong module version, address not unicast, ..."},
	{syscall.ENOPROTOOPT, "Protocol not available"},
	{syscall.ENOMEM, "Memory allocation problem"},
	{syscall.EOPNOTSUPP, "Operation not supported with IPv6"},
	{syscall.EAFNOSUPPORT, "Operation not supported with specified address family"},
	{syscall.EMSGSIZE, "Module is wrong version"},
}

// refusal returns the message for an error of the kernel.
func refusal(verb command.Verb, err error) string {
	refused := new(ipvs.Error)
	switch {
	case !errors.As(err, &refused), refused.Err == ipvs.ErrDumpInterrupted:
		return err.Error()
	case refused.Err == ipvs.ErrAckLost:
		return "The kernel's answer was lost: this may have been done or not"
	case refused.AckLost:
		return refusalText(verb, refused.Errno) + " (or done at the first try, whose answer was lost)"
	}
	return refusalText(verb, refused.Errno)
}

func refusalText(verb command.Verb, errno syscall.Errno) string {
	for _, r := range kernelMessages {
		if r.verb == verb && r.errno == errno {
			return r.text
		}
	}
	return errnoText(errno)
}

// general returns the message for an errno by itself.
func errnoText(errno syscall.Errno) string {
	for _, g := range errnoMessages {
		if g.errno == errno {
			return g.text
		}
	}
	return strerror(errno)
}

// sentence returns the C library's text for an errno: Go's with a capital
// letter.
func strerror(errno syscall.Errno) string {
	text := []byte(errno.Error())
	if 'a' <= text[0] && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return string(text)
}
