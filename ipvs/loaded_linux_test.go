// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// familyDump replies to a dump of families with an error or with families that have the
// given names and the IDs 30, 31 and so on. A lookup by name fails the test, because it
// would make the kernel load the module.
func familyDump(t *testing.T, errno syscall.Errno, names ...string) genltest.Func {
	return func(g genetlink.Message, n netlink.Message) ([]genetlink.Message, error) {
		if n.Header.Flags&netlink.Dump != netlink.Dump || g.Header.Command != unix.CTRL_CMD_GETFAMILY {
			t.Errorf("request %+v with flags %v, want a dump of families", g, n.Header.Flags)
		}
		if errno != 0 {
			return nil, errno
		}
		var replies []genetlink.Message
		for i, name := range names {
			e := netlink.NewAttributeEncoder()
			e.Uint16(unix.CTRL_ATTR_FAMILY_ID, uint16(30+i))
			e.String(unix.CTRL_ATTR_FAMILY_NAME, name)
			e.Uint32(unix.CTRL_ATTR_VERSION, 1)
			data, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			replies = append(replies, genetlink.Message{Header: genetlink.Header{Command: unix.CTRL_CMD_NEWFAMILY, Version: 1}, Data: data})
		}
		return replies, nil
	}
}

func TestFindLoadedFamily(t *testing.T) {
	for _, tt := range []struct {
		name     string
		errno    syscall.Errno
		families []string
		id       uint16
		want     error
	}{
		{name: "loaded", families: []string{"nlctrl", netlinkmsg.FamilyName}, id: 31},
		{name: "not loaded", families: []string{"nlctrl", "IPVS2"}, want: ErrNotLoaded},
		{name: "rejected", errno: syscall.EPERM, want: fs.ErrPermission},
	} {
		conn := genltest.Dial(familyDump(t, tt.errno, tt.families...))
		id, err := findLoadedFamily(conn)
		conn.Close()
		if id != tt.id || !errors.Is(err, tt.want) {
			t.Errorf("%s: family %d, error %v; want %d, %v", tt.name, id, err, tt.id, tt.want)
		}
	}
}
