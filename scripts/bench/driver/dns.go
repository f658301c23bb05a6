// SPDX-License-Identifier: MIT

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// dnsDelay is the response time of the DNS server.
const dnsDelay = 50 * time.Millisecond

// serveDNS starts a DNS server in the namespace. It responds to each reverse
// query after dnsDelay with a name derived from the address: the name of
// 1.0.128.10.in-addr.arpa is host-1-0-128-10.test. The server runs until the
// machine is powered off.
func serveDNS() error {
	c, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		return fmt.Errorf("starting the DNS server: %w", err)
	}
	if err := enlargeReceiveBuffer(c.(*net.UDPConn)); err != nil {
		return err
	}
	go func() {
		for {
			b := make([]byte, 512)
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if response := dnsResponse(b[:n]); response != nil {
				time.AfterFunc(dnsDelay, func() { _, _ = c.WriteTo(response, from) })
			}
		}
	}()
	return nil
}

// enlargeReceiveBuffer makes the receive buffer large enough for the queries about
// all servers, or for the responses.
func enlargeReceiveBuffer(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var optionErr error
	err = raw.Control(func(fd uintptr) {
		optionErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	})
	return errors.Join(err, optionErr)
}

// dnsHeaderLen is the length of the header of a DNS message.
const dnsHeaderLen = 12

// dnsResponse returns the response to a query for one name, or nil if q is invalid.
func dnsResponse(q []byte) []byte {
	var labels []string
	end := dnsHeaderLen
	for end < len(q) && q[end] != 0 {
		next := end + 1 + int(q[end])
		if next >= len(q) {
			return nil
		}
		labels = append(labels, string(q[end+1:next]))
		end = next
	}
	end += 5 // root label, type and class
	if end > len(q) || len(labels) < 4 {
		return nil
	}
	host := "host-" + strings.Join(labels[:4], "-")
	name := append([]byte{byte(len(host))}, host...)
	name = append(name, "\x04test\x00"...)

	a := append([]byte{}, q[:end]...)
	binary.BigEndian.PutUint16(a[2:], 0x8180)   // QR, RD, RA
	copy(a[4:], []byte{0, 1, 0, 1, 0, 0, 0, 0}) // one question, one answer
	a = append(a, 0xc0, dnsHeaderLen)           // pointer to the queried name
	a = append(a, q[end-4:end]...)              // type and class
	a = binary.BigEndian.AppendUint32(a, 60)    // TTL in seconds
	a = binary.BigEndian.AppendUint16(a, uint16(len(name)))
	return append(a, name...)
}

// queryDNS sends reverse queries for all servers of r and waits for the responses.
func queryDNS(r ruleSet) error {
	c, err := net.Dial("udp4", "127.0.0.1:53")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := enlargeReceiveBuffer(c.(*net.UDPConn)); err != nil {
		return err
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	buf := make([]byte, 512)
	for j := range r.servers {
		q := binary.BigEndian.AppendUint16(nil, uint16(j))
		q = append(q, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
		a := r.server(0, j).AddrPort.Addr().As4()
		for i := range a {
			digits := fmt.Sprint(a[3-i])
			q = append(append(q, byte(len(digits))), digits...)
		}
		q = append(q, "\x07in-addr\x04arpa\x00\x00\x0c\x00\x01"...)
		if _, err := c.Write(q); err != nil {
			return err
		}
	}
	for range r.servers {
		if _, err := c.Read(buf); err != nil {
			return fmt.Errorf("waiting for DNS responses: %w", err)
		}
	}
	return nil
}
