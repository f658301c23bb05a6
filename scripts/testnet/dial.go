package testnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// lastPort is the source port of the client that connected last.
var lastSourcePort atomic.Uint32

func init() { lastSourcePort.Store(9999) }

var errPortsExhausted = errors.New("this process has used up its clients' ports")

// Dial connects from inside the namespace, and from the address source unless that is
// zero. Each connection of a process has a source port that no other has had: a
// director that sees nothing of the answers keeps a closed connection for two minutes, and drops
// what comes from its port meanwhile when the server is none any more.
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
		// A server of a test, or what it connects from, may have the port.
		if !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
	}
}
