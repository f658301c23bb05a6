// Package netlinkmsg encodes and decodes the generic netlink messages of IPVS,
// as defined in linux/ip_vs.h. It opens no sockets and does no I/O.
//
// A Message is one command with its attributes. Append encodes it into a
// buffer, which can hold many messages for one system call. Decode reuses the
// values that the Message points to, so that a dump of any size is decoded
// without allocating memory for each entry.
//
// Integers on the wire are in host byte order. The exceptions, in network byte
// order, are addresses, the ports of services, destinations and tunnels, and
// the IPv4 persistence netmask. The Go values are plain numbers.
package netlinkmsg
