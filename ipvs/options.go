package ipvs

import (
	"io"
	"strings"
	"time"
)

// An Option configures Dial.
type Option func(*config)

type config struct {
	netns          string        // path of a network namespace; "" for the caller's
	modprobeOutput io.Writer     // output of modprobe; nil discards it
	noModprobe     bool          // modprobe is not run
	timeout        time.Duration // maximum wait for a reply
	wrapSocket     func(Socket) Socket
}

// DefaultReplyTimeout is the maximum time that a client waits for a reply unless
// WithTimeout sets another. The kernel queues its reply before a send returns,
// so a wait this long means that the reply was lost.
const DefaultReplyTimeout = 5 * time.Second

// netnsDir is the directory in which ip-netns(8) keeps named network namespaces.
const netnsDir = "/run/netns/"

// WithNetNS connects to the IPVS of another network namespace: the one that
// ip-netns(8) lists under this name, or, if name contains a slash, the one at
// this path, such as /proc/PID/ns/net.
func WithNetNS(name string) Option {
	return func(c *config) {
		c.netns = name
		if !strings.Contains(name, "/") {
			c.netns = netnsDir + name
		}
	}
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
