// SPDX-License-Identifier: MIT

// Package kmod looks for kernel modules without loading them.
package kmod

import (
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Modules finds the modules of a kernel.
type Modules struct {
	Root    string // directory that contains sys and lib
	Release string // release of the kernel, as printed by uname -r
}

// Running returns the modules of the running kernel.
func Running() *Modules {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return &Modules{Root: "/"}
	}
	return &Modules{Root: "/", Release: unix.ByteSliceToString(name.Release[:])}
}

// Directory returns the directory of the modules of the kernel.
func (m *Modules) Directory() string { return path.Join(m.Root, "lib/modules", m.Release) }

// Find reports whether a module is loaded, is built into the kernel or can be
// loaded. known is false if the module may exist although it was not found,
// because the lists of modules cannot be read, as in a container.
func (m *Modules) Find(name string) (found, known bool) {
	// In the name of a module, - and _ are equivalent; the kernel uses _.
	name = strings.ReplaceAll(name, "-", "_")
	if _, err := os.Stat(path.Join(m.Root, "sys/module", name)); err == nil {
		return true, true
	}
	// modules.dep is written by depmod(8), modules.builtin by the build of the
	// kernel. Each line begins with the path of a module: kernel/net/NAME.ko.xz.
	for _, list := range []string{"modules.dep", "modules.builtin"} {
		text, err := os.ReadFile(path.Join(m.Directory(), list))
		if err != nil {
			continue
		}
		known = true
		if strings.Contains(strings.ReplaceAll(string(text), "-", "_"), "/"+name+".ko") {
			return true, true
		}
	}
	return false, known
}
