// SPDX-License-Identifier: MIT

package jsonout_test

import (
	"bufio"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/jsonout"
	"goipvsadm/ipvs"
)

// changeTests are changes and the JSON members for their service, server, timeouts or
// daemon.
var changeTests = []struct {
	command string
	change  ipvs.Change
	want    string
}{
	{
		command: "add-service",
		change:  ipvs.Change{Op: ipvs.OpAddService, Service: tableTests[0].service},
		want: `"service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80,"scheduler":"rr","scheduler_flags":[],` +
			`"one_packet":false,"persistence":{"enabled":false,"timeout":0,"netmask":"255.255.255.255"}}`,
	},
	{
		command: "edit-service",
		change:  ipvs.Change{Op: ipvs.OpUpdateService, Service: tableTests[2].service},
		want: `"service":{"family":"ipv4","mark":4294967295,"scheduler":"wlc","scheduler_flags":[],"one_packet":false,` +
			`"persistence":{"enabled":true,"timeout":60,"netmask":"255.255.255.0"}}`,
	},
	{
		command: "delete-service",
		change:  ipvs.Change{Op: ipvs.OpRemoveService, Service: ipvs.Service{ServiceKey: ipvs.MarkKey(5, ipvs.IPv6)}},
		want:    `"service":{"family":"ipv6","mark":5}`,
	},
	{
		command: "add-server",
		change:  ipvs.Change{Op: ipvs.OpAddDestination, Service: tableTests[0].service, Destination: tableTests[0].destinations[0]},
		want: `"service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80},` +
			`"server":{"family":"ipv4","address":"198.51.100.1","port":8080,"forward":"masq","weight":65536,` +
			`"upper_threshold":4294967295,"lower_threshold":2}`,
	},
	{
		command: "edit-server",
		change:  ipvs.Change{Op: ipvs.OpUpdateDestination, Service: tableTests[1].service, Destination: tableTests[1].destinations[0]},
		want: `"service":{"family":"ipv6","protocol":"udp","address":"2001:db8::1","port":0},` +
			`"server":{"family":"ipv6","address":"2001:db8::2","port":0,"forward":"tunnel",` +
			`"tunnel":{"type":"gue","port":5555,"flags":["remcsum"]},"weight":0,"upper_threshold":0,"lower_threshold":0}`,
	},
	{
		command: "delete-server",
		change:  ipvs.Change{Op: ipvs.OpRemoveDestination, Service: tableTests[0].service, Destination: ipvs.Destination{AddrPort: ap("198.51.100.1:80")}},
		want: `"service":{"family":"ipv4","protocol":"tcp","address":"192.0.2.1","port":80},` +
			`"server":{"address":"198.51.100.1","port":80}`,
	},
	{
		command: "set",
		change:  ipvs.Change{Op: ipvs.OpSetTimeouts, Timeouts: ipvs.Timeouts{TCP: 900, TCPFin: 120, UDP: 300}},
		want:    `"timeouts":{"tcp":900,"tcp_fin":120,"udp":300}`,
	},
	{
		command: "start-daemon",
		change:  ipvs.Change{Op: ipvs.OpStartDaemon, Daemon: ipvs.Daemon{State: ipvs.Backup, Interface: "e\xff", SyncID: 3}},
		want:    `"daemon":{"state":"backup","mcast_interface":"e\ufffd","mcast_interface_base64":"Zf8=","syncid":3}`,
	},
	{
		command: "stop-daemon",
		change:  ipvs.Change{Op: ipvs.OpStopDaemon, Daemon: ipvs.Daemon{State: ipvs.Master, Interface: "eth0"}},
		want:    `"daemon":{"state":"master"}`,
	},
}

// renderChange returns the change of changeTests[i] as JSON.
func renderChange(t *testing.T, i int, initial bool) string {
	t.Helper()
	tt := &changeTests[i]
	c := jsonout.Change{
		Time:    time.Date(2026, 11, 21, 7, 30, 0, 250e6, time.FixedZone("", 3600)),
		Initial: initial,
		Command: tt.command,
		Rule:    "-X <rule>",
		Change:  &tt.change,
	}
	return render(t, func(w *bufio.Writer) error { return c.Write(w) })
}

func TestChange(t *testing.T) {
	for i, tt := range changeTests {
		end := `"change":"` + tt.command + `","rule":"-X <rule>",` + tt.want + "}\n"
		checkDocument(t, renderChange(t, i, false), `{"time":"2026-11-21T07:30:00.25+01:00",`+end)
		checkDocument(t, renderChange(t, i, true), `{"time":"2026-11-21T07:30:00.25+01:00","initial":true,`+end)
	}
}
