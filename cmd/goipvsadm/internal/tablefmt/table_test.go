// SPDX-License-Identifier: MIT

package tablefmt

import (
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

var info = ipvs.Info{Version: 0x010201, ConnTableSize: 4096}

func TestTableFormats(t *testing.T) {
	for _, tt := range []struct {
		recording string
		table     Table
	}{
		{recording: "plain", table: Table{Names: resolve.Numeric{}}},
		{recording: "stats", table: Table{Format: Stats, Names: resolve.Numeric{}}},
		{recording: "stats-exact", table: Table{Format: Stats, Exact: true, Names: resolve.Numeric{}}},
		{recording: "rate", table: Table{Format: Rate, Names: resolve.Numeric{}}},
		{recording: "rate-exact", table: Table{Format: Rate, Exact: true, Names: resolve.Numeric{}}},
		{recording: "thresholds", table: Table{Format: Thresholds, Names: resolve.Numeric{}}},
		{recording: "persistent-conn", table: Table{Format: PersistentConns, Names: resolve.Numeric{}}},
		{recording: "tun-info", table: Table{Format: TunnelInfo, Names: resolve.Numeric{}}},
		{recording: "plain-names", table: Table{Names: fixedNamer("a-name-that-fits")}},
		{recording: "plain-cut-names", table: Table{Names: fixedNamer("a-host-name-that-is.too-long-for.the-columns.example.org")}},
		{recording: "stats-cut-names", table: Table{Format: Stats, Names: fixedNamer("a-host-name-that-is.too-long-for.the-columns.example.org")}},
	} {
		t.Run(tt.recording, func(t *testing.T) {
			diffLines(t, formatTable(&tt.table, &info, entries), readRecording(t, tt.recording))
		})
	}
}

func TestHeaderWithoutInfo(t *testing.T) {
	for f := range formats {
		table := Table{Format: Format(f)}
		if got, want := string(table.AppendHeader(nil, nil)), formats[f].title; got != want {
			t.Errorf("format %d: got %q, want only the titles %q", f, got, want)
		}
	}
}

// TestIntentionalDifferences formats entries for which ipvsadm prints wrong values, or
// values that its -R rejects.
func TestIntentionalDifferences(t *testing.T) {
	plain, stats, rate := Table{Names: resolve.Numeric{}}, Table{Format: Stats, Names: resolve.Numeric{}}, Table{Format: Rate, Names: resolve.Numeric{}}
	key := serviceKey(ipvs.TCP, "1.2.3.4:80")
	large := ipvs.Destination{AddrPort: addrPort("1.2.3.4:80"), Stats: ipvs.Stats{Conns: 1 << 33, InPackets: 1 << 34, OutPackets: 1 << 50, CPS: 1 << 33, InBPS: 1 << 40}}
	for _, tt := range []struct{ name, got, want string }{
		{
			name: "mark above 2147483647",
			got:  string(plain.AppendService(nil, &ipvs.Service{ServiceKey: ipvs.MarkKey(4294967295, ipvs.IPv6), Scheduler: "rr"})),
			want: "FWM  4294967295 IPv6 rr\n",
		}, {
			name: "flag unknown to the scheduler",
			got:  string(plain.AppendService(nil, &ipvs.Service{ServiceKey: key, Scheduler: "sh", Flags: ipvs.Sched1 | ipvs.Sched3})),
			want: "TCP  1.2.3.4:80 sh (sh-fallback,flag-3)\n",
		}, {
			name: "64-bit counters",
			got:  string(stats.AppendDestination(nil, &ipvs.Service{}, &large)),
			want: "  -> 1.2.3.4:80                      8589M   17179M    1125T        0        0\n",
		}, {
			name: "64-bit rates",
			got:  string(rate.AppendDestination(nil, &ipvs.Service{}, &large)),
			want: "  -> 1.2.3.4:80                   8589934592        0        0    1099G        0\n",
		},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

// TestUnknownValues formats values that no current kernel sends.
func TestUnknownValues(t *testing.T) {
	table := Table{Format: TunnelInfo, Names: resolve.Numeric{}}
	for _, tt := range []struct{ name, got, want string }{
		{
			name: "protocol",
			got:  string(table.AppendService(nil, &ipvs.Service{ServiceKey: serviceKey(50, "1.2.3.4:80"), Scheduler: "rr"})),
			want: "?    1.2.3.4:80 rr\n",
		}, {
			name: "tunnel type",
			got:  string(table.AppendDestination(nil, &ipvs.Service{}, &ipvs.Destination{AddrPort: addrPort("1.2.3.4:80"), Method: ipvs.Tunneling, Tunnel: ipvs.Tunnel{Type: 3}})),
			want: "  -> 1.2.3.4:80                   Tunnel  n/a           0      0          0         \n",
		}, {
			name: "negative weight",
			got:  string(table.AppendDestination(nil, &ipvs.Service{}, &ipvs.Destination{AddrPort: addrPort("1.2.3.4:80"), Weight: 4294967295})),
			want: "  -> 1.2.3.4:80                   Masq    n/a           -1     0          0         \n",
		},
	} {
		if tt.got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestRowAllocs(t *testing.T) {
	s := &ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "1.2.3.4:80"), Scheduler: "rr", Netmask: 0xffffffff}
	d := &ipvs.Destination{AddrPort: addrPort("[fd00::1]:80")}
	b := make([]byte, 0, 256)
	for f := range formats {
		table := Table{Format: Format(f), Names: resolve.Numeric{}}
		if n := testing.AllocsPerRun(100, func() { table.AppendDestination(table.AppendService(b, s), s, d) }); n != 0 {
			t.Errorf("format %d: %v allocations, want 0", f, n)
		}
	}
}

func BenchmarkTable(b *testing.B) {
	s := &ipvs.Service{ServiceKey: serviceKey(ipvs.TCP, "192.168.100.100:8080"), Scheduler: "wlc", Netmask: 0xffffffff}
	d := &ipvs.Destination{AddrPort: addrPort("192.168.100.100:8080"), Weight: 100}
	table := Table{Names: resolve.Numeric{}}
	var buf []byte
	for b.Loop() { // 1,000 services with 10 servers each
		buf = buf[:0]
		for range 1000 {
			buf = table.AppendService(buf, s)
			for range 10 {
				buf = table.AppendDestination(buf, s, d)
			}
		}
	}
}
