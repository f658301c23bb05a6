// SPDX-License-Identifier: MIT

// Package netlinkmsg encodes and decodes the generic netlink messages of IPVS,
// as defined in linux/ip_vs.h. It opens no sockets and does no I/O.
//
// A Message is one command with its attributes. Append encodes it into a buffer;
// a buffer of many messages can be sent with one system call. Decode reuses the
// values that the Message points to, so that decoding a dump does not allocate
// memory for each entry.
//
// On the wire, addresses, the ports of services, destinations and tunnels, and
// the IPv4 persistence netmask are in network byte order; all other integers are
// in host byte order. In Go values, every number is in host byte order.
package netlinkmsg
