// SPDX-License-Identifier: MIT

package ipvstest

import (
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
)

// A FaultySocket is an ipvs.Socket that simulates the errors of a netlink socket.
// It forwards requests to another socket, usually that of a FakeKernel, and queues
// the replies. OnSend and OnReceive can replace the behavior of individual calls,
// and Capacity limits the queue. Script returns a FaultySocket without a kernel.
//
// Like a kernel socket whose receive buffer is full, a FaultySocket whose queue is
// full drops all replies until the queue is empty again. For each such overrun,
// Receive returns ENOBUFS once.
type FaultySocket struct {
	// Socket executes the requests. If it is nil, requests are discarded.
	ipvs.Socket

	// OnSend, if not nil, replaces Send. It may call Forward.
	OnSend func(s *FaultySocket, b []byte) error

	// OnReceive, if not nil, replaces Receive. It may call Next.
	OnReceive func(s *FaultySocket, b []byte) (int, error)

	// Capacity is the maximum number of datagrams in the queue; 0 means no limit.
	Capacity int

	Queue   [][]byte         // datagrams not yet received
	Overrun bool             // the next call of Next returns ENOBUFS
	Last    []byte           // last datagram received
	Sent    []netlink.Header // for each Send, the header of its last request

	congested bool // replies are dropped until the queue is empty
}

// Send forwards the requests in b, or calls OnSend.
func (s *FaultySocket) Send(b []byte) error {
	for rest := b; len(rest) > 0; {
		f, next, err := netlinkmsg.Split(rest)
		if err != nil {
			return err
		}
		if rest = next; len(rest) == 0 {
			s.Sent = append(s.Sent, f.Header)
		}
	}
	if s.OnSend != nil {
		return s.OnSend(s, b)
	}
	return s.Forward(b)
}

// Receive reads the next datagram in the queue, or calls OnReceive.
func (s *FaultySocket) Receive(b []byte) (int, error) {
	if s.OnReceive != nil {
		return s.OnReceive(s, b)
	}
	return s.Next(b)
}

// Close closes the socket to which requests are forwarded.
func (s *FaultySocket) Close() error {
	if s.Socket == nil {
		return nil
	}
	return s.Socket.Close()
}

// Forward executes the requests in b and queues the replies.
func (s *FaultySocket) Forward(b []byte) error {
	if s.Socket == nil {
		return nil
	}
	if err := s.Socket.Send(b); err != nil {
		return err
	}
	for {
		datagram := make([]byte, 16<<10)
		n, err := s.Socket.Receive(datagram)
		if err != nil {
			return nil // all replies have been read
		}
		if s.congested || s.Capacity > 0 && len(s.Queue) == s.Capacity {
			s.Overrun = s.Overrun || !s.congested
			s.congested = true
			continue
		}
		s.Queue = append(s.Queue, datagram[:n])
	}
}

// Next reads the next datagram in the queue, or reports an overrun.
func (s *FaultySocket) Next(b []byte) (int, error) {
	if s.Overrun {
		s.Overrun = false
		return 0, syscall.ENOBUFS
	}
	if len(s.Queue) == 0 {
		return 0, ipvs.ErrTimeout
	}
	s.Last = s.Queue[0]
	s.Queue = s.Queue[1:]
	s.congested = s.congested && len(s.Queue) > 0
	return copyDatagram(b, s.Last)
}

// A Reply returns a datagram for Receive; last is the header of the last request.
type Reply func(last netlink.Header) ([]byte, error)

// Script returns a socket without a kernel: it discards requests, and each call of
// Receive returns the next reply.
func Script(replies ...Reply) *FaultySocket {
	return &FaultySocket{OnReceive: func(s *FaultySocket, b []byte) (int, error) {
		if len(replies) == 0 {
			return 0, errors.New("ipvstest: the script has no more replies")
		}
		datagram, err := replies[0](s.Sent[len(s.Sent)-1])
		replies = replies[1:]
		if err != nil {
			return 0, err
		}
		return copyDatagram(b, datagram)
	}}
}
