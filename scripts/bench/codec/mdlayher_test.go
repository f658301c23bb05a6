// SPDX-License-Identifier: MIT

package codec

import (
	"encoding/binary"
	"net/netip"
	"syscall"

	mnl "github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// Encoding and decoding of destinations as the documentation of mdlayher/netlink
// suggests: nested encoders and decoders, with one call per attribute. Attributes
// are numbered as in linux/ip_vs.h.

// nfInetAddr returns a as a union nf_inet_addr.
func nfInetAddr(a netip.Addr) []byte {
	var b [16]byte
	copy(b[:], a.AsSlice())
	return b[:]
}

func bigEndian(p uint16) []byte { return binary.BigEndian.AppendUint16(nil, p) }

func mdlayherEncode(s, d netip.AddrPort, method, weight uint32) ([]byte, error) {
	ae := mnl.NewAttributeEncoder()
	ae.Nested(1, func(ae *mnl.AttributeEncoder) error {
		ae.Uint16(1, syscall.AF_INET)
		ae.Uint16(2, syscall.IPPROTO_TCP)
		ae.Bytes(3, nfInetAddr(s.Addr()))
		ae.Bytes(4, bigEndian(s.Port()))
		return nil
	})
	ae.Nested(2, func(ae *mnl.AttributeEncoder) error {
		ae.Uint16(11, syscall.AF_INET)
		ae.Bytes(1, nfInetAddr(d.Addr()))
		ae.Bytes(2, bigEndian(d.Port()))
		ae.Uint32(3, method)
		ae.Uint32(4, weight)
		ae.Uint8(13, 0)
		ae.Bytes(14, bigEndian(0))
		ae.Uint16(15, 0)
		ae.Uint32(5, 0)
		ae.Uint32(6, 0)
		return nil
	})
	attrs, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	m := mnl.Message{
		Header: mnl.Header{Length: uint32(20 + len(attrs)), Type: family, Flags: mnl.Request | mnl.Acknowledge, Sequence: 1},
		Data:   append([]byte{byte(netlinkmsg.NewDestination), netlinkmsg.FamilyVersion, 0, 0}, attrs...),
	}
	return m.MarshalBinary()
}

func mdlayherDecode(body []byte) (*netlinkmsg.Destination, error) {
	ad, err := mnl.NewAttributeDecoder(body[4:])
	if err != nil {
		return nil, err
	}
	d := new(netlinkmsg.Destination)
	for ad.Next() {
		if ad.Type() == 2 {
			ad.Nested(func(ad *mnl.AttributeDecoder) error { return mdlayherDestination(ad, d) })
		}
	}
	return d, ad.Err()
}

func mdlayherDestination(ad *mnl.AttributeDecoder, d *netlinkmsg.Destination) error {
	var addr netip.Addr
	var port uint16
	for ad.Next() {
		switch ad.Type() {
		case 1:
			addr, _ = netip.AddrFromSlice(ad.Bytes()[:4])
		case 2:
			port = binary.BigEndian.Uint16(ad.Bytes())
		case 3:
			d.Method = netlinkmsg.ForwardingMethod(ad.Uint32() & 7)
		case 4:
			d.Weight = ad.Uint32()
		case 5:
			d.UpperThreshold = ad.Uint32()
		case 6:
			d.LowerThreshold = ad.Uint32()
		case 7:
			d.ActiveConns = ad.Uint32()
		case 8:
			d.InactiveConns = ad.Uint32()
		case 9:
			d.PersistentConns = ad.Uint32()
		case 12:
			ad.Nested(func(ad *mnl.AttributeDecoder) error {
				fields := [...]*uint64{1: &d.Stats.Conns, &d.Stats.InPackets, &d.Stats.OutPackets, &d.Stats.InBytes, &d.Stats.OutBytes,
					&d.Stats.CPS, &d.Stats.InPPS, &d.Stats.OutPPS, &d.Stats.InBPS, &d.Stats.OutBPS}
				for ad.Next() {
					if t := int(ad.Type()); t > 0 && t < len(fields) {
						*fields[t] = ad.Uint64()
					}
				}
				return nil
			})
		}
	}
	d.AddrPort = netip.AddrPortFrom(addr, port)
	return nil
}
