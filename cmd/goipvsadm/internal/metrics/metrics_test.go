// SPDX-License-Identifier: MIT

package metrics

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

var (
	info   = &ipvs.Info{Version: 0x010201, ConnTableSize: 4096}
	totals = &ipvs.Stats{Conns: 1<<64 - 1, InPackets: 21, OutPackets: 22, InBytes: 23, OutBytes: 24, CPS: 25}
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// renderPrometheus returns the metrics of table in the Prometheus format.
func renderPrometheus(t *testing.T, table *reconcile.Table) string {
	t.Helper()
	return render(t, Prometheus, table)
}

// render returns the metrics of table.
func render(t *testing.T, format Format, table *reconcile.Table) string {
	t.Helper()
	var b strings.Builder
	w := bufio.NewWriter(&b)
	if err := format.Write(w, info, totals, table); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sampleLines returns the lines of text that are not comments.
func sampleLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line[0] != '#' {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	table := &reconcile.Table{
		Services: []reconcile.Service{
			{
				Service: ipvs.Service{
					ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("[2001:db8::1]:443")), Scheduler: "sh", Flags: ipvs.Persistent | ipvs.Sched1 | ipvs.Sched2,
					Timeout: 600, Netmask: 64, PEName: "sip",
					Stats: ipvs.Stats{Conns: 1, InPackets: 2, OutPackets: 3, InBytes: 1<<64 - 1, OutBytes: 5, CPS: 6},
				},
				Destinations: []ipvs.Destination{{
					AddrPort: ap("198.51.100.1:0"), Method: ipvs.Tunneling, Weight: 1<<31 - 1,
					Tunnel:         ipvs.Tunnel{Type: ipvs.GUE, Port: 6080, Flags: ipvs.TunnelChecksum | ipvs.TunnelRemoteChecksum},
					UpperThreshold: 1<<32 - 1, LowerThreshold: 7, ActiveConns: 8, InactiveConns: 9, PersistentConns: 10,
					Stats: ipvs.Stats{Conns: 11, InPackets: 12, OutPackets: 13, InBytes: 14, OutBytes: 15},
				}},
			},
			{Service: ipvs.Service{ServiceKey: ipvs.MarkKey(1<<32-1, ipvs.IPv4), Scheduler: "a\\b\"c\nd\xff", Flags: ipvs.OnePacketScheduling, Netmask: 0xffffffff}},
		},
		Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300},
		Daemons:  []ipvs.Daemon{{State: ipvs.Backup, Interface: "eth0", SyncID: 255}},
	}
	const service = `family="ipv6",protocol="tcp",address="2001:db8::1",port="443"`
	const server = service + `,server_address="198.51.100.1",server_port="0"`
	const mark = `family="ipv4",mark="4294967295"`
	want := `ipvs_info{version="1.2.1"} 1
ipvs_connection_table_size 4096
ipvs_connections_total 18446744073709551615
ipvs_in_packets_total 21
ipvs_out_packets_total 22
ipvs_in_bytes_total 23
ipvs_out_bytes_total 24
ipvs_service_info{` + service + `,scheduler="sh",scheduler_flags="sh-fallback,sh-port",one_packet="false",persistent="true",persistence_netmask="64",persistence_engine="sip"} 1
ipvs_service_info{` + mark + `,scheduler="a\\b\"c\nd` + "\uFFFD" + `",scheduler_flags="",one_packet="true",persistent="false",persistence_netmask="",persistence_engine=""} 1
ipvs_service_persistence_timeout_seconds{` + service + `} 600
ipvs_service_connections_total{` + service + `} 1
ipvs_service_connections_total{` + mark + `} 0
ipvs_service_in_packets_total{` + service + `} 2
ipvs_service_in_packets_total{` + mark + `} 0
ipvs_service_out_packets_total{` + service + `} 3
ipvs_service_out_packets_total{` + mark + `} 0
ipvs_service_in_bytes_total{` + service + `} 18446744073709551615
ipvs_service_in_bytes_total{` + mark + `} 0
ipvs_service_out_bytes_total{` + service + `} 5
ipvs_service_out_bytes_total{` + mark + `} 0
ipvs_server_info{` + server + `,forward="tunnel",tunnel_type="gue",tunnel_port="6080",tunnel_flags="csum,remcsum"} 1
ipvs_server_weight{` + server + `} 2147483647
ipvs_server_upper_threshold{` + server + `} 4294967295
ipvs_server_lower_threshold{` + server + `} 7
ipvs_server_active_connections{` + server + `} 8
ipvs_server_inactive_connections{` + server + `} 9
ipvs_server_persistent_connections{` + server + `} 10
ipvs_server_connections_total{` + server + `} 11
ipvs_server_in_packets_total{` + server + `} 12
ipvs_server_out_packets_total{` + server + `} 13
ipvs_server_in_bytes_total{` + server + `} 14
ipvs_server_out_bytes_total{` + server + `} 15
ipvs_timeout_seconds{timeout="tcp"} 900
ipvs_timeout_seconds{timeout="tcp_fin"} 120
ipvs_timeout_seconds{timeout="udp"} 300
ipvs_daemon_running{state="master"} 0
ipvs_daemon_running{state="backup"} 1
ipvs_daemon_info{state="backup",mcast_interface="eth0",syncid="255"} 1
`
	if diff := cmp.Diff(want, sampleLines(renderPrometheus(t, table))); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	table.Daemons = []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0", MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1}}
	for _, want := range []string{
		`ipvs_daemon_info{state="master",mcast_interface="eth0",syncid="0",mcast_group="224.0.0.81",mcast_port="8848",mcast_ttl="1"} 1`,
		`ipvs_daemon_sync_maxlen_bytes{state="master"} 1472`,
	} {
		if !strings.Contains(renderPrometheus(t, table), want+"\n") {
			t.Errorf("missing sample %s", want)
		}
	}
}

// TestWriteWithoutTotals checks that the families of the totals have no samples if the
// totals are unknown.
func TestWriteWithoutTotals(t *testing.T) {
	var b strings.Builder
	w := bufio.NewWriter(&b)
	if err := OpenMetrics.Write(w, info, nil, &reconcile.Table{}); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if text := b.String(); strings.Contains(text, "\nipvs_connections_total ") || !strings.Contains(text, "\n# TYPE ipvs_connections counter\n") {
		t.Errorf("wrote\n%s", text)
	}
}

// TestFamilies checks that only names of counters end in _total, that help texts end
// with a period, that each family has its HELP and TYPE lines, and that the last line
// is # EOF.
func TestFamilies(t *testing.T) {
	var want []string
	for _, f := range Families() {
		want = append(want, "# HELP "+f.Name+" "+f.Help, "# TYPE "+f.Name+" "+f.Type)
		if total := strings.HasSuffix(f.Name, "_total"); total != (f.Type == "counter") {
			t.Errorf("%s has type %s", f.Name, f.Type)
		}
		if !regexp.MustCompile(`^ipvs(_[a-z]+)+$`).MatchString(f.Name) || strings.ContainsAny(f.Help, "\\\n") || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("invalid name or help text: %s: %s", f.Name, f.Help)
		}
	}
	all := renderPrometheus(t, &reconcile.Table{})
	if !strings.HasSuffix(all, "\n# EOF\n") {
		t.Error("the last line is not # EOF")
	}
	var got []string
	for line := range strings.Lines(strings.TrimSuffix(all, "# EOF\n")) {
		if line[0] == '#' {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header lines (-want +got):\n%s", diff)
	}
}

// TestOpenMetrics checks that, in OpenMetrics, each sample has the name of its family
// plus the suffix of the type, that the name of a family ends in its unit, and that the
// samples are the same as in the Prometheus format.
func TestOpenMetrics(t *testing.T) {
	table := &reconcile.Table{Services: []reconcile.Service{{
		Service:      ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4), Scheduler: "rr", Flags: ipvs.Persistent, Timeout: 60},
		Destinations: []ipvs.Destination{{AddrPort: ap("198.51.100.1:0")}},
	}}, Daemons: []ipvs.Daemon{{State: ipvs.Master, Interface: "eth0", MaxLen: 1472}}}
	all := render(t, OpenMetrics, table)
	if diff := cmp.Diff(sampleLines(renderPrometheus(t, table)), sampleLines(all)); diff != "" {
		t.Errorf("samples (-Prometheus +OpenMetrics):\n%s", diff)
	}
	seen := make(map[string]bool)
	name, typ, hasSamples := "", "", true
	for line := range strings.Lines(strings.TrimSuffix(all, "# EOF\n")) {
		words := strings.Fields(line)
		if words[0] != "#" {
			suffix := map[string]string{"counter": "_total", "info": "_info", "gauge": ""}[typ]
			if got, _, _ := strings.Cut(words[0], "{"); got != name+suffix {
				t.Errorf("sample %s in family %s of type %s", got, name, typ)
			}
			hasSamples = true
			continue
		}
		switch words[1] {
		case "HELP":
			if name = words[2]; seen[name] || !hasSamples {
				t.Errorf("family %s is duplicated, or the family before it has no samples", name)
			}
			seen[name], typ, hasSamples = true, "", false
		case "TYPE":
			typ = words[3]
		case "UNIT":
			if unit := words[3]; !strings.HasSuffix(name, "_"+unit) || typ == "info" {
				t.Errorf("family %s of type %s has unit %s", name, typ, unit)
			}
		}
		if name != words[2] {
			t.Errorf("header line of %s in family %s", words[2], name)
		}
	}
	for _, line := range []string{
		"# TYPE ipvs_service info\n", "# TYPE ipvs_server_in_bytes counter\n# UNIT ipvs_server_in_bytes bytes\n",
		"# TYPE ipvs_timeout_seconds gauge\n# UNIT ipvs_timeout_seconds seconds\n",
	} {
		if !strings.Contains(all, line) {
			t.Errorf("missing line %q", line)
		}
	}
	if len(seen) != len(Families()) {
		t.Errorf("%d families written, want %d", len(seen), len(Families()))
	}
}

// TestFamiliesDocumented checks that docs/METRICS.md lists every family with its help
// text, and no others.
func TestFamiliesDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range Families() {
		want = append(want, fmt.Sprintf("| `%s` | %s | %s |", f.Name, f.Type, f.Help))
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows of docs/METRICS.md (-want +got):\n%s", diff)
	}
}

func TestWriteError(t *testing.T) {
	if err := Prometheus.Write(bufio.NewWriterSize(failingWriter{}, 16), info, totals, &reconcile.Table{}); !errors.Is(err, errWrite) {
		t.Errorf("error = %v", err)
	}
}

var errWrite = errors.New("test error")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errWrite }
