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

// dnsDelay is what the slow DNS server takes for an answer.
const dnsDelay = 50 * time.Millisecond

// serveDNS answers each question in the namespace, after dnsDelay, with a
// name made of the question's: 1.0.128.10.in-addr.arpa is host-1-0-128-10.test.
// It ends with the namespace's other sockets, at the end of the boot.
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
			if answer := dnsReply(b[:n]); answer != nil {
				time.AfterFunc(dnsDelay, func() { c.WriteTo(answer, from) })
			}
		}
	}()
	return nil
}

// widen lets a socket hold the questions or answers of all servers at once.
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

const dnsHeader = 12

// dnsAnswer turns a question of one name into its answer, or nil if it is none.
func dnsReply(q []byte) []byte {
	var labels []string
	end := dnsHeader
	for end < len(q) && q[end] != 0 {
		next := end + 1 + int(q[end])
		if next >= len(q) {
			return nil
		}
		labels = append(labels, string(q[end+1:next]))
		end = next
	}
	end += 5 // the root, the type and the class
	if end > len(q) || len(labels) < 4 {
		return nil
	}
	host := "host-" + strings.Join(labels[:4], "-")
	name := append([]byte{byte(len(host))}, host...)
	name = append(name, "\x04test\x00"...)

	a := append([]byte{}, q[:end]...)
	binary.BigEndian.PutUint16(a[2:], 0x8180)   // an answer, recursion available
	copy(a[4:], []byte{0, 1, 0, 1, 0, 0, 0, 0}) // one question, one answer
	a = append(a, 0xc0, dnsHeader)              // the name asked for
	a = append(a, q[end-4:end]...)              // its type and class
	a = binary.BigEndian.AppendUint32(a, 60)    // seconds to live
	a = binary.BigEndian.AppendUint16(a, uint16(len(name)))
	return append(a, name...)
}

// askDNS asks for the names of all servers of r at once, and waits for the answers.
func queryDNS(r ruleSet) error {
	c, err := net.Dial("udp4", "127.0.0.1:53")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := enlargeReceiveBuffer(c.(*net.UDPConn)); err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
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
			return fmt.Errorf("waiting for DNS answers: %w", err)
		}
	}
	return nil
}
