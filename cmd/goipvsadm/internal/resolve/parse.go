// SPDX-License-Identifier: MIT

package resolve

import (
	"net/netip"
	"strings"

	"goipvsadm/ipvs"
)

// AddrPort parses the address of a service or server:
//
//	HOST[:PORT]   HOST in the form that Host accepts
//	[IPV6]:PORT
//	IPV6          without a port
//
// PORT is a number, or a name of a port of protocol p. hasPort reports whether the
// word contains a port. Decimal digits alone are not an address.
//
// As in ipvsadm, brackets around anything other than an IPv6 address are removed
// together with the port after them.
func (d *Database) AddrPort(word string, p ipvs.Protocol) (ap netip.AddrPort, hasPort, ok bool) {
	if isDigits(word) { // also if it is empty
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

// Host parses an IPv4 address in any form that inet_aton(3) accepts, or resolves a name
// to an IPv4 address.
func (d *Database) Host(word string) (netip.Addr, bool) {
	if addr, ok := parseIPv4(word); ok {
		return addr, true
	}
	if strings.Trim(word, "0123456789.") == "" || strings.Contains(word, ":") {
		return netip.Addr{}, false // an invalid address, which net.Resolver might accept
	}
	addrs, ok := d.lookupHost(word)
	if !ok {
		return netip.Addr{}, false
	}
	return addrs[0], true
}

// port parses a number, or resolves the name of a port of protocol p.
func (d *Database) port(word string, p ipvs.Protocol) (uint16, bool) {
	if n, ok := Number(word, 0, 65535); ok {
		return uint16(n), true
	}
	if word == "" {
		return 0, false
	}
	return d.lookupPort(word, p)
}

// Number parses word like strtol(3) in base 10: leading white space and a sign are
// accepted, trailing characters are not. It returns false for numbers below low or above
// high.
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
	if !isDigits(word[i:]) || i == len(word) {
		return 0, false
	}
	const maxMagnitude = 1 << 40 // numbers saturate at this value, which exceeds every valid one
	var n int64
	for ; i < len(word); i++ {
		n = min(n*10+int64(word[i]-'0'), maxMagnitude)
	}
	if negative {
		n = -n
	}
	return n, low <= n && n <= high
}

// parseIPv4 parses an address like inet_aton(3): one to four parts in decimal, octal
// (0…) or hexadecimal (0x…), of which the last fills the remaining bytes. White space
// and everything after it are ignored.
func parseIPv4(word string) (netip.Addr, bool) {
	var parts [4]uint64
	for n := range parts {
		part, rest, ok := cutUint(word)
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

// joinIPv4 returns the address with the given parts.
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

// cutUint cuts a C integer constant off the front of word.
func cutUint(word string) (n uint64, rest string, ok bool) {
	base := uint64(10)
	i := 0
	if len(word) > 1 && word[0] == '0' {
		base, i = 8, 1
		if len(word) > 2 && word[1]|0x20 == 'x' && digitValue(word[2]) < 16 {
			base, i = 16, 2
		}
	}
	first := i
	for ; i < len(word) && digitValue(word[i]) < base; i++ {
		n = min(n*base+digitValue(word[i]), 1<<32)
	}
	return n, word[i:], i > first || base == 8
}

// digitValue returns the value of a digit in a base up to 16, or 99 if c is not a digit.
func digitValue(c byte) uint64 {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c | 0x20 - 'a' + 10)
	}
	return 99
}

// parseIPv6 parses an address like inet_pton(3): it rejects zones.
func parseIPv6(word string) (netip.Addr, bool) {
	if strings.IndexByte(word, ':') < 0 || strings.IndexByte(word, '%') >= 0 {
		return netip.Addr{}, false
	}
	// Most words with a colon are IPv4 addresses with a port. Rejecting them here
	// avoids the allocation of netip's error.
	if i := strings.IndexByte(word, '.'); i >= 0 && i < strings.IndexByte(word, ':') {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(word)
	return addr, err == nil
}

// isDigits reports whether word consists of decimal digits only; it may be empty.
func isDigits(word string) bool {
	for i := range len(word) {
		if word[i] < '0' || word[i] > '9' {
			return false
		}
	}
	return true
}
