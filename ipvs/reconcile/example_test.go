// SPDX-License-Identifier: MIT

package reconcile_test

import (
	"fmt"
	"log"
	"net/netip"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/ipvs/reconcile"
)

// The examples use an in-memory kernel; programs call ipvs.Dial.
var kernel ipvstest.FakeKernel

// webTable returns a table with one web service whose destinations are the given
// servers.
func webTable(servers ...string) *reconcile.Table {
	web := reconcile.Service{Service: ipvs.Service{
		ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80")),
		Scheduler:  "wlc",
	}}
	for _, s := range servers {
		web.Destinations = append(web.Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort(s), Weight: 1})
	}
	return &reconcile.Table{Services: []reconcile.Service{web}}
}

// Change the kernel's table to match a configuration and print each change.
func ExampleApply() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	options := reconcile.Options{
		OnChange: func(c *reconcile.Change) { fmt.Println(c) },
		OnError:  func(c *reconcile.Change, err error) { log.Println(err) },
	}
	if err := reconcile.Apply(c, webTable("198.51.100.1:80", "198.51.100.2:80"), options); err != nil {
		log.Fatal(err)
	}
	fmt.Println("with a new configuration:")
	if err := reconcile.Apply(c, webTable("198.51.100.2:80", "198.51.100.3:80"), options); err != nil {
		log.Fatal(err)
	}
	// Output:
	// add service TCP 192.0.2.1:80
	// add destination 198.51.100.1:80 of TCP 192.0.2.1:80
	// add destination 198.51.100.2:80 of TCP 192.0.2.1:80
	// with a new configuration:
	// add destination 198.51.100.3:80 of TCP 192.0.2.1:80
	// delete destination 198.51.100.1:80 of TCP 192.0.2.1:80
}

// Print the changes without making them.
func ExampleCompare() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	want := webTable("198.51.100.2:80", "198.51.100.3:80", "198.51.100.4:80")
	have, err := reconcile.Read(c, want)
	if err != nil {
		log.Fatal(err)
	}
	for change := range reconcile.Compare(want, have, reconcile.Options{KeepWeights: true}) {
		fmt.Println(change)
	}
	// Output:
	// add destination 198.51.100.4:80 of TCP 192.0.2.1:80
}
