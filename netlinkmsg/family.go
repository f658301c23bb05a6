// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
)

// The generic netlink controller, the family that looks up other families
// (GENL_ID_CTRL, CTRL_*).
const (
	ctrlFamily     = 0x10
	ctrlVersion    = 1
	ctrlGetFamily  = 3
	ctrlFamilyID   = 1 // attribute
	ctrlFamilyName = 2 // attribute
)

// AppendFamilyRequest appends a request for the ID of the family FamilyName
// (CTRL_CMD_GETFAMILY).
func AppendFamilyRequest(b []byte, flags netlink.HeaderFlags, seq uint32) []byte {
	start := len(b)
	b = appendHeader(b, ctrlFamily, flags, seq)
	b = append(b, ctrlGetFamily, ctrlVersion, 0, 0)
	b = appendAttrHeader(b, ctrlFamilyName, uint16(len(FamilyName)+1))
	b = pad4(append(append(b, FamilyName...), 0), len(FamilyName)+1)
	native.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// DecodeFamilyID returns the ID of the family in the body of the reply to a
// family request.
func DecodeFamilyID(body []byte) (uint16, error) {
	if len(body) < genericHeaderLen {
		return 0, fmt.Errorf("netlinkmsg: get family: %d bytes are too few for a generic netlink header", len(body))
	}
	var id uint16
	var tooShort attributes
	a := attributes(body[genericHeaderLen:])
	for ; a.valid(); a = a.next() {
		if a.typ() == ctrlFamilyID {
			id = a.uint16(&tooShort)
		}
	}
	err := a.err(tooShort)
	if err == nil && id == 0 {
		err = errors.New("no family ID")
	}
	if err != nil {
		return 0, fmt.Errorf("netlinkmsg: get family: %w", err)
	}
	return id, nil
}
