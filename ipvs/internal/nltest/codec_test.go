package nltest_test

import (
	"bytes"
	"os"
	"testing"

	"goipvsadm/ipvs/internal/nltest"
	"goipvsadm/netlinkmsg"
)

// recording returns what was recorded on a kernel.
func recording(t testing.TB, name string) map[string][]nltest.Packet {
	t.Helper()
	f, err := os.Open("../../../testdata/netlink/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls, err := nltest.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// TestRecorded takes apart what was sent to a kernel, and taken by it, and
// puts it together again; and decodes all the kernel answered.
func TestRecorded(t *testing.T) {
	seen := make(map[netlinkmsg.Command]int)
	for title, calls := range recording(t, "linux-6.1-le") {
		for _, call := range calls {
			for rest := call.Data; len(rest) > 0; {
				start := rest
				f, next, err := netlinkmsg.Split(rest)
				if rest = next; err != nil {
					t.Fatalf("%s: %v", title, err)
				}
				if f.Header.Type < 0x10 {
					continue // errors and ends
				}
				var m netlinkmsg.Message
				if err := m.Decode(f.Body, netlinkmsg.IPv4); err != nil {
					t.Fatalf("%s: %v", title, err)
				}
				seen[m.Command]++
				if !call.Sent {
					continue
				}
				again, err := m.Append(nil, uint16(f.Header.Type), f.Header.Flags, f.Header.Sequence)
				if err != nil || !bytes.Equal(again, start[:f.Header.Length]) {
					t.Errorf("%s:\nsent  %x\nagain %x", title, start[:f.Header.Length], again)
				}
			}
		}
	}
	for c := netlinkmsg.NewService; c <= netlinkmsg.Flush; c++ {
		if seen[c] == 0 {
			t.Errorf("the recording has no %q", c)
		}
	}
}
