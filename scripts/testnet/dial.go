// SPDX-License-Identifier: MIT

package testnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// lastSourcePort is the source port of the most recent connection.
var lastSourcePort atomic.Uint32

func init() { lastSourcePort.Store(9999) }

var errPortsExhausted = errors.New("no unused source port left in this process")

// Dial connects from inside the namespace. source is the local address; the zero Addr leaves
// the choice to the kernel. Every connection of a process gets a new source port: a director
// that does not see the replies (direct routing, tunneling) keeps a closed connection for two
// minutes, and drops packets from the same source port if the server was removed meanwhile.
func (n *Netns) Dial(ctx context.Context, network string, source netip.Addr, to string) (net.Conn, error) {
	for {
		port := lastSourcePort.Add(1)
		if port > 65535 {
			return nil, errPortsExhausted
		}
		dialer := net.Dialer{Timeout: TestTimeout}
		switch network {
		case "udp":
			dialer.LocalAddr = &net.UDPAddr{IP: source.AsSlice(), Port: int(port)}
		default:
			dialer.LocalAddr = &net.TCPAddr{IP: source.AsSlice(), Port: int(port)}
		}
		var conn net.Conn
		err := n.Do(func() (err error) {
			conn, err = dialer.DialContext(ctx, network, to)
			return err
		})
		// The port may be in use by a server of the test or by another socket.
		if !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
	}
}
