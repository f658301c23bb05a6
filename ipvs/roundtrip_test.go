// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

var (
	web            = ipvs.AddrKey(ipvs.TCP, ap("192.0.2.1:80"))
	webDestination = ipvs.Destination{AddrPort: ap("198.51.100.1:80"), Weight: 1}
)

// scripted returns a client that receives the given replies.
func scripted(replies ...ipvstest.Reply) *ipvs.Client {
	return ipvs.NewClient(ipvstest.Script(replies...), ipvstest.Family)
}

// message encodes a netlink message.
func message(typ netlink.HeaderType, flags netlink.HeaderFlags, seq uint32, body []byte) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint32(b, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, uint16(typ))
	b = binary.NativeEndian.AppendUint16(b, uint16(flags))
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, body...)
}

// withPortID sets the port ID to which a message is addressed.
func withPortID(id uint32, r ipvstest.Reply) ipvstest.Reply {
	return func(h netlink.Header) ([]byte, error) {
		b, err := r(h)
		binary.NativeEndian.PutUint32(b[12:], id)
		return b, err
	}
}

func errnoBody(errno syscall.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
}

// ack acknowledges the last request with errno.
func ack(errno syscall.Errno) ipvstest.Reply { return ackEarlier(0, errno) }

// ackEarlier acknowledges the request that was sent offset requests before the last
// one.
func ackEarlier(offset uint32, errno syscall.Errno) ipvstest.Reply {
	return func(h netlink.Header) ([]byte, error) {
		return message(netlink.Error, 0, h.Sequence-offset, errnoBody(errno)), nil
	}
}

// done ends a dump with errno.
func done(errno syscall.Errno) ipvstest.Reply {
	return func(h netlink.Header) ([]byte, error) {
		return message(netlink.Done, netlink.Multi, h.Sequence, errnoBody(errno)), nil
	}
}

func reply(flags netlink.HeaderFlags, m netlinkmsg.Message) ipvstest.Reply {
	return func(h netlink.Header) ([]byte, error) {
		return m.Append(nil, ipvstest.Family, flags, h.Sequence)
	}
}

func serviceReply(flags netlink.HeaderFlags) ipvstest.Reply {
	return reply(flags, netlinkmsg.Message{Command: netlinkmsg.NewService,
		Service: &ipvs.Service{ServiceKey: web, Scheduler: "rr"}})
}

func fail(err error) ipvstest.Reply {
	return func(netlink.Header) ([]byte, error) { return nil, err }
}

func listServices(c *ipvs.Client) error { _, err := c.Services(); return err }
func getService(c *ipvs.Client) error   { _, err := c.Service(web); return err }
func addService(c *ipvs.Client) error   { return c.AddService(ipvs.Service{ServiceKey: web}) }

func TestRoundTrip(t *testing.T) {
	for _, tt := range []struct {
		name    string
		call    func(*ipvs.Client) error
		replies []ipvstest.Reply
	}{
		{
			name: "interrupted dump is repeated",
			call: listServices,
			replies: []ipvstest.Reply{
				serviceReply(netlink.Multi | netlink.DumpInterrupted), done(0),
				serviceReply(netlink.Multi), done(0),
			},
		},
		{
			name: "dump is repeated after an overrun",
			call: listServices,
			replies: []ipvstest.Reply{
				fail(syscall.ENOBUFS), serviceReply(netlink.Multi), fail(ipvs.ErrTimeout), ack(0),
				serviceReply(netlink.Multi), done(0),
			},
		},
		{
			name:    "stale reply is skipped",
			call:    getService,
			replies: []ipvstest.Reply{ackEarlier(1, syscall.EPERM), serviceReply(0), ack(0)},
		},
		{
			name:    "reply to another port is skipped",
			call:    getService,
			replies: []ipvstest.Reply{withPortID(8, ack(syscall.EPERM)), withPortID(7, serviceReply(0)), withPortID(7, ack(0))},
		},
		{
			name: "dump message to another port is skipped",
			call: func(c *ipvs.Client) error {
				for _, err := range c.ServicesSeq() {
					if err != nil {
						return err
					}
				}
				return nil
			},
			replies: []ipvstest.Reply{withPortID(8, done(syscall.EPERM)), withPortID(7, done(0))},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(tt.replies...)
			c.SetPortID(7)
			if err := tt.call(c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRoundTripErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		call    func(*ipvs.Client) error
		replies []ipvstest.Reply
		want    []error
		text    string // not compared if empty
	}{
		{
			name:    "permission denied",
			call:    addService,
			replies: []ipvstest.Reply{ack(syscall.EPERM)},
			want:    []error{fs.ErrPermission, syscall.EPERM},
			text:    "ipvs: add service TCP 192.0.2.1:80: operation not permitted",
		},
		{
			name:    "service exists",
			call:    addService,
			replies: []ipvstest.Reply{ack(syscall.EEXIST)},
			want:    []error{ipvs.ErrServiceExists, fs.ErrExist},
			text:    "ipvs: add service TCP 192.0.2.1:80: service already exists",
		},
		{
			name:    "module unloaded",
			call:    addService,
			replies: []ipvstest.Reply{ack(syscall.ENOENT), ack(syscall.ENOENT)},
			want:    []error{ipvs.ErrNoIPVS, syscall.ENOPROTOOPT},
			text:    "ipvs: add service TCP 192.0.2.1:80: kernel does not support IPVS",
		},
		{
			name:    "scheduler missing",
			call:    addService,
			replies: []ipvstest.Reply{ack(syscall.ENOENT), ack(0)},
			want:    []error{ipvs.ErrNoScheduler},
			text:    "ipvs: add service TCP 192.0.2.1:80: scheduler or persistence engine not found",
		},
		{
			name:    "dump times out",
			call:    listServices,
			replies: []ipvstest.Reply{fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout)},
			want:    []error{ipvs.ErrTimeout},
			text:    "ipvs: get service: no reply from the kernel",
		},
		{
			name:    "change times out",
			call:    addService,
			replies: []ipvstest.Reply{fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout)},
			want:    []error{ipvs.ErrTimeout, ipvs.ErrAckLost},
			text:    "ipvs: add service TCP 192.0.2.1:80: acknowledgement lost; the change may or may not have been applied: no reply from the kernel",
		},
		{
			name:    "dump ends with an errno",
			call:    listServices,
			replies: []ipvstest.Reply{done(syscall.EMSGSIZE)},
			want:    []error{syscall.EMSGSIZE},
			text:    "ipvs: get service: message too long",
		},
		{
			name:    "acknowledgement without a reply",
			call:    getService,
			replies: []ipvstest.Reply{ack(0)},
			want:    []error{ipvs.ErrIncompleteReply},
			text:    "ipvs: get service TCP 192.0.2.1:80: incomplete reply from the kernel",
		},
		{
			name:    "empty datagram",
			call:    getService,
			replies: []ipvstest.Reply{fail(nil)},
			want:    []error{ipvs.ErrIncompleteReply},
		},
		{
			name: "truncated reply",
			call: getService,
			replies: []ipvstest.Reply{func(h netlink.Header) ([]byte, error) {
				b, err := serviceReply(0)(h)
				return b[:len(b)-6], err
			}},
			want: []error{ipvs.ErrIncompleteReply},
		},
		{
			name: "acknowledgement without an errno",
			call: getService,
			replies: []ipvstest.Reply{func(h netlink.Header) ([]byte, error) {
				return message(netlink.Error, 0, h.Sequence, []byte{1}), nil
			}},
			want: []error{ipvs.ErrIncompleteReply},
		},
		{
			name: "attribute too short",
			call: getService,
			replies: []ipvstest.Reply{func(h netlink.Header) ([]byte, error) {
				body := append([]byte{byte(netlinkmsg.NewService), 1, 0, 0}, binary.NativeEndian.AppendUint32(nil, 1<<16|8)...)
				body = append(body, binary.NativeEndian.AppendUint32(nil, 1<<16|4)...)
				return message(ipvstest.Family, 0, h.Sequence, body), nil
			}, ack(0)},
		},
		{
			name:    "socket error",
			call:    getService,
			replies: []ipvstest.Reply{fail(syscall.ECONNREFUSED)},
			want:    []error{syscall.ECONNREFUSED},
			text:    "ipvs: get service TCP 192.0.2.1:80: connection refused",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call(scripted(tt.replies...))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("error = %v, want %v", err, want)
				}
			}
			if tt.text != "" && err.Error() != tt.text {
				t.Errorf("error = %q, want %q", err, tt.text)
			}
		})
	}
}

func TestTimeoutError(t *testing.T) {
	err := listServices(scripted(fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout), fail(ipvs.ErrTimeout)))
	var timeout interface{ Timeout() bool }
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error = %v, want a timeout", err)
	}
}

// attribute encodes a netlink attribute.
func attribute(typ uint16, data string) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func TestExtendedAcknowledgement(t *testing.T) {
	const (
		attrMessage = 1 // NLMSGERR_ATTR_MSG
		attrOffset  = 2 // NLMSGERR_ATTR_OFFS
	)
	attributes := slices.Concat(attribute(attrOffset, "\x10\x00\x00\x00"), attribute(attrMessage, "Attribute failed policy validation\x00"))
	request := message(ipvstest.Family, 0, 1, make([]byte, 10)) // not a multiple of 4
	padded := append(slices.Clone(request), 0, 0)
	const want = "Attribute failed policy validation"
	for _, tt := range []struct {
		name  string
		typ   netlink.HeaderType
		flags netlink.HeaderFlags
		rest  []byte // rest of the body, after the errno
		want  string
	}{
		{name: "capped", typ: netlink.Error, flags: netlink.Capped | netlink.AcknowledgeTLVs,
			rest: slices.Concat(request[:16], attributes), want: want},
		{name: "with request", typ: netlink.Error, flags: netlink.AcknowledgeTLVs,
			rest: slices.Concat(padded, attributes), want: want},
		{name: "end of dump", typ: netlink.Done, flags: netlink.Multi | netlink.AcknowledgeTLVs, rest: attributes, want: want},
		{name: "no attributes", typ: netlink.Error, flags: netlink.Capped, rest: request[:16]},
		{name: "no message", typ: netlink.Error, flags: netlink.Capped | netlink.AcknowledgeTLVs,
			rest: slices.Concat(request[:16], attribute(attrOffset, "\x10\x00\x00\x00"))},
		{name: "attributes not flagged", typ: netlink.Error, flags: netlink.Capped, rest: slices.Concat(request[:16], attributes)},
		{name: "body missing", typ: netlink.Error, flags: netlink.Capped | netlink.AcknowledgeTLVs},
		{name: "request truncated", typ: netlink.Error, flags: netlink.AcknowledgeTLVs, rest: request[:12]},
		{name: "attribute truncated", typ: netlink.Error, flags: netlink.Capped | netlink.AcknowledgeTLVs,
			rest: slices.Concat(request[:16], attribute(attrMessage, want)[:20])},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := func(h netlink.Header) ([]byte, error) {
				return message(tt.typ, tt.flags, h.Sequence, slices.Concat(errnoBody(syscall.EINVAL), tt.rest)), nil
			}
			text := "invalid argument"
			if tt.want != "" {
				text += " (" + tt.want + ")"
			}
			b := scripted(r).Batch()
			b.AddService(ipvs.Service{ServiceKey: web})
			failures, err := b.Commit()
			if err != nil || len(failures) != 1 {
				t.Fatalf("failures %v, %v, want one failure", failures, err)
			}
			for _, err := range []error{failures[0].Err, listServices(scripted(r))} {
				e := new(ipvs.Error)
				if !errors.As(err, &e) || e.Errno != syscall.EINVAL || e.Message != tt.want || !strings.HasSuffix(err.Error(), ": "+text) {
					t.Errorf("error = %v, want %s", err, text)
				}
			}
		})
	}
}

func TestDumpInterrupted(t *testing.T) {
	attempt := []ipvstest.Reply{serviceReply(netlink.Multi | netlink.DumpInterrupted), done(0)}
	err := listServices(scripted(slices.Repeat(attempt, ipvs.MaxDumpAttempts)...))
	if !errors.Is(err, ipvs.ErrDumpInterrupted) || !errors.Is(err, syscall.EINTR) {
		t.Errorf("error = %v, want ErrDumpInterrupted", err)
	}
}

// TestDumpRestart verifies that the result of a repeated dump has no services of the
// first attempt.
func TestDumpRestart(t *testing.T) {
	c := scripted(serviceReply(netlink.Multi|netlink.DumpInterrupted), done(0), serviceReply(netlink.Multi), done(0))
	services, err := c.Services()
	if err != nil || len(services) != 1 {
		t.Errorf("%d services, %v, want 1", len(services), err)
	}
}

// TestBatchChunks sends 300 changes, of which those with the indexes 1, 127, 128 and
// 299 fail.
func TestBatchChunks(t *testing.T) {
	s := ipvstest.Script(
		ackEarlier(ipvs.BatchSize-2, syscall.EEXIST), ack(syscall.EEXIST),
		ackEarlier(ipvs.BatchSize-1, syscall.EEXIST), ack(0),
		ack(syscall.EEXIST),
	)
	b := ipvs.NewClient(s, ipvstest.Family).Batch()
	for range 300 {
		b.AddService(ipvs.Service{ServiceKey: web})
	}
	failures, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Sent) != 3 {
		t.Errorf("%d sends, want 3", len(s.Sent))
	}
	var got []int
	for _, f := range failures {
		got = append(got, f.Index)
		if !errors.Is(f.Err, ipvs.ErrServiceExists) {
			t.Errorf("change %d: %v, want ErrServiceExists", f.Index, f.Err)
		}
	}
	if diff := cmp.Diff([]int{1, 127, 128, 299}, got); diff != "" {
		t.Errorf("failed changes (-want +got):\n%s", diff)
	}
	for i, h := range s.Sent {
		if h.Flags&netlink.Acknowledge == 0 {
			t.Errorf("the last request of send %d lacks NLM_F_ACK", i)
		}
	}
}

func TestBatchEmpty(t *testing.T) {
	s := ipvstest.Script()
	failures, err := ipvs.NewClient(s, ipvstest.Family).Batch().Commit()
	if err != nil || len(failures) != 0 || len(s.Sent) != 0 {
		t.Errorf("%v, %v, %d sends; want none", failures, err, len(s.Sent))
	}
}

func TestBatchConnLost(t *testing.T) {
	b := scripted(ack(0), fail(syscall.ENOBUFS), fail(syscall.EBADF)).Batch()
	for range 3 * ipvs.BatchSize {
		b.RemoveService(web)
	}
	_, err := b.Commit()
	lost := new(ipvs.ConnLostError)
	if !errors.As(err, &lost) || lost.FirstUnknown != ipvs.BatchSize || lost.FirstUnsent != 2*ipvs.BatchSize || !errors.Is(err, syscall.ENOBUFS) {
		t.Errorf("error = %#v, want ENOBUFS with the outcomes of changes %d to %d unknown", err, ipvs.BatchSize, 2*ipvs.BatchSize-1)
	}
	const want = "ipvs: connection lost: changes 128 to 255 may or may not have been applied, later ones were not sent: no buffer space available"
	if err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestBatchModuleUnloaded(t *testing.T) {
	b := scripted(ack(syscall.ENOENT), ack(syscall.ENOENT)).Batch()
	b.AddDestination(web, webDestination)
	failures, err := b.Commit()
	if err != nil || len(failures) != 1 || !errors.Is(failures[0].Err, ipvs.ErrNoIPVS) {
		t.Errorf("%v, %v, want ErrNoIPVS", failures, err)
	}
}

// TestServicesConsistent verifies that interrupted dumps and dumps with duplicates are
// repeated, and that the result has no duplicates.
func TestServicesConsistent(t *testing.T) {
	multi := serviceReply(netlink.Multi)
	duplicate := []ipvstest.Reply{multi, multi, done(0)}
	unique := []ipvstest.Reply{multi, done(0)}
	interrupted := []ipvstest.Reply{serviceReply(netlink.Multi | netlink.DumpInterrupted), done(0)}
	for _, tt := range []struct {
		name    string
		replies []ipvstest.Reply
		err     error
	}{
		{name: "duplicate once", replies: slices.Concat(duplicate, unique)},
		{name: "duplicate in every attempt", replies: slices.Repeat(duplicate, ipvs.MaxDumpAttempts)},
		{name: "interrupted once", replies: slices.Concat(interrupted, unique)},
		{name: "interrupted after a duplicate", replies: slices.Concat(duplicate, interrupted, unique)},
		{name: "interrupted in every attempt", replies: slices.Repeat(interrupted, ipvs.MaxDumpAttempts), err: ipvs.ErrDumpInterrupted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, err := scripted(tt.replies...).ServicesConsistent()
			if !errors.Is(err, tt.err) || err == nil && len(services) != 1 {
				t.Errorf("%d services, %v; want 1, %v", len(services), err, tt.err)
			}
		})
	}
}

// TestAppendDestinationsConsistent verifies that destinations that the slice already has
// are not treated as duplicates.
func TestAppendDestinationsConsistent(t *testing.T) {
	d := reply(netlink.Multi, netlinkmsg.Message{Command: netlinkmsg.NewDestination, Destination: &webDestination})
	ds, err := scripted(d, d, done(0), d, done(0)).AppendDestinationsConsistent([]ipvs.Destination{webDestination}, web)
	if err != nil || len(ds) != 2 {
		t.Errorf("%d destinations, %v, want 2", len(ds), err)
	}
}

// TestResendNextToInvalidChange verifies that a change that failed validation does
// not keep another one from being resent.
func TestResendNextToInvalidChange(t *testing.T) {
	b := scripted(fail(syscall.ENOBUFS), fail(ipvs.ErrTimeout), ack(0), ack(0)).Batch()
	b.AddService(ipvs.Service{})
	b.AddService(ipvs.Service{ServiceKey: web})
	failures, err := b.Commit()
	if err != nil || len(failures) != 1 || failures[0].Index != 0 {
		t.Errorf("failures %v, %v, want only that of change 0", failures, err)
	}
}

// TestAppendRow verifies that a large list leaves few copies behind while it grows.
func TestAppendRow(t *testing.T) {
	var list []ipvs.Service
	left := 0 // rows of the copies
	const n = 100000
	for range n {
		capacity := cap(list)
		if list = ipvs.AppendRow(list, new(ipvs.Service)); cap(list) != capacity {
			left += capacity
		}
	}
	if len(list) != n || left > n/4 {
		t.Errorf("%d rows, copies of %d rows; want %d, at most %d", len(list), left, n, n/4)
	}
}
