// SPDX-License-Identifier: MIT

package netstate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Socket is a listening TCP socket or an unconnected UDP socket.
type Socket struct {
	Protocol uint16         // IPPROTO_TCP or IPPROTO_UDP
	AddrPort netip.AddrPort // bound address; 0.0.0.0 or :: for all addresses
}

// Socket states in /proc/net/tcp and /proc/net/udp, in hexadecimal. An
// unconnected UDP socket is in TCP_CLOSE.
const (
	tcpListen = "0A"
	tcpClose  = "07"
)

// ListeningSockets returns the listening TCP sockets and the unconnected UDP
// sockets.
func ListeningSockets() ([]Socket, error) {
	var all []Socket
	for _, table := range []struct {
		file     string
		protocol uint16
		state    string
	}{
		{"tcp", unix.IPPROTO_TCP, tcpListen},
		{"tcp6", unix.IPPROTO_TCP, tcpListen},
		{"udp", unix.IPPROTO_UDP, tcpClose},
		{"udp6", unix.IPPROTO_UDP, tcpClose},
	} {
		f, err := os.Open(procNet + table.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		sockets, err := readSockets(f, table.protocol, table.state)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("/proc/net/%s: %w", table.file, err)
		}
		all = append(all, sockets...)
	}
	return all, nil
}

// readSockets returns the sockets in the given state from a table of /proc/net. It stops
// at the first connection in a TCP table, which lists listening sockets first: a million
// connections may follow.
func readSockets(r io.Reader, protocol uint16, state string) ([]Socket, error) {
	var sockets []Socket
	lines := bufio.NewScanner(r)
	lines.Scan() // header
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 {
			continue
		}
		if fields[3] != state {
			if protocol == unix.IPPROTO_TCP {
				break
			}
			continue
		}
		if addrPort, ok := parseSocketAddr(fields[1]); ok {
			sockets = append(sockets, Socket{protocol, addrPort})
		}
	}
	return sockets, lines.Err()
}

// parseSocketAddr parses ADDRESS:PORT in hexadecimal. The address consists of
// 32-bit words, each printed as a number in host byte order.
func parseSocketAddr(s string) (netip.AddrPort, bool) {
	words, port, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	var raw []byte
	for ; len(words) >= 8; words = words[8:] {
		word, err := strconv.ParseUint(words[:8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(n)), ok && words == ""
}

// protocolVRRP is the IP protocol of VRRP, in hexadecimal.
const protocolVRRP = "0070"

// HasVRRPSocket reports whether a program of this network namespace sends or
// receives VRRP advertisements.
func HasVRRPSocket() (bool, error) {
	for _, name := range []string{"raw", "raw6"} {
		b, err := os.ReadFile(procNet + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		if containsRawSocket(string(b), protocolVRRP) {
			return true, nil
		}
	}
	return false, nil
}

// containsRawSocket reports whether a table of raw sockets contains one for a protocol.
// The kernel prints the protocol in place of the local port.
func containsRawSocket(table, protocol string) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasSuffix(fields[1], ":"+protocol) {
			return true
		}
	}
	return false
}
