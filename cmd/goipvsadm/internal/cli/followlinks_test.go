// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestFollowLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/sub/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"relative": "sub/file", "absolute": dir + "/sub/file", "sub/up": "../relative", "dangling": "sub/missing", "loop": "loop",
	} {
		if err := os.Symlink(target, dir+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"sub/file", dir + "/sub/file"},
		{"missing", dir + "/missing"},
		{"relative", dir + "/sub/file"},
		{"absolute", dir + "/sub/file"},
		{"sub/up", dir + "/sub/../sub/file"},
		{"dangling", dir + "/sub/missing"},
	} {
		if got, err := followLinks(dir + "/" + tt.name); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	if got, err := followLinks(dir + "/loop"); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("loop: %q, %v", got, err)
	}
}
