// SPDX-License-Identifier: MIT

package watch

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

var ap = netip.MustParseAddrPort

// testSample returns a sample with services of each kind (IPv4, IPv6 and firewall mark)
// and servers with each forwarding method.
func testSample() *sampler.Sample {
	rates := func(f float64) *sampler.Rates {
		return &sampler.Rates{Conns: f, InPackets: 10 * f, OutPackets: 20 * f, InBytes: 1000 * f, OutBytes: 2e6 * f}
	}
	return &sampler.Sample{
		Time:  time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC),
		Total: 3,
		Services: []sampler.Service{
			{
				Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "wlc",
					Flags: ipvs.Persistent, Timeout: 600, Netmask: 0xffffffff, Stats: ipvs.Stats{Conns: 1<<64 - 1, InBytes: 12345}},
				Measured: rates(12.5),
				Destinations: []sampler.Destination{
					{Destination: ipvs.Destination{AddrPort: ap("198.51.100.1:80"), Weight: 10, ActiveConns: 20, InactiveConns: 10,
						PersistentConns: 7, UpperThreshold: 100, LowerThreshold: 50}, Measured: rates(12)},
					{Destination: ipvs.Destination{AddrPort: ap("198.51.100.2:80"), Method: ipvs.Tunneling,
						Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 5555}, InactiveConns: 10}, Measured: rates(0.5)},
					{Destination: ipvs.Destination{AddrPort: ap("198.51.100.3:80"), Method: ipvs.DirectRouting, Weight: 1}},
				},
			},
			{
				Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.UDP, ap("[2001:db8:1234:5678:9abc:def0:1234:5678]:5060")), Scheduler: "rr",
					Flags: ipvs.OnePacketScheduling, Netmask: 128},
				Measured: rates(0),
				Destinations: []sampler.Destination{
					{Destination: ipvs.Destination{AddrPort: ap("[2001:db8::2]:5060"), Weight: 65535, ActiveConns: 4e9, InactiveConns: 1e6},
						Measured: rates(123456)},
				},
			},
			{Service: ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "sh", Netmask: 0xffffffff}},
		},
	}
}

var viewTests = []struct {
	name          string
	view          View
	width, height int
	want          string
}{
	{name: "unlimited", want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port                                   Forward Weight Active  InAct Conn/s InPkt/s OutPkt/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persistent 600                                         20     20     12     125      250  12500  25.0M
  -> 198.51.100.1:80                                      Masq        10     20     10     12     120      240  12000  24.0M   75% ###############.....
  -> 198.51.100.2:80                                      Tunnel       0      0     10    0.5       5       10    500  1.00M   25% #####...............
  -> 198.51.100.3:80                                      Route        1      0      0      -       -        -      -      -    0% ....................
UDP  [2001:db8:1234:5678:9abc:def0:1234:5678]:5060 rr ops                 4.00G  1.00M      0       0        0      0      0
  -> [2001:db8::2]:5060                                   Masq     65535  4.00G  1.00M   123K   1.23M    2.47M   123M   247G  100% ####################
FWM  7 sh                                                                     0      0      -       -        -      -      -
`},
	{name: "80 columns", view: View{notes: notes}, width: 80, height: 24, want: `
2026-11-21T07:30:00Z  3 services  every 2s, h helps, q quits
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persist...            20     20     12  12500  25.0M
  -> 198.51.100.1:80                 10     20     10     12  12000  24.0M   75%
  -> 198.51.100.2:80                  0      0     10    0.5    500  1.00M   25%
  -> 198.51.100.3:80                  1      0      0      -      -      -    0%
UDP  [2001:db8:...234:5678]:5060         4.00G  1.00M      0      0      0
  -> [2001:db8::2]:5060           65535  4.00G  1.00M   123K   123M   247G  100%
FWM  7 sh                                    0      0      -      -      -
`},
	{name: "120 columns", width: 120, height: 24, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port                Forward Weight Active  InAct Conn/s InPkt/s OutPkt/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persistent 600                      20     20     12     125      250  12500  25.0M
  -> 198.51.100.1:80                   Masq        10     20     10     12     120      240  12000  24.0M   75% ######..
  -> 198.51.100.2:80                   Tunnel       0      0     10    0.5       5       10    500  1.00M   25% ##......
  -> 198.51.100.3:80                   Route        1      0      0      -       -        -      -      -    0% ........
UDP  [2001:db8:123...0:1234:5678]:5060                 4.00G  1.00M      0       0        0      0      0
  -> [2001:db8::2]:5060                Masq     65535  4.00G  1.00M   123K   1.23M    2.47M   123M   247G  100% ########
FWM  7 sh                                                  0      0      -       -        -      -      -
`},
	{name: "40 columns", width: 40, height: 24, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port    Active Conn/s
TCP  192.0.2.1:80 wlc p...     20     12
  -> 198.51.100.1:80           20     12
  -> 198.51.100.2:80            0    0.5
  -> 198.51.100.3:80            0      -
UDP  [2001:d...:5678]:5060  4.00G      0
  -> [2001:db8::2]:5060     4.00G   123K
FWM  7 sh                       0      -
`},
	{name: "8 columns", width: 8, height: 24, want: `
3 servic
Prot Loc
  -> ...
TCP...80
  -...80
  -...80
  -...80
UDP...60
  -...60
FWM  7
`},
	{name: "some services hidden", width: 80, height: 7, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persist...            20     20     12  12500  25.0M
  -> 198.51.100.1:80                 10     20     10     12  12000  24.0M   75%
  -> 198.51.100.2:80                  0      0     10    0.5    500  1.00M   25%
... 1 more server, 2 more services
`},
	{name: "one line too few", width: 80, height: 9, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persist...            20     20     12  12500  25.0M
  -> 198.51.100.1:80                 10     20     10     12  12000  24.0M   75%
  -> 198.51.100.2:80                  0      0     10    0.5    500  1.00M   25%
  -> 198.51.100.3:80                  1      0      0      -      -      -    0%
UDP  [2001:db8:...234:5678]:5060         4.00G  1.00M      0      0      0
... 1 more server, 1 more service
`},
	{name: "exactly enough lines", width: 80, height: 10, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persist...            20     20     12  12500  25.0M
  -> 198.51.100.1:80                 10     20     10     12  12000  24.0M   75%
  -> 198.51.100.2:80                  0      0     10    0.5    500  1.00M   25%
  -> 198.51.100.3:80                  1      0      0      -      -      -    0%
UDP  [2001:db8:...234:5678]:5060         4.00G  1.00M      0      0      0
  -> [2001:db8::2]:5060           65535  4.00G  1.00M   123K   123M   247G  100%
FWM  7 sh                                    0      0      -      -      -
`},
	{name: "no line for rows", width: 80, height: 4, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
... 3 more services
`},
	{name: "header only", width: 80, height: 3, want: `
2026-11-21T07:30:00Z  3 services
`},
	{name: "top 1", view: View{Top: 1}, width: 80, height: 24, want: `
2026-11-21T07:30:00Z  the busiest 1 of 3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persist...            20     20     12  12500  25.0M
  -> 198.51.100.1:80                 10     20     10     12  12000  24.0M   75%
  -> 198.51.100.2:80                  0      0     10    0.5    500  1.00M   25%
  -> 198.51.100.3:80                  1      0      0      -      -      -    0%
`},
	{name: "all formats", view: View{Formats: []tablefmt.Format{tablefmt.Stats, tablefmt.Thresholds, tablefmt.PersistentConns, tablefmt.TunnelInfo}}, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port                                   Forward Tunnel        Weight  Upper  Lower Persist Active  InAct    Conns   InPkts  OutPkts  InBytes OutBytes Conn/s InPkt/s OutPkt/s  InB/s OutB/s Share
TCP  192.0.2.1:80 wlc persistent 600                                                                       7     20     20    18.4E        0        0    12345        0     12     125      250  12500  25.0M
  -> 198.51.100.1:80                                      Masq    n/a               10    100     50       7     20     10        0        0        0        0        0     12     120      240  12000  24.0M   75% ###############.....
  -> 198.51.100.2:80                                      Tunnel  gue:5555:-c        0      0      0       0      0     10        0        0        0        0        0    0.5       5       10    500  1.00M   25% #####...............
  -> 198.51.100.3:80                                      Route   n/a                1      0      0       0      0      0        0        0        0        0        0      -       -        -      -      -    0% ....................
UDP  [2001:db8:1234:5678:9abc:def0:1234:5678]:5060 rr ops                                                  0  4.00G  1.00M        0        0        0        0        0      0       0        0      0      0
  -> [2001:db8::2]:5060                                   Masq    n/a            65535      0      0       0  4.00G  1.00M        0        0        0        0        0   123K   1.23M    2.47M   123M   247G  100% ####################
FWM  7 sh                                                                                                  0      0      0        0        0        0        0        0      -       -        -      -      -
`},
	{name: "additional columns dropped", view: View{Formats: []tablefmt.Format{tablefmt.Stats}}, width: 80, height: 24, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port         Conns   InPkts  OutPkts  InBytes OutBytes Conn/s
TCP  192.0.2.1:80 wlc per...    18.4E        0        0    12345        0     12
  -> 198.51.100.1:80                0        0        0        0        0     12
  -> 198.51.100.2:80                0        0        0        0        0    0.5
  -> 198.51.100.3:80                0        0        0        0        0      -
UDP  [2001:db...4:5678]:5060        0        0        0        0        0      0
  -> [2001:db8::2]:5060             0        0        0        0        0   123K
FWM  7 sh                           0        0        0        0        0      -
`},
	{name: "exact numbers", view: View{Exact: true}, width: 100, height: 24, want: `
2026-11-21T07:30:00Z  3 services
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port       Weight     Active   InAct Conn/s     InB/s       OutB/s Share
TCP  192.0.2.1:80 wlc pers...                20      20     12     12500     25000000
  -> 198.51.100.1:80              10         20      10     12     12000     24000000   75% ######..
  -> 198.51.100.2:80               0          0      10    0.5       500      1000000   25% ##......
  -> 198.51.100.3:80               1          0       0      -         -            -    0% ........
UDP  [2001:db...34:5678]:5060        4000000000 1000000      0         0            0
  -> [2001:db8::2]:5060        65535 4000000000 1000000 123456 123456000 246912000000  100% ########
FWM  7 sh                                     0       0      -         -            -
`},
}

func TestView(t *testing.T) {
	for _, tt := range viewTests {
		t.Run(tt.name, func(t *testing.T) {
			tt.view.Names = resolve.Numeric{}
			lines := tt.view.Lines(testSample(), tt.width, tt.height)
			got := "\n" + joinLines(lines)
			if got != tt.want {
				t.Errorf("got%swant%s", got, tt.want)
			}
		})
	}
}

var notes = []string{"every 2s", "h helps", "q quits"}

// TestHeader verifies how the header is shortened; the note that explains how to quit is
// dropped last.
func TestHeader(t *testing.T) {
	full := View{host: "lb1.example.com", notes: notes}
	for _, tt := range []struct {
		view     View
		measured *sampler.Rates
		width    int
		want     string
	}{
		{view: full, measured: totals, want: "2026-11-21T07:30:00Z  lb1.example.com  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out  every 2s, h helps, q quits"},
		{view: full, measured: totals, width: 117, want: "2026-11-21T07:30:00Z  lb1.example.com  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out  every 2s, h helps, q quits"},
		{view: full, measured: totals, width: 116, want: "07:30:00  lb1.example.com  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out  every 2s, h helps, q quits"},
		{view: full, measured: totals, width: 100, want: "07:30:00  lb1  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out  every 2s, h helps, q quits"},
		{view: full, measured: totals, width: 86, want: "07:30:00  lb1  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out  h helps, q quits"},
		{view: full, measured: totals, width: 80, want: "07:30:00  lb1  3 services  12500 conn/s  h helps, q quits"},
		{view: full, measured: totals, width: 50, want: "07:30:00  lb1  3 services  12500 conn/s  q quits"},
		{view: full, measured: totals, width: 45, want: "07:30:00  3 services  12500 conn/s  q quits"},
		{view: full, measured: totals, width: 40, want: "07:30:00  3 services  q quits"},
		{view: full, measured: totals, width: 20, want: "3 services  q quits"},
		{view: full, measured: totals, width: 18, want: "q quits"},
		{view: full, width: 4, want: "q qu"},
		{view: View{host: "lb1"}, measured: totals, want: "2026-11-21T07:30:00Z  lb1  3 services  12500 conn/s, 1234 B/s in, 5.5 B/s out"},
		{width: 40, want: "2026-11-21T07:30:00Z  3 services"},
		{width: 6, want: "3 serv"},
		{view: View{order: sampler.ByPackets}, want: "2026-11-21T07:30:00Z  3 services by packets"},
		{view: View{order: sampler.ByPackets, serverOrder: sampler.ByConns}, want: "2026-11-21T07:30:00Z  3 services by packets, servers by connections"},
		{view: View{order: sampler.ByBytes, filter: "rr"}, want: "2026-11-21T07:30:00Z  3 services by bytes, 1 with \"rr\""},
		{view: View{order: sampler.ByPackets, Top: 2}, want: "2026-11-21T07:30:00Z  the busiest 2 of 3 services"},
		{view: View{order: sampler.ByConns, Top: 2}, want: "2026-11-21T07:30:00Z  the first 2 of 3 services by connections"},
		{view: View{Condition: "with server 198.51.100.1:80, with TCP 192.0.2.1:80", notes: notes}, width: 40, want: "3 services with server 198.5...  q quits"},
		{view: View{Condition: "with server 198.51.100.1:80, with TCP 192.0.2.1:80", notes: notes, utf8: true}, width: 40, want: "3 services with server 198.51.…  q quits"},
	} {
		tt.view.Names = resolve.Numeric{}
		sample := testSample()
		sample.Measured = tt.measured
		if got := tt.view.Lines(sample, tt.width, 24)[0].Text; got != tt.want {
			t.Errorf("%+v, width %d: header %q, want %q", tt.view, tt.width, got, tt.want)
		}
	}
}

var totals = &sampler.Rates{Conns: 12500, InPackets: 7, OutPackets: 8, InBytes: 1234, OutBytes: 5.55}

// rowLabels returns the first 24 characters of each row.
func rowLabels(lines []Line) string {
	var labels []string
	for _, line := range lines[headerLines:] {
		labels = append(labels, strings.TrimSpace(line.Text[:min(24, len(line.Text))]))
	}
	return strings.Join(labels, ", ")
}

func TestFilter(t *testing.T) {
	const tcp = "TCP  192.0.2.1:80 wlc pe"
	for _, tt := range []struct{ filter, want string }{
		{filter: "198.51.100.2", want: tcp + ", -> 198.51.100.2:80"},
		{filter: "192.0.2.1:80", want: tcp + ", -> 198.51.100.1:80, -> 198.51.100.2:80, -> web3:http"},
		{filter: "PERSISTENT", want: tcp + ", -> 198.51.100.1:80, -> 198.51.100.2:80, -> web3:http"},
		{filter: "fwm", want: "FWM  7 sh"},
		{filter: "web3", want: tcp + ", -> web3:http"},
		{filter: "198.51.100.3:", want: tcp + ", -> web3:http"}, // the address of a server that is shown by name
		{filter: "no such", want: ""},
	} {
		v := View{Names: web3Namer{}, filter: tt.filter}
		if got := rowLabels(v.Lines(testSample(), 0, 24)); got != tt.want {
			t.Errorf("filter %q: got rows %s, want %s", tt.filter, got, tt.want)
		}
	}
}

// A web3Namer has a name for one server only.
type web3Namer struct{}

func (web3Namer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	if ap.Addr() == netip.MustParseAddr("198.51.100.3") {
		return append(b, "web3:http"...)
	}
	return resolve.Numeric{}.Append(b, ap, p)
}

// TestScroll verifies that the first visible row is always a service, and that every row
// can be reached.
func TestScroll(t *testing.T) {
	for _, tt := range []struct {
		offset     int
		want       string
		wantOffset int // the offset after Lines
	}{
		{want: "TCP  192.0.2.1:80 wlc pe, -> 198.51.100.1:80, -> 198.51.100.2:80, ... 1 more server, 2 mor"},
		{offset: 1, want: "TCP  192.0.2.1:80 wlc pe, -> 198.51.100.2:80, -> 198.51.100.3:80, ... 1 line above, 2 more", wantOffset: 1},
		{offset: 2, want: "TCP  192.0.2.1:80 wlc pe, -> 198.51.100.3:80, UDP  [2001:db8:1234:5678, ... 2 lines above, 1 mor", wantOffset: 2},
		{offset: 4, want: "UDP  [2001:db8:1234:5678, -> [2001:db8::2]:5060, FWM  7 sh, ... 4 lines above", wantOffset: 4},
		{offset: 1 << 30, want: "UDP  [2001:db8:1234:5678, -> [2001:db8::2]:5060, FWM  7 sh, ... 4 lines above", wantOffset: 4},
	} {
		v := View{Names: resolve.Numeric{}, offset: tt.offset}
		if got := rowLabels(v.Lines(testSample(), 0, 7)); got != tt.want || v.offset != tt.wantOffset {
			t.Errorf("offset %d: got rows %s, new offset %d; want %s, %d", tt.offset, got, v.offset, tt.want, tt.wantOffset)
		}
	}
	// If all rows fit, the offset is reset.
	v := View{Names: resolve.Numeric{}, offset: 3}
	if got := len(v.Lines(testSample(), 0, 10)); got != 10 || v.offset != 0 {
		t.Errorf("%d lines at offset %d, want 10 at 0", got, v.offset)
	}
}

// TestViewFits verifies that the lines fit into any width and height.
func TestViewFits(t *testing.T) {
	for width := 1; width < 160; width++ {
		for height := 1; height < 15; height++ {
			v := View{utf8: height%2 == 0, history: new(history), host: "lb1", Names: resolve.Numeric{}, Formats: []tablefmt.Format{tablefmt.Thresholds}, notes: notes, alert: (&alertTracker{}).alert}
			lines := v.Lines(testSample(), width, height)
			if len(lines) > height {
				t.Errorf("%dx%d: got %d lines, want at most %d", width, height, len(lines), height)
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line.Text) > width {
					t.Errorf("%dx%d: line %q is too long", width, height, line.Text)
				}
			}
		}
	}
}

// TestLongAddress verifies that one long address does not displace columns, unless most
// addresses are as long.
func TestLongAddress(t *testing.T) {
	long := sampler.Service{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("[2001:db8:1234:5678:9abc:def0:1234:5678]:443")), Scheduler: "wlc"}}
	short := sampler.Service{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "wlc", Flags: ipvs.OnePacketScheduling}}
	for _, tt := range []struct {
		services []sampler.Service
		utf8     bool
		want     []string // titles and first rows
	}{
		{services: []sampler.Service{long, short, short, short, short}, utf8: true, want: []string{
			"  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share",
			"TCP  [2001:db8:1…:1234:5678]:443             0      0      -      -      -",
			"TCP  192.0.2.1:80 wlc ops                    0      0      -      -      -"}},
		{services: []sampler.Service{long, short, short, short, short}, want: []string{
			"  -> RemoteAddress:Port          Weight Active  InAct Conn/s  InB/s OutB/s Share",
			"TCP  [2001:db8:...1234:5678]:443             0      0      -      -      -"}},
		{services: []sampler.Service{long, long, short}, utf8: true, want: []string{
			"  -> RemoteAddress:Port                        Weight Active  InAct Conn/s Share",
			"TCP  [2001:db8:1234:567…bc:def0:1234:5678]:443             0      0      -"}},
	} {
		v := View{Names: resolve.Numeric{}, utf8: tt.utf8}
		lines := v.Lines(&sampler.Sample{Services: tt.services, Total: len(tt.services)}, 80, 24)
		for i, want := range tt.want {
			if got := lines[2+i].Text; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		}
	}
}

// TestUnicode verifies the bars, the histories and the highlighted parts in a UTF-8 locale.
func TestUnicode(t *testing.T) {
	var alerts alertTracker
	v := View{Names: resolve.Numeric{}, utf8: true, history: new(history), alert: alerts.alert}
	var lines []Line
	for n := range 3 {
		sample := testSample()
		sample.Time = sample.Time.Add(time.Duration(n) * time.Second)
		sample.Services[0].Destinations[0].ActiveConns = 23
		for i := range sample.Services[0].Destinations {
			if measured := sample.Services[0].Destinations[i].Measured; measured != nil {
				measured.Conns = float64(n * (i + 1))
			}
		}
		alerts.observe(sample)
		v.history.observe(sample)
		v.history.observe(sample) // the second time must have no effect
		lines = v.Lines(sample, 132, 24)
	}
	want := `
  -> RemoteAddress:Port                   Forward Weight Active  InAct Conn/s InPkt/s OutPkt/s  InB/s OutB/s Share  History
TCP  192.0.2.1:80 wlc persistent 600                         23     20     12     125      250  12500  25.0M            ███
  -> 198.51.100.1:80                      Masq        10     23     10      2     120      240  12000  24.0M   77%      ▁▅█ ██████▏
0 -> 198.51.100.2:80                      Tunnel       0      0     10      4       5       10    500  1.00M   23%      ▁▅█ █▉
  -> 198.51.100.3:80                      Route        1      0      0      -       -        -      -      -    0%
`
	if got := "\n" + joinLines(lines[2:7]); got != want {
		t.Errorf("got%swant%s", got, want)
	}
	var marked []string
	for _, h := range lines[5].highlights {
		marked = append(marked, lines[5].Text[h.start:min(h.end, len(lines[5].Text))])
	}
	if got := strings.Join(marked, "|"); got != "0|     0|█▉" {
		t.Errorf("highlighted %q", got)
	}
	if len(lines[4].highlights) != 0 {
		t.Errorf("highlights %v in a row without an alert", lines[4].highlights)
	}
}

// TestHistoryLength verifies that a history holds the last samples with a measured rate.
func TestHistoryLength(t *testing.T) {
	var h history
	sample := testSample()
	s := &sample.Services[0]
	for n := range historyLength + 4 {
		sample.Time = sample.Time.Add(time.Second)
		s.Measured = &sampler.Rates{Conns: float64(n)}
		if n == 6 {
			s.Measured = nil
		}
		h.observe(sample)
	}
	if got := fmt.Sprint(h.of(&row{service: s})); got != "[3 4 5 7 8 9 10 11]" {
		t.Errorf("history %v", got)
	}
}

func TestUseUTF8(t *testing.T) {
	for _, tt := range []struct {
		all, ctype, lang, term string
		want                   bool
	}{
		{lang: "en_US.UTF-8", term: "xterm", want: true},
		{lang: "C.utf8", term: "dumb", want: true},
		{lang: "C", ctype: "de_DE.UTF-8", want: true},
		{lang: "en_US.UTF-8", ctype: "C"},
		{lang: "en_US.UTF-8", ctype: "en_US.UTF-8", all: "POSIX"},
		{all: "C.UTF-8", lang: "C", want: true},
		{lang: "en_US.ISO-8859-1"},
		{},
		{lang: "en_US.UTF-8", term: "linux"},
	} {
		for variable, value := range map[string]string{"LC_ALL": tt.all, "LC_CTYPE": tt.ctype, "LANG": tt.lang, "TERM": tt.term} {
			t.Setenv(variable, value)
		}
		if got := useUTF8(); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
