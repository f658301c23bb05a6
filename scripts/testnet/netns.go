// Package testnet builds small networks out of network namespaces, with real HTTP servers
// and clients in them, for the demonstration and the kernel tests. It needs root, and
// belongs into a throwaway kernel.
package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// netnsDir is where ip-netns(8) keeps its names, so that it sees ours.
const netnsDir = "/run/netns"

// Netns is a network namespace.
type Netns struct {
	Name string
	file *os.File
}

// NewNetns creates a network namespace with lo up, known to ip-netns(8) by name.
func NewNetns(name string) (*Netns, error) {
	path := filepath.Join(netnsDir, name)
	if err := os.MkdirAll(netnsDir, 0o755); err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	unshare := func() error { return unix.Unshare(unix.CLONE_NEWNET) }
	err := inNetNS(unshare, func() error {
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

// Close takes the name away; the namespace goes when nothing uses it any more.
func (n *Netns) Close() error {
	path := filepath.Join(netnsDir, n.Name)
	n.file.Close()
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("remove namespace %s: %w", n.Name, err)
	}
	return os.Remove(path)
}

// Path names the namespace for setns(2), as in /run/netns/director.
func (n *Netns) Path() string {
	return filepath.Join(netnsDir, n.Name)
}

// Do calls f on a thread inside the namespace. Sockets that f opens and processes that
// it starts belong there for good; goroutines that it starts do not. Inside,
// /proc/thread-self is f's own, /proc/self is not.
func (n *Netns) Do(f func() error) error {
	enter := func() error { return unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET) }
	if err := inNetNS(enter, f); err != nil {
		return fmt.Errorf("in %s: %w", n.Name, err)
	}
	return nil
}

// Run starts the command inside the namespace and waits for it to end.
func (n *Netns) Run(cmd *exec.Cmd) error {
	if err := n.Do(cmd.Start); err != nil {
		return err
	}
	return cmd.Wait()
}

// Sysctl sets a variable, named as a path below /proc/sys.
func (n *Netns) Sysctl(path, value string) error {
	return n.Do(func() error {
		return os.WriteFile(filepath.Join("/proc/sys", path), []byte(value), 0)
	})
}

// elsewhere calls f on a thread that enter has moved to another namespace, and moves
// the thread back. A thread that cannot go back ends with its goroutine.
func inNetNS(enter, f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			failed <- err
			return
		}
		defer home.Close()
		if err = enter(); err == nil {
			err = f()
		}
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		failed <- err
	}()
	return <-failed
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

// Home is the namespace that the program itself began in.
func Home() (*Netns, error) {
	file, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	return &Netns{Name: "home", file: file}, nil
}
