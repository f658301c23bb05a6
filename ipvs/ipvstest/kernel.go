// SPDX-License-Identifier: MIT

// Package ipvstest implements IPVS in memory, for tests of programs that use
// package ipvs. FakeKernel executes the netlink requests of a Client on a table;
// FaultySocket simulates errors of the connection to it.
package ipvstest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
	"goipvsadm/sched"
)

// Family is the generic netlink family ID of IPVS on a FakeKernel.
const Family = 28

// A FakeKernel is an IPVS table with the kernel's netlink interface. The zero
// value is an empty table.
//
// Any number of clients may use a FakeKernel concurrently. The exported fields may
// be accessed directly while no client is in use; otherwise use Entries, Received,
// Changes and Modify.
type FakeKernel struct {
	Table    []Entry
	Timeouts ipvs.Timeouts
	Daemons  []ipvs.Daemon

	// Intercept, if not nil, is called with each request before it is executed. If
	// it returns an errno other than 0, the request is not executed and fails with
	// this errno. The table is not locked during the call.
	Intercept func(m *netlinkmsg.Message) syscall.Errno

	// OnContinue, if not nil, is called with the request before each datagram of a
	// dump except the first. Like the kernel, a FakeKernel starts a datagram at the
	// row whose index is the number of rows sent so far: if the function removes
	// earlier rows, as many rows are skipped, and if it adds earlier rows, some are
	// repeated. The table is not locked during the call.
	OnContinue func(m *netlinkmsg.Message)

	// Requests are the requests received, oldest first.
	Requests []netlinkmsg.Message

	mu sync.Mutex // guards the fields except Intercept and OnContinue
}

// An Entry is a service with its destinations.
type Entry struct {
	Service      ipvs.Service
	Destinations []ipvs.Destination
}

// Dial returns a client of k. It accepts and ignores options, so that k.Dial can be
// used in place of ipvs.Dial.
func (k *FakeKernel) Dial(...ipvs.Option) (*ipvs.Client, error) {
	return ipvs.NewClient(k.Socket(), Family), nil
}

// Socket returns a socket connected to k, for tests that wrap it.
func (k *FakeKernel) Socket() ipvs.Socket { return &socket{kernel: k} }

// Modify calls f, which may read and change the fields of k, while no request is
// being executed. f must not use a client of k.
func (k *FakeKernel) Modify(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// Entries returns a copy of the table.
func (k *FakeKernel) Entries() []Entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	entries := slices.Clone(k.Table)
	for i := range entries {
		entries[i].Destinations = slices.Clone(entries[i].Destinations)
	}
	return entries
}

// Received returns a copy of Requests.
func (k *FakeKernel) Received() []netlinkmsg.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.Requests)
}

// Changes returns the requests received that change the table, oldest first.
func (k *FakeKernel) Changes() []netlinkmsg.Message {
	return slices.DeleteFunc(k.Received(), func(m netlinkmsg.Message) bool {
		switch m.Command {
		case netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetDaemon,
			netlinkmsg.GetConfig, netlinkmsg.GetInfo:
			return true
		}
		return false
	})
}

// A socket is a connection to a FakeKernel. As with a netlink socket, replies are queued
// when Send returns, except the datagrams of a dump.
type socket struct {
	kernel  *FakeKernel
	replies []reply // not yet received
}

// A reply is a datagram or a dump.
type reply struct {
	datagram []byte
	dump     *dump
}

// A dump is a dump request whose datagrams are created when they are received.
type dump struct {
	request  netlinkmsg.Message
	seq      uint32
	position int // number of messages returned so far
}

// maxDatagram is the maximum size of the datagrams of a dump, as in the kernel.
const maxDatagram = 8<<10 - 320

// next returns the next datagram of a dump, which has at most size bytes unless it is
// a single message, or an empty one at the end.
func (k *FakeKernel) next(d *dump, size int) ([]byte, error) {
	if d.position > 0 && k.OnContinue != nil {
		k.OnContinue(&d.request)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	messages, _ := k.handle(&d.request, true)
	var datagram []byte
	for i := d.position; i < len(messages); i++ {
		b, err := messages[i].Append(datagram, Family, netlink.Multi, d.seq)
		if err != nil {
			return nil, err
		}
		if len(b) > size && len(datagram) > 0 {
			break
		}
		datagram = b
		d.position++
	}
	return datagram, nil
}

// Send executes the requests in b.
func (s *socket) Send(b []byte) error {
	for len(b) > 0 {
		f, rest, err := netlinkmsg.Split(b)
		if err != nil {
			return err
		}
		b = rest
		if f.Header.Type == netlink.Noop {
			if f.Header.Flags&netlink.Acknowledge != 0 {
				s.queue(statusMessage(netlink.Error, f.Header.Sequence, 0))
			}
			continue
		}
		var m netlinkmsg.Message
		if err := m.Decode(f.Body, ipvs.IPv4); err != nil {
			return err
		}
		if err := s.execute(f.Header, &m); err != nil {
			return err
		}
	}
	return nil
}

// Receive copies the next reply to b.
func (s *socket) Receive(b []byte) (int, error) {
	if len(s.replies) == 0 {
		return 0, ipvs.ErrTimeout
	}
	r := s.replies[0]
	if r.dump != nil {
		datagram, err := s.kernel.next(r.dump, min(len(b), maxDatagram))
		if err != nil {
			return 0, err
		}
		if len(datagram) > 0 {
			return copyDatagram(b, datagram)
		}
		r.datagram = statusMessage(netlink.Done, r.dump.seq, 0)
	}
	s.replies = s.replies[1:]
	return copyDatagram(b, r.datagram)
}

func (s *socket) queue(datagram []byte) { s.replies = append(s.replies, reply{datagram: datagram}) }

func (s *socket) Close() error { return nil }

// copyDatagram copies a datagram to the buffer of a Receive.
func copyDatagram(b, datagram []byte) (int, error) {
	if len(datagram) > len(b) {
		return 0, fmt.Errorf("ipvstest: datagram of %d bytes does not fit a buffer of %d", len(datagram), len(b))
	}
	return copy(b, datagram), nil
}

// execute executes a request and queues the messages of its reply. It returns an
// error if the reply cannot be encoded.
func (s *socket) execute(h netlink.Header, m *netlinkmsg.Message) error {
	k := s.kernel
	k.mu.Lock()
	k.Requests = append(k.Requests, *m)
	k.mu.Unlock()
	var errno syscall.Errno
	if k.Intercept != nil {
		errno = k.Intercept(m)
	}
	isDump := h.Flags&netlink.Dump == netlink.Dump
	if errno == 0 && isDump {
		s.replies = append(s.replies, reply{dump: &dump{request: *m, seq: h.Sequence}})
		return nil
	}
	if errno == 0 {
		var err error
		if errno, err = s.reply(h, m); err != nil {
			return err
		}
	}
	switch {
	case isDump:
		s.queue(statusMessage(netlink.Done, h.Sequence, errno))
	case errno != 0 || h.Flags&netlink.Acknowledge != 0:
		s.queue(statusMessage(netlink.Error, h.Sequence, errno))
	}
	return nil
}

// reply executes a request other than a dump and queues the messages of its reply,
// except the final one. It locks the table until they are encoded, because they
// refer to it.
func (s *socket) reply(h netlink.Header, m *netlinkmsg.Message) (syscall.Errno, error) {
	s.kernel.mu.Lock()
	defer s.kernel.mu.Unlock()
	messages, errno := s.kernel.handle(m, false)
	for i := range messages {
		b, err := messages[i].Append(nil, Family, netlink.Multi, h.Sequence)
		if err != nil {
			return 0, err
		}
		s.queue(b)
	}
	return errno, nil
}

// statusMessage returns an NLMSG_ERROR or NLMSG_DONE message.
func statusMessage(typ netlink.HeaderType, seq uint32, errno syscall.Errno) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint32(b, 20)
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return binary.NativeEndian.AppendUint32(b, uint32(-int32(errno)))
}

// handle executes a request and returns the messages of the reply, except the final
// one. They refer to the table, which the caller must have locked.
func (k *FakeKernel) handle(m *netlinkmsg.Message, isDump bool) ([]netlinkmsg.Message, syscall.Errno) {
	switch m.Command {
	case netlinkmsg.GetInfo:
		return []netlinkmsg.Message{{Command: netlinkmsg.SetInfo, Info: &ipvs.Info{Version: 0x010201, ConnTableSize: 4096}}}, 0
	case netlinkmsg.GetConfig:
		return []netlinkmsg.Message{{Command: netlinkmsg.SetConfig, Timeouts: &k.Timeouts}}, 0
	case netlinkmsg.SetConfig:
		k.Timeouts.TCP = cmp.Or(m.Timeouts.TCP, k.Timeouts.TCP)
		k.Timeouts.TCPFin = cmp.Or(m.Timeouts.TCPFin, k.Timeouts.TCPFin)
		k.Timeouts.UDP = cmp.Or(m.Timeouts.UDP, k.Timeouts.UDP)
		return nil, 0
	case netlinkmsg.NewDaemon, netlinkmsg.DelDaemon, netlinkmsg.GetDaemon:
		return k.daemon(m)
	case netlinkmsg.GetService:
		if isDump {
			var all []netlinkmsg.Message
			for i := range k.Table {
				all = append(all, netlinkmsg.Message{Command: netlinkmsg.NewService, Service: &k.Table[i].Service})
			}
			return all, 0
		}
	case netlinkmsg.Flush:
		k.Table = nil
		return nil, 0
	case netlinkmsg.Zero:
		if m.Service == nil {
			for i := range k.Table {
				k.Table[i].zero()
			}
			return nil, 0
		}
	}
	return k.service(m)
}

// daemon executes a request about sync daemons.
func (k *FakeKernel) daemon(m *netlinkmsg.Message) ([]netlinkmsg.Message, syscall.Errno) {
	if m.Command == netlinkmsg.GetDaemon {
		var all []netlinkmsg.Message
		for i := range k.Daemons {
			all = append(all, netlinkmsg.Message{Command: netlinkmsg.NewDaemon, Daemon: &k.Daemons[i]})
		}
		return all, 0
	}
	i := slices.IndexFunc(k.Daemons, func(d ipvs.Daemon) bool { return d.State == m.Daemon.State })
	switch {
	case m.Command == netlinkmsg.NewDaemon && i >= 0:
		return nil, syscall.EEXIST
	case m.Command == netlinkmsg.NewDaemon:
		k.Daemons = append(k.Daemons, *m.Daemon)
	case i < 0:
		return nil, syscall.ESRCH
	default:
		k.Daemons = slices.Delete(k.Daemons, i, i+1)
	}
	return nil, 0
}

// service executes a request about one service or its destinations.
func (k *FakeKernel) service(m *netlinkmsg.Message) ([]netlinkmsg.Message, syscall.Errno) {
	if m.Service == nil {
		return nil, syscall.EINVAL
	}
	i := slices.IndexFunc(k.Table, func(e Entry) bool { return e.Service.ServiceKey == m.Service.ServiceKey })
	switch {
	case m.Command == netlinkmsg.NewService && i >= 0:
		return nil, syscall.EEXIST
	case m.Command == netlinkmsg.GetDestination && i < 0:
		return nil, 0
	case m.Command != netlinkmsg.NewService && i < 0:
		return nil, syscall.ESRCH
	}
	switch m.Command {
	case netlinkmsg.NewService, netlinkmsg.SetService:
		if !slices.ContainsFunc(sched.All, func(s sched.Scheduler) bool { return s.Name == m.Service.Scheduler }) {
			return nil, syscall.ENOENT
		}
		if m.Service.Family == ipvs.IPv6 && m.Service.Netmask > 128 {
			return nil, syscall.EINVAL
		}
		s := *m.Service
		s.Flags |= ipvs.Hashed
		if i < 0 {
			k.Table = append(k.Table, Entry{Service: s})
			return nil, 0
		}
		s.Stats = k.Table[i].Service.Stats
		k.Table[i].Service = s
	case netlinkmsg.DelService:
		k.Table = slices.Delete(k.Table, i, i+1)
	case netlinkmsg.GetService:
		return []netlinkmsg.Message{{Command: netlinkmsg.NewService, Service: &k.Table[i].Service}}, 0
	case netlinkmsg.Zero:
		k.Table[i].zero()
	case netlinkmsg.GetDestination:
		var all []netlinkmsg.Message
		for j := range k.Table[i].Destinations {
			all = append(all, netlinkmsg.Message{Command: netlinkmsg.NewDestination, Destination: &k.Table[i].Destinations[j]})
		}
		return all, 0
	default:
		return nil, k.Table[i].destination(m)
	}
	return nil, 0
}

// destination executes a change of one destination.
func (e *Entry) destination(m *netlinkmsg.Message) syscall.Errno {
	if m.Destination == nil {
		return syscall.EINVAL
	}
	i := slices.IndexFunc(e.Destinations, func(d ipvs.Destination) bool { return d.AddrPort == m.Destination.AddrPort })
	switch {
	case m.Command == netlinkmsg.NewDestination && i >= 0:
		return syscall.EEXIST
	case m.Command != netlinkmsg.NewDestination && i < 0:
		return syscall.ENOENT
	case m.Destination.LowerThreshold > m.Destination.UpperThreshold:
		return syscall.ERANGE
	}
	switch m.Command {
	case netlinkmsg.NewDestination:
		e.Destinations = append(e.Destinations, *m.Destination)
	case netlinkmsg.SetDestination:
		d, old := *m.Destination, &e.Destinations[i]
		d.ActiveConns, d.InactiveConns = old.ActiveConns, old.InactiveConns
		d.PersistentConns, d.Stats = old.PersistentConns, old.Stats
		*old = d
	case netlinkmsg.DelDestination:
		e.Destinations = slices.Delete(e.Destinations, i, i+1)
	default:
		return syscall.EOPNOTSUPP
	}
	return 0
}

// zero resets the counters of a service and its destinations.
func (e *Entry) zero() {
	e.Service.Stats = ipvs.Stats{}
	for i := range e.Destinations {
		e.Destinations[i].Stats = ipvs.Stats{}
	}
}
