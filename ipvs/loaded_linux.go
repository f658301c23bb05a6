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
