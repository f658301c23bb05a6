// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs/subprocess"
)

// Dial connects to the kernel's IPVS in the network namespace of the calling
// thread, or in the one that WithNetNS selects. If the kernel does not load the
// ip_vs module by itself, Dial runs modprobe(8).
//
// The error matches ErrNoIPVS if the kernel has no IPVS and the module cannot be
// loaded. It is a *NetNSError if the network namespace cannot be entered. Dial
// does not need CAP_NET_ADMIN, but most methods of the Client do.
func Dial(options ...Option) (*Client, error) {
	cfg := config{timeout: DefaultReplyTimeout}
	for _, o := range options {
		o(&cfg)
	}
	netns, err := cfg.netnsPath()
	if err != nil {
		return nil, err
	}
	conn, err := dialNetlink(netns)
	if err != nil {
		return nil, err
	}
	c, err := newKernelClient(conn, &cfg)
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.netns = netns
	if cfg.wrapSocket != nil {
		c.socket = cfg.wrapSocket(c.socket)
	}
	return c, nil
}

// newKernelClient returns a client of the kernel to which conn is connected.
func newKernelClient(conn *genetlink.Conn, cfg *config) (*Client, error) {
	s, err := newSocket(conn, familyTimeout)
	if err != nil {
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	c := NewClient(s, 0)
	c.kernel = s
	c.portID = s.portID
	loadModule := func() { modprobe(modprobePath, modprobeTimeout, cfg.modprobeOutput) }
	if cfg.noModprobe {
		loadModule = nil
	}
	if cfg.loadedOnly {
		c.family, err = findLoadedFamily(conn)
	} else {
		c.family, err = c.findFamily(loadModule)
	}
	s.timeout = cfg.timeout
	return c, err
}

// dialNetlink opens a generic netlink socket in the network namespace with the
// given path, or in the caller's if the path is empty.
func dialNetlink(netns string) (conn *genetlink.Conn, err error) {
	err = inNetNS(netns, func(fd int) (err error) {
		conn, err = genetlink.Dial(&netlink.Config{NetNS: fd})
		return err
	})
	if err != nil {
		return nil, err
	}
	// Older kernels lack these options: acknowledgements that do not repeat the
	// request (Linux 4.3), that describe the error (4.12), and strict checking of
	// dump requests (4.20).
	for _, o := range []netlink.ConnOption{netlink.CapAcknowledge, netlink.ExtendedAcknowledge, netlink.GetStrictCheck} {
		_ = conn.SetOption(o, true)
	}
	return conn, nil
}

// inNetNS calls open with a file descriptor of the network namespace with the given
// path, or with 0 if the path is empty.
func inNetNS(path string, open func(fd int) error) error {
	fd := 0
	if path != "" {
		ns, err := openNetNS(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		fd = int(ns.Fd())
	}
	err := open(fd)
	if call := new(os.SyscallError); errors.As(err, &call) && call.Syscall == "setns" {
		return netnsError(path, err)
	}
	if err != nil {
		return fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	return nil
}

const (
	modprobePath    = "/sbin/modprobe"
	modprobeTimeout = 30 * time.Second
)

// modprobe runs the program at path to load the ip_vs module, kills it after the
// timeout and writes its output. It returns no error: the next lookup of the
// family shows whether the module was loaded.
func modprobe(path string, timeout time.Duration, output io.Writer) {
	stdout, stderr, _ := subprocess.Run(path, []string{"--", "ip_vs"}, nil, timeout)
	if output != nil {
		_, _ = output.Write(append(stdout, stderr...))
	}
}
