package ipvs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"

	"goipvsadm/netlinkmsg"
)

// ErrNotLoaded is the error of Dial with the option WithoutModuleLoading if the kernel
// has no IPVS, or has not loaded it yet.
var ErrNotLoaded = errors.New("the kernel module ip_vs is not loaded")

// WithoutModuleLoading makes Dial return an error that matches ErrNotLoaded if the ip_vs
// module is neither loaded nor built in. By default the module is loaded, first by the kernel, when
// Dial looks its netlink family up, then by modprobe(8).
func WithoutModuleLoading() Option {
	return func(c *config) { c.loadedOnly = true }
}

// findLoadedFamily returns the ID of the IPVS family. Unlike a lookup by name, which
// makes the kernel load the module, it searches a dump of all families.
func findLoadedFamily(conn *genetlink.Conn) (uint16, error) {
	_ = conn.SetReadDeadline(time.Now().Add(familyTimeout)) // not supported by genltest
	families, err := conn.ListFamilies()
	_ = conn.SetReadDeadline(time.Time{})
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, fmt.Errorf("ipvs: %s: %w within %v", opFamily, ErrTimeout, familyTimeout)
	case errors.As(err, &errno):
		return 0, &Error{Op: opFamily, Errno: errno}
	case err != nil:
		return 0, fmt.Errorf("ipvs: %s: %w", opFamily, err)
	}
	for i := range families {
		if families[i].Name == netlinkmsg.FamilyName {
			return families[i].ID, nil
		}
	}
	return 0, &Error{Op: opFamily, Err: ErrNotLoaded, Errno: syscall.ENOPROTOOPT}
}
