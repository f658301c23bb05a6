// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// opFamily is the Error.Op of the family lookup.
const opFamily = "get netlink family"

// familyTimeout limits the lookup of the family, which may include loading the
// module.
const familyTimeout = time.Minute

// findFamily returns the ID of the IPVS family. The kernel loads the ip_vs module
// when root looks the family up; if it does not, and loadModule is not nil,
// findFamily calls loadModule and looks the family up once more.
func (c *Client) findFamily(loadModule func()) (uint16, error) {
	id, err := c.lookUpFamily()
	if errors.Is(err, syscall.ENOENT) && loadModule != nil {
		loadModule()
		id, err = c.lookUpFamily()
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return 0, &Error{Op: opFamily, Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	case err != nil:
		return 0, familyError(err)
	}
	return id, nil
}

// lookUpFamily looks the family up like genetlink.Conn.GetFamily, which needs more
// stack than any other part of a short command: growing the stack would add 5 % to
// the instructions of the whole run.
func (c *Client) lookUpFamily() (id uint16, err error) {
	c.acquire()
	defer c.mu.Unlock()
	seq := c.seq.Add(1)
	c.out = netlinkmsg.AppendFamilyRequest(c.out[:0], netlink.Request|netlink.Acknowledge, seq)
	status, err := c.roundTrip(seq, func(body []byte) (err error) {
		id, err = netlinkmsg.DecodeFamilyID(body)
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case status.errno != 0:
		return 0, status.errno
	case id == 0:
		return 0, errIncompleteReply
	}
	return id, nil
}

// familyError returns the error of Dial for an error of a family lookup.
func familyError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("ipvs: %s: %w within %v", opFamily, ErrTimeout, familyTimeout)
	case errors.As(err, &errno):
		return &Error{Op: opFamily, Errno: errno}
	}
	return fmt.Errorf("ipvs: %s: %w", opFamily, err)
}
