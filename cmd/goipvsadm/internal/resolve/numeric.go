// SPDX-License-Identifier: MIT

package resolve

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"goipvsadm/ipvs"
)

// Numeric formats addresses and ports numerically.
type Numeric struct{}

// Append appends ap like AppendNumeric.
func (Numeric) Append(b []byte, ap netip.AddrPort, _ ipvs.Protocol) []byte {
	return AppendNumeric(b, ap)
}

// AppendNumeric appends ap as ADDRESS:PORT, or [ADDRESS]:PORT for IPv6.
func AppendNumeric(b []byte, ap netip.AddrPort) []byte {
	if a := ap.Addr(); a.Is4() {
		b = a.AppendTo(b)
	} else {
		b = append(b, '[')
		b = AppendAddr(b, a)
		b = append(b, ']')
	}
	b = append(b, ':')
	return strconv.AppendUint(b, uint64(ap.Port()), 10)
}

// AppendAddr appends an address as the C library formats it. This differs from netip
// only for IPv4-compatible IPv6 addresses, which end in dotted decimal: ::192.0.2.1.
func AppendAddr(b []byte, a netip.Addr) []byte {
	if a.Is6() && !a.Is4In6() {
		v := a.As16()
		// If the seventh word is 0 too, the C library extends the run of zeros instead.
		if [12]byte(v[:12]) == [12]byte{} && binary.BigEndian.Uint16(v[12:]) != 0 {
			b = append(b, "::"...)
			return netip.AddrFrom4([4]byte(v[12:])).AppendTo(b)
		}
	}
	return a.AppendTo(b)
}
