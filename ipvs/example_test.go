// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"log"
	"net/netip"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
)

// kernel lets the examples run anywhere. Programs call ipvs.Dial instead of
// kernel.Dial.
var kernel ipvstest.FakeKernel

// Balance a web site over two servers by direct routing. Unset fields of a Service
// have defaults. Those of a Destination do not: without Method it is reached by NAT,
// and without Weight it gets no connections.
func ExampleClient_AddService() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	site := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	err = c.AddService(ipvs.Service{ServiceKey: site, Scheduler: "wlc"})
	if errors.Is(err, ipvs.ErrServiceExists) {
		err = nil
	}
	if err != nil {
		log.Fatal(err)
	}
	for _, server := range []string{"198.51.100.1:80", "198.51.100.2:80"} {
		err := c.AddDestination(site, ipvs.Destination{
			AddrPort: netip.MustParseAddrPort(server),
			Method:   ipvs.DirectRouting,
			Weight:   1,
		})
		if err != nil {
			log.Fatal(err)
		}
	}

	destinations, err := c.Destinations(site)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range destinations {
		fmt.Println(d.AddrPort, d.Method, d.Weight)
	}
	// Output:
	// 198.51.100.1:80 Route 1
	// 198.51.100.2:80 Route 1
}

// Set the weight of a server to 0: it keeps its connections and gets no new ones.
func ExampleClient_UpdateDestination() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	site := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	destinations, err := c.Destinations(site)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range destinations {
		if d.AddrPort.Addr() == netip.MustParseAddr("198.51.100.2") {
			d.Weight = 0
			if err := c.UpdateDestination(site, d); err != nil {
				log.Fatal(err)
			}
		}
		fmt.Println(d.AddrPort, "weight", d.Weight, "with", d.ActiveConns, "active connections")
	}
	// Output:
	// 198.51.100.1:80 weight 1 with 0 active connections
	// 198.51.100.2:80 weight 0 with 0 active connections
}

// Make many changes in few system calls and print those that failed.
func ExampleBatch() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	dns := ipvs.AddrKey(ipvs.UDP, netip.MustParseAddrPort("192.0.2.53:53"))
	b := c.Batch()
	b.AddService(ipvs.Service{ServiceKey: dns, Scheduler: "rr"})
	b.AddService(ipvs.Service{ServiceKey: dns, Scheduler: "rr"})
	for i := range 250 {
		server := netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)})
		b.AddDestination(dns, ipvs.Destination{AddrPort: netip.AddrPortFrom(server, 53), Weight: 1})
	}
	failures, err := b.Commit()
	if err != nil {
		log.Fatal(err) // the connection was lost
	}
	for _, f := range failures {
		fmt.Printf("change %d: %v\n", f.Index, f.Err)
	}
	destinations, _ := c.Destinations(dns)
	fmt.Println(len(destinations), "servers")
	// Output:
	// change 1: ipvs: add service UDP 192.0.2.53:53: service already exists
	// 250 servers
}

// Iterate over a table of any size without holding it in memory.
func ExampleClient_ServicesSeq() {
	kernel := ipvstest.FakeKernel{Table: []ipvstest.Entry{
		{
			Service:      ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))},
			Destinations: []ipvs.Destination{{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), ActiveConns: 9}},
		},
		{
			Service:      ipvs.Service{ServiceKey: ipvs.MarkKey(7, ipvs.IPv4)},
			Destinations: []ipvs.Destination{{AddrPort: netip.MustParseAddrPort("198.51.100.2:0")}},
		},
	}}
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for s, err := range c.ServicesSeq() {
		if err != nil {
			log.Fatal(err)
		}
		idle := 0
		for d, err := range c.DestinationsSeq(s.ServiceKey) {
			if err != nil {
				log.Fatal(err)
			}
			if d.ActiveConns == 0 {
				idle++
			}
		}
		fmt.Println(s.ServiceKey, "has", idle, "idle servers")
	}
	// Output:
	// TCP 192.0.2.1:80 has 0 idle servers
	// FWM 7 IPv4 has 1 idle servers
}
