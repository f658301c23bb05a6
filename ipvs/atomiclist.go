// SPDX-License-Identifier: MIT

package ipvs

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
)

// IPVS still has the socket options that controlled it before it had a netlink family.
// They support only IPv4, and neither tunnels nor counters of 64 bits, but they return a
// list of any length with a single system call, during which the table does not change.
// A dump that has the same rows as such a list, in the same order, is complete. The list
// costs about a tenth of another dump.

// The socket options, and the layout of their arguments (struct ip_vs_get_services and
// ip_vs_get_dests) on 64-bit systems.
const (
	optGetServices = 1024 + 64 + 64 + 2 // IP_VS_SO_GET_SERVICES
	optGetDests    = optGetServices + 2 // IP_VS_SO_GET_DESTS

	servicesHeaderLen = 8   // number of entries
	serviceEntryLen   = 104 // struct ip_vs_service_entry
	destsHeaderLen    = 24  // service and number of entries
	destEntryLen      = 96  // struct ip_vs_dest_entry

	maxEntries = math.MaxInt32/serviceEntryLen - 1 // the length of an argument is a signed number of 32 bits
)

// unset is the value of each byte of an entry before the kernel writes it. A protocol or
// connection flags whose bytes are all unset show that the kernel has not written the
// entry, because no protocol and no flags have this value.
const unset = 0xff

// readOption reads a socket option of IPVS. b contains the argument and is overwritten
// with the result. It returns false if the option cannot be read.
func (c *Client) readOption(option int, b []byte) bool {
	return bits.UintSize == 64 && c.kernel != nil && c.kernel.readOption(c.netns, option, b) == nil
}

// hasServices reports whether the kernel has exactly these services, in this order. It
// returns false if that is unknown.
func (c *Client) hasServices(services []Service) bool {
	n := len(services)
	isIPv6 := func(s Service) bool { return s.Family != IPv4 }
	if n >= maxEntries || slices.ContainsFunc(services, isIPv6) {
		return false
	}
	b := bytes.Repeat([]byte{unset}, servicesHeaderLen+(n+1)*serviceEntryLen)
	binary.NativeEndian.PutUint32(b, uint32(n+1))
	if !c.readOption(optGetServices, b) {
		return false
	}
	b = b[servicesHeaderLen:]
	for i := range services {
		if isUnset(protocolOf(b)) || serviceKeyOf(b) != services[i].ServiceKey {
			return false
		}
		b = b[serviceEntryLen:]
	}
	return isUnset(protocolOf(b)) // there is no other service
}

// hasDestinations is like hasServices for the destinations of a service.
func (c *Client) hasDestinations(key ServiceKey, ds []Destination) bool {
	n := len(ds)
	isIPv6 := func(d Destination) bool { return !d.AddrPort.Addr().Is4() }
	if n >= maxEntries || key.Family != IPv4 || slices.ContainsFunc(ds, isIPv6) {
		return false
	}
	b := bytes.Repeat([]byte{unset}, destsHeaderLen+(n+1)*destEntryLen)
	putServiceKey(b, key)
	binary.NativeEndian.PutUint32(b[16:], uint32(n+1))
	if !c.readOption(optGetDests, b) {
		return false
	}
	b = b[destsHeaderLen:]
	for i := range ds {
		if isUnset(connFlagsOf(b)) || addrPortOf(b) != ds[i].AddrPort {
			return false
		}
		b = b[destEntryLen:]
	}
	return isUnset(connFlagsOf(b)) // there is no other destination
}

func isUnset(b []byte) bool {
	for _, c := range b {
		if c != unset {
			return false
		}
	}
	return true
}

// protocolOf returns the protocol in a struct ip_vs_service_entry.
func protocolOf(b []byte) []byte { return b[:2] }

// connFlagsOf returns the connection flags in a struct ip_vs_dest_entry.
func connFlagsOf(b []byte) []byte { return b[8:12] }

// serviceKeyOf returns the key of a struct ip_vs_service_entry.
func serviceKeyOf(b []byte) ServiceKey {
	if mark := binary.NativeEndian.Uint32(b[12:]); mark != 0 {
		return MarkKey(mark, IPv4)
	}
	return AddrKey(Protocol(binary.NativeEndian.Uint16(b)), addrPortOf(b[4:]))
}

// putServiceKey encodes the key of an IPv4 service as the beginning of a struct
// ip_vs_get_dests.
func putServiceKey(b []byte, key ServiceKey) {
	clear(b[:16])
	if key.Mark != 0 {
		binary.NativeEndian.PutUint32(b[12:], key.Mark)
		return
	}
	addr := key.AddrPort.Addr().As4()
	binary.NativeEndian.PutUint16(b, uint16(key.Protocol))
	copy(b[4:], addr[:])
	binary.BigEndian.PutUint16(b[8:], key.AddrPort.Port())
}

// addrPortOf decodes an address and a port in network byte order.
func addrPortOf(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[4:]))
}
