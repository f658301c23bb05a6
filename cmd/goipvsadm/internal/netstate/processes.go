// SPDX-License-Identifier: MIT

package netstate

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Process is a running process.
type Process struct {
	ID   int
	Name string // contents of /proc/PID/comm, at most 15 bytes
	Args []string
}

// Processes returns the processes with one of the given names that are in the
// network namespace of the calling thread, sorted by ID.
func Processes(names ...string) ([]Process, error) {
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var processes []Process
	for _, entry := range entries {
		id, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		dir := "/proc/" + entry.Name()
		b, err := os.ReadFile(dir + "/comm")
		name := strings.TrimSuffix(string(b), "\n")
		if err != nil || !slices.Contains(names, name) {
			continue // the process has exited, or has another name
		}
		if ns, err := os.Readlink(dir + "/ns/net"); err != nil || ns != netns {
			continue
		}
		p := Process{ID: id, Name: name}
		if b, err := os.ReadFile(dir + "/cmdline"); err == nil && len(b) > 0 {
			p.Args = strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
		}
		processes = append(processes, p)
	}
	slices.SortFunc(processes, func(a, b Process) int { return a.ID - b.ID })
	return processes, nil
}

// TotalMemory returns the size of the machine's RAM in bytes.
func TotalMemory() (uint64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return uint64(info.Totalram) * uint64(info.Unit), nil
}

// InUserNamespace reports whether this process is in a user namespace other
// than the initial one.
func InUserNamespace() bool {
	// The initial user namespace maps all user IDs to themselves.
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}
