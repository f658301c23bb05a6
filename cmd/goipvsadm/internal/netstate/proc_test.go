package netstate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNetstat(t *testing.T) {
	const text = "TcpExt: SyncookiesSent IPReversePathFilter TW\nTcpExt: 1 23 4\nIpExt: InNoRoutes\nIpExt: 5\n"
	if n, err := netstat(text, "TcpExt:", "IPReversePathFilter"); n != 23 || err != nil {
		t.Error(n, err)
	}
	if n, err := netstat(text, "IpExt:", "InNoRoutes"); n != 5 || err != nil {
		t.Error(n, err)
	}
	for _, text := range []string{"", "TcpExt: TW\nTcpExt: 1\n", "TcpExt: IPReversePathFilter\n", "TcpExt: IPReversePathFilter\nTcpExt: x\n"} {
		if n, err := netstat(text, "TcpExt:", "IPReversePathFilter"); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// The counters of all processors are one.
func TestConntrackStat(t *testing.T) {
	const text = "entries  found new invalid ignore\n00000000  00000001 00000000 00000010 00000000\n00000000  00000001 00000000 0000000f 00000000\n"
	if n, err := conntrackStat(text, "invalid"); n != 31 || err != nil {
		t.Error(n, err)
	}
	for _, text := range []string{"", "entries\n00000000\n", "invalid\nx\n"} {
		if n, err := conntrackStat(text, "invalid"); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// The words of an address are in the order of the processor, as here.
func TestSockets(t *testing.T) {
	word := func(s string) string {
		b := netip.MustParseAddr(s).AsSlice()
		text := ""
		for ; len(b) > 0; b = b[4:] {
			text += hex8(native32(b))
		}
		return text
	}
	table := "  sl  local_address rem_address   st tx_queue rx_queue\n" +
		"   0: " + word("127.0.0.1") + ":0016 00000000:0000 0A 00000000:00000000\n" +
		"   1: " + word("0.0.0.0") + ":1F90 00000000:0000 0A 00000000:00000000\n" +
		"   2: " + word("10.0.0.1") + ":0016 00000000:0000 01 00000000:00000000\n" +
		"   3: " + word("10.0.0.1") + ":0017 00000000:0000 0A 00000000:00000000\n"
	got, err := sockets(strings.NewReader(table), unix.IPPROTO_TCP, tcpListen)
	want := []Socket{
		{unix.IPPROTO_TCP, netip.MustParseAddrPort("127.0.0.1:22")},
		{unix.IPPROTO_TCP, netip.MustParseAddrPort("0.0.0.0:8080")},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	got, err = sockets(strings.NewReader("title\n 1: "+word("2001:db8::1")+":0035 0:0 01\n 2: "+word("::")+":0035 0:0 07\n"), unix.IPPROTO_UDP, tcpClose)
	if want := []Socket{{unix.IPPROTO_UDP, netip.MustParseAddrPort("[::]:53")}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, s := range []string{"", ":", "0100007F", "0100007F:", "0100007:0016", "0100007F:10016", "zzzzzzzz:0016", "0100007F0:0016"} {
		if ap, ok := socketAddress(s); ok {
			t.Errorf("%q: %s", s, ap)
		}
	}
}

// This process is one of those that run.
func TestProcesses(t *testing.T) {
	name := self(t)
	processes, err := Processes(name)
	if err != nil || len(processes) == 0 {
		t.Errorf("%v, %v", processes, err)
	}
	if processes, err := Processes("no such program"); err != nil || len(processes) > 0 {
		t.Errorf("%v, %v", processes, err)
	}
}

func native32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

func hex8(n uint32) string { return fmt.Sprintf("%08X", n) }

// self returns the name of this process.
func self(t *testing.T) string {
	b, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}
