// SPDX-License-Identifier: MIT

// Package ipvs manages IPVS, the layer-4 load balancer of the Linux kernel: virtual
// services, their destinations (real servers), connection timeouts, connection
// synchronization daemons, and the connection table.
//
// A Client communicates with the kernel over generic netlink. Reading and changing
// the table requires CAP_NET_ADMIN in the network namespace of the table.
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
// Zero-valued Service fields that would be invalid are replaced by defaults; see
// WithDefaults. Destination fields are sent as given. An update replaces the whole
// configuration; CompareAndUpdateService and CompareAndUpdateDestination help to change
// a part of it.
//
// A Client sends one request for each change; a Batch sends many changes in few
// system calls. Package reconcile makes the minimum number of changes to turn one
// table into another, package drain removes destinations after their connections
// have ended, and package ipvstest implements IPVS in memory for tests.
//
// Errors that the kernel returns are *Error values. With errors.Is, they match their
// errno and, for many causes, an Err value of this package.
//
// On systems other than Linux, Dial returns an error.
package ipvs
