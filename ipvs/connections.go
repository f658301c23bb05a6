// SPDX-License-Identifier: MIT

package ipvs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"syscall"
)

// A Connection is an entry of the kernel's connection table: a connection, or the
// template that assigns a client of a persistent service to a destination. In a
// template, Client is the masked address of the client with port 0.
type Connection struct {
	Protocol    Protocol // 0 for the template of a firewall-mark service
	Client      netip.AddrPort
	VIP         netip.AddrPort // virtual address and port; for the template of a firewall mark, the mark as an IPv4 address
	Destination netip.AddrPort
	State       string // the kernel's name of the state, such as ESTABLISHED
	Expires     uint32 // seconds until the entry expires if the connection stays idle

	PEName string // persistence engine that matched the connection; "" if none
	PEData string // data that it matched, such as a SIP Call-ID; chosen by the client
}

// IsTemplate reports whether c is the template of a persistent service.
func (c *Connection) IsTemplate() bool { return c.Client.Port() == 0 }

// connectionsFile belongs to the network namespace of the calling thread, which is
// not always that of the process.
const connectionsFile = "/proc/thread-self/net/ip_vs_conn"

// Connections iterates over the connection table while it reads /proc/net/ip_vs_conn,
// so that memory use does not depend on the size of the table. The iteration is not
// atomic: if connections start or end while it runs, connections may be missing or
// duplicated. An error ends the iteration.
func (c *Client) Connections() iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		var f *os.File
		err := doInNetNS(c.netns, func() (err error) {
			if f, err = os.Open(connectionsFile); err != nil {
				err = fmt.Errorf("ipvs: read connections: %w", err)
			}
			return err
		})
		if err != nil {
			yield(Connection{}, err)
			return
		}
		defer f.Close()
		readConnections(f, yield)
	}
}

// The columns of ip_vs_conn. The last two are present only for entries of a
// persistence engine.
const (
	connProtocol = iota
	connClient
	connClientPort
	connVirtual
	connVirtualPort
	connDestination
	connDestinationPort
	connState
	connExpires
	connPEName
	connPEData
	connColumns
)

var errColumns = errors.New("too few columns")

// A connectionParser parses lines of ip_vs_conn.
type connectionParser struct {
	fields   [connColumns][]byte
	interned map[string]string // strings that occur in many lines
}

// readConnections yields the connections in r, whose first line is a header.
func readConnections(r io.Reader, yield func(Connection, error) bool) {
	p := connectionParser{interned: make(map[string]string)}
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 0; ; n++ {
		line, err := lines.ReadSlice('\n')
		if n > 0 && len(bytes.TrimSpace(line)) > 0 {
			c, perr := p.parse(line)
			if perr != nil {
				yield(c, fmt.Errorf("ipvs: read connections: line %d: %w", n+1, perr))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(Connection{}, fmt.Errorf("ipvs: read connections: %w", err))
			return
		}
	}
}

func (p *connectionParser) parse(line []byte) (Connection, error) {
	n := p.split(line)
	if n <= connExpires {
		return Connection{}, errColumns
	}
	f := &p.fields
	var c Connection
	var err error
	if c.Protocol, err = parseProtocol(f[connProtocol]); err != nil {
		return c, err
	}
	if c.Client, err = parseEndpoint(f[connClient], f[connClientPort]); err != nil {
		return c, err
	}
	if c.VIP, err = parseEndpoint(f[connVirtual], f[connVirtualPort]); err != nil {
		return c, err
	}
	if c.Destination, err = parseEndpoint(f[connDestination], f[connDestinationPort]); err != nil {
		return c, err
	}
	if c.Expires, err = parseDecimal(f[connExpires]); err != nil {
		return c, err
	}
	c.State = p.intern(f[connState])
	if n > connPEData {
		c.PEName, c.PEData = p.intern(f[connPEName]), string(f[connPEData])
	}
	return c, nil
}

// split splits a line at white space into p.fields and returns the number of
// columns.
func (p *connectionParser) split(line []byte) int {
	n, i := 0, 0
	for n < connColumns {
		for i < len(line) && line[i] <= ' ' {
			i++
		}
		start := i
		for i < len(line) && line[i] > ' ' {
			i++
		}
		if i == start {
			break
		}
		p.fields[n] = line[start:i]
		n++
	}
	return n
}

// intern returns b as a string, allocating each string only once.
func (p *connectionParser) intern(b []byte) string {
	s, ok := p.interned[string(b)]
	if !ok {
		s = string(b)
		p.interned[s] = s
	}
	return s
}

func parseProtocol(b []byte) (Protocol, error) {
	switch string(b) {
	case "TCP":
		return TCP, nil
	case "UDP":
		return UDP, nil
	case "SCTP":
		return SCTP, nil
	case "IP": // template of a firewall-mark service
		return 0, nil
	}
	return 0, fmt.Errorf("unknown protocol %q", b)
}

// parseEndpoint parses an address, which is eight hexadecimal digits for IPv4 and
// eight groups of four separated by colons for IPv6, and a port of four digits.
func parseEndpoint(addr, port []byte) (netip.AddrPort, error) {
	p, ok := hexBytes(port, 0)
	if !ok || len(port) != 4 {
		return netip.AddrPort{}, fmt.Errorf("port %q: %w", port, syscall.EINVAL)
	}
	n := uint16(p[0])<<8 | uint16(p[1])
	switch len(addr) {
	case 8:
		if a, ok := hexBytes(addr, 0); ok {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), n), nil
		}
	case 39:
		if a, ok := hexBytes(addr, ':'); ok {
			return netip.AddrPortFrom(netip.AddrFrom16(a), n), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("address %q: %w", addr, syscall.EINVAL)
}

// hexBytes parses up to 16 bytes in hexadecimal. Unless sep is 0, it separates each
// pair of bytes from the next.
func hexBytes(b []byte, sep byte) (out [16]byte, ok bool) {
	n := 0
	for i := 0; i < len(b); n++ {
		if sep != 0 && n > 0 && n%2 == 0 {
			if b[i] != sep {
				return out, false
			}
			i++
		}
		if n == len(out) || i+1 >= len(b) {
			return out, false
		}
		hi, lo := hexDigit[b[i]]-1, hexDigit[b[i+1]]-1
		if hi|lo > 15 {
			return out, false
		}
		out[n] = hi<<4 | lo
		i += 2
	}
	return out, true
}

// hexDigit maps a hexadecimal digit to its value plus one and every other byte to
// 0.
var hexDigit = [256]byte{
	'0': 1, '1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10,
	'a': 11, 'b': 12, 'c': 13, 'd': 14, 'e': 15, 'f': 16,
	'A': 11, 'B': 12, 'C': 13, 'D': 14, 'E': 15, 'F': 16,
}

func parseDecimal(b []byte) (uint32, error) {
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' || n > 1<<32 {
			return 0, fmt.Errorf("number %q: %w", b, syscall.EINVAL)
		}
		n = n*10 + uint64(c-'0')
	}
	if n > 1<<32-1 {
		return 0, fmt.Errorf("number %q: %w", b, syscall.ERANGE)
	}
	return uint32(n), nil
}
