// SPDX-License-Identifier: MIT

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

const connectionHeader = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"

// parseConnections returns the connections up to the first error.
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
		{
			name: "IPv4",
			line: "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 1F90 ESTABLISHED     899",
			want: Connection{Protocol: TCP, Client: ap("192.168.2.1:36142"), VIP: ap("192.168.2.110:80"),
				Destination: ap("192.168.1.11:8080"), State: "ESTABLISHED", Expires: 899},
		},
		{
			name: "template",
			line: "TCP 0A000001 0000 0A000001 0050 0A000001 1F90 ASSURED         599",
			want: Connection{Protocol: TCP, Client: ap("10.0.0.1:0"), VIP: ap("10.0.0.1:80"),
				Destination: ap("10.0.0.1:8080"), State: "ASSURED", Expires: 599},
		},
		{
			name: "template of a firewall mark",
			line: "IP  0A000001 0000 0000000A 0000 0A000001 0000 NONE            300",
			want: Connection{Client: ap("10.0.0.1:0"), VIP: ap("0.0.0.10:0"),
				Destination: ap("10.0.0.1:0"), State: "NONE", Expires: 300},
		},
		{
			name: "IPv6",
			line: "TCP 2001:0db8:0000:0000:0000:0000:0000:0001 C03A 2001:0db8:0000:0000:0000:0000:0000:0001 0050 2001:0db8:0000:0000:0000:0000:0000:0001 1F90 ESTABLISHED     899",
			want: Connection{Protocol: TCP, Client: ap("[2001:db8::1]:49210"), VIP: ap("[2001:db8::1]:80"),
				Destination: ap("[2001:db8::1]:8080"), State: "ESTABLISHED", Expires: 899},
		},
		{
			name: "IPv6 destination of an IPv4 service",
			line: "SCTP 0A000001 0001 0A000001 0002 2001:0db8:0000:0000:0000:0000:0000:0009 0003 ESTABLISHED     4294967295",
			want: Connection{Protocol: SCTP, Client: ap("10.0.0.1:1"), VIP: ap("10.0.0.1:2"),
				Destination: ap("[2001:db8::9]:3"), State: "ESTABLISHED", Expires: 1<<32 - 1},
		},
		{
			name: "persistence engine",
			line: "UDP 0A000001 0000 0A000001 13C4 0A000001 13C5 NONE             60 sip abc@def",
			want: Connection{Protocol: UDP, Client: ap("10.0.0.1:0"), VIP: ap("10.0.0.1:5060"),
				Destination: ap("10.0.0.1:5061"), State: "NONE", Expires: 60, PEName: "sip", PEData: "abc@def"},
		},
		{
			name: "longest Call-ID that the kernel stores",
			line: "UDP 0A000001 0000 0A000001 13C4 0A000001 13C5 NONE             60 sip " + strings.Repeat("x", 255),
			want: Connection{Protocol: UDP, Client: ap("10.0.0.1:0"), VIP: ap("10.0.0.1:5060"),
				Destination: ap("10.0.0.1:5061"), State: "NONE", Expires: 60, PEName: "sip", PEData: strings.Repeat("x", 255)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConnections(strings.NewReader(connectionHeader + tt.line + "  \n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff([]Connection{tt.want}, got, compareAddr); diff != "" {
				t.Errorf("connections (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionsInvalidLine(t *testing.T) {
	const valid = "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n"
	for _, tt := range []struct{ name, line string }{
		{name: "missing column", line: "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED\n"},
		{name: "protocol", line: "XXX" + valid[3:]},
		{name: "address", line: strings.Replace(valid, "C0A80201", "C0A8020G", 1)},
		{name: "address of seven digits", line: strings.Replace(valid, "C0A80201", "C0A8020", 1)},
		{name: "IPv6 address without a colon", line: strings.Replace(valid, "C0A80201", "2001:0db8:0000:0000:0000:0000:000000001", 1)},
		{name: "port", line: strings.Replace(valid, "8D2E", "-D2E", 1)},
		{name: "port of five digits", line: strings.Replace(valid, "8D2E", "8D2E0", 1)},
		{name: "negative timer", line: strings.Replace(valid, "899", "-99", 1)},
		{name: "timer of 33 bits", line: strings.Replace(valid, "899", "4294967296", 1)},
		{name: "timer of 40 digits", line: strings.Replace(valid, "899", strings.Repeat("9", 40), 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseConnections(strings.NewReader(connectionHeader + valid + tt.line))
			if err == nil || !strings.Contains(err.Error(), "line 3") || len(got) != 1 {
				t.Errorf("connections = %v, %v; want one, and an error in line 3", got, err)
			}
		})
	}
	t.Run("read error", func(t *testing.T) {
		readErr := errors.New("read error")
		r := io.MultiReader(strings.NewReader(connectionHeader+valid), iotest.ErrReader(readErr))
		if got, err := parseConnections(r); !errors.Is(err, readErr) || len(got) != 1 {
			t.Errorf("connections = %v, %v; want one, and the read error", got, err)
		}
	})
}

func TestConnectionsBreak(t *testing.T) {
	lines := strings.Repeat("TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 CLOSE     899\n", 5)
	n := 0
	readConnections(strings.NewReader(connectionHeader+lines), func(Connection, error) bool {
		n++
		return n < 2
	})
	if n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestConnectionsNetNSError(t *testing.T) {
	c := NewClient(nil, 0)
	c.netns = "/run/netns/no-such-namespace"
	n := 0
	for _, err := range c.Connections() {
		if n++; err == nil {
			t.Error("no error")
		}
	}
	if n != 1 {
		t.Errorf("%d iterations, want 1", n)
	}
}

func FuzzConnections(f *testing.F) {
	f.Add([]byte(connectionHeader + "TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n"))
	f.Add([]byte(connectionHeader + "UDP 2001:0db8:0000:0000:0000:0000:0000:0001 0000 0A000001 13C4 0A000001 13C5 NONE 60 sip abc\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, _ := parseConnections(strings.NewReader(string(b)))
		for _, c := range all {
			for _, ap := range []netip.AddrPort{c.Client, c.VIP, c.Destination} {
				if !ap.Addr().IsValid() {
					t.Errorf("connection without an address: %+v", c)
				}
			}
		}
	})
}

func BenchmarkConnections(b *testing.B) {
	lines := connectionHeader + strings.Repeat("TCP C0A80201 8D2E C0A8026E 0050 C0A8010B 0050 ESTABLISHED     899\n", 1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(lines)))
	for b.Loop() {
		readConnections(strings.NewReader(lines), func(Connection, error) bool { return true })
	}
}
