// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"iter"
	"net/netip"
	"testing"
)

func TestConnectionFilterMatches(t *testing.T) {
	connection := Connection{Protocol: TCP, Client: ap("192.0.2.7:40000"), VIP: ap("10.0.0.1:80"),
		Destination: ap("10.0.1.1:8080"), State: "ESTABLISHED"}
	prefix := netip.MustParsePrefix
	for _, tt := range []struct {
		name   string
		filter ConnectionFilter
		want   bool
	}{
		{name: "no fields", want: true},
		{name: "protocol", filter: ConnectionFilter{Protocol: TCP}, want: true},
		{name: "other protocol", filter: ConnectionFilter{Protocol: UDP}},
		{name: "client", filter: ConnectionFilter{Client: prefix("192.0.2.7/32")}, want: true},
		{name: "other client", filter: ConnectionFilter{Client: prefix("192.0.2.8/32")}},
		{name: "client network", filter: ConnectionFilter{Client: prefix("192.0.2.0/24")}, want: true},
		{name: "IPv6 client network", filter: ConnectionFilter{Client: prefix("::/0")}},
		{name: "VIP", filter: ConnectionFilter{VIP: ap("10.0.0.1:0")}, want: true},
		{name: "VIP and port", filter: ConnectionFilter{VIP: ap("10.0.0.1:80")}, want: true},
		{name: "VIP and other port", filter: ConnectionFilter{VIP: ap("10.0.0.1:443")}},
		{name: "other VIP", filter: ConnectionFilter{VIP: ap("10.0.0.2:0")}},
		{name: "destination", filter: ConnectionFilter{Destination: ap("10.0.1.1:0")}, want: true},
		{name: "destination and port", filter: ConnectionFilter{Destination: ap("10.0.1.1:8080")}, want: true},
		{name: "destination and other port", filter: ConnectionFilter{Destination: ap("10.0.1.1:80")}},
		{name: "state", filter: ConnectionFilter{State: "ESTABLISHED"}, want: true},
		{name: "other state", filter: ConnectionFilter{State: "FIN_WAIT"}},
		{name: "all fields", filter: ConnectionFilter{TCP, prefix("192.0.2.0/24"), ap("10.0.0.1:80"), ap("10.0.1.1:0"), "ESTABLISHED"}, want: true},
		{name: "all fields but one", filter: ConnectionFilter{TCP, prefix("192.0.2.0/24"), ap("10.0.0.1:80"), ap("10.0.1.2:0"), "ESTABLISHED"}},
	} {
		if got := tt.filter.Matches(&connection); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestConnectionFilterMark verifies that the template of a firewall mark, whose virtual
// address is the mark, matches no virtual address.
func TestConnectionFilterMark(t *testing.T) {
	template := Connection{Client: ap("192.0.2.7:0"), VIP: ap("0.0.0.10:0"), Destination: ap("10.0.1.1:0"), State: "NONE"}
	vip := ConnectionFilter{VIP: ap("0.0.0.10:0")}
	if vip.Matches(&template) {
		t.Error("the template of a firewall mark matches a virtual address")
	}
	destination := ConnectionFilter{Destination: ap("10.0.1.1:0")}
	if !destination.Matches(&template) {
		t.Error("the template does not match its destination")
	}
}

func TestConnectionFilterSelect(t *testing.T) {
	readErr := errors.New("read error")
	states := func(seq iter.Seq2[Connection, error]) (all []string) {
		for c, err := range seq {
			if err != nil {
				return append(all, err.Error())
			}
			all = append(all, c.State)
		}
		return all
	}
	read := 0
	seq := func(yield func(Connection, error) bool) {
		for _, state := range []string{"CLOSE", "LISTEN", "CLOSE", "LISTEN"} {
			if read++; !yield(Connection{State: state}, nil) {
				return
			}
		}
		yield(Connection{}, readErr)
	}
	got := states(ConnectionFilter{State: "CLOSE"}.Select(seq))
	if len(got) != 3 || got[0] != "CLOSE" || got[1] != "CLOSE" || got[2] != "read error" {
		t.Errorf("selected %q, want two connections in state CLOSE and the read error", got)
	}
	// Select stops reading when the caller breaks the loop.
	read = 0
	for range (ConnectionFilter{State: "LISTEN"}).Select(seq) {
		break
	}
	if read != 2 {
		t.Errorf("%d connections were read, want 2", read)
	}
}
