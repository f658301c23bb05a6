// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// netnsDirs are the directories of named network namespaces: those of ip-netns(8) and
// of Docker.
var netnsDirs = []string{"/run/netns", "/var/run/netns", "/run/docker/netns", "/var/run/docker/netns"}

// NetNSPath returns the path of the network namespace that name refers to:
//
//   - name itself, if it contains a slash
//   - otherwise, the namespace that ip-netns(8) or Docker lists under this name
//   - otherwise, if name is a number, the namespace of the process with this ID
//
// The error is a *NetNSError.
func NetNSPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	var paths []string
	if name != "" {
		for _, directory := range netnsDirs {
			paths = append(paths, directory+"/"+name)
		}
		if strings.Trim(name, "0123456789") == "" {
			paths = append(paths, "/proc/"+name+"/ns/net")
		}
	}
	for _, path := range paths {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil // the caller gets any other error when it opens the path
		}
	}
	return "", &NetNSError{Path: name, Tried: paths, Errno: syscall.ENOENT}
}

// NetNSNames returns the names of network namespaces that ip-netns(8) and Docker list,
// sorted.
func NetNSNames() []string {
	var names []string
	for _, directory := range netnsDirs {
		entries, _ := os.ReadDir(directory)
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A NetNSError reports that a network namespace could not be entered.
type NetNSError struct {
	// Path is the path of the namespace, or the name that was looked up if no
	// namespace has it.
	Path string

	// Tried lists the paths to which the name could refer, none of which exists. It
	// is nil for other errors.
	Tried []string

	// Errno is ENOENT if the namespace does not exist, EINVAL if the file is not a
	// network namespace, and EPERM or EACCES if the caller lacks a privilege.
	Errno syscall.Errno
}

// Error returns the namespace and the reason.
func (e *NetNSError) Error() string {
	text := fmt.Sprintf("ipvs: open network namespace %s: %v", e.Path, e.Errno)
	if e.Tried != nil {
		text += " (tried " + strings.Join(e.Tried, ", ") + ")"
	}
	return text
}

// Unwrap returns the errno.
func (e *NetNSError) Unwrap() error { return e.Errno }
