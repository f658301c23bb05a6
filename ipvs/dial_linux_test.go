package ipvs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// familyLookups returns a function that responds to successive family lookups with
// the given errors, 0 for success.
func familyLookups(errnos ...syscall.Errno) genltest.Func {
	found := genltest.ServeFamily(genetlink.Family{ID: 30, Version: netlinkmsg.FamilyVersion, Name: netlinkmsg.FamilyName}, nil)
	return func(g genetlink.Message, n netlink.Message) ([]genetlink.Message, error) {
		errno := errnos[0]
		errnos = errnos[1:]
		if errno != 0 {
			return nil, genltest.Error(int(errno))
		}
		return found(g, n)
	}
}

func TestFindFamily(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lookups []syscall.Errno
		loads   int // number of calls of loadModule; -1 for a nil function
		want    error
		text    string
	}{
		{name: "present", lookups: []syscall.Errno{0}},
		{name: "after loading the module", lookups: []syscall.Errno{syscall.ENOENT, 0}, loads: 1},
		{name: "no module", lookups: []syscall.Errno{syscall.ENOENT, syscall.ENOENT}, loads: 1,
			want: ErrNoIPVS, text: "ipvs: get netlink family: kernel does not support IPVS"},
		{name: "without modprobe", lookups: []syscall.Errno{syscall.ENOENT}, loads: -1, want: ErrNoIPVS},
		{name: "permission denied", lookups: []syscall.Errno{syscall.EPERM},
			want: fs.ErrPermission, text: "ipvs: get netlink family: operation not permitted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := genltest.Dial(familyLookups(tt.lookups...))
			defer conn.Close()
			loads := 0
			loadModule := func() { loads++ }
			if tt.loads < 0 {
				loadModule = nil
			}
			id, err := findFamily(conn, loadModule)
			if (id == 30) != (err == nil) || loads != max(0, tt.loads) || !errors.Is(err, tt.want) {
				t.Errorf("family %d, %v, loadModule called %d times; want error %v, %d calls", id, err, loads, tt.want, max(0, tt.loads))
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

func TestModprobe(t *testing.T) {
	program := filepath.Join(t.TempDir(), "modprobe")
	const script = "#!/bin/sh\necho \"$@\"\nsleep 60\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	start := time.Now()
	modprobe(program, 500*time.Millisecond, &output)
	if elapsed := time.Since(start); elapsed > 30*time.Second {
		t.Errorf("modprobe was killed only after %v", elapsed)
	}
	if got := output.String(); got != "-- ip_vs\n" {
		t.Errorf("output %q", got)
	}
}

func TestDialNetNSError(t *testing.T) {
	fifo := t.TempDir() + "/fifo" // opening it must not wait for a writer
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		want       error
	}{
		{name: "no-such-namespace", path: "no-such-namespace", want: fs.ErrNotExist},
		{name: "/proc/self/ns/no-such", path: "/proc/self/ns/no-such", want: fs.ErrNotExist},
		{name: "/proc/self/ns/mnt", path: "/proc/self/ns/mnt", want: syscall.EINVAL},
		{name: "/dev/null", path: "/dev/null", want: syscall.EINVAL},
		{name: fifo, path: fifo, want: syscall.EINVAL},
	} {
		_, err := Dial(WithNetNS(tt.name))
		if e := new(NetNSError); !errors.As(err, &e) || e.Path != tt.path || !errors.Is(err, tt.want) {
			t.Errorf("Dial in %s: %v, want %v", tt.name, err, tt.want)
		}
		err = DoInNetNS(tt.name, func() error { t.Errorf("DoInNetNS called its function in %s", tt.name); return nil })
		if !errors.Is(err, tt.want) {
			t.Errorf("DoInNetNS in %s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestDialNetNSStdinClosed verifies that Dial does not ignore a namespace whose file
// would be opened as descriptor 0.
func TestDialNetNSStdinClosed(t *testing.T) {
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
