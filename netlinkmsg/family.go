package netlinkmsg

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// controllerVersion is that of the messages to the controller of generic
// netlink, which knows the families by their names (linux/genetlink.h).
const controllerVersion = 1

// AppendFamilyRequest appends a netlink message that asks the controller
// (GENL_ID_CTRL) for the number of the IPVS family (CTRL_CMD_GETFAMILY). A
// kernel that has none answers with ENOENT.
func AppendFamilyRequest(b []byte, flags netlink.HeaderFlags, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, unix.GENL_ID_CTRL, flags, seq)
	b = append(b, unix.CTRL_CMD_GETFAMILY, controllerVersion, 0, 0)
	b = appendString(b, unix.CTRL_ATTR_FAMILY_NAME, FamilyName)
	return endMessage(b, start)
}

// DecodeFamily reads the number of the family (CTRL_ATTR_FAMILY_ID) from the
// controller's answer to a family request.
func DecodeFamily(b []byte) (uint16, error) {
	if len(b) < genericHeaderLen {
		return 0, errNoGenericHeader(b)
	}
	var id uint16
	it := attributes{rest: b[genericHeaderLen:]}
	for it.next() {
		if it.typ == unix.CTRL_ATTR_FAMILY_ID {
			id = it.uint16()
		}
	}
	if it.err == nil && id == 0 {
		it.err = errors.New("no number")
	}
	if it.err != nil {
		return 0, fmt.Errorf("netlinkmsg: family: %w", it.err)
	}
	return id, nil
}
