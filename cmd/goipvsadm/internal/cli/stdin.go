package cli

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// stdinClosed reports whether stdin was closed by the parent process. The Go
// runtime then opens /dev/null read-write in its place, as daemons do for their
// children. A shell's </dev/null, which stands for an empty file, opens it
// read-only.
func stdinClosed(stdin io.Reader) bool {
	file, ok := stdin.(*os.File)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	var flags int
	var stat unix.Stat_t
	raw.Control(func(fd uintptr) {
		flags, _ = unix.FcntlInt(fd, unix.F_GETFL, 0)
		unix.Fstat(int(fd), &stat)
	})
	isNull := stat.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(stat.Rdev) == unix.Mkdev(1, 3)
	return isNull && flags&unix.O_ACCMODE == unix.O_RDWR
}

const msgStdinClosed = "stdin is closed"
