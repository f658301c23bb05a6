// SPDX-License-Identifier: MIT

package ipvs

import (
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
	if err != nil {
		return 0, familyError(err)
	}
	for i := range families {
		if families[i].Name == netlinkmsg.FamilyName {
			return families[i].ID, nil
		}
	}
	return 0, &Error{Op: opFamily, Err: ErrNotLoaded, Errno: syscall.ENOPROTOOPT}
}
