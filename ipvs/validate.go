package ipvs

import (
	"math"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// Some of what cannot work the kernel refuses, with an errno that says little,
// and some it takes. The first gets its reason when the kernel has refused it,
// so that the kernel's other reasons come first; the second is never sent.

// A mistake is something that cannot work. One of its functions tells whether
// it was made.
type check struct {
	commands    commandSet    // that can make it; 0 for all that carry what is looked at
	errno       syscall.Errno // the kernel's; EINVAL where it has none
	reason      validationError
	service     func(*Service) bool
	destination func(*Service, *Destination) bool
	daemon      func(*Daemon) bool
}

// A reason says what is wrong. It is a string, so that the compiler lays the
// tables out, and a program has nothing to do for them when it starts.
type validationError string

func (r validationError) Error() string { return string(r) }

// commands are a set, with a bit for each: every change is looked at.
type commandSet uint32

const (
	serviceChanges     commandSet = 1<<netlinkmsg.NewService | 1<<netlinkmsg.SetService
	destinationChanges commandSet = 1<<netlinkmsg.NewDestination | 1<<netlinkmsg.SetDestination
	daemonStart        commandSet = 1 << netlinkmsg.NewDaemon
)

// unsendable are the mistakes that the kernel takes.
var clientChecks = []check{
	{errno: syscall.EINVAL, reason: "the service has neither an address nor a mark",
		service: func(s *Service) bool { return s.Mark == 0 && !s.AddrPort.Addr().IsValid() }},
	{errno: syscall.EINVAL, reason: "the service has both an address and a mark",
		service: func(s *Service) bool { return s.Mark != 0 && s.AddrPort.IsValid() }},
	{errno: syscall.EINVAL, reason: "the service's address is not of its family",
		service: func(s *Service) bool { return s.Mark == 0 && s.Family != netlinkmsg.FamilyOf(s.AddrPort.Addr()) }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "the service's protocol is none of TCP, UDP and SCTP",
		service: func(s *Service) bool {
			return s.Mark == 0 && s.Protocol != TCP && s.Protocol != UDP && s.Protocol != SCTP
		}},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "a service of all ports, which is port 0, must be persistent",
		service: func(s *Service) bool { return s.Mark == 0 && s.AddrPort.Port() == 0 && s.Flags&Persistent == 0 }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "only a UDP service can be scheduled by the packet",
		service: func(s *Service) bool { return s.Mark == 0 && s.Flags&OnePacket != 0 && s.Protocol != UDP }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "no such forwarding method",
		destination: func(_ *Service, d *Destination) bool { return d.Method > Bypass }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "no such type of tunnel",
		destination: func(_ *Service, d *Destination) bool { return d.Method == Tunneling && d.Tunnel.Type > GRE }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "the daemon's id is above 255",
		daemon: func(d *Daemon) bool { return d.SyncID > math.MaxUint8 }},
}

// refusable are the mistakes that the kernel refuses.
var kernelChecks = []check{
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "the scheduler's name has more than 15 bytes",
		service: func(s *Service) bool { return len(s.Scheduler) > MaxNameLen }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "the persistence engine's name has more than 15 bytes",
		service: func(s *Service) bool { return len(s.PEName) > MaxNameLen }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "the netmask of an IPv6 service is the length of a prefix, up to 128",
		service: func(s *Service) bool { return s.Family == IPv6 && s.Netmask > 128 }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "the destination has not the address of a host",
		destination: func(_ *Service, d *Destination) bool {
			addr := d.AddrPort.Addr()
			return !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.Is4In6()
		}},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "a destination of another family than its service's must be reached by Tunneling",
		destination: func(s *Service, d *Destination) bool {
			return d.Method != Tunneling && s.Family != netlinkmsg.FamilyOf(d.AddrPort.Addr())
		}},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "a GUE tunnel must have a port",
		destination: func(_ *Service, d *Destination) bool {
			return d.Method == Tunneling && d.Tunnel.Type == GUE && d.Tunnel.Port == 0
		}},
	{commands: destinationChanges, errno: syscall.ERANGE, reason: "the weight is above 2147483647",
		destination: func(_ *Service, d *Destination) bool { return d.Weight > math.MaxInt32 }},
	{commands: destinationChanges, errno: syscall.ERANGE, reason: "the lower threshold is above the upper one",
		destination: func(_ *Service, d *Destination) bool { return d.LowerThreshold > d.UpperThreshold }},
	{errno: syscall.EINVAL, reason: "the daemon is neither a master nor a backup",
		daemon: func(d *Daemon) bool { return d.State != Master && d.State != Backup }},
	{commands: daemonStart, errno: syscall.ENODEV, reason: "the daemon has no interface",
		daemon: func(d *Daemon) bool { return d.Interface == "" }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "the interface's name has more than 15 bytes",
		daemon: func(d *Daemon) bool { return len(d.Interface) > MaxNameLen }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "the daemon's group is no multicast address",
		daemon: func(d *Daemon) bool { return d.Group.IsValid() && !d.Group.IsMulticast() }},
}

// made reports whether m has the mistake.
func (k *check) matches(m *netlinkmsg.Message) bool {
	switch {
	case k.commands != 0 && k.commands&(1<<m.Command) == 0:
		return false
	case k.service != nil:
		return m.Service != nil && k.service(m.Service)
	case k.destination != nil:
		return m.Service != nil && m.Destination != nil && k.destination(m.Service, m.Destination)
	}
	return m.Daemon != nil && k.daemon(m.Daemon)
}

// find returns the first of the mistakes that m makes and the kernel answers
// with errno, or nil.
func firstMatch(mistakes []check, m *netlinkmsg.Message, errno syscall.Errno) error {
	for i := range mistakes {
		if k := &mistakes[i]; k.errno == errno && k.matches(m) {
			return k.reason
		}
	}
	return nil
}

// prepare completes what m carries, and returns an *Error if it is not to be
// sent.
func (c *Client) normalizeAndValidate(m *netlinkmsg.Message) error {
	c.applyDefaults(m)
	if err := firstMatch(clientChecks, m, syscall.EINVAL); err != nil {
		return &Error{Op: describe(m), Err: err, Errno: syscall.EINVAL}
	}
	return nil
}
