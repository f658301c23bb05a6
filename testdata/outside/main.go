// Balance is a program in a separate module, which can use only the exported API of
// the library. A test of package ipvs builds and runs it.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/netip"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	c, err := ipvs.Dial()
	if err != nil {
		return err
	}
	defer c.Close()
	site := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
	if err := c.AddService(ipvs.Service{ServiceKey: site, Scheduler: "rr"}); err != nil {
		return err
	}
	if err := c.AddService(ipvs.Service{ServiceKey: site}); !errors.Is(err, ipvs.ErrServiceExists) {
		return fmt.Errorf("adding an existing service: %w", err)
	}
	info, err := c.Info()
	if err != nil {
		return err
	}
	fmt.Println("IPVS", info.Version)
	server := ipvs.Destination{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Method: ipvs.DirectRouting, Weight: 1}
	if err := c.AddDestination(site, server); err != nil {
		return err
	}

	// List.
	for s, err := range c.ServicesSeq() {
		if err != nil {
			return err
		}
		fmt.Println(s.ServiceKey, s.Scheduler)
		destinations, err := c.Destinations(s.ServiceKey)
		if err != nil {
			return err
		}
		for _, d := range destinations {
			fmt.Println(" ", d.AddrPort, d.Method, d.Weight)
		}
	}

	// Compare.
	want := &reconcile.Table{Services: []reconcile.Service{
		{
			Service: ipvs.Service{ServiceKey: site, Scheduler: "rr"},
			Destinations: []ipvs.Destination{
				{AddrPort: netip.MustParseAddrPort("198.51.100.1:80"), Method: ipvs.DirectRouting, Weight: 5},
				{AddrPort: netip.MustParseAddrPort("198.51.100.2:80"), Method: ipvs.DirectRouting, Weight: 1},
			},
		},
		{Service: ipvs.Service{ServiceKey: ipvs.AddrKey(ipvs.UDP, netip.MustParseAddrPort("[2001:db8::1]:53"))}},
	}}
	have, err := reconcile.Read(c, want)
	if err != nil {
		return err
	}
	for change := range reconcile.Compare(want, have, reconcile.Options{}) {
		fmt.Println("would", change)
	}

	// Apply, and check that no difference is left.
	if err := reconcile.Apply(c, want, reconcile.Options{OnChange: func(c *reconcile.Change) { fmt.Println("done:", c) }}); err != nil {
		return err
	}
	if have, err = reconcile.Read(c, nil); err != nil {
		return err
	}
	for change := range reconcile.Compare(want, have, reconcile.Options{}) {
		return fmt.Errorf("still pending: %v", change)
	}
	return nil
}
