package ipvs

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// family is the controller's answer.
func family(id uint16) answer {
	return func(h netlink.Header) ([]byte, error) {
		body, err := netlink.MarshalAttributes([]netlink.Attribute{
			{Type: unix.CTRL_ATTR_FAMILY_NAME, Data: []byte("IPVS\x00")},
			{Type: unix.CTRL_ATTR_FAMILY_ID, Data: binary.NativeEndian.AppendUint16(nil, id)},
		})
		return frame(unix.GENL_ID_CTRL, 0, h.Sequence, append([]byte{unix.CTRL_CMD_NEWFAMILY, 2, 0, 0}, body...)), err
	}
}

func TestLookUp(t *testing.T) {
	missing := status(syscall.ENOENT)
	for _, tt := range []struct {
		name    string
		answers []answer
		loads   int
		id      uint16
		want    error
		text    string
	}{
		{"the family is there", []answer{family(30), status(0)}, 0, 30, nil, ""},
		{"it comes with the module", []answer{missing, family(31), status(0)}, 1, 31, nil, ""},
		{"there is no module", []answer{missing, missing}, 1, 0, ErrNoIPVS, "ipvs: find its netlink family: the kernel has no IPVS"},
		{"no privilege", []answer{status(syscall.EPERM)}, 0, 0, fs.ErrPermission, "ipvs: find its netlink family: operation not permitted"},
		{"the socket fails", []answer{fails(syscall.ENOBUFS)}, 0, 0, syscall.ENOBUFS, "ipvs: find its netlink family: no buffer space available"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := NewClient(&script{receive: tt.answers}, 0)
			loads := 0
			err := c.lookUp(func() { loads++ })
			if c.family != tt.id || loads != tt.loads || !errors.Is(err, tt.want) {
				t.Errorf("family %d, %v after %d loads", c.family, err, loads)
			}
			if err != nil && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

func TestDialNoNamespace(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"no-such-namespace", "/run/netns/no-such-namespace", fs.ErrNotExist},
		{"/proc/self/ns/no-such", "/proc/self/ns/no-such", fs.ErrNotExist},
		{"/proc/self/ns/mnt", "/proc/self/ns/mnt", syscall.EINVAL},
		{"/dev/null", "/dev/null", syscall.EINVAL},
	} {
		_, err := Dial(InNetNS(tt.name))
		if e := new(NetNSError); !errors.As(err, &e) || e.Path != tt.path || !errors.Is(err, tt.want) {
			t.Errorf("Dial in %s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
