package ipvs

import (
	"fmt"
	"syscall"
)

// DoInNetNS calls f in the network namespace that WithNetNS(name) selects, or in
// the caller's if name is empty. Sockets that f opens and files that it opens
// below /proc/sys/net belong to that namespace; goroutines that f starts run in
// the original one. The error is a *NetNSError or that of f.
func DoInNetNS(name string, f func() error) error {
	var cfg config
	if name != "" {
		WithNetNS(name)(&cfg)
	}
	return doInNetNS(cfg.netns, f)
}

// A NetNSError reports that a network namespace could not be entered.
type NetNSError struct {
	Path string

	// Errno is ENOENT if the file does not exist, EINVAL if it is not a network
	// namespace, and EPERM if the caller lacks CAP_SYS_ADMIN.
	Errno syscall.Errno
}

// Error returns the path and the reason.
func (e *NetNSError) Error() string {
	return fmt.Sprintf("ipvs: open network namespace %s: %v", e.Path, e.Errno)
}

// Unwrap returns the errno.
func (e *NetNSError) Unwrap() error { return e.Errno }
