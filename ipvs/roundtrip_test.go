package ipvs

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// A script is a socket whose answers are made up: each receive brings what the
// next function makes of the last message sent.
type scriptedSocket struct {
	sent    []netlink.Header // of the last message of each send
	receive []func(last netlink.Header) ([]byte, error)
}

func (s *scriptedSocket) Send(b []byte) error {
	for len(b) > 0 {
		f, rest, err := netlinkmsg.Split(b)
		if err != nil {
			return err
		}
		if b = rest; len(b) == 0 {
			s.sent = append(s.sent, f.Header)
		}
	}
	return nil
}

func (s *scriptedSocket) Receive(b []byte) (int, error) {
	if len(s.receive) == 0 {
		return 0, errors.New("nothing more to receive")
	}
	f := s.receive[0]
	s.receive = s.receive[1:]
	data, err := f(s.sent[len(s.sent)-1])
	return copy(b, data), err
}

func (s *scriptedSocket) Close() error { return nil }

func scripted(receive ...func(netlink.Header) ([]byte, error)) *Client {
	return NewClient(&scriptedSocket{receive: receive}, 28)
}

type answer = func(netlink.Header) ([]byte, error)

// frame makes a message of any type.
func frame(typ netlink.HeaderType, flags netlink.HeaderFlags, seq uint32, body []byte) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint32(b, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = binary.NativeEndian.AppendUint16(b, uint16(flags))
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, body...)
}

func errnoBody(errno syscall.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
}

func status(errno syscall.Errno) answer {
	return func(h netlink.Header) ([]byte, error) {
		return frame(netlink.Error, 0, h.Sequence, errnoBody(errno)), nil
	}
}

func done(errno syscall.Errno) answer {
	return func(h netlink.Header) ([]byte, error) {
		return frame(netlink.Done, netlink.Multi, h.Sequence, errnoBody(errno)), nil
	}
}

// reply is a message of the family.
func reply(flags netlink.HeaderFlags, m netlinkmsg.Message) answer {
	return func(h netlink.Header) ([]byte, error) {
		return m.Append(nil, 28, flags, h.Sequence)
	}
}

func fails(err error) answer {
	return func(netlink.Header) ([]byte, error) { return nil, err }
}

func serviceReply(flags netlink.HeaderFlags) answer {
	return reply(flags, netlinkmsg.Message{Command: netlinkmsg.NewService,
		Service: &Service{ServiceKey: web, Scheduler: "rr"}})
}

func TestRoundTripErrors(t *testing.T) {
	list := func(c *Client) error { _, err := c.Services(); return err }
	get := func(c *Client) error { _, err := c.Service(web); return err }
	add := func(c *Client) error { return c.AddService(Service{ServiceKey: web}) }
	for _, tt := range []struct {
		name    string
		do      func(*Client) error
		receive []answer
		want    []error // none: success
		text    string
	}{
		{"no privilege", add, []answer{status(syscall.EPERM)}, []error{fs.ErrPermission, syscall.EPERM},
			"ipvs: add service TCP 192.0.2.1:80: operation not permitted"},
		{"an errno with a meaning", add, []answer{status(syscall.EEXIST)}, []error{ErrServiceExists, fs.ErrExist},
			"ipvs: add service TCP 192.0.2.1:80: service already exists"},
		{"the module was unloaded", add, []answer{status(syscall.ENOENT), status(syscall.ENOENT)},
			[]error{ErrNoIPVS, syscall.ENOPROTOOPT}, "ipvs: add service TCP 192.0.2.1:80: the kernel has no IPVS"},
		{"the module is there, the scheduler is not", add, []answer{status(syscall.ENOENT), status(0)},
			[]error{ErrNoScheduler}, "ipvs: add service TCP 192.0.2.1:80: scheduler or persistence engine not found"},
		{"a dump that changed underneath is read again", list,
			[]answer{serviceReply(netlink.Multi | netlink.DumpInterrupted), done(0), serviceReply(netlink.Multi), done(0)}, nil, ""},
		{"an overflown receive buffer is read to its end, and the question asked again", list,
			[]answer{fails(syscall.ENOBUFS), serviceReply(netlink.Multi), fails(ErrTimeout), status(0),
				serviceReply(netlink.Multi), done(0)}, nil, ""},
		{"the kernel does not answer", list, []answer{fails(ErrTimeout), fails(ErrTimeout), fails(ErrTimeout)},
			[]error{ErrTimeout}, "ipvs: get service: the kernel does not answer"},
		{"the kernel does not answer to a change", add, []answer{fails(ErrTimeout), fails(ErrTimeout), fails(ErrTimeout)},
			[]error{ErrTimeout, ErrAckLost},
			"ipvs: add service TCP 192.0.2.1:80: the kernel's answer was lost: this may have been done or not: the kernel does not answer"},
		{"a dump that ends in an error", list, []answer{done(syscall.EMSGSIZE)}, []error{syscall.EMSGSIZE}, "ipvs: get service: message too long"},
		{"an old answer is passed over", get, []answer{
			func(h netlink.Header) ([]byte, error) {
				return frame(netlink.Error, 0, h.Sequence-1, errnoBody(syscall.EPERM)), nil
			}, serviceReply(0), status(0)}, nil, ""},
		{"no answer but success", get, []answer{status(0)}, []error{errTruncatedReply}, "ipvs: get service TCP 192.0.2.1:80: the kernel's answer is incomplete"},
		{"an empty datagram", get, []answer{fails(nil)}, []error{errTruncatedReply}, ""},
		{"a reply cut short", get, []answer{func(h netlink.Header) ([]byte, error) {
			b, _ := serviceReply(0)(h)
			return b[:len(b)-6], nil
		}}, []error{nil}, ""},
		{"an error message without its errno", get, []answer{func(h netlink.Header) ([]byte, error) {
			return frame(netlink.Error, 0, h.Sequence, []byte{1}), nil
		}}, []error{nil}, ""},
		{"an attribute too short", get, []answer{func(h netlink.Header) ([]byte, error) {
			body := append([]byte{byte(netlinkmsg.NewService), 1, 0, 0}, binary.NativeEndian.AppendUint32(nil, 1<<16|8)...)
			body = append(body, binary.NativeEndian.AppendUint32(nil, 1<<16|4)...)
			return frame(28, 0, h.Sequence, body), nil
		}, status(0)}, []error{nil}, ""},
		{"the socket fails", get, []answer{fails(syscall.ECONNREFUSED)}, []error{syscall.ECONNREFUSED},
			"ipvs: get service TCP 192.0.2.1:80: connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do(scripted(tt.receive...))
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("error = %v", err)
			}
			for _, want := range tt.want {
				if want != nil && !errors.Is(err, want) {
					t.Errorf("error = %v, want %v", err, want)
				}
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

func TestDumpGivesUp(t *testing.T) {
	var receive []answer
	for range maxDumpRetries {
		receive = append(receive, serviceReply(netlink.Multi|netlink.DumpInterrupted), done(0))
	}
	_, err := scripted(receive...).Services()
	checkErr(t, err, ErrDumpInterrupted, syscall.EINTR)
}

// A dump that is read again must not leave what the first try brought.
func TestDumpStartsAfresh(t *testing.T) {
	c := scripted(serviceReply(netlink.Multi|netlink.DumpInterrupted), done(0), serviceReply(netlink.Multi), done(0))
	services, err := c.Services()
	if checkErr(t, err, nil); len(services) != 1 {
		t.Errorf("%d services, want 1", len(services))
	}
}

func TestBatch(t *testing.T) {
	t.Run("sends by itself and keeps count", func(t *testing.T) {
		// Of 300 changes those at 1, 127, 128 and 299 fail.
		refuse := func(offset uint32, errno syscall.Errno) answer {
			return func(h netlink.Header) ([]byte, error) {
				return frame(netlink.Error, 0, h.Sequence-offset, errnoBody(errno)), nil
			}
		}
		s := &scriptedSocket{receive: []answer{
			refuse(batchSize-2, syscall.EEXIST), refuse(0, syscall.EEXIST),
			refuse(batchSize-1, syscall.EEXIST), refuse(0, 0),
			refuse(0, syscall.EEXIST),
		}}
		b := NewClient(s, 28).Batch()
		for range 300 {
			b.AddService(Service{ServiceKey: web})
		}
		failures, err := b.Commit()
		checkErr(t, err, nil)
		if len(s.sent) != 3 {
			t.Errorf("%d sends, want 3", len(s.sent))
		}
		var got []int
		for _, f := range failures {
			got = append(got, f.Index)
			checkErr(t, f.Err, ErrServiceExists)
		}
		if want := []int{1, 127, 128, 299}; len(got) != 4 || [4]int(got) != [4]int(want) {
			t.Errorf("failures at %v, want %v", got, want)
		}
		for _, h := range s.sent {
			if h.Flags&netlink.Acknowledge == 0 {
				t.Error("the last message of a batch asks for no answer")
			}
		}
	})
	t.Run("an empty one sends nothing", func(t *testing.T) {
		s := &scriptedSocket{}
		failures, err := NewClient(s, 28).Batch().Commit()
		if checkErr(t, err, nil); len(failures) != 0 || len(s.sent) != 0 {
			t.Errorf("%v, %d sends", failures, len(s.sent))
		}
	})
	t.Run("a broken connection", func(t *testing.T) {
		b := scripted(status(0), fails(syscall.ENOBUFS), fails(syscall.EBADF)).Batch()
		for range 3 * batchSize {
			b.RemoveService(web)
		}
		_, err := b.Commit()
		checkErr(t, err, syscall.ENOBUFS)
		broken := new(ConnLostError)
		if !errors.As(err, &broken) || broken.FirstUnknown != batchSize || broken.FirstUnsent != 2*batchSize {
			t.Errorf("error = %#v", err)
		}
		if want := "ipvs: changes 128 to 255 may have been made or not, and none behind them was sent: no buffer space available"; err.Error() != want {
			t.Errorf("error = %q", err)
		}
	})
	t.Run("the module was unloaded", func(t *testing.T) {
		b := scripted(status(syscall.ENOENT), status(syscall.ENOENT)).Batch()
		b.AddDestination(web, destinations[0])
		failures, err := b.Commit()
		checkErr(t, err, nil)
		checkErr(t, failures[0].Err, ErrNoIPVS)
	})
}

// A reading that has a service twice was torn by a change, unless it came in
// one piece.
func TestUnique(t *testing.T) {
	twice := func(h netlink.Header) ([]byte, error) {
		b, _ := serviceReply(netlink.Multi)(h)
		return append(b, b...), nil
	}
	torn := []answer{serviceReply(netlink.Multi), serviceReply(netlink.Multi), done(0)}
	whole := []answer{serviceReply(netlink.Multi), done(0)}
	for _, tt := range []struct {
		name         string
		receive      []answer
		plain, again int
		err          error
	}{
		{"torn once", slices.Concat(torn, whole), 2, 1, nil},
		{"torn again and again", slices.Repeat(torn, maxDumpRetries), 2, 0, ErrDumpInterrupted},
		{"in one piece", []answer{twice, done(0)}, 2, 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, err := scripted(tt.receive...).Services()
			if checkErr(t, err, nil); len(services) != tt.plain {
				t.Errorf("%d services, want %d", len(services), tt.plain)
			}
			services, err = scripted(tt.receive...).ServicesConsistent()
			if !errors.Is(err, tt.err) || err == nil && len(services) != tt.again {
				t.Errorf("%d services, %v", len(services), err)
			}
		})
	}
}

// Destinations are compared with those of the same reading alone.
func TestUniqueDestinations(t *testing.T) {
	d := reply(netlink.Multi, netlinkmsg.Message{Command: netlinkmsg.NewDestination, Destination: &destinations[0]})
	ds := []Destination{destinations[0]}
	ds, err := scripted(d, d, done(0), d, done(0)).AppendDestinationsConsistent(ds, web)
	if checkErr(t, err, nil); len(ds) != 2 {
		t.Errorf("%d destinations, want 2", len(ds))
	}
}

// A change that was not sent is in nobody's way when answers are lost: what is
// beside it can be tried again.
func TestMistakeBesideLostAnswers(t *testing.T) {
	b := scripted(fails(syscall.ENOBUFS), fails(ErrTimeout), status(0), status(0)).Batch()
	b.AddService(Service{})
	b.AddService(Service{ServiceKey: web})
	failures, err := b.Commit()
	if checkErr(t, err, nil); err != nil || len(failures) != 1 || failures[0].Index != 0 {
		t.Errorf("%v, %v", failures, err)
	}
}
