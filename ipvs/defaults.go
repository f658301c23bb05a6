package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
	"goipvsadm/sched"
)

// DefaultTimeout is how long, in seconds, a persistent service without a
// Timeout keeps a client on its destination. It is ipvsadm's.
const DefaultPersistenceTimeout = 360

// Complete returns s with what stands for the zeros in it that cannot be
// meant: the family is the address's, and for a mark IPv4; the scheduler is
// sched.Default; persistence lasts for DefaultTimeout and tells every client
// from every other. An IPv4-mapped address is what it maps to, unless the key
// says that its family is IPv6.
//
// All methods that take a service or its key complete it. A program needs this
// where it compares services of its own with those that the kernel has.
func WithDefaults(s Service) Service {
	normalizeKey(&s.ServiceKey)
	serviceDefaults(&s)
	return s
}

func normalizeKey(k *ServiceKey) {
	addr := k.AddrPort.Addr()
	if addr.Is4In6() && k.Family != IPv6 {
		k.AddrPort = unmap(k.AddrPort)
		addr = k.AddrPort.Addr()
	}
	switch {
	case k.Family != 0:
	case addr.IsValid():
		k.Family = netlinkmsg.FamilyOf(addr)
	default:
		k.Family = IPv4
	}
}

// completeService completes what is not part of the key.
func serviceDefaults(s *Service) {
	if s.Scheduler == "" {
		s.Scheduler = sched.Default
	}
	if s.Netmask == 0 {
		// Without persistence too: the kernel refuses an IPv6 service else.
		s.Netmask = FullNetmask(s.Family)
	}
	if s.Flags&Persistent != 0 && s.Timeout == 0 {
		s.Timeout = DefaultPersistenceTimeout
	}
}

// unmap returns ap with the address that its own maps to, if it is an
// IPv4-mapped IPv6 address.
func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// complete completes what m carries, in place.
func (c *Client) applyDefaults(m *netlinkmsg.Message) {
	if m.Service != nil {
		normalizeKey(&m.Service.ServiceKey)
	}
	switch m.Command {
	case netlinkmsg.NewService, netlinkmsg.SetService:
		serviceDefaults(m.Service)
	}
	if c.keepMapped {
		return
	}
	if m.Destination != nil {
		m.Destination.AddrPort = unmap(m.Destination.AddrPort)
	}
	if m.Daemon != nil {
		m.Daemon.Group = m.Daemon.Group.Unmap()
	}
}
