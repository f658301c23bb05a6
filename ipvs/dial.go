package ipvs

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// An Option changes how Dial connects.
type Option func(*config)

type config struct {
	netns    string    // path of a network namespace, "" for the caller's
	modprobe io.Writer // nil for nowhere
	wrap     func(Socket) Socket
}

// netnsDir is where ip-netns(8) keeps its namespaces.
const netnsDir = "/run/netns/"

// InNetNS makes the client act in another network namespace: one that ip-netns
// knows by name, or, if name holds a slash, the one a path such as
// /proc/PID/ns/net leads to.
func InNetNS(name string) Option {
	return func(c *config) {
		c.netns = name
		if !strings.Contains(name, "/") {
			c.netns = netnsDir + name
		}
	}
}

// ModprobeOutput says where what modprobe prints goes, should Dial have to run
// it. Without this option it goes nowhere.
func ModprobeOutput(w io.Writer) Option {
	return func(c *config) { c.modprobe = w }
}

// Through makes the client send and receive through what wrap makes of its
// socket: to watch or count the messages.
func Through(wrap func(Socket) Socket) Option {
	return func(c *config) { c.wrap = wrap }
}

// Dial connects to the kernel's IPVS in the network namespace of the calling
// thread, or in the one that InNetNS names. Where the kernel has IPVS as a
// module that does not load by itself, Dial runs modprobe as root.
//
// The error is ErrNoIPVS if there is no IPVS even then, and a *NetNSError if
// the network namespace cannot be entered. That the caller lacks CAP_NET_ADMIN
// only shows in the answers to later calls.
func Dial(options ...Option) (*Client, error) {
	var cfg config
	for _, o := range options {
		o(&cfg)
	}
	s, err := inside(cfg.netns, openSocket)
	if err != nil {
		return nil, err
	}
	c := NewClient(s, 0)
	if err := c.lookUp(func() { modprobe(cfg.modprobe) }); err != nil {
		c.Close()
		return nil, err
	}
	c.netns = cfg.netns
	if cfg.wrap != nil {
		c.s = cfg.wrap(c.s)
	}
	return c, nil
}

// lookUp asks for the number of the IPVS family. A kernel loads the module
// when root asks; load is the second try for those that do not.
func (c *Client) lookUp(load func()) error {
	errno, err := c.askFamily()
	if errno == syscall.ENOENT {
		load()
		errno, err = c.askFamily()
	}
	switch {
	case errno == syscall.ENOENT:
		return &Error{Op: opFamily, Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	case errno != 0:
		return &Error{Op: opFamily, Errno: errno}
	case err != nil:
		return fmt.Errorf("ipvs: %s: %w", opFamily, err)
	}
	return nil
}

const opFamily = "find its netlink family"

func (c *Client) askFamily() (syscall.Errno, error) {
	seq := c.seq.Add(1)
	c.out = netlinkmsg.AppendFamilyRequest(c.out[:0], netlink.Request|netlink.Acknowledge, seq)
	return c.roundTrip(seq, func(body []byte) (err error) {
		c.family, err = netlinkmsg.DecodeFamily(body)
		return err
	})
}

// modprobe loads the module. Whether it did shows in the next look-up.
func modprobe(output io.Writer) {
	cmd := exec.Command("/sbin/modprobe", "--", "ip_vs")
	cmd.Stdout, cmd.Stderr = output, output
	_ = cmd.Run()
}
