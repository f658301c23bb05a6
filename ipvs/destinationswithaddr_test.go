// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

func TestDestinationsWithAddr(t *testing.T) {
	other := ipvs.AddrKey(ipvs.UDP, netip.MustParseAddrPort("192.0.2.1:53"))
	server := netip.MustParseAddr("198.51.100.1")
	at := func(addr netip.Addr, port uint16) ipvs.Destination {
		return ipvs.Destination{AddrPort: netip.AddrPortFrom(addr, port)}
	}
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{
		{Service: ipvs.Service{ServiceKey: web, Scheduler: "rr"}, Destinations: []ipvs.Destination{at(server, 8080), at(server.Next(), 80), at(server, 80)}},
		{Service: ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4)}, Destinations: []ipvs.Destination{at(server.Next(), 0)}},
		{Service: ipvs.Service{ServiceKey: other}, Destinations: []ipvs.Destination{at(server, 53)}},
	}}
	c, _ := k.Dial()
	got, err := c.DestinationsWithAddr(server)
	var text string
	for _, d := range got {
		text += fmt.Sprintf("%v %v %s\n", d.Service.ServiceKey, d.Destination.AddrPort, d.Service.Scheduler)
	}
	const want = "TCP 192.0.2.1:80 198.51.100.1:8080 rr\nTCP 192.0.2.1:80 198.51.100.1:80 rr\nUDP 192.0.2.1:53 198.51.100.1:53 \n"
	if err != nil || text != want {
		t.Errorf("%v\n%swant\n%s", err, text, want)
	}
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			return syscall.EPERM
		}
		return 0
	}
	if _, err := c.DestinationsWithAddr(server); !errors.Is(err, syscall.EPERM) {
		t.Errorf("error %v, want EPERM", err)
	}
}
