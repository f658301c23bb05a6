// SPDX-License-Identifier: MIT

package ipvs

import (
	"io"
	"time"
)

// An Option configures Dial.
type Option func(*config)

type config struct {
	netns          *string       // argument of NetNSPath; nil for the caller's network namespace
	modprobeOutput io.Writer     // output of modprobe; nil discards it
	noModprobe     bool          // do not run modprobe
	loadedOnly     bool          // do not make the kernel load the ip_vs module
	timeout        time.Duration // maximum wait for a reply
	wrapSocket     func(Socket) Socket
}

// DefaultReplyTimeout is the maximum time that a client waits for a reply unless
// WithTimeout sets another. The kernel queues its reply before a send returns,
// so a wait this long means that the reply was lost.
const DefaultReplyTimeout = 5 * time.Second

// WithNetNS connects to IPVS in another network namespace. name is its path, its name
// in ip-netns(8) or Docker, or the ID of a process in it; see NetNSPath.
func WithNetNS(name string) Option {
	return func(c *config) { c.netns = &name }
}

// netnsPath returns the path of the network namespace, or "" for the caller's.
func (c *config) netnsPath() (string, error) {
	if c.netns == nil {
		return "", nil
	}
	return NetNSPath(*c.netns)
}

// WithModprobeOutput sends the output of modprobe(8) to w. Dial runs modprobe if
// the kernel does not load the ip_vs module by itself. By default the output is
// discarded.
func WithModprobeOutput(w io.Writer) Option {
	return func(c *config) { c.modprobeOutput = w }
}

// WithoutModprobe keeps Dial from running modprobe(8). The kernel may still load
// the ip_vs module by itself.
func WithoutModprobe() Option {
	return func(c *config) { c.noModprobe = true }
}

// WithTimeout sets the maximum time that a client waits for a reply; see
// DefaultReplyTimeout. The lookup of the netlink family, during which the kernel may
// load the ip_vs module, has a separate limit.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = d }
}

// WithSocketWrapper makes the client use wrap(s) in place of its socket s, for
// example to log or count messages.
func WithSocketWrapper(wrap func(Socket) Socket) Option {
	return func(c *config) { c.wrapSocket = wrap }
}

// WithoutModuleLoading makes Dial return an error that matches ErrNotLoaded if the
// ip_vs module is neither loaded nor built in. By default, the kernel loads the
// module when Dial looks up its netlink family; if it does not, Dial runs
// modprobe(8).
func WithoutModuleLoading() Option {
	return func(c *config) { c.loadedOnly = true }
}
