package command

import "fmt"

// An Error is a mistake in a command line.
type Error struct {
	Kind Kind

	// Text is the message as standard error gets it, without the newline at
	// its end. It may have several lines.
	Text string
}

// Error returns the message.
func (e *Error) Error() string { return e.Text }

// Status returns the exit status of a program that was called so.
func (e *Error) Status() int {
	if e.Kind == InvalidArgument {
		return 2
	}
	return 255
}

// A Kind of error.
type Kind uint8

const (
	// Mistake is a wrong value, a wrong combination of options, or a word
	// that has no business here.
	InvalidArgument Kind = iota
	// WrongOption is an option that does not exist, lacks its argument or has
	// one that it does not take.
	BadOption
	// NoCommand is a line that does not begin with a command.
	NoCommand
)

func errorf(format string, args ...any) *Error {
	return &Error{InvalidArgument, fmt.Sprintf(format, args...)}
}
