package nltest

import (
	"encoding/binary"
	"slices"
)

// A nest is a level of attributes and what is not a plain number in it.
type schema struct {
	inside map[uint16]*schema // nested attributes
	opaque []uint16           // bytes, texts and numbers in network order
	pairs  []uint16           // two numbers of four bytes
}

var (
	numbers = &schema{}
	service = &schema{
		inside: map[uint16]*schema{10: numbers, 12: numbers},
		opaque: []uint16{3, 4, 6, 11}, // address, port, scheduler, engine
		pairs:  []uint16{7},           // flags and their mask
	}
	destination = &schema{
		inside: map[uint16]*schema{10: numbers, 12: numbers},
		opaque: []uint16{1, 2, 14}, // address, port, tunnel port
	}
	daemon  = &schema{opaque: []uint16{2, 5, 6}} // interface, groups
	command = &schema{inside: map[uint16]*schema{1: service, 2: destination, 3: daemon}}
)

// setInfo is the command whose attributes are numbered differently.
const setInfo = 14

// netmask is the service attribute that is in network order for IPv4 only.
const netmask = 9

// toNative turns little-endian messages around where the machine is not.
func toNative(b []byte) []byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return b
	}
	return swapEndian(b)
}

// turn changes the byte order of the messages in b, in place.
func swapEndian(b []byte) []byte {
	for rest := b; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest)
		typ := binary.LittleEndian.Uint16(rest[4:])
		turnHeader(rest)
		if body := rest[16:n]; typ == 2 || typ == 3 { // error, done
			slices.Reverse(body[:4])
			if len(body) > 4 {
				turnHeader(body[4:])
			}
		} else if body[0] == setInfo {
			numbers.turn(body[4:])
		} else {
			command.turn(body[4:])
		}
		rest = rest[(n+3)&^3:]
	}
	return b
}

func turnHeader(b []byte) {
	for _, field := range [][]byte{b[0:4], b[4:6], b[6:8], b[8:12], b[12:16]} {
		slices.Reverse(field)
	}
}

func (n *schema) turn(b []byte) {
	ipv6 := false
	for len(b) > 0 {
		length := binary.LittleEndian.Uint16(b)
		typ := binary.LittleEndian.Uint16(b[2:]) & 0x3fff
		slices.Reverse(b[0:2])
		slices.Reverse(b[2:4])
		data := b[4:length]
		if n == service && typ == 1 {
			ipv6 = data[0] == 10
		}
		switch {
		case n.inside[typ] != nil:
			n.inside[typ].turn(data)
		case slices.Contains(n.opaque, typ), n == service && typ == netmask && !ipv6:
		case slices.Contains(n.pairs, typ):
			slices.Reverse(data[:4])
			slices.Reverse(data[4:])
		default:
			slices.Reverse(data)
		}
		b = b[(length+3)&^3:]
	}
}
