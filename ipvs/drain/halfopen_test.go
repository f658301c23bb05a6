// SPDX-License-Identifier: MIT

package drain

import (
	"errors"
	"iter"
	"net/netip"
	"testing"
	"time"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestHalfOpen(t *testing.T) {
	var (
		address  = ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))
		allPorts = ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:0"))
		datagram = ipvs.AddrKey(ipvs.UDP, ap("192.0.2.1:80"))
		fwmark   = ipvs.MarkKey(7, ipvs.IPv4)
	)
	conn := func(vip, server, state string) ipvs.Connection {
		return ipvs.Connection{Protocol: ipvs.TCP, Client: ap("203.0.113.5:1024"), VIP: ap(vip), Destination: ap(server), State: state}
	}
	halfOpen := conn("192.0.2.1:80", "198.51.100.1:80", "SYN_RECV")
	established := conn("192.0.2.1:80", "198.51.100.1:80", "ESTABLISHED")
	others := []ipvs.Connection{
		conn("192.0.2.1:80", "198.51.100.2:80", "ESTABLISHED"),
		conn("192.0.2.1:80", "198.51.100.1:81", "ESTABLISHED"),
		conn("192.0.2.1:81", "198.51.100.1:80", "ESTABLISHED"),
		conn("192.0.2.9:80", "198.51.100.1:80", "ESTABLISHED"),
		{Protocol: ipvs.UDP, VIP: ap("192.0.2.1:80"), Destination: ap("198.51.100.1:80"), State: "ESTABLISHED"},
	}
	readErr := errors.New("no connection table")
	for _, tt := range []struct {
		name        string
		service     ipvs.ServiceKey
		server      string // default 198.51.100.1:80
		active      uint32
		connections []ipvs.Connection
		err         error
		want        uint32
		unread      bool // the connection table is not read
	}{
		{name: "no active connection", service: address, unread: true},
		{name: "too many active connections", service: address, active: maxHalfOpen + 1, unread: true},
		{name: "half-open", service: address, active: 2, connections: append(others, halfOpen, halfOpen), want: 2},
		{name: "half-open and closing", service: address, active: 1, connections: []ipvs.Connection{halfOpen, conn("192.0.2.1:80", "198.51.100.1:80", "TIME_WAIT")}, want: 1},
		{name: "established", service: address, active: 2, connections: []ipvs.Connection{halfOpen, established}},
		{name: "enough half-open connections, then an established one", service: address, active: 1, connections: []ipvs.Connection{halfOpen, established}},
		{name: "one active connection not found", service: address, active: 2, connections: []ipvs.Connection{halfOpen}},
		{name: "read error", service: address, active: 1, connections: []ipvs.Connection{halfOpen}, err: readErr},
		{name: "all ports", service: allPorts, server: "198.51.100.1:0", active: 1, connections: []ipvs.Connection{conn("192.0.2.1:443", "198.51.100.1:443", "SYN_RECV")}, want: 1},
		{name: "firewall mark", service: fwmark, active: 1, connections: []ipvs.Connection{conn("192.0.2.44:443", "198.51.100.1:80", "SYN_RECV")}, want: 1},
		{name: "UDP", service: datagram, active: 1, connections: []ipvs.Connection{halfOpen}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read := false
			d := &drainer{}
			only := &target{
				service: &service{drainer: d, config: ipvs.Service{ServiceKey: tt.service}},
				server:  ap("198.51.100.1:80"),
				last:    &State{Destination: ipvs.Destination{ActiveConns: tt.active}},
			}
			if tt.server != "" {
				only.server = ap(tt.server)
			}
			d.connections = func() iter.Seq2[ipvs.Connection, error] {
				read = true
				return ipvstest.ConnectionSeq(tt.connections, tt.err)
			}
			d.findHalfOpen([]*target{only})
			if got := only.last.HalfOpenConns; got != tt.want || read == tt.unread {
				t.Errorf("%d half-open connections, table read: %t; want %d, %t", got, read, tt.want, !tt.unread)
			}
			// The table is not read again until the pause has passed.
			d.nextReading, read = time.Now().Add(time.Hour), false
			only.last.HalfOpenConns = 0
			d.findHalfOpen([]*target{only})
			if got := only.last.HalfOpenConns; got != 0 || read {
				t.Errorf("during the pause: %d half-open connections, table read: %t; want 0, false", got, read)
			}
		})
	}
}

// TestHalfOpenSeveral determines the half-open connections of several targets with one
// reading of the table.
func TestHalfOpenSeveral(t *testing.T) {
	readings := 0
	d := &drainer{connections: func() iter.Seq2[ipvs.Connection, error] {
		readings++
		var list []ipvs.Connection
		for vip, state := range map[string]string{"192.0.2.1:80": "SYN_RECV", "192.0.2.1:443": "ESTABLISHED", "192.0.2.2:80": "SYN_RECV"} {
			list = append(list, ipvs.Connection{Protocol: ipvs.TCP, VIP: ap(vip), Destination: ap("198.51.100.1:80"), State: state})
		}
		return ipvstest.ConnectionSeq(list, nil)
	}}
	var targets []*target
	for _, vip := range []string{"192.0.2.1:80", "192.0.2.1:443", "192.0.2.2:80", "192.0.2.3:80"} {
		targets = append(targets, &target{
			service: &service{drainer: d, config: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, ap(vip))}},
			server:  ap("198.51.100.1:80"),
			last:    &State{Destination: ipvs.Destination{ActiveConns: 1}},
		})
	}
	targets[2].isStale = true
	d.findHalfOpen(targets)
	for i, want := range []uint32{1, 0, 0, 0} {
		if got := targets[i].last.HalfOpenConns; got != want {
			t.Errorf("%v: %d half-open connections, want %d", targets[i].config.ServiceKey, got, want)
		}
	}
	if readings != 1 {
		t.Errorf("%d readings of the connection table, want 1", readings)
	}
}

func TestDrainedHalfOpen(t *testing.T) {
	for _, tt := range []struct {
		state State
		polls int
		want  bool
	}{
		{state: State{Destination: ipvs.Destination{ActiveConns: 2}, HalfOpenConns: 2}, polls: 1},
		{state: State{Destination: ipvs.Destination{ActiveConns: 2}, HalfOpenConns: 2}, polls: 2, want: true},
		{state: State{Destination: ipvs.Destination{ActiveConns: 2}}, polls: 2},
		{state: State{Destination: ipvs.Destination{ActiveConns: 2, PersistentConns: 1}, HalfOpenConns: 2, Persistent: true}, polls: 2},
	} {
		if got := drained(&tt.state, tt.polls); got != tt.want {
			t.Errorf("drained(%+v, %d) = %t, want %t", tt.state, tt.polls, got, tt.want)
		}
	}
}
