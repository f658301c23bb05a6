package netlinkmsg

import (
	"fmt"
	"net/netip"
	"strconv"
)

// A ServiceKey identifies a virtual service: either by protocol and address
// with port, or by a firewall mark and the family of the addresses it is used
// with. It is comparable.
type ServiceKey struct {
	Family   Family
	Protocol Protocol       // 0 for a mark
	AddrPort netip.AddrPort // zero for a mark; port 0 stands for any port
	Mark     uint32         // 0 for an address
}

// AddrKey returns the key of the service at ap. An IPv4-mapped IPv6 address is
// the IPv4 address that it maps to.
func AddrKey(p Protocol, ap netip.AddrPort) ServiceKey {
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	return ServiceKey{Family: FamilyOf(ap.Addr()), Protocol: p, AddrPort: ap}
}

// MarkKey returns the key of the service for packets with a firewall mark.
func MarkKey(mark uint32, f Family) ServiceKey {
	return ServiceKey{Family: f, Mark: mark}
}

// String returns the key in words, as error messages show it.
func (k ServiceKey) String() string {
	if k.Mark != 0 {
		return fmt.Sprintf("FWM %d %s", k.Mark, k.Family)
	}
	return fmt.Sprintf("%s %s", k.Protocol, k.AddrPort)
}

// A Service is a virtual service with its configuration and what the kernel
// counted for it.
type Service struct {
	ServiceKey

	Scheduler string // at most 15 bytes
	Flags     ServiceFlags
	Timeout   uint32 // of persistence, in seconds; 0 without Persistent

	Netmask Netmask // of persistence: which clients are one

	PEName string // persistence engine, at most 15 bytes; "" for none

	Stats Stats // from the kernel only
}

// String returns all fields, as %+v does for a value that has no String: that
// of the key, which is promoted otherwise, would hide the rest.
func (s Service) String() string {
	return fmt.Sprintf("{%v Scheduler:%s Flags:%v Timeout:%d Netmask:%s PEName:%s Stats:%+v}",
		s.ServiceKey, s.Scheduler, s.Flags, s.Timeout, s.Netmask.AppendTo(nil, s.Family), s.PEName, s.Stats)
}

// A Netmask says which clients of a persistent service are one: those whose
// addresses are the same under it. For IPv4 it is the mask as a number
// (255.255.255.0 is 0xffffff00), for IPv6 the length of a prefix, from 1 to
// 128.
type Netmask uint64

// AllClients is the IPv4 mask 0.0.0.0, in place of its number: that of a
// Netmask that nobody set is not to mean it.
const ZeroNetmask Netmask = 1 << 32

// AppendTo appends the netmask as the family writes it: a dotted mask, or
// the length of a prefix.
func (m Netmask) AppendTo(b []byte, f Family) []byte {
	if f == IPv6 {
		return strconv.AppendUint(b, uint64(m), 10)
	}
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).AppendTo(b)
}

// FullNetmask returns the netmask that tells every client from every other:
// 255.255.255.255, or a prefix of 128.
func HostNetmask(f Family) Netmask {
	if f == IPv6 {
		return 128
	}
	return 0xffffffff
}

// Attributes of a nested service (IPVS_SVC_ATTR_*).
const (
	svcFamily = iota + 1
	svcProtocol
	svcAddr
	svcPort
	svcMark
	svcScheduler
	svcFlags
	svcTimeout
	svcNetmask
	svcStats
	svcPEName
	svcStats64
)

var svcSizes = minLens{
	svcFamily: 2, svcProtocol: 2, svcPort: 2, svcMark: 4, svcFlags: 4, svcTimeout: 4, svcNetmask: 4,
}

// appendKey appends the attributes by which the kernel finds a service: a
// mark, or the protocol, address and port, never both.
func (k *ServiceKey) appendKey(b []byte) []byte {
	b = appendUint16(b, svcFamily, uint16(k.Family))
	if k.Mark != 0 {
		return appendUint32(b, svcMark, k.Mark)
	}
	b = appendUint16(b, svcProtocol, uint16(k.Protocol))
	b = appendAddr(b, svcAddr, k.AddrPort.Addr())
	return appendPort(b, svcPort, k.AddrPort.Port())
}

// append appends the nested service attribute, with the configuration or only
// the key.
func (s *Service) append(b []byte, whole bool) []byte {
	start := len(b)
	b = beginNested(b, cmdService)
	b = s.appendKey(b)
	if whole {
		b = appendString(b, svcScheduler, s.Scheduler)
		if s.PEName != "" {
			b = appendString(b, svcPEName, s.PEName)
		}
		// The flags travel with a mask of those that are meant: all.
		b = appendAttr(b, svcFlags, 8)
		b = native.AppendUint32(b, uint32(s.Flags))
		b = native.AppendUint32(b, ^uint32(0))
		b = appendUint32(b, svcTimeout, s.Timeout)
		if s.Family == IPv6 {
			b = appendUint32(b, svcNetmask, uint32(s.Netmask))
		} else {
			b = appendNetUint32(b, svcNetmask, uint32(s.Netmask)) // of AllClients 0
		}
		if s.Stats != (Stats{}) {
			b = s.Stats.append(b, svcStats64)
		}
	}
	endNested(b, start)
	return b
}

// decode reads the attributes of a service into s, which keeps nothing of
// what it held.
func (s *Service) decode(b []byte) error {
	var a attributes
	if err := a.parse(b, &svcSizes); err != nil {
		return err
	}
	*s = Service{
		ServiceKey: ServiceKey{
			Family:   Family(a.uint16(svcFamily)),
			Protocol: Protocol(a.uint16(svcProtocol)),
			Mark:     a.uint32(svcMark),
		},
		Scheduler: cString(a.data(svcScheduler), s.Scheduler),
		Flags:     ServiceFlags(a.uint32(svcFlags)),
		Timeout:   a.uint32(svcTimeout),
		PEName:    cString(a.data(svcPEName), s.PEName),
	}
	if a.has(svcAddr) && s.Mark == 0 {
		addr, err := address(s.Family, a.data(svcAddr))
		if err != nil {
			return err
		}
		s.AddrPort = netip.AddrPortFrom(addr, a.port(svcPort))
	}
	switch {
	case !a.has(svcNetmask):
	case s.Family == IPv6:
		s.Netmask = Netmask(a.uint32(svcNetmask))
	default:
		s.Netmask = Netmask(a.netUint32(svcNetmask))
		if s.Netmask == 0 {
			s.Netmask = ZeroNetmask
		}
	}
	return s.Stats.decodePreferred64(a.data(svcStats), a.data(svcStats64))
}
