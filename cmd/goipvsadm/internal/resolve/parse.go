package resolve

import (
	"net/netip"
	"strings"

	"goipvsadm/ipvs"
)

// AddrPort reads a service's or a server's address:
//
//	HOST[:PORT]   HOST as Host takes it
//	[IPV6]:PORT
//	IPV6          without a port
//
// PORT is a number or a name that it has with the protocol. hasPort tells
// whether the word had a port.
//
// Brackets around anything but an IPv6 address are taken off, with the port
// that follows them.
func (d *Database) AddrPort(word string, p ipvs.Protocol) (ap netip.AddrPort, hasPort, ok bool) {
	if digits(word) {
		return ap, false, false
	}
	if word[0] == '[' {
		inner, after, found := strings.Cut(word[1:], "]")
		if !found || after == "" || after[0] != ':' {
			return ap, false, false
		}
		if addr, ok := parseIPv6(inner); ok {
			port, ok := d.port(after[1:], p)
			return netip.AddrPortFrom(addr, port), true, ok
		}
		word = inner
	} else if addr, ok := parseIPv6(word); ok {
		return netip.AddrPortFrom(addr, 0), false, true
	}
	host := word
	var port uint16
	if i := strings.LastIndexByte(word, ':'); i >= 0 {
		hasPort, host = true, word[:i]
		if port, ok = d.port(word[i+1:], p); !ok {
			return ap, true, false
		}
	}
	addr, ok := d.Host(host)
	return netip.AddrPortFrom(addr, port), hasPort, ok
}

// Host reads an IPv4 address in any form that C's inet_aton takes, or else a
// name that resolves to an IPv4 address.
func (d *Database) Host(word string) (netip.Addr, bool) {
	if addr, ok := parseIPv4(word); ok {
		return addr, true
	}
	if strings.Trim(word, "0123456789.") == "" || strings.Contains(word, ":") {
		return netip.Addr{}, false // meant as an address; net's resolver would take it for one
	}
	addrs, ok := d.lookupHost(word)
	if !ok {
		return netip.Addr{}, false
	}
	return addrs[0], true
}

func (d *Database) port(word string, p ipvs.Protocol) (uint16, bool) {
	if n, ok := Number(word, 0, 65535); ok {
		return uint16(n), true
	}
	if word == "" {
		return 0, false
	}
	return d.lookupPort(word, p)
}

// Number reads word as C's strtol does in base 10: white space and a sign may
// come first, nothing may follow. It is refused outside of low to high.
func Number(word string, low, high int64) (int64, bool) {
	i := 0
	for i < len(word) && isSpace(word[i]) {
		i++
	}
	negative := false
	if i < len(word) && (word[i] == '+' || word[i] == '-') {
		negative = word[i] == '-'
		i++
	}
	if !digits(word[i:]) || i == len(word) {
		return 0, false
	}
	const huge = 1 << 40 // beyond all that a number is ever for
	var n int64
	for ; i < len(word); i++ {
		n = min(n*10+int64(word[i]-'0'), huge)
	}
	if negative {
		n = -n
	}
	return n, low <= n && n <= high
}

// parseIPv4 is C's inet_aton: one to four parts, of which the last fills the
// remaining bytes, in decimal, octal (0…) or hexadecimal (0x…). White space
// ends the address, and what follows it does not matter.
func parseIPv4(word string) (netip.Addr, bool) {
	var parts [4]uint64
	for n := range parts {
		part, rest, ok := cutNumber(word)
		if !ok {
			break
		}
		parts[n] = part
		if rest == "" || isSpace(rest[0]) {
			return joinIPv4(parts[:n+1])
		}
		if rest[0] != '.' {
			break
		}
		word = rest[1:]
	}
	return netip.Addr{}, false
}

func joinIPv4(parts []uint64) (netip.Addr, bool) {
	var b [4]byte
	last := len(parts) - 1
	for i, part := range parts[:last] {
		if part > 255 {
			return netip.Addr{}, false
		}
		b[i] = byte(part)
	}
	part := parts[last]
	for i := 3; i >= last; i-- {
		b[i] = byte(part)
		part >>= 8
	}
	return netip.AddrFrom4(b), part == 0
}

// cutNumber cuts a C integer constant off word.
func cutNumber(word string) (n uint64, rest string, ok bool) {
	base := uint64(10)
	i := 0
	if len(word) > 1 && word[0] == '0' {
		base, i = 8, 1
		if len(word) > 2 && word[1]|0x20 == 'x' && digit(word[2]) < 16 {
			base, i = 16, 2
		}
	}
	first := i
	for ; i < len(word) && digit(word[i]) < base; i++ {
		n = min(n*base+digit(word[i]), 1<<32)
	}
	return n, word[i:], i > first || base == 8
}

// digit returns the value of a digit in a base up to 16, or a large number.
func digit(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c | 0x20 - 'a' + 10)
	}
	return 99
}

// parseIPv6 takes what C's inet_pton does: an address without a zone.
func parseIPv6(word string) (netip.Addr, bool) {
	if strings.IndexByte(word, ':') < 0 || strings.IndexByte(word, '%') >= 0 {
		return netip.Addr{}, false
	}
	// Most words with a colon are IPv4 with a port; netip's refusal of those
	// would cost an allocation.
	if i := strings.IndexByte(word, '.'); i >= 0 && i < strings.IndexByte(word, ':') {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(word)
	return addr, err == nil
}

// digits reports whether word has nothing but decimal digits.
func digits(word string) bool {
	for i := range len(word) {
		if word[i] < '0' || word[i] > '9' {
			return false
		}
	}
	return true
}
