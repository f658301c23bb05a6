// SPDX-License-Identifier: MIT

package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"goipvsadm/netlinkmsg"
)

// fillConnectionTable creates n connections in the namespace. It sends raw TCP
// packets from generated addresses to a service whose servers are behind a dummy
// interface, which drops all packets. A SYN creates a connection, and an ACK
// establishes it, so that it does not expire during the benchmark.
func fillConnectionTable(n int) error {
	r := ruleSet{services: 1}
	service := r.service(0)
	for _, args := range [][]string{
		{"link", "add", "dummy0", "type", "dummy"},
		{"addr", "add", "10.200.0.1/16", "dev", "dummy0"},
		{"link", "set", "dummy0", "up"},
		{"addr", "add", service.AddrPort.Addr().String() + "/32", "dev", "lo"},
	} {
		if err := ip(args...); err != nil {
			return err
		}
	}
	s, err := dial()
	if err != nil {
		return err
	}
	defer s.close()
	m := netlinkmsg.Message{Command: netlinkmsg.NewService, Service: service}
	if err := s.roundTrip(appendMessage(nil, m, s.family, netlink.Request|netlink.Acknowledge, 1)); err != nil {
		return fmt.Errorf("adding the service: %w", err)
	}
	for i := range 10 {
		m := netlinkmsg.Message{Command: netlinkmsg.NewDestination, Service: service, Destination: &netlinkmsg.Destination{
			AddrPort: nthAddrPort(netip.MustParseAddr("10.200.1.0"), i, service.AddrPort.Port()),
			Method:   netlinkmsg.DirectRouting,
			Weight:   1,
		}}
		if err := s.roundTrip(appendMessage(nil, m, s.family, netlink.Request|netlink.Acknowledge, 1)); err != nil {
			return fmt.Errorf("adding a server: %w", err)
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("opening a raw socket: %w", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Addr: service.AddrPort.Addr().As4()}
	p := tcpPacket(service.AddrPort)
	for i := range n {
		binary.BigEndian.PutUint32(p[12:], 0x0a400000+uint32(i>>4)) // source address: 10.64.0.0 and up
		binary.BigEndian.PutUint16(p[20:], 32768+uint16(i&15)*997)  // source port
		// p[33] holds the TCP flags.
		for _, p[33] = range []byte{syn, ack} {
			if err := unix.Sendto(fd, p, 0, to); err != nil {
				return fmt.Errorf("sending packet %d: %w", i, err)
			}
		}
	}
	return nil
}

const (
	syn = 0x02
	ack = 0x10
)

// tcpPacket returns an IPv4 header and a TCP header. The source address and port
// and the TCP flags are zero.
func tcpPacket(to netip.AddrPort) []byte {
	p := make([]byte, 40)
	p[0], p[3], p[8], p[9] = 0x45, byte(len(p)), 64, unix.IPPROTO_TCP
	copy(p[16:], to.Addr().AsSlice())
	binary.BigEndian.PutUint16(p[22:], to.Port())
	p[32] = 5 << 4 // length of the TCP header: five words
	return p
}

// readConnectionTable reads the complete connection table from /proc.
func readConnectionTable() error {
	fd, err := unix.Open("/proc/thread-self/net/ip_vs_conn", unix.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("opening the connection table: %w", err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil {
			return fmt.Errorf("reading the connection table: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}
