// SPDX-License-Identifier: MIT

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

	"golang.org/x/sys/unix"
)

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
		t.Errorf("output %q, want the arguments of modprobe", got)
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
		t.Errorf("Dial in /dev/null: %v, want a NetNSError", err)
	}
}
