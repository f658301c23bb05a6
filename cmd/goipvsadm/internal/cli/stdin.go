package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// nobodyFeeds reports whether there are no rules because nobody gave any: r is
// standard input, and was closed. Before a program starts, the runtime opens
// /dev/null in the place of a closed standard file, for reading and writing.
// Daemons give their children the same. Who means an empty file opens it for
// reading, as a shell does after <.
func stdinClosed(r io.Reader) bool {
	file, ok := r.(*os.File)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	var flags int
	var status unix.Stat_t
	raw.Control(func(fd uintptr) {
		flags, _ = unix.FcntlInt(fd, unix.F_GETFL, 0)
		unix.Fstat(int(fd), &status)
	})
	null := status.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(status.Rdev) == unix.Mkdev(1, 3)
	return null && flags&unix.O_ACCMODE == unix.O_RDWR
}

// noInput is the message for such a standard input.
const msgStdinClosed = "Standard input is closed: there are no rules to read"
