// SPDX-License-Identifier: MIT

// Package packaging tests make install, install-compat, install-service and uninstall.
package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// installRoot is a root directory (DESTDIR) to install into.
type installRoot struct {
	t       *testing.T
	root    string
	program string // file to install instead of build/goipvsadm
}

func newInstallRoot(t *testing.T) *installRoot {
	t.Helper()
	// Read the files that make uses, so that go test does not cache results when they change.
	for _, used := range []string{"../../Makefile", "../package-of", "../service/service", "../init.d/goipvsadm", "../systemd/goipvsadm.service", "../../docs/goipvsadm.8"} {
		if _, err := os.ReadFile(used); err != nil {
			t.Fatal(err)
		}
	}
	s := &installRoot{t, t.TempDir(), filepath.Join(t.TempDir(), "goipvsadm")}
	if err := os.WriteFile(s.program, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

// make runs make with DESTDIR and returns its output.
func (s *installRoot) make(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", "-C", "../..", "DESTDIR=" + s.root, "PROGRAM=" + s.program}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=")
	})
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *installRoot) mustMake(args ...string) {
	s.t.Helper()
	if out, err := s.make(args...); err != nil {
		s.t.Fatalf("make %s: %v\n%s", args, err, out)
	}
}

// mustFail runs make, which must fail with text in its output.
func (s *installRoot) mustFail(text string, args ...string) {
	s.t.Helper()
	if out, err := s.make(args...); err == nil || !strings.Contains(out, text) {
		s.t.Fatalf("make %s: %v\n%s\nwant an error with %q", args, err, out, text)
	}
}

func (s *installRoot) path(name string) string { return filepath.Join(s.root, name) }

func (s *installRoot) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *installRoot) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// symlink creates a symbolic link, as systemctl enable does.
func (s *installRoot) symlink(target, name string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(target, s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// files lists all files, and the directories named goipvsadm.
func (s *installRoot) files() []string {
	s.t.Helper()
	var list []string
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (!d.IsDir() || d.Name() == "goipvsadm") {
			list = append(list, strings.TrimPrefix(path, s.root))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// addPackageFile adds a dpkg database in which a package owns the file.
func (s *installRoot) addPackageFile(file, pkg string) {
	s.t.Helper()
	s.write("var/lib/dpkg/status", "Package: "+pkg+"\nStatus: install ok installed\nMaintainer: x <x@example.org>\nArchitecture: all\nVersion: 1\nDescription: x\n\n")
	s.write("var/lib/dpkg/info/format", "1\n")
	s.write("var/lib/dpkg/info/"+pkg+".list", "/.\n"+file+"\n")
	s.write(file, pkg+"'s")
}

// Installing twice is the same as installing once, and uninstall removes exactly the installed
// files.
func TestInstallUninstall(t *testing.T) {
	for _, prefix := range []string{"/usr/local", "/usr"} {
		t.Run(prefix, func(t *testing.T) {
			s := newInstallRoot(t)
			s.write("etc/default/goipvsadm", "DAEMON=both\n")
			s.write("etc/ipvsadm.rules", "# rules\n")
			s.symlink("/lib/systemd/system/other.service", "etc/systemd/system/multi-user.target.wants/other.service")
			before := s.files()
			for range 2 {
				s.mustMake("PREFIX="+prefix, "install", "install-compat", "install-service")
			}
			for _, name := range []string{"ipvsadm", "ipvsadm-save", "ipvsadm-restore"} {
				for _, file := range []string{prefix + "/sbin/" + name, prefix + "/lib/goipvsadm/" + name} {
					if s.read(file) != "the program" {
						t.Errorf("%s is not a link to the program", file)
					}
				}
				if !strings.Contains(s.read(prefix+"/share/man/man8/"+name+".8"), "\n.Sh NAME\n") {
					t.Errorf("no manual page for %s", name)
				}
			}
			for file, text := range map[string]string{
				prefix + "/share/man/man8/goipvsadm.8":           "Pa " + prefix + "/share/goipvsadm/goipvsadm.schema.json\n",
				prefix + "/lib/systemd/system/goipvsadm.service": "\nExecStart=" + prefix + "/lib/goipvsadm/service goipvsadm start\n",
				prefix + "/share/goipvsadm/COMPATIBILITY.md":     "ipvsadm",
				prefix + "/share/goipvsadm/RELIABILITY.md":       "ipvsadm",
				prefix + "/share/goipvsadm/METRICS.md":           "ipvs_",
				"/etc/init.d/goipvsadm":                          "\nprogram=" + prefix + "/lib/goipvsadm/service\n",
			} {
				if !strings.Contains(s.read(file), text) {
					t.Errorf("%s lacks %q", file, text)
				}
			}
			if out, err := exec.Command("sh", "-c", s.path(prefix+"/lib/goipvsadm/service")+" goipvsadm help").CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "Usage: goipvsadm {start|") {
				t.Errorf("service with an unknown action: %v, want an error and the usage\n%s", err, out)
			}
			// Enable the service.
			s.symlink(prefix+"/lib/systemd/system/goipvsadm.service", "etc/systemd/system/multi-user.target.wants/goipvsadm.service")
			s.symlink("../init.d/goipvsadm", "etc/rc2.d/S01goipvsadm")
			s.symlink("../init.d/goipvsadm", "etc/rc0.d/K01goipvsadm")
			s.mustMake("PREFIX="+prefix, "uninstall")
			if after := s.files(); !slices.Equal(after, before) {
				t.Errorf("after uninstall:\n%q\nbefore install:\n%q", after, before)
			}
			s.mustMake("PREFIX="+prefix, "uninstall")
		})
	}
}

// With FORCE=1, install-compat moves programs that no package owns aside, and uninstall restores them.
func TestUninstallRestoresReplaced(t *testing.T) {
	s := newInstallRoot(t)
	s.write("usr/local/sbin/ipvsadm", "another program")
	s.write("usr/local/share/man/man8/ipvsadm.8", "its manual")
	s.mustFail("usr/local/sbin/ipvsadm exists and was not installed by goipvsadm; use FORCE=1 to replace it (make uninstall restores it)", "install-compat")
	s.mustMake("install-compat", "FORCE=1")
	s.mustMake("install-compat")
	if s.read("usr/local/sbin/ipvsadm") != "the program" {
		t.Error("ipvsadm was not replaced")
	}
	s.mustMake("uninstall")
	if s.read("usr/local/sbin/ipvsadm") != "another program" || s.read("usr/local/share/man/man8/ipvsadm.8") != "its manual" {
		t.Error("the replaced files were not restored")
	}
}

// With FORCE=1, install-service moves service files of another origin aside, and uninstall restores
// them.
func TestUninstallRestoresReplacedService(t *testing.T) {
	const unit, init = "usr/local/lib/systemd/system/goipvsadm.service", "etc/init.d/goipvsadm"
	for file, enabled := range map[string]string{
		unit: "etc/systemd/system/multi-user.target.wants/goipvsadm.service",
		init: "etc/rc2.d/S01goipvsadm",
	} {
		s := newInstallRoot(t)
		s.write(file, "another service")
		s.symlink("/"+file, enabled)
		s.mustFail(file+" exists and was not installed by goipvsadm; use FORCE=1 to replace it (make uninstall restores it)", "install-service")
		if s.read(file) != "another service" {
			t.Fatalf("%s was replaced", file)
		}
		s.mustMake("uninstall")
		if s.read(file) != "another service" {
			t.Fatalf("uninstall removed %s", file)
		}
		s.mustMake("install-service", "FORCE=1")
		s.mustMake("install-service")
		if !strings.Contains(s.read(file), "/usr/local/lib/goipvsadm/service") {
			t.Errorf("%s was not replaced", file)
		}
		s.mustMake("uninstall")
		if s.read(file) != "another service" {
			t.Errorf("%s was not restored", file)
		}
		if _, err := os.Lstat(s.path(enabled)); err != nil {
			t.Errorf("%s is no longer enabled: %v", file, err)
		}
	}
	// install-service does not write through a dangling symbolic link.
	s := newInstallRoot(t)
	s.symlink("elsewhere", init)
	s.mustFail(init+" exists and was not installed by goipvsadm", "install-service")
}

// Files owned by packages are neither replaced nor removed.
func TestInstallKeepsPackageFiles(t *testing.T) {
	for _, isMerged := range []bool{false, true} { // whether /sbin is a link to /usr/sbin
		s := newInstallRoot(t)
		if isMerged {
			s.write("usr/sbin/.keep", "")
			s.symlink("usr/sbin", "sbin")
		}
		s.addPackageFile("/sbin/ipvsadm", "ipvsadm")
		if !isMerged {
			s.mustMake("install-compat", "PREFIX=/usr") // /usr/sbin/ipvsadm is a different file
			continue
		}
		s.mustFail("/usr/sbin/ipvsadm belongs to package ipvsadm: use another PREFIX or the package goipvsadm-ipvsadm", "install-compat", "PREFIX=/usr", "FORCE=1")
		s.mustMake("install-compat") // below /usr/local
		if s.read("sbin/ipvsadm") != "ipvsadm's" {
			t.Error("a package's file was replaced")
		}
	}
	s := newInstallRoot(t)
	s.addPackageFile("/usr/sbin/goipvsadm", "goipvsadm")
	s.mustFail("/usr/sbin/goipvsadm belongs to package goipvsadm", "install", "PREFIX=/usr")
	s.mustFail("/usr/sbin/goipvsadm belongs to package goipvsadm", "uninstall", "PREFIX=/usr")
	if s.read("usr/sbin/goipvsadm") != "goipvsadm's" {
		t.Error("a package's file was removed")
	}
	s = newInstallRoot(t)
	s.addPackageFile("/etc/init.d/goipvsadm", "goipvsadm")
	s.mustFail("/etc/init.d/goipvsadm belongs to package goipvsadm", "install-service")
}

// make works without HOME, as in some containers and services.
func TestMakeWithoutHome(t *testing.T) {
	t.Setenv("HOME", "")
	s := newInstallRoot(t)
	goCommand := filepath.Join(t.TempDir(), "go")
	if err := os.WriteFile(goCommand, []byte("#!/bin/sh\n[ \"$1\" != build ] || echo \"home=$HOME\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := s.make("build", "GO="+goCommand); err != nil || !strings.Contains(out, "\nhome=/") {
		t.Errorf("make build without HOME: %v, want a home directory in\n%s", err, out)
	}
}

// install rebuilds the program only if it is older than its sources.
func TestInstallRebuildsStaleProgram(t *testing.T) {
	s := newInstallRoot(t)
	goCommand := filepath.Join(t.TempDir(), "go")
	// make calls it as: go build ... -o PROGRAM ...
	script := "#!/bin/sh\n[ \"$1\" = build ] || exit 0\nwhile [ \"$1\" != -o ]; do shift; done\necho new >\"$2\"\n"
	if err := os.WriteFile(goCommand, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s.mustMake("install", "GO="+goCommand)
	if s.read("usr/local/sbin/goipvsadm") != "the program" {
		t.Error("rebuilt an up-to-date program")
	}
	old := time.Now().Add(-20 * 365 * 24 * time.Hour)
	if err := os.Chtimes(s.program, old, old); err != nil {
		t.Fatal(err)
	}
	s.mustMake("install", "GO="+goCommand)
	if s.read("usr/local/sbin/goipvsadm") != "new\n" {
		t.Error("installed a stale program")
	}
}
