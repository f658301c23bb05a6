package netlinkmsg

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// An attribute is a length and a type of two bytes each in host order, a
// payload, and padding to a multiple of four. The length does not count the
// padding.
const (
	attrHeaderLen = 4
	attrTypeMask  = 0x3fff // above it: NLA_F_NESTED and NLA_F_NET_BYTEORDER
	attrNested    = 0x8000

	addrLen = 16 // union nf_inet_addr: IPv4 in the first four bytes, the rest zero
)

var native = binary.NativeEndian

func align4(n int) int { return (n + 3) &^ 3 }

// appendAttr appends an attribute's header for a payload of n bytes.
func appendAttr(b []byte, typ uint16, n int) []byte {
	b = native.AppendUint16(b, uint16(attrHeaderLen+n))
	return native.AppendUint16(b, typ)
}

func appendUint8(b []byte, typ uint16, v uint8) []byte {
	return append(appendAttr(b, typ, 1), v, 0, 0, 0)
}

func appendUint16(b []byte, typ, v uint16) []byte {
	b = native.AppendUint16(appendAttr(b, typ, 2), v)
	return append(b, 0, 0)
}

// appendPort appends v in network order.
func appendPort(b []byte, typ, v uint16) []byte {
	return append(appendAttr(b, typ, 2), byte(v>>8), byte(v), 0, 0)
}

func appendUint32(b []byte, typ uint16, v uint32) []byte {
	return native.AppendUint32(appendAttr(b, typ, 4), v)
}

func appendUint64(b []byte, typ uint16, v uint64) []byte {
	return native.AppendUint64(appendAttr(b, typ, 8), v)
}

// appendNetUint32 appends v in network order.
func appendNetUint32(b []byte, typ uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendAttr(b, typ, 4), v)
}

// appendString appends s with a NUL behind it, which the ABI counts.
func appendString(b []byte, typ uint16, s string) []byte {
	b = appendAttr(b, typ, len(s)+1)
	b = append(append(b, s...), 0)
	return pad4(b, len(s)+1)
}

// appendAddr appends a as the ABI's union of 16 bytes.
func appendAddr(b []byte, typ uint16, a netip.Addr) []byte {
	b = appendAttr(b, typ, addrLen)
	if a.Is4() {
		v := a.As4()
		return append(append(b, v[:]...), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	v := a.As16()
	return append(b, v[:]...)
}

// beginNested appends the header of a nested attribute; endNested, given the
// position beginNested started from, fills in its length.
func beginNested(b []byte, typ uint16) []byte {
	return appendAttr(b, typ|attrNested, 0)
}

func endNested(b []byte, start int) {
	native.PutUint16(b[start:], uint16(len(b)-start))
}

func pad4(b []byte, n int) []byte {
	for ; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// Attributes are those of one run: of a message, or of a nest in it. They are
// found in one pass; then each is read by its type. A type that is there twice
// counts as it comes last, and types beyond maxAttr are passed over.
type attributes struct {
	raw    []byte
	off    [maxAttr + 1]uint32  // where in run the payload begins, 0 if there is none
	inline [maxAttr + 1][4]byte // what it begins with: all of it, if it is a number
}

// maxAttr is the highest type of attribute that any part of a message has.
const maxAttr = destTunnelFlags

// Sizes are how many bytes the payload of each type must have. Longer ones are
// taken: a later kernel may have widened a field at its end.
type minLens [maxAttr + 1]uint8

// find finds the attributes in b. It is an error if the run breaks off, or if
// a payload has fewer bytes than are due by its type.
func (a *attributes) parse(b []byte, due *minLens) error {
	*a = attributes{raw: b}
	for len(b) > 0 {
		if len(b) < attrHeaderLen {
			return fmt.Errorf("%d stray bytes after the last attribute", len(b))
		}
		n, typ := int(native.Uint16(b)), native.Uint16(b[2:])&attrTypeMask
		if n < attrHeaderLen || n > len(b) {
			return fmt.Errorf("attribute of length %d in %d bytes", n, len(b))
		}
		if typ <= maxAttr {
			if n < attrHeaderLen+int(due[typ]) {
				return fmt.Errorf("attribute %d has %d bytes where %d are due", typ, n-attrHeaderLen, due[typ])
			}
			a.off[typ] = uint32(len(a.raw) - len(b) + attrHeaderLen)
			if len(b) >= attrHeaderLen+4 {
				a.inline[typ] = [4]byte(b[attrHeaderLen:])
			} else {
				copy(a.inline[typ][:], b[attrHeaderLen:])
			}
		}
		if n = align4(n); n >= len(b) {
			break // the last may lack its padding
		}
		b = b[n:]
	}
	return nil
}

// has reports whether there is an attribute of the type.
func (a *attributes) has(typ int) bool { return a.off[typ] != 0 }

// data returns the payload of the attribute, nil if there is none.
func (a *attributes) data(typ int) []byte {
	at := int(a.off[typ])
	if at == 0 {
		return nil
	}
	return a.raw[at : at-attrHeaderLen+int(native.Uint16(a.raw[at-attrHeaderLen:]))]
}

// The numbers that are payloads, in the host's byte order; 0 if there is none.

func (a *attributes) uint8(typ int) uint8   { return a.inline[typ][0] }
func (a *attributes) uint16(typ int) uint16 { return native.Uint16(a.inline[typ][:]) }
func (a *attributes) uint32(typ int) uint32 { return native.Uint32(a.inline[typ][:]) }

// port returns a number of two bytes in network order.
func (a *attributes) port(typ int) uint16 { return binary.BigEndian.Uint16(a.inline[typ][:]) }

// netUint32 returns a number of four bytes in network order.
func (a *attributes) netUint32(typ int) uint32 { return binary.BigEndian.Uint32(a.inline[typ][:]) }

// text returns the text before the first NUL. It hands back old where the
// text is the same, so that a table whose rows repeat a name costs nothing.
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

// address makes an address of a union's bytes. The family comes in another
// attribute, perhaps a later one, so the bytes are kept until it is known.
func address(f Family, raw []byte) (netip.Addr, error) {
	switch {
	case f == IPv4 && len(raw) >= 4:
		return netip.AddrFrom4([4]byte(raw)), nil
	case f == IPv6 && len(raw) >= addrLen:
		return netip.AddrFrom16([16]byte(raw)), nil
	case f != IPv4 && f != IPv6:
		return netip.Addr{}, fmt.Errorf("address of unknown family %d", uint16(f))
	}
	return netip.Addr{}, fmt.Errorf("%s address of %d bytes", f, len(raw))
}
