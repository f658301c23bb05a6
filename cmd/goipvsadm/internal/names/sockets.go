package names

import (
	"context"
	"net"
	"sync"
)

// Sockets are those to name servers that wait for the next question: to open
// one, have it watched and close it again takes longer than to ask.
type sockets struct {
	mu   sync.Mutex
	idle map[string][]*net.UDPConn // by the server's address
}

// dial is for a net.Resolver.
func (s *sockets) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c := s.take(network + address); c != nil {
		return &lent{UDPConn: c, from: s, key: network + address}, nil
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if udp, ok := c.(*net.UDPConn); ok {
		return &lent{UDPConn: udp, from: s, key: network + address}, nil
	}
	return c, err
}

func (s *sockets) take(key string) *net.UDPConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.idle[key]
	if len(idle) == 0 {
		return nil
	}
	c := idle[len(idle)-1]
	s.idle[key] = idle[:len(idle)-1]
	return c
}

func (s *sockets) put(key string, c *net.UDPConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = make(map[string][]*net.UDPConn)
	}
	s.idle[key] = append(s.idle[key], c)
}

// A lent socket goes back when it is closed, unless an answer failed to come:
// that might still come, for the next one who asks.
type lent struct {
	*net.UDPConn
	from     *sockets
	key      string
	answered bool
}

func (l *lent) Read(b []byte) (int, error) {
	n, err := l.UDPConn.Read(b)
	l.answered = err == nil
	return n, err
}

func (l *lent) Close() error {
	if !l.answered {
		return l.UDPConn.Close()
	}
	l.from.put(l.key, l.UDPConn)
	return nil
}
