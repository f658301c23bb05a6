package ipvs

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	gocmp "github.com/google/go-cmp/cmp"
)

const connectionTitle = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"

func parseConnections(r io.Reader) (all []Connection, err error) {
	readConnections(r, func(c Connection, e error) bool {
		if e != nil {
			err = e
			return false
		}
		all = append(all, c)
		return true
	})
	return all, err
}

func TestConnections(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       Connection
	}{
		{"TCP over IPv4", "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 1F90 ESTABLISHED     899",
			Connection{TCP, ap("192.168.2.1:36142"), ap("192.168.2.110:80"), ap("192.168.1.11:8080"), "ESTABLISHED", 899, "", ""}},
		{"a template", "TCP 0A000001 0000 0A000001 0050 0A000001 1F90 ASSURED         599",
			Connection{TCP, ap("10.0.0.1:0"), ap("10.0.0.1:80"), ap("10.0.0.1:8080"), "ASSURED", 599, "", ""}},
		{"the template of a mark", "IP  0A000001 0000 0000000A 0000 0A000001 0000 NONE            300",
			Connection{0, ap("10.0.0.1:0"), ap("0.0.0.10:0"), ap("10.0.0.1:0"), "NONE", 300, "", ""}},
		{"IPv6", "TCP 2001:0db8:0000:0000:0000:0000:0000:0001 C03A 2001:0db8:0000:0000:0000:0000:0000:0001 0050 2001:0db8:0000:0000:0000:0000:0000:0001 1F90 ESTABLISHED     899",
			Connection{TCP, ap("[2001:db8::1]:49210"), ap("[2001:db8::1]:80"), ap("[2001:db8::1]:8080"), "ESTABLISHED", 899, "", ""}},
		{"an IPv6 server of an IPv4 service", "SCTP 0A000001 0001 0A000001 0002 2001:0db8:0000:0000:0000:0000:0000:0009 0003 ESTABLISHED     4294967295",
			Connection{SCTP, ap("10.0.0.1:1"), ap("10.0.0.1:2"), ap("[2001:db8::9]:3"), "ESTABLISHED", 1<<32 - 1, "", ""}},
		{"engine data", "UDP 0A000001 0000 0A000001 13C4 0A000001 13C5 NONE             60 sip abc@def",
			Connection{UDP, ap("10.0.0.1:0"), ap("10.0.0.1:5060"), ap("10.0.0.1:5061"), "NONE", 60, "sip", "abc@def"}},
		{"a Call-ID of the kernel's greatest length", "UDP 0A000001 0000 0A000001 13C4 0A000001 13C5 NONE             60 sip " + strings.Repeat("x", 255),
			Connection{UDP, ap("10.0.0.1:0"), ap("10.0.0.1:5060"), ap("10.0.0.1:5061"), "NONE", 60, "sip", strings.Repeat("x", 255)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConnections(strings.NewReader(connectionTitle + tt.line + "  \n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff([]Connection{tt.want}, got, compareAddr); diff != "" {
				t.Errorf("connections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionsRefuses(t *testing.T) {
	const good = "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n"
	for _, tt := range []struct{ name, line string }{
		{"too few columns", "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED\n"},
		{"a protocol of its own", "XXX" + good[3:]},
		{"an address that is none", strings.Replace(good, "C0A80201", "C0A8020G", 1)},
		{"an address of seven digits", strings.Replace(good, "C0A80201", "C0A8020", 1)},
		{"IPv6 with a colon too few", strings.Replace(good, "C0A80201", "2001:0db8:0000:0000:0000:0000:000000001", 1)},
		{"a port that is none", strings.Replace(good, "8D2E", "-D2E", 1)},
		{"a port of five digits", strings.Replace(good, "8D2E", "8D2E0", 1)},
		{"an expiry that is none", strings.Replace(good, "899", "-99", 1)},
		{"an expiry out of range", strings.Replace(good, "899", "4294967296", 1)},
		{"an expiry far out of range", strings.Replace(good, "899", strings.Repeat("9", 40), 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConnections(strings.NewReader(connectionTitle + good + tt.line))
			if err == nil || !strings.Contains(err.Error(), "line 3") || len(got) != 1 {
				t.Errorf("connections = %v, %v", got, err)
			}
		})
	}
	t.Run("a read that fails", func(t *testing.T) {
		broken := errors.New("broken")
		r := io.MultiReader(strings.NewReader(connectionTitle+good), iotest.ErrReader(broken))
		if got, err := parseConnections(r); !errors.Is(err, broken) || len(got) != 1 {
			t.Errorf("connections = %v, %v", got, err)
		}
	})
}

func TestConnectionsStops(t *testing.T) {
	lines := strings.Repeat("TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 CLOSE     899\n", 5)
	n := 0
	readConnections(strings.NewReader(connectionTitle+lines), func(Connection, error) bool {
		n++
		return n < 2
	})
	if n != 2 {
		t.Errorf("%d connections after the caller had enough with 2", n)
	}
}

func TestConnectionsNoNamespace(t *testing.T) {
	c := NewClient(nil, 0)
	c.netns = "/run/netns/no-such-namespace"
	for _, err := range c.Connections() {
		if err == nil {
			t.Error("connections of a namespace that does not exist")
		}
	}
}

func FuzzConnections(f *testing.F) {
	f.Add([]byte(connectionTitle + "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n"))
	f.Add([]byte(connectionTitle + "UDP 2001:0db8:0000:0000:0000:0000:0000:0001 0000 0A000001 13C4 0A000001 13C5 NONE 60 sip abc\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, _ := parseConnections(strings.NewReader(string(b)))
		for _, c := range all {
			for _, ap := range []netip.AddrPort{c.Client, c.VIP, c.Destination} {
				if !ap.Addr().IsValid() {
					t.Errorf("a connection without an address: %+v", c)
				}
			}
		}
	})
}

func BenchmarkConnections(b *testing.B) {
	lines := connectionTitle + strings.Repeat("TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n", 1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(lines)))
	for b.Loop() {
		readConnections(strings.NewReader(lines), func(Connection, error) bool { return true })
	}
}
