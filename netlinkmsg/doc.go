// Package netlinkmsg encodes and decodes the messages of IPVS's generic
// netlink family, as linux/ip_vs.h defines them. It does no I/O: it turns Go
// values into bytes for a netlink socket and bytes from one into Go values.
//
// A Message is one command with what it carries. Messages append themselves
// to a buffer, so that many of them can share one buffer and one system call,
// and they decode into the values they are given, so that reading a table of
// any size needs no allocation a row.
//
// Netlink is a host-order protocol: all integers are in the host's byte order
// except those which the ABI keeps in network order. Those are the ports and
// addresses, the IPv4 persistence netmask and the tunnel port; the fields say
// so where it matters, and all fields of the Go values are plain numbers.
package netlinkmsg
