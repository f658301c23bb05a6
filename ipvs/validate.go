// SPDX-License-Identifier: MIT

package ipvs

import (
	"math"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// The kernel rejects some invalid requests with an errno that does not identify the
// reason; kernelChecks determine the reason afterwards. It accepts other invalid
// requests; clientChecks reject these before they are sent.

// A check recognizes one kind of invalid request. Exactly one of its functions is
// set, and returns true if the request is invalid.
type check struct {
	commands    commandSet    // commands to which the check applies; 0 for all
	errno       syscall.Errno // errno of the kernel, or EINVAL in clientChecks
	reason      validationError
	service     func(*Service) bool
	destination func(*Service, *Destination) bool
	daemon      func(*Daemon) bool
}

// A validationError describes an invalid request. As a constant string it needs no
// initialization at program start.
type validationError string

func (e validationError) Error() string { return string(e) }

// A commandSet is a set of commands, with bit 1<<c set for command c.
type commandSet uint32

const (
	serviceChanges     commandSet = 1<<netlinkmsg.NewService | 1<<netlinkmsg.SetService
	destinationChanges commandSet = 1<<netlinkmsg.NewDestination | 1<<netlinkmsg.SetDestination
	daemonStart        commandSet = 1 << netlinkmsg.NewDaemon
)

// clientChecks recognize invalid requests that the kernel accepts.
var clientChecks = []check{
	{errno: syscall.EINVAL, reason: "service has neither address nor firewall mark",
		service: func(s *Service) bool { return s.Mark == 0 && !s.AddrPort.Addr().IsValid() }},
	{errno: syscall.EINVAL, reason: "service has both an address and a firewall mark",
		service: func(s *Service) bool { return s.Mark != 0 && s.AddrPort.IsValid() }},
	{errno: syscall.EINVAL, reason: "service address does not match its address family",
		service: func(s *Service) bool { return s.Mark == 0 && s.Family != netlinkmsg.FamilyOf(s.AddrPort.Addr()) }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "protocol must be TCP, UDP or SCTP",
		service: func(s *Service) bool {
			return s.Mark == 0 && s.Protocol != TCP && s.Protocol != UDP && s.Protocol != SCTP
		}},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "port 0 (all ports) requires a persistent service",
		service: func(s *Service) bool { return s.Mark == 0 && s.AddrPort.Port() == 0 && s.Flags&Persistent == 0 }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "one-packet scheduling requires UDP",
		service: func(s *Service) bool { return s.Mark == 0 && s.Flags&OnePacketScheduling != 0 && s.Protocol != UDP }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "unknown forwarding method",
		destination: func(_ *Service, d *Destination) bool { return d.Method > Bypass }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "unknown tunnel type",
		destination: func(_ *Service, d *Destination) bool { return d.Method == Tunneling && d.Tunnel.Type > GRE }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "sync ID must be 0-255",
		daemon: func(d *Daemon) bool { return d.SyncID > math.MaxUint8 }},
}

// kernelChecks recognize invalid requests that the kernel rejects.
var kernelChecks = []check{
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "scheduler name exceeds 15 bytes",
		service: func(s *Service) bool { return len(s.Scheduler) > MaxNameLen }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "persistence engine name exceeds 15 bytes",
		service: func(s *Service) bool { return len(s.PEName) > MaxNameLen }},
	{commands: serviceChanges, errno: syscall.EINVAL, reason: "IPv6 netmask must be a prefix length of 1-128",
		service: func(s *Service) bool { return s.Family == IPv6 && s.Netmask > 128 }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "destination address is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)",
		destination: func(_ *Service, d *Destination) bool { return d.AddrPort.Addr().Is4In6() }},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "destination is not a unicast address",
		destination: func(_ *Service, d *Destination) bool {
			addr := d.AddrPort.Addr()
			return !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast()
		}},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "mixed address families require tunneling",
		destination: func(s *Service, d *Destination) bool {
			return d.Method != Tunneling && s.Family != netlinkmsg.FamilyOf(d.AddrPort.Addr())
		}},
	{commands: destinationChanges, errno: syscall.EINVAL, reason: "GUE tunnel requires a port",
		destination: func(_ *Service, d *Destination) bool {
			return d.Method == Tunneling && d.Tunnel.Type == GUE && d.Tunnel.Port == 0
		}},
	{commands: destinationChanges, errno: syscall.ERANGE, reason: "weight exceeds 2147483647",
		destination: func(_ *Service, d *Destination) bool { return d.Weight > math.MaxInt32 }},
	{commands: destinationChanges, errno: syscall.ERANGE, reason: "lower threshold exceeds upper threshold",
		destination: func(_ *Service, d *Destination) bool { return d.LowerThreshold > d.UpperThreshold }},
	{errno: syscall.EINVAL, reason: "sync daemon state must be master or backup",
		daemon: func(d *Daemon) bool { return d.State != Master && d.State != Backup }},
	{commands: daemonStart, errno: syscall.ENODEV, reason: "sync daemon requires an interface",
		daemon: func(d *Daemon) bool { return d.Interface == "" }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "interface name exceeds 15 bytes",
		daemon: func(d *Daemon) bool { return len(d.Interface) > MaxNameLen }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "sync group is IPv4-mapped; use the IPv4 address (netip.Addr.Unmap)",
		daemon: func(d *Daemon) bool { return d.Group.Is4In6() }},
	{commands: daemonStart, errno: syscall.EINVAL, reason: "sync group is not a multicast address",
		daemon: func(d *Daemon) bool { return d.Group.IsValid() && !d.Group.IsMulticast() }},
}

// matches reports whether m is invalid according to k.
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

// firstMatch returns the reason of the first check with the given errno that matches
// m, or nil.
func firstMatch(checks []check, m *netlinkmsg.Message, errno syscall.Errno) error {
	for i := range checks {
		if k := &checks[i]; k.errno == errno && k.matches(m) {
			return k.reason
		}
	}
	return nil
}

// normalizeAndValidate fills in the defaults of the service in m. It returns an
// *Error if m must not be sent.
func normalizeAndValidate(m *netlinkmsg.Message) error {
	if m.Service != nil {
		normalizeKey(&m.Service.ServiceKey)
		if m.Command == netlinkmsg.NewService || m.Command == netlinkmsg.SetService {
			serviceDefaults(m.Service)
		}
	}
	var reason error
	if m.Command == 0 {
		reason = validationError("unknown operation")
	} else {
		reason = firstMatch(clientChecks, m, syscall.EINVAL)
	}
	if reason != nil {
		return &Error{Op: describe(m), Err: reason, Errno: syscall.EINVAL}
	}
	return nil
}

// Validate returns an *Error if c would fail with every table: Client.Do would not
// send it, or the kernel would reject it. Validate does not contact the kernel, which
// may reject c for other reasons.
func (c *Change) Validate() error {
	change := *c // a copy, in which normalizeAndValidate fills in defaults
	m := change.request()
	if err := normalizeAndValidate(&m); err != nil {
		return err
	}
	for i := range kernelChecks {
		if k := &kernelChecks[i]; k.matches(&m) {
			return &Error{Op: describe(&m), Err: k.reason, Errno: k.errno}
		}
	}
	return nil
}
