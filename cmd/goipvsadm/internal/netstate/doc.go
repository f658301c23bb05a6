// SPDX-License-Identifier: MIT

// Package netstate reads the network state of the machine that runs IPVS:
// links, addresses, neighbors, routes, firewall rules, sysctls, packet counters,
// listening sockets and processes. It is read-only.
//
// Everything is read from the network namespace of the calling thread; use
// ipvs.DoInNetNS to read another one. No privilege is required, but the kernel
// may restrict what unprivileged callers can read.
package netstate
