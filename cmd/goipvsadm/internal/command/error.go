// SPDX-License-Identifier: MIT

package command

import "fmt"

// An Error is an error in a command line.
type Error struct {
	Kind Kind

	// Text is the message to print, without the final newline. It may have
	// several lines.
	Text string
}

// Error returns the message.
func (e *Error) Error() string { return e.Text }

// Status returns the exit status of a program called with the command line.
func (e *Error) Status() int {
	if e.Kind == InvalidArgument {
		return 2
	}
	return 255
}

// A Kind is a kind of error.
type Kind uint8

const (
	// InvalidArgument is an invalid value, a missing option, an option that the
	// command does not support or that conflicts with another, a second command
	// or an unexpected operand.
	InvalidArgument Kind = iota
	// BadOption is an option that does not exist, lacks its value or must not
	// have a value.
	BadOption
	// NoCommand is a line that does not begin with a command, or a rule whose
	// command is not allowed in rules.
	NoCommand
)

// errorf returns an InvalidArgument error.
func errorf(format string, args ...any) *Error {
	return &Error{InvalidArgument, fmt.Sprintf(format, args...)}
}
