package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// An Option changes how Dial connects.
type Option func(*config)

type config struct {
	netns    string    // path of a network namespace, "" for the caller's
	modprobe io.Writer // nil for nowhere
	wrap     func(Socket) Socket
	mapped   bool

	loadedOnly bool // the ip_vs module is not loaded
}

// netnsDir is where ip-netns(8) keeps its namespaces.
const netnsDir = "/run/netns/"

// InNetNS makes the client act in another network namespace: one that ip-netns
// knows by name, or, if name holds a slash, the one a path such as
// /proc/PID/ns/net leads to.
func WithNetNS(name string) Option {
	return func(c *config) {
		c.netns = name
		if !strings.Contains(name, "/") {
			c.netns = netnsDir + name
		}
	}
}

// ModprobeOutput says where what modprobe prints goes, should Dial have to run
// it. Without this option it goes nowhere.
func WithModprobeOutput(w io.Writer) Option {
	return func(c *config) { c.modprobe = w }
}

// Through makes the client send and receive through what wrap makes of its
// socket: to watch or count the messages.
func WithSocketWrapper(wrap func(Socket) Socket) Option {
	return func(c *config) { c.wrap = wrap }
}

// MappedAddresses makes the client send the IPv4-mapped IPv6 address of a
// destination or of a daemon's group as it is, as ipvsadm does, in place of the
// IPv4 address that it maps to. The kernel refuses it.
func WithMappedAddresses() Option {
	return func(c *config) { c.mapped = true }
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
	conn, err := dial(cfg.netns)
	if err != nil {
		return nil, err
	}
	var family uint16
	if cfg.loadedOnly {
		family, err = findLoadedFamily(conn)
	} else {
		family, err = findFamily(conn, func() { modprobe(cfg.modprobe) })
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	s, err := newSocket(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	c := NewClient(s, family)
	c.kernel = s
	c.netns = cfg.netns
	c.keepMapped = cfg.mapped
	if cfg.wrap != nil {
		c.s = cfg.wrap(c.s)
	}
	return c, nil
}

// dial opens a connection in a network namespace, given by its path, or in the
// caller's, which is "".
func dial(netns string) (*genetlink.Conn, error) {
	var cfg netlink.Config
	if netns != "" {
		ns, err := openNetNS(netns)
		if err != nil {
			return nil, err
		}
		defer ns.Close()
		cfg.NetNS = int(ns.Fd())
	}
	conn, err := genetlink.Dial(&cfg)
	if call := new(os.SyscallError); errors.As(err, &call) && call.Syscall == "setns" {
		return nil, netnsError(netns, err)
	}
	if err != nil {
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	// Answers to refused messages need not repeat them; kernels before 4.3
	// do so all the same.
	_ = conn.SetOption(netlink.CapAcknowledge, true)
	return conn, nil
}

// findFamily asks for the number of the IPVS family. A kernel loads the module
// when root asks; load is the second try for those that do not.
func findFamily(conn *genetlink.Conn, retry func()) (uint16, error) {
	family, err := getFamily(conn)
	if errors.Is(err, syscall.ENOENT) {
		retry()
		family, err = getFamily(conn)
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, fmt.Errorf("ipvs: %s: %w within %v", opFamily, ErrTimeout, familyTimeout)
	case errors.Is(err, syscall.ENOENT):
		return 0, &Error{Op: opFamily, Err: ErrNoIPVS, Errno: missingFamilyErrno()}
	case errors.As(err, &errno):
		return 0, &Error{Op: opFamily, Errno: errno}
	case err != nil:
		return 0, fmt.Errorf("ipvs: %s: %w", opFamily, err)
	}
	return family.ID, nil
}

// absence is the errno of there being no IPVS: EPERM for a caller who could not
// use it either. That is what the kernel says to one who may not open a raw
// socket, through which IPVS was reached before it had a netlink family.
func missingFamilyErrno() syscall.Errno {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err == unix.EPERM {
		return syscall.EPERM
	}
	if err == nil {
		unix.Close(fd)
	}
	return syscall.ENOPROTOOPT
}

const opFamily = "find its netlink family"

// familyLimit is how long the kernel may take to tell the family's number. It
// may have to load the module.
const familyTimeout = time.Minute

func getFamily(conn *genetlink.Conn) (genetlink.Family, error) {
	_ = conn.SetReadDeadline(time.Now().Add(familyTimeout)) // a test's connection has none
	family, err := conn.GetFamily(netlinkmsg.FamilyName)
	_ = conn.SetReadDeadline(time.Time{})
	return family, err
}

// modprobe loads the module. Whether it did shows in the next look-up.
func modprobe(output io.Writer) {
	cmd := exec.Command("/sbin/modprobe", "--", "ip_vs")
	cmd.Stdout, cmd.Stderr = output, output
	_ = cmd.Run()
}
