package drain

import (
	"errors"
	"iter"
	"net/netip"
	"testing"
	"time"

	"goipvsadm/ipvs"
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
		{name: "established after as many half-open ones as are active", service: address, active: 1, connections: []ipvs.Connection{halfOpen, established}},
		{name: "one active connection not found", service: address, active: 2, connections: []ipvs.Connection{halfOpen}},
		{name: "read error", service: address, active: 1, connections: []ipvs.Connection{halfOpen}, err: readErr},
		{name: "all ports", service: allPorts, server: "198.51.100.1:0", active: 1, connections: []ipvs.Connection{conn("192.0.2.1:443", "198.51.100.1:443", "SYN_RECV")}, want: 1},
		{name: "firewall mark", service: fwmark, active: 1, connections: []ipvs.Connection{conn("192.0.2.44:443", "198.51.100.1:80", "SYN_RECV")}, want: 1},
		{name: "UDP", service: datagram, active: 1, connections: []ipvs.Connection{halfOpen}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read := false
			d := &drainer{service: tt.service, server: ap("198.51.100.1:80")}
			if tt.server != "" {
				d.server = ap(tt.server)
			}
			d.connections = func() iter.Seq2[ipvs.Connection, error] {
				read = true
				return func(yield func(ipvs.Connection, error) bool) {
					for _, c := range tt.connections {
						if !yield(c, nil) {
							return
						}
					}
					if tt.err != nil {
						yield(ipvs.Connection{}, tt.err)
					}
				}
			}
			if got := d.halfOpen(tt.active); got != tt.want || read == tt.unread {
				t.Errorf("halfOpen = %d, table read: %t; want %d, %t", got, read, tt.want, !tt.unread)
			}
			// The table is not read again until readingPause has passed.
			d.nextReading, read = time.Now().Add(time.Hour), false
			if got := d.halfOpen(tt.active); got != 0 || read {
				t.Errorf("during the pause: halfOpen = %d, table read: %t; want 0, false", got, read)
			}
		})
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
