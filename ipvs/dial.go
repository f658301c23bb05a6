package ipvs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mdlayher/genetlink"
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
	nlcfg := &netlink.Config{}
	if cfg.netns != "" {
		ns, err := os.Open(cfg.netns)
		if err != nil {
			return nil, netnsError(cfg.netns, err)
		}
		defer ns.Close()
		nlcfg.NetNS = int(ns.Fd())
	}
	gc, err := genetlink.Dial(nlcfg)
	if call := new(os.SyscallError); errors.As(err, &call) && call.Syscall == "setns" {
		return nil, netnsError(cfg.netns, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	c, err := newClient(gc, func() { modprobe(cfg.modprobe) })
	if err != nil {
		gc.Close()
		return nil, err
	}
	c.netns = cfg.netns
	if cfg.wrap != nil {
		c.s = cfg.wrap(c.s)
	}
	return c, nil
}

func newClient(gc *genetlink.Conn, load func()) (*Client, error) {
	family, err := lookUp(gc, load)
	if err != nil {
		return nil, err
	}
	// Answers to refused messages need not repeat them; kernels before 4.3
	// do so all the same.
	_ = gc.SetOption(netlink.CapAcknowledge, true)
	s, err := detach(gc)
	if err != nil {
		return nil, err
	}
	return NewClient(s, family), nil
}

// lookUp asks for the number of the IPVS family. A kernel loads the module
// when root asks; load is the second try for those that do not.
func lookUp(gc *genetlink.Conn, load func()) (uint16, error) {
	f, err := gc.GetFamily(netlinkmsg.FamilyName)
	if errors.Is(err, fs.ErrNotExist) {
		load()
		f, err = gc.GetFamily(netlinkmsg.FamilyName)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, &Error{Op: "find its netlink family", Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	case err != nil:
		return 0, fmt.Errorf("ipvs: find its netlink family: %w", err)
	}
	return f.ID, nil
}

// modprobe loads the module. Whether it did shows in the next look-up.
func modprobe(output io.Writer) {
	cmd := exec.Command("/sbin/modprobe", "--", "ip_vs")
	cmd.Stdout, cmd.Stderr = output, output
	_ = cmd.Run()
}
