// SPDX-License-Identifier: MIT

package conncount

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

var ap = netip.MustParseAddrPort

func connection(p ipvs.Protocol, client, destination, state string) ipvs.Connection {
	return ipvs.Connection{Protocol: p, Client: ap(client), Destination: ap(destination), State: state}
}

func TestCount(t *testing.T) {
	got, err := Count(ipvstest.ConnectionSeq([]ipvs.Connection{
		connection(ipvs.UDP, "192.0.2.7:4001", "10.0.0.11:53", "UDP"),
		connection(ipvs.TCP, "192.0.2.7:4001", "10.0.0.12:80", "ESTABLISHED"),
		connection(ipvs.TCP, "192.0.2.7:4002", "10.0.0.12:80", "FIN_WAIT"),
		connection(ipvs.TCP, "192.0.2.8:4003", "10.0.0.12:80", "ESTABLISHED"),
		connection(ipvs.TCP, "192.0.2.0:0", "10.0.0.12:80", "NONE"),
		connection(0, "192.0.2.0:0", "10.0.0.11:0", "ASSURED"),
		connection(ipvs.TCP, "192.0.2.7:4004", "10.0.0.12:8080", "CLOSE"),
		connection(ipvs.TCP, "[fd00::7]:4004", "[fd00::12]:80", "CLOSE"),
		connection(ipvs.TCP, "192.0.2.7:4005", "10.0.0.11:80", "CLOSE"),
	}, nil))
	want := []Server{
		{AddrPort: ap("10.0.0.11:0"), Templates: 1, States: map[string]uint64{}},
		{Protocol: ipvs.TCP, AddrPort: ap("10.0.0.11:80"), Connections: 1, States: map[string]uint64{"CLOSE": 1}},
		{Protocol: ipvs.TCP, AddrPort: ap("10.0.0.12:80"), Connections: 3, Templates: 1, States: map[string]uint64{"ESTABLISHED": 2, "FIN_WAIT": 1}},
		{Protocol: ipvs.TCP, AddrPort: ap("10.0.0.12:8080"), Connections: 1, States: map[string]uint64{"CLOSE": 1}},
		{Protocol: ipvs.TCP, AddrPort: ap("[fd00::12]:80"), Connections: 1, States: map[string]uint64{"CLOSE": 1}},
		{Protocol: ipvs.UDP, AddrPort: ap("10.0.0.11:53"), Connections: 1, States: map[string]uint64{"UDP": 1}},
	}
	compareAddrPorts := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, compareAddrPorts); err != nil || diff != "" {
		t.Errorf("error %v, servers (-want +got):\n%s", err, diff)
	}
	sum := Server{Connections: 7, Templates: 2, States: map[string]uint64{"CLOSE": 3, "ESTABLISHED": 2, "FIN_WAIT": 1, "UDP": 1}}
	if diff := cmp.Diff(sum, Sum(got), compareAddrPorts); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
}

func TestCountError(t *testing.T) {
	errTest := errors.New("test error")
	if got, err := Count(ipvstest.ConnectionSeq([]ipvs.Connection{connection(ipvs.TCP, "192.0.2.7:1", "10.0.0.11:80", "CLOSE")}, errTest)); err != errTest || got != nil {
		t.Errorf("Count = %v, %v", got, err)
	}
}

func TestSortedStates(t *testing.T) {
	s := Server{States: map[string]uint64{"ZOMBIE": 1, "TIME_WAIT": 1, "SYN_RECV": 1, "AWAKE": 1, "ESTABLISHED": 1}}
	want := []string{"SYN_RECV", "ESTABLISHED", "TIME_WAIT", "AWAKE", "ZOMBIE"}
	if diff := cmp.Diff(want, s.SortedStates()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
