package reconcile_test

import (
	"fmt"
	"log"
	"net/netip"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/ipvs/reconcile"
)

// The examples run against a kernel in memory; programs call ipvs.Dial.
var kernel ipvstest.FakeKernel

// site is what a configuration asks for: a web site with a server for each
// address.
func site(servers ...string) *reconcile.Table {
	web := reconcile.Service{Service: ipvs.Service{
		ServiceKey: ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80")),
		Scheduler:  "wlc",
	}}
	for _, s := range servers {
		web.Destinations = append(web.Destinations, ipvs.Destination{AddrPort: netip.MustParseAddrPort(s), Weight: 1})
	}
	return &reconcile.Table{Services: []reconcile.Service{web}}
}

// Bring the kernel's table to what a configuration says, and tell what was
// done.
func ExampleApply() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	options := reconcile.Options{OnChange: func(c *reconcile.Change) { fmt.Println(c) }}
	if err := reconcile.Apply(c, site("198.51.100.1:80", "198.51.100.2:80"), options); err != nil {
		log.Fatal(err)
	}
	fmt.Println("and after a look at the configuration:")
	if err := reconcile.Apply(c, site("198.51.100.2:80", "198.51.100.3:80"), options); err != nil {
		log.Fatal(err)
	}
	// Output:
	// add service TCP 192.0.2.1:80
	// add destination 198.51.100.1:80 of TCP 192.0.2.1:80
	// add destination 198.51.100.2:80 of TCP 192.0.2.1:80
	// and after a look at the configuration:
	// add destination 198.51.100.3:80 of TCP 192.0.2.1:80
	// delete destination 198.51.100.1:80 of TCP 192.0.2.1:80
}

// Show what would be done, and do nothing.
func ExampleCompare() {
	c, err := kernel.Dial()
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	want := site("198.51.100.2:80", "198.51.100.3:80", "198.51.100.4:80")
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
