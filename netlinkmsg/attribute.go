// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// A netlink attribute (struct nlattr) has a length and a type of two bytes each
// in host byte order, a payload, and padding to a multiple of four bytes. The
// length includes the header but not the padding.
const (
	attrHeaderLen = 4
	attrTypeMask  = 0x3fff // NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER
	attrNested    = 0x8000 // NLA_F_NESTED

	addrLen = 16 // union nf_inet_addr: an IPv4 address is in the first 4 bytes, and the others are 0

	// maxNameLen is the maximum length of a name in bytes. The kernel's limit is
	// 15 (IP_VS_SCHEDNAME_MAXLEN, IP_VS_PENAME_MAXLEN and IP_VS_IFNAME_MAXLEN are
	// 16, including the NUL). Longer names are encoded too, so that the kernel
	// can reject them, but none that would overflow the 16-bit length of the
	// attribute.
	maxNameLen = 255
)

var native = binary.NativeEndian

func align4(n int) int { return (n + 3) &^ 3 }

func appendAttrHeader(b []byte, typ, payloadLen uint16) []byte {
	b = native.AppendUint16(b, attrHeaderLen+payloadLen)
	return native.AppendUint16(b, typ)
}

func appendUint8(b []byte, typ uint16, v uint8) []byte {
	return append(appendAttrHeader(b, typ, 1), v, 0, 0, 0)
}

func appendUint16(b []byte, typ, v uint16) []byte {
	b = native.AppendUint16(appendAttrHeader(b, typ, 2), v)
	return append(b, 0, 0)
}

func appendUint32(b []byte, typ uint16, v uint32) []byte {
	return native.AppendUint32(appendAttrHeader(b, typ, 4), v)
}

func appendUint64(b []byte, typ uint16, v uint64) []byte {
	return native.AppendUint64(appendAttrHeader(b, typ, 8), v)
}

// appendPort appends v in network byte order.
func appendPort(b []byte, typ, v uint16) []byte {
	b = binary.BigEndian.AppendUint16(appendAttrHeader(b, typ, 2), v)
	return append(b, 0, 0)
}

// appendNetUint32 appends v in network byte order.
func appendNetUint32(b []byte, typ uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendAttrHeader(b, typ, 4), v)
}

// appendName appends name as a NUL-terminated string. Errors refer to it by
// description.
func appendName(b []byte, typ uint16, name, description string) ([]byte, error) {
	switch {
	case len(name) > maxNameLen:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", description, len(name), maxNameLen)
	case strings.IndexByte(name, 0) >= 0:
		return nil, fmt.Errorf("%s %q contains a NUL byte", description, name)
	}
	b = appendAttrHeader(b, typ, uint16(len(name)+1))
	b = append(append(b, name...), 0)
	return pad4(b, len(name)+1), nil
}

// appendAddr appends a as a union nf_inet_addr.
func appendAddr(b []byte, typ uint16, a netip.Addr) []byte {
	b = appendAttrHeader(b, typ, addrLen)
	if a.Is4() {
		v := a.As4()
		return append(append(b, v[:]...), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	v := a.As16()
	return append(b, v[:]...)
}

// beginNested appends the header of a nested attribute. When the attributes in it
// have been appended, endNested sets its length.
func beginNested(b []byte, typ uint16) []byte {
	return appendAttrHeader(b, typ|attrNested, 0)
}

// endNested sets the length of the nested attribute whose header is at b[start:].
// The attribute extends to the end of b.
func endNested(b []byte, start int) {
	native.PutUint16(b[start:], uint16(len(b)-start))
}

// pad4 appends zeros to pad a payload of n bytes to a multiple of four.
func pad4(b []byte, n int) []byte {
	for ; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// attributes is a sequence of encoded attributes; the first is the current one. It
// is decoded by a loop such as
//
//	var tooShort attributes
//	a := attributes(b)
//	for ; a.valid(); a = a.next() {
//		switch a.typ() {
//		case typeOfWeight:
//			weight = a.uint32(&tooShort)
//		}
//	}
//	return a.err(tooShort)
//
// which ignores unknown types and, of several attributes of one type, uses the
// last. A payload may be longer than expected, because later kernels may extend
// it. If it is shorter, the method that reads it sets tooShort to a.
//
// Decoding a destination takes about 25 iterations of such loops. All methods except
// malformed are therefore written to be inlined, with few bounds checks.
type attributes []byte

// valid reports whether a begins with a complete attribute.
func (a attributes) valid() bool {
	return len(a) >= attrHeaderLen && native.Uint16(a) >= attrHeaderLen && int(native.Uint16(a)) <= len(a)
}

// next returns the attributes after the current one. The last attribute may
// lack its padding.
func (a attributes) next() attributes {
	n := (int(native.Uint16(a)) + 3) &^ 3
	if len(a)-n <= 0 {
		return nil
	}
	return a[n:len(a):len(a)]
}

// err returns an error if tooShort is set or if the loop stopped at a malformed
// attribute.
func (a attributes) err(tooShort attributes) error {
	if len(a) == 0 && tooShort == nil {
		return nil
	}
	return a.malformed(tooShort)
}

func (a attributes) malformed(tooShort attributes) error {
	switch {
	case tooShort != nil:
		return fmt.Errorf("attribute %d has a payload of only %d bytes", tooShort.typ(), len(tooShort.payload()))
	case len(a) >= attrHeaderLen:
		return fmt.Errorf("attribute of length %d in %d bytes", native.Uint16(a), len(a))
	}
	return fmt.Errorf("%d stray bytes after the last attribute", len(a))
}

func (a attributes) typ() uint16 { return native.Uint16(a[2:]) & attrTypeMask }

func (a attributes) payload() []byte {
	n := native.Uint16(a)
	return a[attrHeaderLen:n:n]
}

func (a attributes) uint8(tooShort *attributes) uint8 {
	if native.Uint16(a) < attrHeaderLen+1 {
		*tooShort = a
		return 0
	}
	return a[attrHeaderLen]
}

func (a attributes) uint16(tooShort *attributes) uint16 {
	if native.Uint16(a) < attrHeaderLen+2 {
		*tooShort = a
		return 0
	}
	return native.Uint16(a[attrHeaderLen:])
}

// port returns a 16-bit number in network byte order.
func (a attributes) port(tooShort *attributes) uint16 {
	if native.Uint16(a) < attrHeaderLen+2 {
		*tooShort = a
		return 0
	}
	return binary.BigEndian.Uint16(a[attrHeaderLen:])
}

func (a attributes) uint32(tooShort *attributes) uint32 {
	if native.Uint16(a) < attrHeaderLen+4 {
		*tooShort = a
		return 0
	}
	return native.Uint32(a[attrHeaderLen:])
}

// counter returns a 32-bit or 64-bit number, depending on the length of the
// payload.
func (a attributes) counter(tooShort *attributes) uint64 {
	switch n := native.Uint16(a); {
	case n >= attrHeaderLen+8:
		return native.Uint64(a[attrHeaderLen:])
	case n >= attrHeaderLen+4:
		return uint64(native.Uint32(a[attrHeaderLen:]))
	}
	*tooShort = a
	return 0
}

// cString returns b up to the first NUL as a string. If it equals old, cString
// returns old, so that decoding a table with equal names does not allocate.
func cString(b []byte, old string) string {
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	if string(b) == old {
		return old
	}
	return string(b)
}

// address decodes a union nf_inet_addr that contains an address of family f. Since
// the attribute of the family may follow that of the address, it is called after
// the loop.
func address(f Family, b []byte) (netip.Addr, error) {
	switch {
	case f == IPv4 && len(b) >= 4:
		return netip.AddrFrom4([4]byte(b)), nil
	case f == IPv6 && len(b) >= addrLen:
		return netip.AddrFrom16([16]byte(b)), nil
	case f != IPv4 && f != IPv6:
		return netip.Addr{}, fmt.Errorf("address of unknown family %d", uint16(f))
	}
	return netip.Addr{}, fmt.Errorf("%s address of %d bytes", f, len(b))
}
