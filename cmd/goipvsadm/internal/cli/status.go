// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"os"
	"slices"
	"syscall"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/doctor"
)

// Exit statuses.
const (
	exitOK          = 0
	exitListError   = 1   // the kernel rejected a listing, or stdout failed
	exitUsage       = 2   // invalid arguments or rules, or IPVS is not available
	exitKernelError = 255 // the kernel rejected a change; ipvsadm returns -1

	exitDifferent = 1 // --diff printed changes

	exitUndone = 1 // --apply --confirm undid its changes

	exitProblems   = 1 // --doctor found an error or a warning
	exitIncomplete = 2 // --doctor found neither, but could not check everything
)

// usageStatus returns the exit status for an error of the parser.
func usageStatus(err error) int {
	if e := new(command.Error); errors.As(err, &e) {
		return e.Status()
	}
	return exitUsage
}

// signalStatus returns the exit status that a shell reports for a program that
// is killed by a signal.
func signalStatus(sig syscall.Signal) int { return 128 + int(sig) }

// watchStatus returns the exit status of --watch or --monitor if it was ended by the
// signal sig, or by a key if sig is nil. Ctrl-C is a regular way to quit.
func watchStatus(sig os.Signal) int {
	number, ok := sig.(syscall.Signal)
	if !ok || number == syscall.SIGINT {
		return exitOK
	}
	return signalStatus(number)
}

// doctorStatus returns the exit status of --doctor.
func doctorStatus(facts *doctor.Facts, findings []doctor.Finding) int {
	switch worst, hasFindings := doctor.Worst(findings); {
	case hasFindings && worst > doctor.Hint:
		return exitProblems
	case slices.ContainsFunc(facts.Unavailable, func(u doctor.Unavailable) bool { return !u.Optional }):
		return exitIncomplete
	}
	return exitOK
}
