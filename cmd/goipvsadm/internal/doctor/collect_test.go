// SPDX-License-Identifier: MIT

package doctor

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"

	"github.com/google/go-cmp/cmp"
)

func TestSetDeltas(t *testing.T) {
	table := func(service, server ipvs.Stats) []Service {
		return []Service{{
			Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80")), Stats: service},
			Servers: []Server{{Destination: ipvs.Destination{AddrPort: ap("10.0.0.11:80"), Stats: server}}},
		}}
	}
	low := ipvs.Stats{Conns: 1, InPackets: 10, OutPackets: 5, InBytes: 100, OutBytes: 50}
	high := ipvs.Stats{Conns: 3, InPackets: 20, OutPackets: 5, InBytes: 150, OutBytes: 50}
	delta := &ipvs.Stats{Conns: 2, InPackets: 10, InBytes: 50}
	for _, tt := range []struct {
		name            string
		before, after   []Service
		service, server *ipvs.Stats
	}{
		{name: "counted", before: table(low, low), after: table(high, high), service: delta, server: delta},
		{name: "service zeroed", before: table(high, low), after: table(low, high), server: delta},
		{name: "server zeroed", before: table(low, high), after: table(high, low), service: delta},
		{name: "new service", after: table(high, high)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			setDeltas(tt.before, tt.after)
			if diff := cmp.Diff(tt.service, tt.after[0].Delta); diff != "" {
				t.Errorf("service: want -, got +\n%s", diff)
			}
			if diff := cmp.Diff(tt.server, tt.after[0].Servers[0].Delta); diff != "" {
				t.Errorf("server: want -, got +\n%s", diff)
			}
		})
	}
}

func TestServerIndex(t *testing.T) {
	server := func(s string) Server { return Server{Destination: ipvs.Destination{AddrPort: ap(s)}} }
	ix := newServerIndex(new(Facts), []Service{
		{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))}, Servers: []Server{server("10.0.0.11:8080")}},
		{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap("192.0.2.2:0"))}, Servers: []Server{server("10.0.0.12:0")}},
		{Service: ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4)}, Servers: []Server{server("10.0.0.13:0"), server("10.0.0.11:8080")}},
	})
	for _, tt := range []struct {
		name     string
		protocol ipvs.Protocol
		vip      string
		server   string
		want     string // the server and the service, each if it was found
	}{
		{name: "exact", protocol: ipvs.TCP, vip: "192.0.2.1:80", server: "10.0.0.11:8080", want: "10.0.0.11:8080 TCP 192.0.2.1:80"},
		{name: "all ports", protocol: ipvs.TCP, vip: "192.0.2.2:443", server: "10.0.0.12:443", want: "10.0.0.12:0 TCP 192.0.2.2:0"},
		{name: "firewall mark, all ports", protocol: ipvs.TCP, vip: "192.0.2.3:80", server: "10.0.0.13:80", want: "10.0.0.13:0"},
		{name: "firewall mark", protocol: ipvs.UDP, vip: "192.0.2.3:53", server: "10.0.0.11:8080", want: "10.0.0.11:8080"},
		{name: "removed server", protocol: ipvs.TCP, vip: "192.0.2.1:80", server: "10.0.0.99:8080", want: "TCP 192.0.2.1:80"},
		{name: "removed service", protocol: ipvs.UDP, vip: "192.0.2.1:80", server: "10.0.0.99:80", want: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, s := ix.find(&ipvs.Connection{Protocol: tt.protocol, VIP: ap(tt.vip), Destination: ap(tt.server)})
			var got []string
			if d != nil {
				got = append(got, d.AddrPort.String())
			}
			if s != nil {
				got = append(got, s.ServiceKey.String())
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNoteUnavailable(t *testing.T) {
	f := new(Facts)
	f.noteUnavailable("network probes", "ARP on eth0: closed\nneighbor discovery: closed")
	f.noteOptional("network probes", "another reason")
	f.noteOptional("arriving packets", "closed")
	f.noteUnavailable("connections", "permission denied")
	f.noteOptional("network probes", "a third reason")
	f.noteUnavailable("arriving packets", "another reason")
	f.noteOptional("drop counters", "closed")
	want := []Unavailable{
		{What: "network probes", Reason: "ARP on eth0: closed; neighbor discovery: closed"},
		{What: "arriving packets", Reason: "closed"},
		{What: "connections", Reason: "permission denied"},
		{What: "drop counters", Reason: "closed", Optional: true},
	}
	if diff := cmp.Diff(want, f.Unavailable); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestReadTableConsistent expects all servers although the first dump skips one: the
// connections to a missing server would count as connections to a removed server.
func TestReadTableConsistent(t *testing.T) {
	const servers = 100 // more than a datagram contains
	k := largeTable(1, servers)
	dumps, datagrams := 0, 0
	var removed *ipvs.Destination
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			dumps, datagrams = dumps+1, 0
			if removed != nil {
				k.Table[0].Destinations = slices.Insert(k.Table[0].Destinations, 0, *removed)
				removed = nil
			}
		}
		return 0
	}
	k.OnContinue = func(m *netlinkmsg.Message) {
		if datagrams++; m.Command == netlinkmsg.GetDestination && dumps == 1 && datagrams == 1 {
			first := k.Table[0].Destinations[0]
			removed, k.Table[0].Destinations = &first, k.Table[0].Destinations[1:]
		}
	}
	table, err := newCollector(k).readTable(new(Facts))
	if err != nil || len(table) != 1 || len(table[0].Servers) != servers {
		t.Errorf("got error %v and %d services, want 1 service with %d servers: %d", err, len(table), servers, len(table[0].Servers))
	}
	if dumps < 2 {
		t.Errorf("%d dumps of servers, want more than one", dumps)
	}
}

func TestUnseenReplies(t *testing.T) {
	for _, tt := range []struct {
		name     string
		protocol ipvs.Protocol
		method   ipvs.ForwardingMethod
		packets  uint64
		want     bool
	}{
		{name: "direct routing", protocol: ipvs.UDP, method: ipvs.DirectRouting, packets: 3, want: true},
		{name: "tunnel", protocol: ipvs.UDP, method: ipvs.Tunneling, packets: 3, want: true},
		{name: "NAT", protocol: ipvs.UDP, method: ipvs.Masquerading, packets: 3},
		{name: "TCP", protocol: ipvs.TCP, method: ipvs.DirectRouting, packets: 3},
		{name: "idle", protocol: ipvs.UDP, method: ipvs.DirectRouting},
	} {
		f := &Facts{Services: []Service{{
			Service: ipvs.Service{ServiceKey: ipvs.AddrKey(tt.protocol, ap("192.0.2.1:53"))},
			Servers: []Server{{
				Destination: ipvs.Destination{AddrPort: ap("10.0.0.11:53"), Method: tt.method},
				Delta:       &ipvs.Stats{InPackets: tt.packets},
			}},
		}}}
		if got := f.hasUnseenReplies(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
