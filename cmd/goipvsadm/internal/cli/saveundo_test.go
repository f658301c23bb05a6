// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSaveUndo(t *testing.T) {
	const daemon = "--start-daemon master --mcast-interface eth0 --syncid 0\n"
	for _, tt := range []struct {
		name, before, rules string
		undo                string // after the comment with the time
	}{
		{name: "services", before: confirmBefore, rules: confirmRules, undo: confirmBefore},
		{name: "no changes", before: confirmBefore, rules: confirmBefore, undo: confirmBefore},
		{name: "no services", rules: confirmRules, undo: "# It had no services: --allow-empty is required.\n"},
		{name: "timeouts", before: confirmBefore, rules: "--set 0 0 9\n" + confirmBefore, undo: "--set 900 120 300\n" + confirmBefore},
		{
			name:   "started daemon",
			before: confirmBefore,
			rules:  confirmBefore + daemon,
			undo:   "# No sync daemon was running: also use --stop-daemon master.\n" + confirmBefore,
		},
		{
			name:   "stopped daemon",
			before: confirmBefore + daemon,
			rules:  confirmBefore + "--start-daemon backup\n",
			undo:   confirmBefore + daemon,
		},
		{name: "daemon that is kept", before: confirmBefore + daemon, rules: confirmRules, undo: confirmBefore},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, tt.before)
			before := saveAll(t, k)
			file := filepath.Join(t.TempDir(), "undo")
			if got := run(k, tt.rules, "goipvsadm", "--apply", "--save-undo", file); got != (result{}) {
				t.Fatalf("%+v", got)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, rest, _ := strings.Cut(string(b), "\n")
			if !strings.HasPrefix(head, "# The table before --apply at ") || rest != tt.undo {
				t.Errorf("%s:\n%s", head, rest)
			}
			args := []string{"goipvsadm", "--apply", file}
			if strings.Contains(rest, "--allow-empty") {
				args = append(args, "--allow-empty")
			}
			if got := run(k, "", args...); got != (result{}) {
				t.Errorf("undo: %+v", got)
			}
			if strings.Contains(rest, "--stop-daemon master") {
				run(k, "", "goipvsadm", "--stop-daemon", "master")
			}
			if after := saveAll(t, k); after != before {
				t.Errorf("after the undo:\n%s", after)
			}
		})
	}
}

// TestSaveUndoFile checks that --save-undo replaces only regular files, atomically,
// and that nothing is changed if it fails.
func TestSaveUndoFile(t *testing.T) {
	directory := t.TempDir()
	path := func(name string) string { return filepath.Join(directory, name) }
	for name, mode := range map[string]os.FileMode{"old": 0o604, "rules": 0o600} {
		if err := os.WriteFile(path(name), []byte(confirmRules), mode); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(path("old"), 0o604) // regardless of the umask
	if err := errors.Join(os.Symlink("old", path("link")), os.Mkdir(path("directory"), 0o755), os.Link(path("rules"), path("same"))); err != nil {
		t.Fatal(err)
	}
	const failed = "cannot save the undo rules: "
	for _, tt := range []struct{ name, file, stderr string }{
		{name: "new file", file: path("new")},
		{name: "link to a file", file: path("link")},
		{name: "file of the rules", file: path("same"), stderr: failed + path("same") + " is the file of the rules to apply\n"},
		{name: "directory", file: path("directory"), stderr: failed + path("directory") + " is not a regular file\n"},
		{name: "device", file: "/dev/null", stderr: failed + "/dev/null is not a regular file\n"},
		{name: "missing directory", file: path("missing/undo"), stderr: failed + "open " + path("missing/undo")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := kernelWith(t, confirmBefore)
			got := run(k, "", "goipvsadm", "--apply", path("rules"), "--save-undo", tt.file)
			if tt.stderr == "" {
				if got != (result{}) {
					t.Errorf("%+v", got)
				}
				b, err := os.ReadFile(tt.file)
				if err != nil || !strings.HasSuffix(string(b), confirmBefore) {
					t.Errorf("%v:\n%s", err, b)
				}
				return
			}
			if got.status != 2 || !strings.HasPrefix(got.stderr, tt.stderr) || len(k.Changes()) > 0 {
				t.Errorf("%+v, %d changes", got, len(k.Changes()))
			}
		})
	}
	if info, err := os.Lstat(path("link")); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("link: %v, %v", info, err)
	}
	if info, err := os.Stat(path("old")); err != nil || info.Mode() != 0o604 {
		t.Errorf("old: %v, %v", info, err)
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 6 {
		t.Errorf("%v, %v", entries, err)
	}
}

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
