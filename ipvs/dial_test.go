package ipvs

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
)

// families answers look-ups: each one with the next of answers.
func families(answers ...genltest.Func) *genetlink.Conn {
	return genltest.Dial(func(m genetlink.Message, n netlink.Message) ([]genetlink.Message, error) {
		f := answers[0]
		answers = answers[1:]
		return f(m, n)
	})
}

func found(id uint16) genltest.Func {
	return genltest.ServeFamily(genetlink.Family{ID: id, Version: 1, Name: "IPVS"}, nil)
}

func missing(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
	return nil, genltest.Error(int(syscall.ENOENT))
}

func denied(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
	return nil, genltest.Error(int(syscall.EPERM))
}

func TestLookUp(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []genltest.Func
		loads   int
		id      uint16
		want    error
	}{
		{"the family is there", []genltest.Func{found(30)}, 0, 30, nil},
		{"it comes with the module", []genltest.Func{missing, found(31)}, 1, 31, nil},
		{"there is no module", []genltest.Func{missing, missing}, 1, 0, ErrNoIPVS},
		{"no privilege", []genltest.Func{denied}, 0, 0, fs.ErrPermission},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := families(tt.answers...)
			defer c.Close()
			loads := 0
			id, err := lookUp(c, func() { loads++ })
			if id != tt.id || loads != tt.loads || !errors.Is(err, tt.want) {
				t.Errorf("lookUp = %d, %v after %d loads", id, err, loads)
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
