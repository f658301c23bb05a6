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

// controller is the kernel's part: each look-up has the next of the answers,
// 0 for success.
func controller(answers ...syscall.Errno) genltest.Func {
	found := genltest.ServeFamily(genetlink.Family{ID: 30, Version: netlinkmsg.FamilyVersion, Name: netlinkmsg.FamilyName}, nil)
	return func(g genetlink.Message, n netlink.Message) ([]genetlink.Message, error) {
		errno := answers[0]
		answers = answers[1:]
		if errno != 0 {
			return nil, genltest.Error(int(errno))
		}
		return found(g, n)
	}
}

func TestFindFamily(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []syscall.Errno
		loads   int
		want    error
		text    string
	}{
		{"the family is there", []syscall.Errno{0}, 0, nil, ""},
		{"it comes with the module", []syscall.Errno{syscall.ENOENT, 0}, 1, nil, ""},
		{"there is no module", []syscall.Errno{syscall.ENOENT, syscall.ENOENT}, 1, ErrNoIPVS, "ipvs: find its netlink family: the kernel has no IPVS"},
		{"no privilege", []syscall.Errno{syscall.EPERM}, 0, fs.ErrPermission, "ipvs: find its netlink family: operation not permitted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := genltest.Dial(controller(tt.answers...))
			defer conn.Close()
			loads := 0
			id, err := findFamily(conn, func() { loads++ })
			if (id == 30) != (err == nil) || loads != tt.loads || !errors.Is(err, tt.want) {
				t.Errorf("family %d, %v after %d loads", id, err, loads)
			}
			if err != nil && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

func TestDialNoNamespace(t *testing.T) {
	fifo := t.TempDir() + "/fifo" // which nobody writes to
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{"no-such-namespace", "no-such-namespace", fs.ErrNotExist},
		{"", "", fs.ErrNotExist},
		{"/proc/self/ns/no-such", "/proc/self/ns/no-such", fs.ErrNotExist},
		{"/proc/self/ns/mnt", "/proc/self/ns/mnt", syscall.EINVAL},
		{"/dev/null", "/dev/null", syscall.EINVAL},
		{fifo, fifo, syscall.EINVAL},
	} {
		_, err := Dial(WithNetNS(tt.name))
		if e := new(NetNSError); !errors.As(err, &e) || e.Path != tt.path || !errors.Is(err, tt.want) {
			t.Errorf("Dial in %s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A program may have closed its standard input, so that the next file it opens
// gets the descriptor 0.
func TestDialNamespaceWithoutStandardInput(t *testing.T) {
	stdin, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		unix.Dup3(stdin, 0, 0)
		unix.Close(stdin)
	}()
	unix.Close(0)
	_, err = Dial(WithNetNS("/dev/null"))
	if e := new(NetNSError); !errors.As(err, &e) {
		t.Errorf("Dial in /dev/null: %v", err)
	}
}
