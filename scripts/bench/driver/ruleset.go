// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// ruleSet is a table of services with the given number of servers each. It can be
// converted to input for -R, to encoded requests that add it, and to requests that
// list it.
type ruleSet struct{ services, servers int }

// size returns the number of rules.
func (r ruleSet) size() int { return r.services * (1 + r.servers) }

// nthAddrPort returns the nth address after base, with the given port.
func nthAddrPort(base netip.Addr, n int, port uint16) netip.AddrPort {
	b := base.As4()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(b[:])+uint32(n)))), port)
}

var (
	firstService = netip.MustParseAddr("10.1.0.0")
	firstServer  = netip.MustParseAddr("10.128.0.0")
)

func (r ruleSet) service(i int) *netlinkmsg.Service {
	return &netlinkmsg.Service{
		ServiceKey: netlinkmsg.AddrKey(netlinkmsg.TCP, nthAddrPort(firstService, i, 80)),
		Scheduler:  "wrr",
		Netmask:    netlinkmsg.HostNetmask(netlinkmsg.IPv4),
	}
}

func (r ruleSet) server(i, j int) *netlinkmsg.Destination {
	return &netlinkmsg.Destination{
		AddrPort: nthAddrPort(firstServer, i*r.servers+j, 8080),
		Method:   netlinkmsg.Masquerading,
		Weight:   1,
	}
}

// restoreInput returns the rules in the format of -S -n.
func (r ruleSet) restoreInput() []byte {
	var b bytes.Buffer
	for i := range r.services {
		s := r.service(i)
		fmt.Fprintf(&b, "-A -t %v -s %s\n", s.AddrPort, s.Scheduler)
		for j := range r.servers {
			d := r.server(i, j)
			fmt.Fprintf(&b, "-a -t %v -r %v -m -w %d\n", s.AddrPort, d.AddrPort, d.Weight)
		}
	}
	return b.Bytes()
}

// batchSize is the number of requests in one send. Larger batches are not faster.
const batchSize = 128

// send adds the rules through a bare socket. The messages are encoded in the first
// call; the family ID in them does not change until the machine is rebooted.
func (r ruleSet) send(s *socket, prepared *[][]byte) error {
	if *prepared == nil {
		*prepared = r.addRequests(s.family)
	}
	for _, b := range *prepared {
		if err := s.roundTrip(b); err != nil {
			return err
		}
	}
	return nil
}

// addRequests returns the encoded requests that add the rules, with batchSize
// requests per slice. The last one of each slice requests an acknowledgement.
func (r ruleSet) addRequests(family uint16) [][]byte {
	var out [][]byte
	var b []byte
	n := 0
	add := func(m netlinkmsg.Message) {
		n++
		flags := netlink.Request
		last := n%batchSize == 0 || n == r.size()
		if last {
			flags |= netlink.Acknowledge
		}
		b = appendMessage(b, m, family, flags, uint32(n))
		if last {
			out, b = append(out, b), nil
		}
	}
	for i := range r.services {
		s := r.service(i)
		add(netlinkmsg.Message{Command: netlinkmsg.NewService, Service: s})
		for j := range r.servers {
			add(netlinkmsg.Message{Command: netlinkmsg.NewDestination, Service: s, Destination: r.server(i, j)})
		}
	}
	return out
}

// listRequests returns the encoded requests of a listing: a dump of the services,
// and a dump of the servers of each.
func (r ruleSet) listRequests(family uint16) [][]byte {
	encode := func(m netlinkmsg.Message, flags netlink.HeaderFlags) []byte {
		return appendMessage(nil, m, family, netlink.Request|flags, 1)
	}
	out := [][]byte{
		encode(netlinkmsg.Message{Command: netlinkmsg.GetService}, netlink.Dump),
	}
	for i := range r.services {
		out = append(out, encode(netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: r.service(i)}, netlink.Dump))
	}
	return out
}

// appendMessage appends m, which must be valid, to b.
func appendMessage(b []byte, m netlinkmsg.Message, family uint16, flags netlink.HeaderFlags, seq uint32) []byte {
	b, err := m.Append(b, family, flags, seq)
	if err != nil {
		panic(err)
	}
	return b
}
