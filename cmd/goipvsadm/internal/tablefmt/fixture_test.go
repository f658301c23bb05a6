// SPDX-License-Identifier: MIT

package tablefmt

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"goipvsadm/ipvs"
)

// recordingDir holds listings that ipvsadm 1.31 printed.
const recordingDir = "../../../../testdata/listings/"

func readRecording(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(recordingDir + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A fixedNamer replaces each address with the same host name, and each port that
// has a protocol with "service". Like ipvsadm it truncates the result to 59 bytes.
type fixedNamer string

func (n fixedNamer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	s := string(n)
	if ap.Addr().Is6() {
		s = "[" + s + "]"
	}
	if p != 0 {
		s += ":service"
	} else {
		s += ":" + strconv.Itoa(int(ap.Port()))
	}
	return append(b, s[:min(len(s), 59)]...)
}

// An entry is a service with its destinations.
type entry struct {
	ipvs.Service
	destinations []ipvs.Destination
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func serviceKey(p ipvs.Protocol, ap string) ipvs.ServiceKey {
	return ipvs.AddrKey(p, addrPort(ap))
}

// entries is a table in the order of listings that exercises each format. Its
// counters are at the limits at which abbreviations change.
var entries = []entry{
	{
		ipvs.Service{
			ServiceKey: serviceKey(ipvs.TCP, "255.255.255.255:65535"), Scheduler: "rr", Netmask: 0xffffffff, Flags: ipvs.Sched1 | ipvs.Sched2 | ipvs.Sched3,
			Stats: ipvs.Stats{Conns: 100000000000, InPackets: 99999999999999, OutPackets: 100000000000000, InBytes: 9999999999999999999, OutBytes: 18446744073709551615,
				CPS: 99999999, InPPS: 100000000, OutPPS: 999999999, InBPS: 1000000000, OutBPS: 4294967295},
		},
		nil,
	},
	{
		ipvs.Service{
			ServiceKey: serviceKey(ipvs.TCP, "1.2.3.4:0"), Scheduler: "sh", Flags: ipvs.Persistent | ipvs.Hashed | ipvs.Sched1,
			Timeout: 360, Netmask: 0xffffff00,
			Stats: ipvs.Stats{Conns: 99999999, InPackets: 100000000, OutPackets: 999999999, InBytes: 1000000000, OutBytes: 99999999999,
				CPS: 1, InPPS: 22, OutPPS: 333, InBPS: 4444, OutBPS: 55555},
		},
		[]ipvs.Destination{
			{AddrPort: addrPort("5.6.7.8:0"), Method: ipvs.Masquerading, Weight: 0, ActiveConns: 1, InactiveConns: 22,
				Stats: ipvs.Stats{Conns: 99999999, InPackets: 100000000, OutPackets: 999999999, InBytes: 1000000000, OutBytes: 99999999999,
					CPS: 99999999, InPPS: 100000000, OutPPS: 4294967295, InBPS: 100000000, OutBPS: 1000000000}},
			{AddrPort: addrPort("55.66.77.88:0"), Method: ipvs.Local, Weight: 65535, ActiveConns: 4294967295, InactiveConns: 4294967295,
				Stats: ipvs.Stats{Conns: 4294967295, InBytes: 100000000000, OutBytes: 99999999999999}},
			{AddrPort: addrPort("55.66.77.89:0"), Method: ipvs.DirectRouting, Weight: 2147483647, PersistentConns: 4294967295,
				UpperThreshold: 2147483647, LowerThreshold: 2147483646,
				Stats: ipvs.Stats{InBytes: 100000000000000, OutBytes: 18446744073709551615}},
		},
	},
	{
		ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "1.2.3.4:53"), Scheduler: "mh", Netmask: 0xffffffff, Flags: ipvs.OnePacketScheduling | ipvs.Sched1 | ipvs.Sched2, PEName: "sip"},
		[]ipvs.Destination{
			{AddrPort: addrPort("10.0.0.1:53"), Method: ipvs.Tunneling, Weight: 1},
			{AddrPort: addrPort("10.0.0.2:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 65535}},
			{AddrPort: addrPort("10.0.0.3:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 1, Flags: ipvs.TunnelChecksum}},
			{AddrPort: addrPort("10.0.0.4:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 65535, Flags: ipvs.TunnelRemoteChecksum}},
			{AddrPort: addrPort("10.0.0.5:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GRE}},
			{AddrPort: addrPort("10.0.0.6:53"), Method: ipvs.Tunneling, Weight: 1, Tunnel: ipvs.Tunnel{Type: ipvs.GRE, Flags: ipvs.TunnelChecksum}},
		},
	},
	{
		ipvs.Service{ServiceKey: serviceKey(ipvs.UDP, "1.2.3.4:5060"), Scheduler: "wlc", Netmask: 0xffffffff, Flags: ipvs.Persistent | ipvs.OnePacketScheduling, Timeout: 2678400, PEName: "sip"},
		nil,
	},
	{
		ipvs.Service{ServiceKey: serviceKey(ipvs.SCTP, "1.2.3.4:7"), Scheduler: "sh", Netmask: 0xffffffff, Flags: ipvs.Persistent | ipvs.Sched2, Timeout: 1},
		nil,
	},
	{
		ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "[2001:1db8:1111:2222:3333:4444:5555:6666]:65535"), Scheduler: "wrr", Netmask: 64, Flags: ipvs.Persistent, Timeout: 60,
			Stats: ipvs.Stats{Conns: 1, InPackets: 2, OutPackets: 3, InBytes: 4, OutBytes: 5}},
		[]ipvs.Destination{
			{AddrPort: addrPort("10.0.0.1:80"), Method: ipvs.Tunneling, Weight: 1},
			{AddrPort: addrPort("[2001:1db8:1111:2222:3333:4444:5555:6667]:65535"), Method: ipvs.Masquerading, Weight: 1, Stats: ipvs.Stats{Conns: 1, CPS: 1}},
		},
	},
	{
		ipvs.Service{ServiceKey: serviceKey(ipvs.SCTP, "[::1]:80"), Scheduler: "wrr", Netmask: 128, Flags: ipvs.Persistent, Timeout: 60},
		nil,
	},
	{
		ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "lblcr", Netmask: 0xffffffff},
		[]ipvs.Destination{{AddrPort: addrPort("10.0.0.1:8"), Method: ipvs.Masquerading, Weight: 1}},
	},
	{
		ipvs.Service{ServiceKey: ipvs.MarkKey(2147483647, ipvs.IPv6), Scheduler: "lc", Netmask: 1, Flags: ipvs.Persistent, Timeout: 9},
		[]ipvs.Destination{{AddrPort: addrPort("[fd00::1]:8"), Method: ipvs.Masquerading, Weight: 1}},
	},
}

// formatTable formats a header and entries with t.
func formatTable(t *Table, info *ipvs.Info, entries []entry) string {
	b := t.AppendHeader(nil, info)
	for i := range entries {
		b = t.AppendService(b, &entries[i].Service)
		for j := range entries[i].destinations {
			b = t.AppendDestination(b, &entries[i].Service, &entries[i].destinations[j])
		}
	}
	return string(b)
}

// diffLines fails the test at the first line that differs.
func diffLines(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("missing line %d:\nwant %q", i+1, w[i])
		case i >= len(w):
			t.Fatalf("extra line %d:\ngot %q", i+1, g[i])
		case g[i] != w[i]:
			t.Fatalf("line %d:\ngot  %q\nwant %q", i+1, g[i], w[i])
		}
	}
}
