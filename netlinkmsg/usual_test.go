package netlinkmsg

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usualNests are destinations as Debian's Linux 6.1 tells of them on amd64, without
// the header of the nest, and what they say.
func usualNests(t testing.TB) (nests [][]byte, want []Destination) {
	t.Helper()
	for b := recording(t, "linux-6.1-amd64")["destinations"][1].Data; len(b) > 0; {
		f, rest, err := Next(b)
		if b = rest; err != nil {
			t.Fatal(err)
		}
		nests = append(nests, f.Body[genericHeaderLen+attrHeaderLen:])
	}
	return nests, []Destination{
		{
			AddrPort: ap("10.9.8.7:80"), Method: Tunneling, Weight: 7,
			Tunnel:      Tunnel{Type: GUE, Port: 6080, Flags: TunnelChecksum},
			ActiveConns: 2,
			Stats:       Stats{Conns: 2, InPackets: 4, InBytes: 240, InBPS: 15},
		},
		{
			AddrPort: ap("10.200.0.1:8080"), Weight: 5,
			UpperThreshold: 1000, LowerThreshold: 500, InactiveConns: 2,
			Stats: Stats{Conns: 2, InPackets: 2, OutPackets: 2, InBytes: 120, OutBytes: 80, InBPS: 10, OutBPS: 7},
		},
	}
}

func TestUsual(t *testing.T) {
	nests, want := usualNests(t)
	for i, nest := range nests {
		var usual, other Destination
		if !usual.decodeUsual(nest) {
			t.Error("what a kernel sent is not taken for usual")
		}
		if diff := cmp.Diff(want[i], usual, compareAddrs); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := other.decodeAny(nest, 0); err != nil || other != usual {
			t.Errorf("attribute by attribute: %+v, %v, want %+v", other, err, usual)
		}
		for n := range nest {
			if usual.decodeUsual(nest[:n]) {
				t.Errorf("%d of %d bytes are taken for usual", n, len(nest))
			}
		}
		// Another type or size anywhere, of an attribute or of a number of the
		// statistics, is not usual.
		changed := bytes.Clone(nest)
		for at := 0; at < usualStats; at += align4(int(native.Uint16(nest[at:]))) {
			for b := range attrHeaderLen {
				changed[at+b] ^= 1
				if usual.decodeUsual(changed) {
					t.Errorf("with another byte %d it is taken for usual", at+b)
				}
				changed[at+b] ^= 1
			}
		}
		stats := changed[len(nest)-statsOutBPS*usualCounter:]
		for at := 0; at < len(stats); at += usualCounter {
			for b := range attrHeaderLen {
				stats[at+b] ^= 1
				if usual.Stats.decodeUsual(stats) {
					t.Errorf("with another byte %d the statistics are taken for usual", at+b)
				}
				stats[at+b] ^= 1
			}
		}
	}
}

// A kernel whose processor wants numbers of eight bytes in their places pads them.
func TestPaddedStats(t *testing.T) {
	padded := appendAttr(nil, statsOutBPS+1, 0)
	padded = append(padded, someStats.append(nil, svcStats64)[attrHeaderLen:]...)
	var s Stats
	if s.decodeUsual(padded) {
		t.Error("padded statistics are taken for usual")
	}
	if err := s.decode(padded); err != nil || s != someStats {
		t.Errorf("%+v, %v, want %+v", s, err, someStats)
	}
}

// What is taken for usual reads the same attribute by attribute.
func FuzzUsual(f *testing.F) {
	nests, _ := usualNests(f)
	for _, nest := range nests {
		f.Add(nest)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var usual, other Destination
		if !usual.decodeUsual(b) {
			return
		}
		if err := other.decodeAny(b, 0); err != nil || other != usual {
			t.Errorf("usual %+v, attribute by attribute %+v, %v", usual, other, err)
		}
	})
}
