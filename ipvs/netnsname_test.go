// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// replaceNetNSDirs replaces the directories of named namespaces with new ones that have
// the given entries, or with missing ones for nil.
func replaceNetNSDirs(t *testing.T, entries ...[]string) []string {
	t.Helper()
	saved := netnsDirs
	t.Cleanup(func() { netnsDirs = saved })
	netnsDirs = nil
	for i, names := range entries {
		directory := filepath.Join(t.TempDir(), strconv.Itoa(i))
		netnsDirs = append(netnsDirs, directory)
		if names == nil {
			continue
		}
		if err := os.Mkdir(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(directory, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return netnsDirs
}

func TestNetNSPath(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	dirs := replaceNetNSDirs(t, []string{"web", "both"}, nil, []string{"both", "ingress_sbox", "1"})
	for _, tt := range []struct{ name, want string }{
		{name: "web", want: dirs[0] + "/web"},
		{name: "both", want: dirs[0] + "/both"},
		{name: "ingress_sbox", want: dirs[2] + "/ingress_sbox"},
		{name: "1", want: dirs[2] + "/1"}, // a name takes precedence over a process ID
		{name: pid, want: "/proc/" + pid + "/ns/net"},
		{name: "/proc/self/ns/no-such", want: "/proc/self/ns/no-such"},
		{name: "./web", want: "./web"},
	} {
		if got, err := NetNSPath(tt.name); got != tt.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	for name, isNumber := range map[string]bool{"no-such": false, "4294967295": true, "12a": false, "-1": false} {
		want := []string{dirs[0] + "/" + name, dirs[1] + "/" + name, dirs[2] + "/" + name}
		if isNumber {
			want = append(want, "/proc/"+name+"/ns/net")
		}
		_, err := NetNSPath(name)
		e := new(NetNSError)
		if !errors.As(err, &e) || e.Path != name || !slices.Equal(e.Tried, want) || e.Errno != syscall.ENOENT {
			t.Errorf("%s: %v, want ENOENT for %s", name, err, want)
		}
		if text := err.Error(); !strings.Contains(text, strings.Join(want, ", ")) {
			t.Errorf("%s: %q lacks the paths", name, text)
		}
	}
}

func TestNetNSNames(t *testing.T) {
	replaceNetNSDirs(t, []string{"web", "both"}, nil, []string{"both", "1-abcdef"})
	if got, want := NetNSNames(), []string{"1-abcdef", "both", "web"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNetNSOfProcess(t *testing.T) {
	called := false
	err := DoInNetNS(strconv.Itoa(os.Getpid()), func() error { called = true; return nil })
	if called != (err == nil) || err != nil && !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v, function called: %t; want no error and a call, or EPERM", err, called)
	}
}
