// Package ipvs manages the Linux kernel's layer-4 load balancer, IPVS: its
// virtual services, their destinations (real servers), time-outs,
// connection-synchronisation daemons and connections.
//
// A Client speaks to the kernel over generic netlink. Reading and changing
// the table needs CAP_NET_ADMIN in the network namespace it is for.
//
//	c, err := ipvs.Dial()
//	if err != nil { … }
//	defer c.Close()
//
//	web := ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("192.0.2.1:80"))
//	err = c.AddService(ipvs.Service{ServiceKey: web, Scheduler: "wlc"})
//	err = c.AddDestination(web, ipvs.Destination{
//		AddrPort: netip.MustParseAddrPort("198.51.100.1:80"),
//		Method:   ipvs.DirectRouting, // the zero Method is NAT
//		Weight:   1,                  // the zero Weight gets no connections
//	})
//
// In a Service, zeros that cannot be meant stand for a default; see Complete.
// In a Destination every zero is meant.
//
// A Client makes one change a message; a Batch makes many in few system calls.
// Package plan finds the fewest changes that make the table another one,
// package drain takes a destination out when its connections are over, and
// package ipvstest is an IPVS without a kernel, for tests.
//
// Errors that the kernel answers are *Error values: errors.Is tells them
// apart by the package's Err values as well as by the errno.
package ipvs
