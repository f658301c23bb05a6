// SPDX-License-Identifier: MIT

package ipvs

import (
	"net/netip"

	"goipvsadm/netlinkmsg"
	"goipvsadm/sched"
)

// DefaultPersistenceTimeout is the Timeout, in seconds, of a persistent Service
// that does not set one, as in ipvsadm.
const DefaultPersistenceTimeout = 360

// WithDefaults returns s with unset fields filled in: Family from the address
// (IPv4 for a firewall mark), Scheduler sched.Default (wlc), Netmask HostNetmask,
// and with the flag Persistent a Timeout of DefaultPersistenceTimeout. An
// IPv4-mapped address is converted to the IPv4 address, unless Family is IPv6.
//
// All methods that take a Service or a ServiceKey fill in these defaults. Call
// WithDefaults to compare a Service with one that the kernel returned.
func WithDefaults(s Service) Service {
	normalizeKey(&s.ServiceKey)
	serviceDefaults(&s)
	return s
}

// normalizeKey fills in the family of k and converts an IPv4-mapped address, as
// WithDefaults describes.
func normalizeKey(k *ServiceKey) {
	addr := k.AddrPort.Addr()
	if addr.Is4In6() && k.Family != IPv6 {
		addr = addr.Unmap()
		k.AddrPort = netip.AddrPortFrom(addr, k.AddrPort.Port())
	}
	switch {
	case k.Family != 0:
	case addr.IsValid():
		k.Family = netlinkmsg.FamilyOf(addr)
	default:
		k.Family = IPv4
	}
}

// serviceDefaults fills in the defaults of fields that are not part of the key.
func serviceDefaults(s *Service) {
	if s.Scheduler == "" {
		s.Scheduler = sched.Default
	}
	if s.Netmask == 0 {
		// The kernel rejects an IPv6 service without a netmask, persistent or not.
		s.Netmask = HostNetmask(s.Family)
	}
	if s.Flags&Persistent != 0 && s.Timeout == 0 {
		s.Timeout = DefaultPersistenceTimeout
	}
}

// SameEffect reports whether the configurations of two services have the same effect,
// as read from the kernel or completed by WithDefaults.
func SameEffect(a, b *Service) bool {
	// The kernel sets and clears Hashed itself.
	const flags = Persistent | OnePacketScheduling | SchedFlags
	if a.Flags&flags != b.Flags&flags || a.Scheduler != b.Scheduler || a.PEName != b.PEName {
		return false
	}
	// Without persistence, the kernel keeps the timeout and the netmask, but they have
	// no effect.
	return a.Flags&Persistent == 0 || a.Timeout == b.Timeout && a.Netmask == b.Netmask
}
