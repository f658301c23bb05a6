// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"goipvsadm/cmd/goipvsadm/internal/command"
	"goipvsadm/cmd/goipvsadm/internal/rawfd"
)

// openRules returns the file of rules that cmd names, or standard input. It
// reports errors; input is then nil.
func (inv *invocation) openRules(cmd *command.Command) (input io.ReadCloser, status int) {
	if cmd.File != "" {
		file, err := os.Open(cmd.File)
		if err != nil {
			inv.errorf("%v", err)
			return nil, exitUsage
		}
		return file, exitOK
	}
	if closedByParent(inv.stdin) {
		inv.errorf(msgStdinClosed)
		return nil, exitUsage
	}
	inv.announceStdin()
	return io.NopCloser(inv.stdin), exitOK
}

const msgStdinClosed = "stdin is closed"

// announceStdin prints that rules are read from standard input if it is a
// terminal, except under the name ipvsadm.
func (inv *invocation) announceStdin() {
	if file, ok := inv.stdin.(*os.File); ok && inv.isGoipvsadm && isTerminal(file) {
		inv.errorf("reading rules from standard input (end with Ctrl-D)")
	}
}

func isTerminal(file *os.File) bool {
	err := rawfd.Control(file, func(fd int) error {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	return err == nil
}

// closedByParent reports whether the parent process closed stream, the standard input
// or output. The Go runtime then opens /dev/null read-write in its place. Daemons often
// start their children with such a stream, which counts as closed, too. The </dev/null of
// a shell opens it read-only and counts as an empty file.
func closedByParent(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	var flags int
	var stat unix.Stat_t
	err := rawfd.Control(file, func(fd int) (err error) {
		if flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil {
			return err
		}
		return unix.Fstat(fd, &stat)
	})
	if err != nil {
		return false
	}
	isNull := stat.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(stat.Rdev) == unix.Mkdev(1, 3)
	return isNull && flags&unix.O_ACCMODE == unix.O_RDWR
}
