// SPDX-License-Identifier: MIT

package nltest_test

import (
	"bytes"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs/internal/nltest"
	"goipvsadm/netlinkmsg"
)

// readRecording reads a recording from testdata/netlink:
//
//   - linux-6.1-le: all commands, on User-Mode Linux, which pads 64-bit numbers
//   - linux-6.1-amd64: a dump of destinations, on Debian, without padding
func readRecording(t testing.TB, name string) map[string][]nltest.Packet {
	t.Helper()
	f, err := os.Open("../../../testdata/netlink/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packets, err := nltest.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return packets
}

// split splits a packet into its messages of the IPVS family. It skips the final
// messages of replies.
func split(t testing.TB, b []byte) []netlinkmsg.Frame {
	t.Helper()
	var frames []netlinkmsg.Frame
	for len(b) > 0 {
		f, rest, err := netlinkmsg.Split(b)
		if err != nil {
			t.Fatal(err)
		}
		b = rest
		if f.Header.Type > netlink.Overrun {
			frames = append(frames, f)
		}
	}
	return frames
}

func decode(t testing.TB, f netlinkmsg.Frame) netlinkmsg.Message {
	t.Helper()
	var m netlinkmsg.Message
	if err := m.Decode(f.Body, netlinkmsg.IPv4); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDecodeRecording decodes all recorded messages. Encoding the decoded requests
// must result in the recorded ones.
func TestDecodeRecording(t *testing.T) {
	seen := make(map[netlinkmsg.Command]int)
	for title, packets := range readRecording(t, "linux-6.1-le") {
		t.Run(title, func(t *testing.T) {
			for _, p := range packets {
				for _, f := range split(t, p.Data) {
					m := decode(t, f)
					seen[m.Command]++
					if !p.Sent {
						continue
					}
					if body, err := m.AppendBody(nil); err != nil || !bytes.Equal(body, f.Body) {
						t.Errorf("recorded %x\nencoded  %x, %v", f.Body, body, err)
					}
				}
			}
		})
	}
	for c := netlinkmsg.NewService; c <= netlinkmsg.Flush; c++ {
		if seen[c] == 0 {
			t.Errorf("no %q in the recording", c)
		}
	}
}

func TestDecodeRecordedDestinations(t *testing.T) {
	var got []netlinkmsg.Destination
	for _, p := range readRecording(t, "linux-6.1-amd64")["destinations"] {
		for _, f := range split(t, p.Data) {
			if m := decode(t, f); !p.Sent {
				got = append(got, *m.Destination)
			}
		}
	}
	want := []netlinkmsg.Destination{
		{
			AddrPort: netip.MustParseAddrPort("10.9.8.7:80"), Method: netlinkmsg.Tunneling, Weight: 7,
			Tunnel:      netlinkmsg.Tunnel{Type: netlinkmsg.GUE, Port: 6080, Flags: netlinkmsg.TunnelChecksum},
			ActiveConns: 2,
			Stats:       netlinkmsg.Stats{Conns: 2, InPackets: 4, InBytes: 240, InBPS: 15},
		},
		{
			AddrPort: netip.MustParseAddrPort("10.200.0.1:8080"), Weight: 5,
			UpperThreshold: 1000, LowerThreshold: 500, InactiveConns: 2,
			Stats: netlinkmsg.Stats{Conns: 2, InPackets: 2, OutPackets: 2, InBytes: 120, OutBytes: 80, InBPS: 10, OutBPS: 7},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("destinations (-want +got):\n%s", diff)
	}
}
