// Package ipvstest is an IPVS without a kernel: a table in memory behind the
// netlink messages of the real one, for tests of programs that use package
// ipvs.
package ipvstest

import (
	"encoding/binary"
	"slices"
	"syscall"

	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/netlinkmsg"
	"goipvsadm/sched"
)

// Family is the number of the IPVS family here.
const Family = 28

// A Kernel is a table of virtual services. It answers each client in turn, as
// a kernel would, from as many goroutines as there are clients. The zero
// Kernel is ready to use.
type FakeKernel struct {
	Table    []Entry
	Timeouts ipvs.Timeouts
	Daemons  []ipvs.Daemon

	// Fail, if not nil, may refuse a request before it is looked at.
	Intercept func(m *netlinkmsg.Message) syscall.Errno

	// Requests are the messages that came, oldest first.
	Requests []netlinkmsg.Message
}

// An Entry is a service and its destinations.
type Entry struct {
	Service      ipvs.Service
	Destinations []ipvs.Destination
}

// Dial returns a client of k, whatever the options.
func (k *FakeKernel) Dial(...ipvs.Option) (*ipvs.Client, error) {
	return ipvs.NewClient(k.Socket(), Family), nil
}

// Socket returns a socket to k, for tests that put something before it.
func (k *FakeKernel) Socket() ipvs.Socket { return &socket{k: k} }

// Changes returns the requests that change something.
func (k *FakeKernel) Changes() []netlinkmsg.Message {
	return slices.DeleteFunc(slices.Clone(k.Requests), func(m netlinkmsg.Message) bool {
		switch m.Command {
		case netlinkmsg.GetService, netlinkmsg.GetDestination, netlinkmsg.GetDaemon,
			netlinkmsg.GetConfig, netlinkmsg.GetInfo:
			return true
		}
		return false
	})
}

// A socket holds the answers to what it was sent, one a receive.
type socket struct {
	k       *FakeKernel
	answers [][]byte
}

func (s *socket) Send(b []byte) error {
	for len(b) > 0 {
		f, rest, err := netlinkmsg.Split(b)
		if err != nil {
			return err
		}
		b = rest
		if f.Header.Type == netlink.Noop {
			s.answers = append(s.answers, status(netlink.Error, f.Header.Sequence, 0))
			continue
		}
		var m netlinkmsg.Message
		if err := m.Decode(f.Body, ipvs.IPv4); err != nil {
			return err
		}
		s.k.Requests = append(s.k.Requests, m)
		if err := s.answer(f.Header, &m); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) Receive(b []byte) (int, error) {
	if len(s.answers) == 0 {
		return 0, ipvs.ErrTimeout
	}
	n := copy(b, s.answers[0])
	s.answers = s.answers[1:]
	return n, nil
}

func (s *socket) Close() error { return nil }

// answer queues the answers to one message.
func (s *socket) answer(h netlink.Header, m *netlinkmsg.Message) error {
	var answers []netlinkmsg.Message
	var errno syscall.Errno
	if s.k.Intercept != nil {
		errno = s.k.Intercept(m)
	}
	dump := h.Flags&netlink.Dump == netlink.Dump
	if errno == 0 {
		answers, errno = s.k.handle(m, dump)
	}
	for i := range answers {
		b, err := answers[i].Append(nil, Family, netlink.Multi, h.Sequence)
		if err != nil {
			return err
		}
		s.answers = append(s.answers, b)
	}
	switch {
	case dump:
		s.answers = append(s.answers, status(netlink.Done, h.Sequence, errno))
	case errno != 0 || h.Flags&netlink.Acknowledge != 0:
		s.answers = append(s.answers, status(netlink.Error, h.Sequence, errno))
	}
	return nil
}

// status makes a message of the type Error or Done.
func status(typ netlink.HeaderType, seq uint32, errno syscall.Errno) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint32(b, 20)
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return binary.NativeEndian.AppendUint32(b, uint32(-int32(errno)))
}

// handle carries out one request.
func (k *FakeKernel) handle(m *netlinkmsg.Message, dump bool) ([]netlinkmsg.Message, syscall.Errno) {
	switch m.Command {
	case netlinkmsg.GetInfo:
		return []netlinkmsg.Message{{Command: netlinkmsg.SetInfo, Info: &ipvs.Info{Version: 0x010201, ConnTableSize: 4096}}}, 0
	case netlinkmsg.GetConfig:
		return []netlinkmsg.Message{{Command: netlinkmsg.SetConfig, Timeouts: &k.Timeouts}}, 0
	case netlinkmsg.SetConfig:
		for _, v := range []struct{ to, from *uint32 }{
			{&k.Timeouts.TCP, &m.Timeouts.TCP},
			{&k.Timeouts.TCPFin, &m.Timeouts.TCPFin},
			{&k.Timeouts.UDP, &m.Timeouts.UDP},
		} {
			if *v.from != 0 {
				*v.to = *v.from
			}
		}
		return nil, 0
	case netlinkmsg.NewDaemon, netlinkmsg.DelDaemon, netlinkmsg.GetDaemon:
		return k.daemon(m)
	case netlinkmsg.GetService:
		if dump {
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

// service carries out a request about one service.
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
		m.Service.Flags |= ipvs.Hashed
		if i < 0 {
			k.Table = append(k.Table, Entry{Service: *m.Service})
			return nil, 0
		}
		m.Service.Stats = k.Table[i].Service.Stats
		k.Table[i].Service = *m.Service
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

// destination carries out a change of one destination.
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
		old := &e.Destinations[i]
		m.Destination.ActiveConns, m.Destination.InactiveConns = old.ActiveConns, old.InactiveConns
		m.Destination.PersistentConns, m.Destination.Stats = old.PersistentConns, old.Stats
		*old = *m.Destination
	case netlinkmsg.DelDestination:
		e.Destinations = slices.Delete(e.Destinations, i, i+1)
	default:
		return syscall.EOPNOTSUPP
	}
	return 0
}

func (e *Entry) zero() {
	e.Service.Stats = ipvs.Stats{}
	for i := range e.Destinations {
		e.Destinations[i].Stats = ipvs.Stats{}
	}
}
