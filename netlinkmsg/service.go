// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
)

// ServiceKey identifies a virtual service: by protocol, address and port, or by
// a firewall mark and the address family of the marked packets. It is comparable.
type ServiceKey struct {
	Family   Family         // address family of AddrPort, or of the packets with the firewall mark
	Protocol Protocol       // TCP, UDP or SCTP; 0 with a firewall mark
	AddrPort netip.AddrPort // virtual address and port, port 0 for all ports; zero value with a firewall mark
	Mark     uint32         // firewall mark; 0 for a service with an address
}

// AddrKey returns the key of the service with the protocol, address and port. It
// converts an IPv4-mapped IPv6 address to the IPv4 address.
func AddrKey(p Protocol, ap netip.AddrPort) ServiceKey {
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	return ServiceKey{Family: FamilyOf(ap.Addr()), Protocol: p, AddrPort: ap}
}

// MarkKey returns the key of the service with the firewall mark for packets of
// the family.
func MarkKey(mark uint32, f Family) ServiceKey {
	return ServiceKey{Family: f, Mark: mark}
}

// String returns the key as shown in error messages, such as "TCP 192.0.2.1:80"
// or "FWM 1 IPv4".
func (k ServiceKey) String() string {
	if k.Mark != 0 {
		return fmt.Sprintf("FWM %d %s", k.Mark, k.Family)
	}
	return fmt.Sprintf("%s %s", k.Protocol, k.AddrPort)
}

// Service is a virtual service: its configuration and statistics. Timeout,
// Netmask and PEName apply only to a service with the flag Persistent.
type Service struct {
	ServiceKey

	Scheduler string       // scheduler name such as "wlc", at most 15 bytes
	Flags     ServiceFlags // Persistent, OnePacketScheduling and scheduler flags; the kernel adds Hashed
	Timeout   uint32       // persistence timeout in seconds; 0 without Persistent
	Netmask   Netmask      // persistence granularity
	PEName    string       // persistence engine name such as "sip", at most 15 bytes; "" for none

	Stats Stats // traffic counters and rates, set by the kernel
}

// Configuration returns s without what the kernel sets: the flag Hashed and Stats.
func (s Service) Configuration() Service {
	s.Flags &^= Hashed
	s.Stats = Stats{}
	return s
}

// String formats all fields as %+v does. Without this method, fmt would call the
// promoted String method of ServiceKey and print only the key.
func (s Service) String() string {
	return fmt.Sprintf("{%v Scheduler:%s Flags:%v Timeout:%d Netmask:%s PEName:%s Stats:%+v}",
		s.ServiceKey, s.Scheduler, s.Flags, s.Timeout, s.Netmask.AppendTo(nil, s.Family), s.PEName, s.Stats)
}

// Netmask is the persistence granularity: clients with equal masked addresses
// share a destination. For IPv4 it is the mask as a number (255.255.255.0 is
// 0xffffff00), for IPv6 a prefix length from 1 to 128.
type Netmask uint64

// ZeroNetmask is the IPv4 mask 0.0.0.0, with which all clients share a
// destination. It is not 0, because the zero Netmask is an unset field.
const ZeroNetmask Netmask = 1 << 32

// AppendTo appends the netmask to b, as a dotted mask for IPv4 and as a prefix
// length for IPv6.
func (m Netmask) AppendTo(b []byte, f Family) []byte {
	if f == IPv6 {
		return strconv.AppendUint(b, uint64(m), 10)
	}
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).AppendTo(b)
}

// HostNetmask returns the netmask with which each client address is assigned
// separately: 255.255.255.255 for IPv4, prefix length 128 for IPv6.
func HostNetmask(f Family) Netmask {
	if f == IPv6 {
		return 128
	}
	return 0xffffffff
}

// The attributes of a service (IPVS_SVC_ATTR_*).
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

// appendKey appends the attributes of the key. The kernel accepts either a
// firewall mark or a protocol, address and port.
func (k *ServiceKey) appendKey(b []byte) []byte {
	b = appendUint16(b, svcFamily, uint16(k.Family))
	if k.Mark != 0 {
		return appendUint32(b, svcMark, k.Mark)
	}
	b = appendUint16(b, svcProtocol, uint16(k.Protocol))
	b = appendAddr(b, svcAddr, k.AddrPort.Addr())
	return appendPort(b, svcPort, k.AddrPort.Port())
}

// append appends s as a nested attribute: its key and, if full is set, its
// configuration.
func (s *Service) append(b []byte, full bool) (_ []byte, err error) {
	start := len(b)
	b = beginNested(b, cmdService)
	b = s.appendKey(b)
	if full {
		if b, err = s.appendConfig(b); err != nil {
			return nil, err
		}
	}
	endNested(b, start)
	return b, nil
}

// appendConfig appends the attributes that are not part of the key.
func (s *Service) appendConfig(b []byte) ([]byte, error) {
	b, err := appendName(b, svcScheduler, s.Scheduler, "scheduler name")
	if err != nil {
		return nil, err
	}
	if s.PEName != "" {
		if b, err = appendName(b, svcPEName, s.PEName, "persistence engine name"); err != nil {
			return nil, err
		}
	}
	// struct ip_vs_flags: the flags, and a mask of the flags to change.
	b = appendAttrHeader(b, svcFlags, 8)
	b = native.AppendUint32(b, uint32(s.Flags))
	b = native.AppendUint32(b, ^uint32(0))
	b = appendUint32(b, svcTimeout, s.Timeout)
	switch {
	case s.Netmask > math.MaxUint32 && (s.Family == IPv6 || s.Netmask != ZeroNetmask):
		return nil, fmt.Errorf("netmask %#x has more than 32 bits", uint64(s.Netmask))
	case s.Family == IPv6:
		b = appendUint32(b, svcNetmask, uint32(s.Netmask))
	default:
		b = appendNetUint32(b, svcNetmask, uint32(s.Netmask)) // 0 for ZeroNetmask
	}
	if s.Stats != (Stats{}) {
		b = s.Stats.append(b, svcStats64)
	}
	return b, nil
}

// decode sets *s to the service with the attributes b. It reuses names in *s that
// equal those in b.
func (s *Service) decode(b []byte) error {
	scheduler, peName := s.Scheduler, s.PEName
	*s = Service{}
	var raw struct {
		addr, netmask, stats, stats64 []byte
		port                          uint16
	}
	var tooShort attributes
	a := attributes(b)
	for ; a.valid(); a = a.next() {
		switch a.typ() {
		case svcFamily:
			s.Family = Family(a.uint16(&tooShort))
		case svcProtocol:
			s.Protocol = Protocol(a.uint16(&tooShort))
		case svcAddr:
			raw.addr = a.payload()
		case svcPort:
			raw.port = a.port(&tooShort)
		case svcMark:
			s.Mark = a.uint32(&tooShort)
		case svcScheduler:
			s.Scheduler = cString(a.payload(), scheduler)
		case svcFlags:
			s.Flags = ServiceFlags(a.uint32(&tooShort)) // the mask that follows is all ones
		case svcTimeout:
			s.Timeout = a.uint32(&tooShort)
		case svcNetmask:
			raw.netmask = a.payload()
		case svcStats:
			raw.stats = a.payload()
		case svcPEName:
			s.PEName = cString(a.payload(), peName)
		case svcStats64:
			raw.stats64 = a.payload()
		}
	}
	err := a.err(tooShort)
	if err == nil && raw.addr != nil && s.Mark == 0 {
		var addr netip.Addr
		addr, err = address(s.Family, raw.addr)
		s.AddrPort = netip.AddrPortFrom(addr, raw.port)
	}
	if err == nil && raw.netmask != nil {
		s.Netmask, err = decodeNetmask(s.Family, raw.netmask)
	}
	if err != nil {
		return err
	}
	return s.Stats.decode(raw.stats, raw.stats64)
}

// decodeNetmask decodes a netmask: an IPv4 mask in network byte order, or an
// IPv6 prefix length in host byte order.
func decodeNetmask(f Family, b []byte) (Netmask, error) {
	if len(b) < 4 {
		return 0, fmt.Errorf("netmask of %d bytes", len(b))
	}
	if f == IPv6 {
		return Netmask(native.Uint32(b)), nil
	}
	if m := binary.BigEndian.Uint32(b); m != 0 {
		return Netmask(m), nil
	}
	return ZeroNetmask, nil
}
