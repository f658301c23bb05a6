// SPDX-License-Identifier: MIT

// Package testnet builds small networks of network namespaces, with HTTP servers and
// clients in them, for the demo and the kernel tests. It needs root and is meant to run on a
// throwaway kernel.
package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// netnsDir is the directory of ip-netns(8), so that ip netns lists these namespaces.
const netnsDir = "/run/netns"

// Netns is a network namespace.
type Netns struct {
	Name string
	file *os.File
}

// NewNetns creates a network namespace with a name for ip-netns(8), and sets lo up.
func NewNetns(name string) (*Netns, error) {
	path := filepath.Join(netnsDir, name)
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	unshare := func() error { return unix.Unshare(unix.CLONE_NEWNET) }
	err := inNetns(unshare, func() error {
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		return loopbackUp()
	})
	if err != nil {
		os.Remove(path)
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	return &Netns{Name: name, file: file}, nil
}

// Close removes the name. The kernel frees the namespace when no process or socket uses it.
func (n *Netns) Close() error {
	path := filepath.Join(netnsDir, n.Name)
	n.file.Close()
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("remove namespace %s: %w", n.Name, err)
	}
	return os.Remove(path)
}

// Path returns the file of the namespace for setns(2), such as /run/netns/director.
func (n *Netns) Path() string {
	return filepath.Join(netnsDir, n.Name)
}

// Do calls f on a thread inside the namespace. Sockets that f opens and processes that it
// starts stay in the namespace; goroutines that it starts run outside. f must use
// /proc/thread-self, since /proc/self refers to the original namespace.
func (n *Netns) Do(f func() error) error {
	enter := func() error { return unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET) }
	if err := inNetns(enter, f); err != nil {
		return fmt.Errorf("in %s: %w", n.Name, err)
	}
	return nil
}

// Run runs cmd inside the namespace and waits for it to exit.
func (n *Netns) Run(cmd *exec.Cmd) error {
	if err := n.Do(cmd.Start); err != nil {
		return err
	}
	return cmd.Wait()
}

// Sysctl sets a sysctl. path is relative to /proc/sys.
func (n *Netns) Sysctl(path, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", path), []byte(value), 0)
	})
}

// inNetns calls f on a thread that enter has moved to another namespace, then moves the
// thread back. If that fails, the thread stays locked and exits with its goroutine.
func inNetns(enter, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		original, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			result <- err
			return
		}
		defer original.Close()
		if err = enter(); err == nil {
			err = f()
		}
		if unix.Setns(int(original.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// Home returns the namespace in which the process was started.
func Home() (*Netns, error) {
	file, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	return &Netns{Name: "home", file: file}, nil
}

// HasNetNSCookies reports whether the kernel identifies the network namespace of a
// socket by a cookie (since Linux 5.14).
func HasNetNSCookies() (bool, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	_, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	return err == nil, nil
}
