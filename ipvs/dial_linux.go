package ipvs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"

	"goipvsadm/internal/subprocess"
	"goipvsadm/netlinkmsg"
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
	loadModule := func() { modprobe(modprobePath, modprobeTimeout, cfg.modprobeOutput) }
	if cfg.noModprobe {
		loadModule = nil
	}
	var family uint16
	if cfg.loadedOnly {
		family, err = findLoadedFamily(conn)
	} else {
		family, err = findFamily(conn, loadModule)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	s, err := newSocket(conn, cfg.timeout)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("ipvs: open netlink socket: %w", err)
	}
	c := NewClient(s, family)
	c.kernel = s
	c.portID = s.portID
	c.netns = netns
	if cfg.wrapSocket != nil {
		c.socket = cfg.wrapSocket(c.socket)
	}
	return c, nil
}

// dialNetlink opens a generic netlink socket in the network namespace with the
// given path, or in the caller's if the path is empty.
func dialNetlink(netns string) (*genetlink.Conn, error) {
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
	// Older kernels lack these options: acknowledgements that do not repeat the
	// request (Linux 4.3), that describe the error (4.12), and strict checking of
	// dump requests (4.20).
	for _, o := range []netlink.ConnOption{netlink.CapAcknowledge, netlink.ExtendedAcknowledge, netlink.GetStrictCheck} {
		_ = conn.SetOption(o, true)
	}
	return conn, nil
}

// opFamily is the Error.Op of the family lookup.
const opFamily = "get netlink family"

// findFamily returns the ID of the IPVS family. The kernel loads the ip_vs module
// when root looks the family up; if it does not, and loadModule is not nil,
// findFamily calls loadModule and looks the family up once more.
func findFamily(conn *genetlink.Conn, loadModule func()) (uint16, error) {
	family, err := getFamily(conn)
	if errors.Is(err, syscall.ENOENT) && loadModule != nil {
		loadModule()
		family, err = getFamily(conn)
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return 0, &Error{Op: opFamily, Err: ErrNoIPVS, Errno: syscall.ENOPROTOOPT}
	case err != nil:
		return 0, familyError(err)
	}
	return family.ID, nil
}

// familyError returns the error of Dial for an error of a family lookup.
func familyError(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("ipvs: %s: %w within %v", opFamily, ErrTimeout, familyTimeout)
	case errors.As(err, &errno):
		return &Error{Op: opFamily, Errno: errno}
	}
	return fmt.Errorf("ipvs: %s: %w", opFamily, err)
}

// familyTimeout limits the lookup of the family, which may include loading the
// module.
const familyTimeout = time.Minute

func getFamily(conn *genetlink.Conn) (genetlink.Family, error) {
	_ = conn.SetReadDeadline(time.Now().Add(familyTimeout)) // not supported by genltest
	family, err := conn.GetFamily(netlinkmsg.FamilyName)
	_ = conn.SetReadDeadline(time.Time{})
	return family, err
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
