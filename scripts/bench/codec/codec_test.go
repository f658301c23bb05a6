// SPDX-License-Identifier: MIT

// Package codec contains benchmarks of encoding and decoding destinations with
// package netlinkmsg, with the attribute encoder and decoder of
// mdlayher/netlink, and with moby/ipvs. Run them with "go test -bench .".
package codec

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"testing"
	_ "unsafe" // for linkname

	mnl "github.com/mdlayher/netlink"
	moby "github.com/moby/ipvs"
	"github.com/vishvananda/netlink/nl"

	"goipvsadm/netlinkmsg"
)

// moby/ipvs exports no functions that encode or decode without a socket.

//go:linkname mobyRequest github.com/moby/ipvs.newIPVSRequest
func mobyRequest(cmd uint8) *nl.NetlinkRequest

//go:linkname mobyService github.com/moby/ipvs.fillService
func mobyService(*moby.Service) nl.NetlinkRequestData

//go:linkname mobyDestination github.com/moby/ipvs.fillDestination
func mobyDestination(*moby.Destination) nl.NetlinkRequestData

//go:linkname mobyParse github.com/moby/ipvs.(*Handle).parseDestination
func mobyParse(*moby.Handle, []byte) (*moby.Destination, error)

const family = 28 // message type of the family; an arbitrary value

var (
	service     = netip.MustParseAddrPort("10.1.2.3:80")
	destination = netip.MustParseAddrPort("10.128.4.5:8080")
)

func BenchmarkEncodeDestination(b *testing.B) {
	b.Run("netlinkmsg", func(b *testing.B) {
		m := netlinkmsg.Message{
			Command:     netlinkmsg.NewDestination,
			Service:     &netlinkmsg.Service{ServiceKey: netlinkmsg.AddrKey(netlinkmsg.TCP, service)},
			Destination: &netlinkmsg.Destination{AddrPort: destination, Method: netlinkmsg.DirectRouting, Weight: 1},
		}
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if buf, err = m.Append(buf[:0], family, mnl.Request|mnl.Acknowledge, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("AttributeEncoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := mdlayherEncode(service, destination, 3, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("moby", func(b *testing.B) {
		s := &moby.Service{AddressFamily: nl.FAMILY_V4, Protocol: 6, Address: service.Addr().AsSlice(), Port: service.Port()}
		d := &moby.Destination{AddressFamily: nl.FAMILY_V4, Address: destination.Addr().AsSlice(), Port: destination.Port(), ConnectionFlags: 3, Weight: 1}
		b.ReportAllocs()
		for b.Loop() {
			r := mobyRequest(uint8(netlinkmsg.NewDestination))
			r.Seq = 1
			r.AddData(mobyService(s))
			r.AddData(mobyDestination(d))
			_ = r.Serialize()
		}
	})
}

func BenchmarkDecodeDestination(b *testing.B) {
	body := recordedDestination(b)
	b.Run("netlinkmsg", func(b *testing.B) {
		m := netlinkmsg.Message{Destination: new(netlinkmsg.Destination)}
		b.ReportAllocs()
		for b.Loop() {
			if err := m.Decode(body, netlinkmsg.IPv4); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("AttributeDecoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := mdlayherDecode(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("moby", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := mobyParse(nil, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestDecodersAgree checks that the three decoders return the same destination.
func TestDecodersAgree(t *testing.T) {
	body := recordedDestination(t)
	var m netlinkmsg.Message
	if err := m.Decode(body, netlinkmsg.IPv4); err != nil {
		t.Fatal(err)
	}
	mdlayherDest, err := mdlayherDecode(body)
	if err != nil {
		t.Fatal(err)
	}
	if *m.Destination != *mdlayherDest {
		t.Errorf("netlinkmsg: %+v\nmdlayher:   %+v", *m.Destination, *mdlayherDest)
	}
	mobyDest, err := mobyParse(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	if addr, ok := netip.AddrFromSlice(mobyDest.Address.To4()); !ok || netip.AddrPortFrom(addr, mobyDest.Port) != m.Destination.AddrPort ||
		uint32(mobyDest.Weight) != m.Destination.Weight {
		t.Errorf("netlinkmsg: %+v\nmoby:       %+v", m.Destination, mobyDest)
	}
}

// recordedDestination returns the body of the last message with a destination in
// the recording of a dump.
func recordedDestination(t testing.TB) []byte {
	f, err := os.ReadFile("../../../testdata/netlink/linux-6.1-amd64.txt")
	if err != nil {
		t.Fatal(err)
	}
	var last []byte
	for line := range bytes.Lines(f) {
		text, received := bytes.CutPrefix(bytes.TrimSpace(line), []byte("< "))
		if !received {
			continue
		}
		raw, err := hex.AppendDecode(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		for len(raw) > 0 {
			var frame netlinkmsg.Frame
			if frame, raw, err = netlinkmsg.Split(raw); err != nil {
				t.Fatal(err)
			}
			if frame.Header.Type > mnl.Overrun && netlinkmsg.Command(frame.Body[0]) == netlinkmsg.NewDestination {
				last = frame.Body
			}
		}
	}
	if last == nil {
		t.Fatal("no destination in the recording")
	}
	return last
}
