// SPDX-License-Identifier: MIT

package nltest

import (
	"encoding/binary"
	"slices"
)

// schema describes one level of attributes for the conversion of their byte
// order. Attributes that it does not list are numbers in host byte order.
type schema struct {
	nested map[uint16]*schema
	opaque []uint16 // not converted: bytes, strings and numbers in network byte order
	pairs  []uint16 // two 32-bit numbers
}

var (
	statsSchema   = &schema{}
	infoSchema    = &schema{}
	serviceSchema = &schema{
		nested: map[uint16]*schema{10: statsSchema, 12: statsSchema},
		opaque: []uint16{3, 4, 6, 11}, // address, port, scheduler, persistence engine
		pairs:  []uint16{7},           // flags and mask
	}
	destinationSchema = &schema{
		nested: map[uint16]*schema{10: statsSchema, 12: statsSchema},
		opaque: []uint16{1, 2, 14}, // address, port, tunnel port
	}
	daemonSchema  = &schema{opaque: []uint16{2, 5, 6}} // interface, IPv4 and IPv6 group
	commandSchema = &schema{nested: map[uint16]*schema{1: serviceSchema, 2: destinationSchema, 3: daemonSchema}}
)

const (
	cmdSetInfo = 14 // IPVS_CMD_SET_INFO, which uses infoSchema

	svcFamily  = 1 // IPVS_SVC_ATTR_AF
	svcNetmask = 9 // IPVS_SVC_ATTR_NETMASK: in network byte order for IPv4, in host byte order for IPv6
	afINET6    = 10

	nlmsgError = 2
	nlmsgDone  = 3
)

// toNative converts little-endian messages to the byte order of the host.
func toNative(b []byte) []byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return b
	}
	return swapEndian(b)
}

// swapEndian converts little-endian messages to big-endian, in place.
func swapEndian(b []byte) []byte {
	for rest := b; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest)
		typ := binary.LittleEndian.Uint16(rest[4:])
		swapHeader(rest)
		switch body := rest[16:n]; {
		case typ == nlmsgError || typ == nlmsgDone:
			slices.Reverse(body[:4])
			if len(body) > 4 { // the header of the request
				swapHeader(body[4:])
			}
		case body[0] == cmdSetInfo:
			infoSchema.swap(body[4:])
		default:
			commandSchema.swap(body[4:])
		}
		rest = rest[(n+3)&^3:]
	}
	return b
}

func swapHeader(b []byte) {
	for _, field := range [][]byte{b[0:4], b[4:6], b[6:8], b[8:12], b[12:16]} {
		slices.Reverse(field)
	}
}

// swap converts the attributes in b.
func (s *schema) swap(b []byte) {
	isIPv6 := false
	for len(b) > 0 {
		n := binary.LittleEndian.Uint16(b)
		typ := binary.LittleEndian.Uint16(b[2:]) & 0x3fff
		slices.Reverse(b[0:2])
		slices.Reverse(b[2:4])
		payload := b[4:n]
		if s == serviceSchema && typ == svcFamily {
			isIPv6 = payload[0] == afINET6
		}
		switch {
		case s.nested[typ] != nil:
			s.nested[typ].swap(payload)
		case slices.Contains(s.opaque, typ), s == serviceSchema && typ == svcNetmask && !isIPv6:
		case slices.Contains(s.pairs, typ):
			slices.Reverse(payload[:4])
			slices.Reverse(payload[4:])
		default:
			slices.Reverse(payload)
		}
		b = b[(n+3)&^3:]
	}
}
