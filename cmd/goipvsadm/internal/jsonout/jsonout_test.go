// SPDX-License-Identifier: MIT

package jsonout_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/cmd/goipvsadm/internal/jsonout/jsonouttest"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

var (
	ap   = netip.MustParseAddrPort
	info = &ipvs.Info{Version: 0x010201, ConnTableSize: 4096}

	largeCounters = ipvs.Stats{
		Conns: 1<<64 - 1, InPackets: 1<<63 + 1, OutPackets: 1<<53 + 1, InBytes: 1<<32 + 1, OutBytes: 5,
		CPS: 6, InPPS: 7, OutPPS: 8, InBPS: 9, OutBPS: 1<<64 - 2,
	}
)

const noStats = `"stats":{"connections":0,"in_packets":0,"out_packets":0,"in_bytes":0,"out_bytes":0,` +
	`"connections_per_second":0,"in_packets_per_second":0,"out_packets_per_second":0,` +
	`"in_bytes_per_second":0,"out_bytes_per_second":0}`

const largeStats = `"stats":{"connections":18446744073709551615,"in_packets":9223372036854775809,` +
	`"out_packets":9007199254740993,"in_bytes":4294967297,"out_bytes":5,` +
	`"connections_per_second":6,"in_packets_per_second":7,"out_packets_per_second":8,` +
	`"in_bytes_per_second":9,"out_bytes_per_second":18446744073709551614}`

// tableTests are services and their JSON form.
var tableTests = []struct {
	name         string
	service      ipvs.Service
	destinations []ipvs.Destination
	want         string
}{
	{
		name: "IPv4 address",
		service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Scheduler: "rr", Flags: ipvs.Hashed,
			Netmask: ipvs.HostNetmask(ipvs.IPv4), Stats: largeCounters},
		destinations: []ipvs.Destination{{AddrPort: ap("198.51.100.1:8080"), Weight: 65536, UpperThreshold: 1<<32 - 1, LowerThreshold: 2,
			ActiveConns: 3, InactiveConns: 4, PersistentConns: 5, Stats: largeCounters}},
		want: `{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80,"scheduler":"rr","scheduler_flags":[],` +
			`"one_packet":false,"persistence":{"enabled":false,"timeout":0,"netmask":"255.255.255.255"},` + largeStats +
			`,"servers":[{"family":"ipv4","address":"198.51.100.1","port":8080,"forward":"masq","weight":65536,` +
			`"upper_threshold":4294967295,"lower_threshold":2,"active_connections":3,"inactive_connections":4,` +
			`"persistent_connections":5,` + largeStats + `}]}`,
	},
	{
		name: "IPv6 address, any port, all flags, tunnels of both families",
		service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.UDP, ap("[2001:db8::1]:0")), Scheduler: "sh",
			Flags:   ipvs.Hashed | ipvs.Persistent | ipvs.OnePacketScheduling | ipvs.SchedFlags,
			Timeout: 360, Netmask: 64, PEName: "sip"},
		destinations: []ipvs.Destination{
			{AddrPort: ap("[2001:db8::2]:0"), Method: ipvs.Tunneling, Tunnel: ipvs.Tunnel{Type: ipvs.GUE, Port: 5555, Flags: ipvs.TunnelRemoteChecksum}},
			{AddrPort: ap("198.51.100.1:0"), Method: ipvs.Tunneling},
		},
		want: `{"family":"ipv6","protocol":"udp","address":"2001:db8::1","port":0,"scheduler":"sh",` +
			`"scheduler_flags":["sh-fallback","sh-port","flag-3"],"one_packet":true,` +
			`"persistence":{"enabled":true,"timeout":360,"prefix_length":64,"engine":"sip"},` + noStats +
			`,"servers":[{"family":"ipv6","address":"2001:db8::2","port":0,"forward":"tunnel",` +
			`"tunnel":{"type":"gue","port":5555,"flags":["remcsum"]},"weight":0,"upper_threshold":0,"lower_threshold":0,` +
			`"active_connections":0,"inactive_connections":0,"persistent_connections":0,` + noStats + `},` +
			`{"family":"ipv4","address":"198.51.100.1","port":0,"forward":"tunnel",` +
			`"tunnel":{"type":"ipip","port":0,"flags":[]},"weight":0,"upper_threshold":0,"lower_threshold":0,` +
			`"active_connections":0,"inactive_connections":0,"persistent_connections":0,` + noStats + `}]}`,
	},
	{
		name:         "firewall mark, tunnel to a local address",
		service:      ipvs.Service{ServiceKey: ipvs.MarkKey(1<<32-1, ipvs.IPv4), Scheduler: "wlc", Flags: ipvs.Persistent, Timeout: 60, Netmask: 0xffffff00},
		destinations: []ipvs.Destination{{AddrPort: ap("127.0.0.1:0"), Method: ipvs.Local, Tunnel: ipvs.Tunnel{Type: ipvs.GRE, Flags: ipvs.TunnelChecksum}}},
		want: `{"family":"ipv4","mark":4294967295,"scheduler":"wlc","scheduler_flags":[],"one_packet":false,` +
			`"persistence":{"enabled":true,"timeout":60,"netmask":"255.255.255.0"},` + noStats +
			`,"servers":[{"family":"ipv4","address":"127.0.0.1","port":0,"forward":"local",` +
			`"tunnel":{"type":"gre","port":0,"flags":["csum"]},"weight":0,"upper_threshold":0,"lower_threshold":0,` +
			`"active_connections":0,"inactive_connections":0,"persistent_connections":0,` + noStats + `}]}`,
	},
	{
		name:    "SCTP, no servers",
		service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.SCTP, ap("192.0.2.1:9")), Scheduler: "mh", Netmask: 0xffffffff},
		want: `{"family":"ipv4","protocol":"sctp","address":"192.0.2.1","port":9,"scheduler":"mh","scheduler_flags":[],` +
			`"one_packet":false,"persistence":{"enabled":false,"timeout":0,"netmask":"255.255.255.255"},` + noStats + `,"servers":[]}`,
	},
}

// render returns the output of write.
func render(t *testing.T, write func(w *bufio.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := write(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// writeTable returns a function that writes the first n tableTests as a table.
func writeTable(n int) func(w *bufio.Writer) error {
	return func(w *bufio.Writer) error {
		table, err := jsonout.NewTable(w, info)
		if err != nil {
			return err
		}
		for i := range tableTests[:n] {
			if err := table.Add(&tableTests[i].service, tableTests[i].destinations); err != nil {
				return err
			}
		}
		return table.End()
	}
}

// checkDocument compares a document with want and validates it.
func checkDocument(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := jsonouttest.Validate([]byte(got)); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	want := `{"ipvs_version":"1.2.1","connection_table_size":4096,"services":[`
	checkDocument(t, render(t, writeTable(0)), want+"]}\n")
	for i, tt := range tableTests {
		if i > 0 {
			want += ","
		}
		want += "\n" + tt.want
	}
	checkDocument(t, render(t, writeTable(len(tableTests))), want+"\n]}\n")
}

var testTime = time.Date(2026, 11, 21, 7, 30, 0, 250e6, time.FixedZone("", 3600))

func testSample(yield func(*sampler.Service, error) bool) {
	measured := &sampler.Rates{Conns: 0.5, InPackets: 1e21, OutPackets: 3, InBytes: 4, OutBytes: 5}
	_ = yield(&sampler.Service{Service: tableTests[0].service, Measured: measured, Destinations: []sampler.Destination{
		{Destination: tableTests[0].destinations[0], Measured: measured},
	}}, nil) && yield(&sampler.Service{Service: tableTests[3].service}, nil)
}

// TestSample checks that Sample writes a table on one line.
func TestSample(t *testing.T) {
	const measured = `,"measured":{"connections_per_second":0.5,"in_packets_per_second":1e+21,` +
		`"out_packets_per_second":3,"in_bytes_per_second":4,"out_bytes_per_second":5}`
	service := strings.ReplaceAll(tableTests[0].want, largeStats, largeStats+measured)
	checkDocument(t, render(t, func(w *bufio.Writer) error { return jsonout.Sample(w, info, testTime, testSample) }),
		`{"time":"2026-11-21T07:30:00.25+01:00","ipvs_version":"1.2.1","connection_table_size":4096,"services":[`+
			service+","+tableTests[3].want+"]}\n")
}

// connectionTests are connections and their JSON form.
var connectionTests = []struct {
	name       string
	connection ipvs.Connection
	want       string
}{
	{
		name: "IPv4",
		connection: ipvs.Connection{Protocol: ipvs.TCP, Client: ap("203.0.113.5:40000"), VIP: ap("192.0.2.1:80"),
			Destination: ap("198.51.100.1:8080"), State: "ESTABLISHED", Expires: 899},
		want: `{"protocol":"tcp","virtual_address":"192.0.2.1","virtual_port":80,"client_address":"203.0.113.5","client_port":40000,` +
			`"server_address":"198.51.100.1","server_port":8080,"state":"ESTABLISHED","expires_in":899}`,
	},
	{
		name: "IPv6 with persistence engine data",
		connection: ipvs.Connection{Protocol: ipvs.UDP, Client: ap("[2001:db8::5]:5060"), VIP: ap("[2001:db8::1]:5060"),
			Destination: ap("[2001:db8::2]:5060"), State: "UDP", Expires: 1<<32 - 1, PEName: "sip", PEData: `<a&"b\>@host`},
		want: `{"protocol":"udp","virtual_address":"2001:db8::1","virtual_port":5060,"client_address":"2001:db8::5","client_port":5060,` +
			`"server_address":"2001:db8::2","server_port":5060,"state":"UDP","expires_in":4294967295,` +
			`"engine":"sip","engine_data":"<a&\"b\\>@host"}`,
	},
	{
		name:       "template of a firewall mark",
		connection: ipvs.Connection{Client: ap("203.0.113.5:0"), VIP: ap("128.0.0.5:0"), Destination: ap("198.51.100.1:0"), State: "NONE"},
		want: `{"mark":2147483653,"client_address":"203.0.113.5","client_port":0,"server_address":"198.51.100.1","server_port":0,` +
			`"state":"NONE","expires_in":0}`,
	},
	{
		name:       "template of an IPv6 firewall mark",
		connection: ipvs.Connection{Client: ap("[2001:db8::5]:0"), VIP: ap("[0:5::]:0"), Destination: ap("[2001:db8::2]:0"), State: "NONE"},
		want: `{"mark":5,"client_address":"2001:db8::5","client_port":0,"server_address":"2001:db8::2","server_port":0,` +
			`"state":"NONE","expires_in":0}`,
	},
	{
		name: "engine data with control characters",
		connection: ipvs.Connection{Protocol: ipvs.UDP, Client: ap("203.0.113.5:1"), VIP: ap("192.0.2.1:1"), Destination: ap("198.51.100.1:1"),
			State: "UDP", PEName: "sip", PEData: "\x1b[2J\x7f\u009b\u202e\U0001f600"},
		want: `{"protocol":"udp","virtual_address":"192.0.2.1","virtual_port":1,"client_address":"203.0.113.5","client_port":1,` +
			`"server_address":"198.51.100.1","server_port":1,"state":"UDP","expires_in":0,` +
			`"engine":"sip","engine_data":"\u001b[2J\u007f\u009b\u202e\ud83d\ude00"}`,
	},
	{
		name: "engine data that is not UTF-8",
		connection: ipvs.Connection{Protocol: ipvs.UDP, Client: ap("203.0.113.5:1"), VIP: ap("192.0.2.1:1"), Destination: ap("198.51.100.1:1"),
			State: "UDP", PEName: "sip", PEData: "a\xff\x00b"},
		want: `{"protocol":"udp","virtual_address":"192.0.2.1","virtual_port":1,"client_address":"203.0.113.5","client_port":1,` +
			`"server_address":"198.51.100.1","server_port":1,"state":"UDP","expires_in":0,` +
			`"engine":"sip","engine_data":"a\ufffd\u0000b","engine_data_base64":"Yf8AYg=="}`,
	},
}

// connSeq yields the first n connections, calls afterLast, and yields err unless it
// is nil.
func connSeq(n int, afterLast func(), err error) iter.Seq2[ipvs.Connection, error] {
	return func(yield func(ipvs.Connection, error) bool) {
		for _, tt := range connectionTests[:n] {
			if !yield(tt.connection, nil) {
				return
			}
		}
		afterLast()
		if err != nil {
			yield(ipvs.Connection{}, err)
		}
	}
}

func TestConnections(t *testing.T) {
	format := func(n int) string {
		return render(t, func(w *bufio.Writer) error {
			return jsonout.Connections(w, connSeq(n, func() {}, nil), time.Time{})
		})
	}
	checkDocument(t, format(0), `{"connections":[]}`+"\n")
	want := `{"connections":[`
	for i, tt := range connectionTests {
		if i > 0 {
			want += ","
		}
		want += "\n" + tt.want
		checkDocument(t, format(i+1), want+"\n]}\n")
	}
}

func TestConnectionsWithTime(t *testing.T) {
	got := render(t, func(w *bufio.Writer) error {
		return jsonout.Connections(w, connSeq(2, func() {}, nil), testTime)
	})
	checkDocument(t, got, `{"time":"2026-11-21T07:30:00.25+01:00","connections":[`+connectionTests[0].want+","+connectionTests[1].want+"]}\n")
}

var testCounts = []conncount.Server{
	{Protocol: ipvs.TCP, AddrPort: ap("10.0.0.11:80"), Connections: 3, Templates: 1, States: map[string]uint64{"FIN_WAIT": 1, "ESTABLISHED": 2}},
	{AddrPort: ap("[fd00::11]:0"), Templates: 2, States: map[string]uint64{}},
}

func TestCounts(t *testing.T) {
	format := func(servers []conncount.Server, at time.Time) string {
		return render(t, func(w *bufio.Writer) error { return jsonout.Counts(w, servers, at) })
	}
	const (
		first  = `{"protocol":"tcp","server_address":"10.0.0.11","server_port":80,"connections":3,"templates":1,"states":[{"state":"ESTABLISHED","connections":2},{"state":"FIN_WAIT","connections":1}]}`
		second = `{"server_address":"fd00::11","server_port":0,"connections":0,"templates":2,"states":[]}`
	)
	checkDocument(t, format(nil, time.Time{}), `{"connection_counts":[]}`+"\n")
	checkDocument(t, format(testCounts, time.Time{}), `{"connection_counts":[`+"\n"+first+",\n"+second+"\n]}\n")
	checkDocument(t, format(testCounts, testTime), `{"time":"2026-11-21T07:30:00.25+01:00","connection_counts":[`+first+","+second+"]}\n")
}

func TestConnectionsFirstFlushed(t *testing.T) {
	var b bytes.Buffer
	err := jsonout.Connections(bufio.NewWriter(&b), connSeq(1, func() {
		if want := `{"connections":[` + "\n" + connectionTests[0].want; b.String() != want {
			t.Errorf("flushed after the first connection: %q, want %q", b.String(), want)
		}
	}, nil), time.Time{})
	if err != nil {
		t.Error(err)
	}
}

// TestConnectionsReadError checks that the document is not valid JSON after an error.
func TestConnectionsReadError(t *testing.T) {
	errTest := errors.New("test error")
	for n := range 3 {
		var b bytes.Buffer
		err := jsonout.Connections(bufio.NewWriter(&b), connSeq(n, func() {}, errTest), time.Time{})
		if !errors.Is(err, errTest) {
			t.Errorf("error after %d connections: %v, want %v", n, err, errTest)
		}
		if n == 0 && b.Len() > 0 {
			t.Errorf("error before the first connection: wrote %q", b.String())
		}
		if n > 0 && (json.Valid(b.Bytes()) || !strings.HasSuffix(b.String(), connectionTests[n-1].want)) {
			t.Errorf("error after %d connections: wrote %q", n, b.String())
		}
	}
}

func TestSettings(t *testing.T) {
	checkDocument(t, render(t, func(w *bufio.Writer) error {
		return jsonout.Timeouts(w, &ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 2678400})
	}), `{"timeouts":{"tcp":900,"tcp_fin":120,"udp":2678400}}`+"\n")
	daemons := func(d ...ipvs.Daemon) string {
		return render(t, func(w *bufio.Writer) error { return jsonout.Daemons(w, d) })
	}
	checkDocument(t, daemons(), `{"daemons":[]}`+"\n")
	checkDocument(t, daemons(
		ipvs.Daemon{State: ipvs.Master, Interface: "eth0", SyncID: 3, MaxLen: 1472, Group: netip.MustParseAddr("ff02::5"), Port: 8848, TTL: 1},
		ipvs.Daemon{State: ipvs.Backup, Interface: "<&>"},
		ipvs.Daemon{State: ipvs.Backup, Interface: "e\x9b\x1b"},
	), `{"daemons":[`+"\n"+
		`{"state":"master","mcast_interface":"eth0","syncid":3,"sync_maxlen":1472,"mcast_group":"ff02::5","mcast_port":8848,"mcast_ttl":1},`+"\n"+
		`{"state":"backup","mcast_interface":"<&>","syncid":0},`+"\n"+
		`{"state":"backup","mcast_interface":"e\ufffd\u001b","mcast_interface_base64":"ZZsb","syncid":0}`+"\n]}\n")
}

// allDocuments returns documents that together have every member that the schema
// defines.
func allDocuments(t *testing.T) []string {
	t.Helper()
	documents := []string{
		render(t, writeTable(len(tableTests))),
		render(t, func(w *bufio.Writer) error { return jsonout.Sample(w, info, testTime, testSample) }),
		render(t, func(w *bufio.Writer) error {
			return jsonout.Connections(w, connSeq(len(connectionTests), func() {}, nil), testTime)
		}),
		render(t, func(w *bufio.Writer) error { return jsonout.Counts(w, testCounts, testTime) }),
		render(t, func(w *bufio.Writer) error { return jsonout.Timeouts(w, &ipvs.Timeouts{}) }),
		render(t, func(w *bufio.Writer) error {
			return jsonout.Daemons(w, []ipvs.Daemon{{State: ipvs.Backup, Interface: "\xff", MaxLen: 1, Group: netip.IPv6LinkLocalAllNodes(), Port: 1, TTL: 1}})
		}),
		reports[1].want,
		render(t, writeResults),
	}
	for i := range changeTests {
		documents = append(documents, renderChange(t, i, true))
	}
	return documents
}

func writeResults(w *bufio.Writer) error {
	server := ap("198.51.100.1:80")
	r, err := jsonout.NewResults(w)
	if err != nil {
		return err
	}
	for _, result := range []jsonout.Result{
		{Server: ipvs.DestinationKey{Service: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), AddrPort: server}, Result: "removed", Text: "removed after 9 s", Cut: &jsonout.CutConns{Active: 2, Persistent: 1}},
		{Server: ipvs.DestinationKey{Service: ipvs.MarkKey(7, ipvs.IPv6), AddrPort: server}, Result: "not removed", Text: "No such destination"},
	} {
		if err := r.Add(&result); err != nil {
			return err
		}
	}
	return r.End()
}

func TestResults(t *testing.T) {
	checkDocument(t, render(t, writeResults), `{"results":[`+"\n"+
		`{"service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80},"server":{"address":"198.51.100.1","port":80},"result":"removed","text":"removed after 9 s","connections_cut":{"active":2,"persistent":1}},`+"\n"+
		`{"service":{"family":"ipv6","mark":7},"server":{"address":"198.51.100.1","port":80},"result":"not removed","text":"No such destination"}`+"\n]}\n")
}

// TestSchemaIsComplete checks that the test documents use every member that the schema
// defines, and no others.
func TestSchemaIsComplete(t *testing.T) {
	inDocuments := make(map[string]bool)
	for _, document := range allDocuments(t) {
		var v any
		jsonouttest.Decode(t, []byte(document), &v)
		walkObjects(v, func(object map[string]any) {
			for name := range object {
				inDocuments[name] = true
			}
		})
	}
	inSchema := make(map[string]bool)
	var schema any
	if err := json.Unmarshal(jsonouttest.Schema(t), &schema); err != nil {
		t.Fatal(err)
	}
	walkObjects(schema, func(object map[string]any) {
		properties, _ := object["properties"].(map[string]any)
		for name := range properties {
			inSchema[name] = true
		}
	})
	if diff := cmp.Diff(slices.Sorted(maps.Keys(inSchema)), slices.Sorted(maps.Keys(inDocuments))); diff != "" {
		t.Errorf("members (-schema +documents):\n%s", diff)
	}
}

// TestSchemaAcceptsAddedMembers checks that the published schema, but not the strict one
// for tests, accepts additional members in every object. A client that validates with the
// published schema thus accepts the output of later releases.
func TestSchemaAcceptsAddedMembers(t *testing.T) {
	for _, document := range allDocuments(t) {
		if err := jsonouttest.ValidatePublished([]byte(document)); err != nil {
			t.Error(err)
		}
		d := json.NewDecoder(strings.NewReader(document))
		d.UseNumber() // counters exceed the precision of float64
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		var all []map[string]any
		walkObjects(v, func(object map[string]any) { all = append(all, object) })
		for _, object := range all {
			object["added"] = "value"
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := jsonouttest.ValidatePublished(b); err != nil {
				t.Errorf("%v\nin %s", err, b)
			}
			if jsonouttest.Validate(b) == nil {
				t.Errorf("the strict schema accepts %s", b)
			}
			delete(object, "added")
		}
	}
}

// walkObjects calls f for v, if v is an object, and for all objects in v.
func walkObjects(v any, f func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(v)
		for _, member := range v {
			walkObjects(member, f)
		}
	case []any:
		for _, element := range v {
			walkObjects(element, f)
		}
	}
}

// TestSchemaRejects checks that invalid documents do not validate.
func TestSchemaRejects(t *testing.T) {
	for _, document := range []string{
		`{}`,
		`{"connections":[],"daemons":[]}`,
		`{"timeouts":{"tcp":"900","tcp_fin":120,"udp":300}}`,
		`{"timeouts":{"tcp":4294967296,"tcp_fin":120,"udp":300}}`,
		`{"timeouts":{"tcp":900,"tcp_fin":120}}`,
		`{"connections":[` + strings.Replace(connectionTests[0].want, `198.51.100.1`, `198.51.100.1:80`, 1) + `]}`,
		`{"connections":[` + strings.Replace(connectionTests[2].want, `{`, `{"protocol":"tcp",`, 1) + `]}`,
		`{"ipvs_version":"1.2.1","connection_table_size":1,"services":[` + strings.Replace(tableTests[0].want, `"masq"`, `"Masq"`, 1) + `]}`,
		`{"ipvs_version":"1.2.1","connection_table_size":1,"services":[` + strings.Replace(tableTests[0].want, `,"protocol":"tcp"`, ``, 1) + `]}`,
		`{"ipvs_version":"1.2.1","connection_table_size":1,"services":[` + strings.Replace(tableTests[0].want, `18446744073709551615`, `18446744073709551616`, 1) + `]}`,
		strings.Replace(reports[1].want, `"a-check"`, `"a check"`, 1),
		strings.Replace(renderChange(t, 0, true), `"add-service"`, `"add"`, 1),
		strings.Replace(renderChange(t, 0, true), `"service":`, `"added":`, 1),
		strings.Replace(reports[1].want, `"seen":"seen",`, ``, 1),
	} {
		if jsonouttest.Validate([]byte(document)) == nil {
			t.Errorf("the schema accepts %s", document)
		}
	}
}
