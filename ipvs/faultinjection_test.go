// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// A fault replaces calls of a socket. A nil function leaves the calls unchanged.
type fault struct {
	name         string
	corruptsDump bool // dumps that succeed may have missing, duplicate or reordered entries
	send         func(s *ipvstest.FaultySocket, b []byte) error
	receive      func(s *ipvstest.FaultySocket, b []byte) (int, error)
}

// maxCalls is greater than the number of socket calls that any request needs.
const maxCalls = 20000

// A faultInjector counts the calls of a socket, from 0, and injects a fault into the
// calls with numbers in [first, end).
type faultInjector struct {
	*ipvstest.FaultySocket
	first, end int
	calls      int
}

// injectFault returns a socket of k that injects f into count calls from call first on.
func injectFault(k *ipvstest.FakeKernel, f fault, first, count int) *faultInjector {
	i := &faultInjector{first: first, end: first + count}
	i.FaultySocket = &ipvstest.FaultySocket{
		Socket: k.Socket(),
		OnSend: func(s *ipvstest.FaultySocket, b []byte) error {
			if i.isFaulty() && f.send != nil {
				return f.send(s, b)
			}
			return s.Forward(b)
		},
		OnReceive: func(s *ipvstest.FaultySocket, b []byte) (int, error) {
			if i.isFaulty() && f.receive != nil {
				return f.receive(s, b)
			}
			return s.Next(b)
		},
	}
	return i
}

// isFaulty counts a call and reports whether the fault applies to it.
func (i *faultInjector) isFaulty() bool {
	call := i.calls
	if i.calls++; call > maxCalls {
		panic("the client does not stop calling the socket")
	}
	return i.first <= call && call < i.end
}

func failSend(err error) func(*ipvstest.FaultySocket, []byte) error {
	return func(*ipvstest.FaultySocket, []byte) error { return err }
}

func failReceive(err error) func(*ipvstest.FaultySocket, []byte) (int, error) {
	return func(*ipvstest.FaultySocket, []byte) (int, error) { return 0, err }
}

// dropReplies forwards requests and drops all their replies.
func dropReplies(s *ipvstest.FaultySocket, b []byte) error {
	queue := s.Queue
	err := s.Forward(b)
	s.Queue = queue
	return err
}

// truncate shortens a datagram of n bytes to length(n).
func truncate(length func(n int) int) func(*ipvstest.FaultySocket, []byte) (int, error) {
	return func(s *ipvstest.FaultySocket, b []byte) (int, error) {
		n, err := s.Next(b)
		return min(n, max(0, length(n))), err
	}
}

var lostAcks = fault{name: "replies lost, ENOBUFS", send: func(s *ipvstest.FaultySocket, b []byte) error {
	err := dropReplies(s, b)
	s.Overrun = true
	return err
}}

var faults = []fault{
	{name: "none"},
	{name: "send: EMSGSIZE", send: failSend(syscall.EMSGSIZE)},
	{name: "send: ENOBUFS", send: failSend(syscall.ENOBUFS)},
	{name: "send: EINTR", send: failSend(syscall.EINTR)},
	{name: "send: EPERM", send: failSend(syscall.EPERM)},
	{name: "replies lost", send: dropReplies},
	lostAcks,
	{name: "every other reply lost, ENOBUFS", send: func(s *ipvstest.FaultySocket, b []byte) error {
		n := len(s.Queue)
		err := s.Forward(b)
		i := 0
		s.Queue = slices.DeleteFunc(s.Queue, func([]byte) bool { i++; return i > n && i%2 == 0 })
		s.Overrun = true
		return err
	}},
	{name: "replies reordered", corruptsDump: true, send: func(s *ipvstest.FaultySocket, b []byte) error {
		n := len(s.Queue)
		err := s.Forward(b)
		if len(s.Queue) > n {
			slices.Reverse(s.Queue[n : len(s.Queue)-1]) // all but the final message
		}
		return err
	}},
	{name: "receive: ENOBUFS", receive: failReceive(syscall.ENOBUFS)},
	{name: "receive: EINTR", receive: failReceive(syscall.EINTR)},
	{name: "receive: timeout", receive: failReceive(ipvs.ErrTimeout)},
	{name: "receive: EAGAIN", receive: failReceive(syscall.EAGAIN)},
	{name: "receive: EBADF", receive: failReceive(syscall.EBADF)},
	{name: "reply lost, ENOBUFS", receive: func(s *ipvstest.FaultySocket, b []byte) (int, error) {
		_, _ = s.Next(b)
		return 0, syscall.ENOBUFS
	}},
	{name: "reply duplicated", corruptsDump: true, receive: func(s *ipvstest.FaultySocket, b []byte) (int, error) {
		if s.Last == nil {
			return s.Next(b)
		}
		n := copy(b, s.Last)
		s.Last = nil
		return n, nil
	}},
	{name: "unrelated message", receive: func(_ *ipvstest.FaultySocket, b []byte) (int, error) {
		m := netlinkmsg.Message{Command: netlinkmsg.NewService, Service: &ipvs.Service{ServiceKey: numberedKey(999)}}
		datagram, err := m.Append(nil, ipvstest.Family, 0, 1<<31)
		return copy(b, datagram), err
	}},
	{name: "empty datagram", receive: truncate(func(int) int { return 0 })},
	{name: "truncated header", receive: truncate(func(int) int { return 7 })},
	{name: "header without body", receive: truncate(func(int) int { return 16 })},
	{name: "truncated body", receive: truncate(func(n int) int { return n - 3 })},
}

func numberedKey(i int) ipvs.ServiceKey {
	return ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80))
}

func numberedService(i int) ipvs.Service {
	return ipvs.Service{ServiceKey: numberedKey(i), Scheduler: "rr"}
}

var (
	existingKey         = numberedKey(500)
	existingDestination = ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.1:80"), Weight: 1}
)

// newKernel returns a kernel with one service of two destinations.
func newKernel() *ipvstest.FakeKernel {
	second := ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.2:80"), Weight: 1}
	return &ipvstest.FakeKernel{
		Table: []ipvstest.Entry{{
			Service:      ipvs.Service{ServiceKey: existingKey, Scheduler: "rr", Flags: ipvs.Hashed},
			Destinations: []ipvs.Destination{existingDestination, second},
		}},
		Timeouts: ipvs.Timeouts{TCP: 1, TCPFin: 2, UDP: 3},
		Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "lo"}},
	}
}

// state describes the state of k that requests can change.
func state(k *ipvstest.FakeKernel) string { return fmt.Sprint(k.Table, k.Timeouts, k.Daemons) }

// A clientCall calls a method of a client and describes what it returned.
type clientCall func(*ipvs.Client) (string, error)

// reads returns a clientCall of a method that reads.
func reads[T any](method func(*ipvs.Client) (T, error)) clientCall {
	return func(c *ipvs.Client) (string, error) {
		v, err := method(c)
		return fmt.Sprint(v), err
	}
}

// changes returns a clientCall of a method that changes the table.
func changes(method func(*ipvs.Client) error) clientCall {
	return func(c *ipvs.Client) (string, error) { return "", method(c) }
}

var clientCalls = []struct {
	name string
	call clientCall
}{
	{name: "Info", call: reads((*ipvs.Client).Info)},
	{name: "Services", call: reads((*ipvs.Client).Services)},
	{name: "Service", call: reads(func(c *ipvs.Client) (ipvs.Service, error) { return c.Service(existingKey) })},
	{name: "Destinations", call: reads(func(c *ipvs.Client) ([]ipvs.Destination, error) { return c.Destinations(existingKey) })},
	{name: "Timeouts", call: reads((*ipvs.Client).Timeouts)},
	{name: "Daemons", call: reads((*ipvs.Client).Daemons)},
	{name: "AddService", call: changes(func(c *ipvs.Client) error { return c.AddService(numberedService(1)) })},
	{name: "AddService, exists", call: changes(func(c *ipvs.Client) error {
		return c.AddService(ipvs.Service{ServiceKey: existingKey, Scheduler: "wlc"})
	})},
	{name: "UpdateService", call: changes(func(c *ipvs.Client) error {
		return c.UpdateService(ipvs.Service{ServiceKey: existingKey, Scheduler: "wlc"})
	})},
	{name: "RemoveService", call: changes(func(c *ipvs.Client) error { return c.RemoveService(existingKey) })},
	{name: "RemoveService, missing", call: changes(func(c *ipvs.Client) error { return c.RemoveService(numberedKey(1)) })},
	{name: "AddDestination", call: changes(func(c *ipvs.Client) error {
		return c.AddDestination(existingKey, ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.9:80")})
	})},
	{name: "UpdateDestination", call: changes(func(c *ipvs.Client) error {
		return c.UpdateDestination(existingKey, ipvs.Destination{AddrPort: existingDestination.AddrPort, Weight: 9})
	})},
	{name: "RemoveDestination", call: changes(func(c *ipvs.Client) error {
		return c.RemoveDestination(existingKey, existingDestination.AddrPort)
	})},
	{name: "Zero", call: changes((*ipvs.Client).Zero)},
	{name: "ZeroService", call: changes(func(c *ipvs.Client) error { return c.ZeroService(existingKey) })},
	{name: "RemoveAllServices", call: changes((*ipvs.Client).RemoveAllServices)},
	{name: "SetTimeouts", call: changes(func(c *ipvs.Client) error { return c.SetTimeouts(ipvs.Timeouts{TCP: 77}) })},
	{name: "StartDaemon", call: changes(func(c *ipvs.Client) error {
		return c.StartDaemon(ipvs.Daemon{State: ipvs.Backup, Interface: "lo"})
	})},
	{name: "StopDaemon", call: changes(func(c *ipvs.Client) error { return c.StopDaemon(ipvs.Master) })},
}

// TestFaultInjection verifies that every call returns, and that its result matches
// the table: a change that is reported as made was made, and one that is reported
// as failed was not.
func TestFaultInjection(t *testing.T) {
	const lastCall = 6 // the faults begin before this call
	for _, m := range clientCalls {
		k := newKernel()
		before := state(k)
		c, _ := k.Dial()
		want, wantErr := m.call(c)
		after := state(k)
		for _, f := range faults {
			for first := range lastCall {
				for _, count := range []int{1, 2, 3, maxCalls} {
					k := newKernel()
					i := injectFault(k, f, first, count)
					got, err := m.call(ipvs.NewClient(i, ipvstest.Family))
					name := fmt.Sprintf("%s, fault %q in %d calls from call %d: %q, %v", m.name, f.name, count, first, got, err)
					switch now := state(k); {
					case err == nil && f.corruptsDump && strings.HasPrefix(got, "["):
					case err == nil && (wantErr != nil || got != want || now != after):
						t.Errorf("%s, want %q, %v, and the table %s; it is %s", name, want, wantErr, after, now)
					case err != nil && !errors.Is(err, ipvs.ErrAckLost) && now != before:
						t.Errorf("%s: the table changed from %s to %s", name, before, now)
					case now != before && now != after:
						t.Errorf("%s: the table is %s, want %s or %s", name, now, before, after)
					}
					if i.calls < i.first && count == 1 {
						break // the call ended before the fault
					}
				}
			}
		}
	}
}

// batchLen is the number of services that sendBatch adds.
const batchLen = 300

// exists reports whether service i is in the table before sendBatch.
func exists(i int) bool { return i%7 == 0 }

// existing is the number of services for which exists returns true.
const existing = (batchLen + 6) / 7

// newBatchKernel returns a kernel with the services that exist before sendBatch.
func newBatchKernel() *ipvstest.FakeKernel {
	k := newKernel()
	for i := range batchLen {
		if exists(i) {
			k.Table = append(k.Table, ipvstest.Entry{Service: numberedService(i)})
		}
	}
	return k
}

func sendBatch(s ipvs.Socket) ([]ipvs.FailedChange, error) {
	b := ipvs.NewClient(s, ipvstest.Family).Batch()
	addServices(b)
	return b.Commit()
}

func addServices(b *ipvs.Batch) {
	for i := range batchLen {
		b.AddService(numberedService(i))
	}
}

// checkBatch compares the result of a batch with the table and the requests
// received, and returns the number of changes that failed with ErrAckLost.
func checkBatch(t *testing.T, name string, k *ipvstest.FakeKernel, failures []ipvs.FailedChange, err error) (acksLost int) {
	t.Helper()
	firstUnknown, firstUnsent := batchLen, batchLen
	if err != nil {
		lost := new(ipvs.ConnLostError)
		if !errors.As(err, &lost) {
			t.Fatalf("%s: error = %v", name, err)
		}
		firstUnknown, firstUnsent = lost.FirstUnknown, lost.FirstUnsent
	}
	attempts := make(map[ipvs.ServiceKey]int)
	for _, m := range k.Requests {
		if m.Command == netlinkmsg.NewService {
			attempts[m.Service.ServiceKey]++
		}
	}
	inTable := make(map[ipvs.ServiceKey]bool)
	for _, e := range k.Table {
		inTable[e.Service.ServiceKey] = true
	}
	failed := make(map[int]error)
	for i, f := range failures {
		if i > 0 && failures[i-1].Index >= f.Index {
			t.Errorf("%s: the failure of change %d follows that of change %d", name, f.Index, failures[i-1].Index)
		}
		failed[f.Index] = f.Err
	}
	for i := range batchLen {
		err := failed[i]
		ackLost := errors.Is(err, ipvs.ErrAckLost)
		if ackLost {
			acksLost++
		}
		switch {
		case i >= firstUnsent && (err != nil || attempts[numberedKey(i)] > 0):
			t.Errorf("%s: change %d, reported as unsent, was sent or failed: %v", name, i, err)
		case i < firstUnknown && err == nil && (exists(i) || !inTable[numberedKey(i)]):
			t.Errorf("%s: change %d, reported as made, was not made", name, i)
		case err != nil && !ackLost && !exists(i) && inTable[numberedKey(i)]:
			t.Errorf("%s: change %d, reported as failed, was made: %v", name, i, err)
		case i < firstUnknown && exists(i) && !ackLost && !errors.Is(err, ipvs.ErrServiceExists) && attempts[numberedKey(i)] > 0:
			t.Errorf("%s: change %d: %v, want ErrServiceExists", name, i, err)
		}
	}
	return acksLost
}

func TestBatchFaultInjection(t *testing.T) {
	for _, f := range faults {
		for _, first := range []int{0, 1, 2, 21, 45} {
			for _, count := range []int{1, 3, 50, maxCalls} {
				k := newBatchKernel()
				failures, err := sendBatch(injectFault(k, f, first, count))
				name := fmt.Sprintf("fault %q in %d calls from call %d: %d failures, %v", f.name, count, first, len(failures), err)
				checkBatch(t, name, k, failures, err)
				if f.name == "none" && (err != nil || len(failures) != existing) {
					t.Errorf("%s; want %d failures", name, existing)
				}
			}
		}
	}
}

// TestReceiveQueueOverrun sends a batch with receive queues of many sizes. Every change
// must be sent and every failure reported; only acknowledgements of one chunk may be
// lost.
func TestReceiveQueueOverrun(t *testing.T) {
	for capacity := 1; capacity <= 130; capacity += 1 + capacity/8 {
		k := newBatchKernel()
		failures, err := sendBatch(&ipvstest.FaultySocket{Socket: k.Socket(), Capacity: capacity})
		name := fmt.Sprintf("capacity %d: %d failures, %v", capacity, len(failures), err)
		acksLost := checkBatch(t, name, k, failures, err)
		if err != nil || acksLost > ipvs.BatchSize {
			t.Errorf("%s, %d acknowledgements lost; want no error and at most %d", name, acksLost, ipvs.BatchSize)
		}
		if len(k.Table) != 1+batchLen {
			t.Errorf("%s: %d services, want %d", name, len(k.Table), 1+batchLen)
		}
	}
}

// TestResendConflict verifies that requests are resent only if that cannot undo
// another change of the same batch.
func TestResendConflict(t *testing.T) {
	k := newKernel()
	b := ipvs.NewClient(injectFault(k, lostAcks, 0, 1), ipvstest.Family).Batch()
	b.RemoveService(existingKey) // changes 0 to 2 conflict
	b.AddService(ipvs.Service{ServiceKey: existingKey, Scheduler: "wlc"})
	b.AddDestination(existingKey, existingDestination)
	b.AddService(numberedService(1))
	b.AddDestination(numberedKey(1), existingDestination)
	b.UpdateService(numberedService(2))                                         // change 5 fails
	b.AddService(ipvs.Service{ServiceKey: numberedKey(3), Scheduler: "nosuch"}) // change 6 fails
	b.SetTimeouts(ipvs.Timeouts{TCP: 9})
	failures, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range failures {
		got = append(got, fmt.Sprintf("%d: %v", f.Index, f.Err))
	}
	const (
		lost    = "acknowledgement lost; the change may or may not have been applied"
		retried = "(after a lost acknowledgement; the first attempt may have succeeded)"
	)
	want := []string{
		"0: ipvs: delete service TCP 10.0.1.244:80: " + lost,
		"1: ipvs: add service TCP 10.0.1.244:80: " + lost,
		"2: ipvs: add destination 10.9.0.1:80 of TCP 10.0.1.244:80: " + lost,
		"3: ipvs: add service TCP 10.0.0.1:80: service already exists " + retried,
		"4: ipvs: add destination 10.9.0.1:80 of TCP 10.0.0.1:80: destination already exists " + retried,
		"5: ipvs: edit service TCP 10.0.0.2:80: no such service",
		"6: ipvs: add service TCP 10.0.0.3:80: scheduler or persistence engine not found",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	sent := make(map[netlinkmsg.Command]int)
	for _, m := range k.Changes() {
		sent[m.Command]++
	}
	if sent[netlinkmsg.DelService] != 1 || len(k.Table) != 2 || len(k.Table[0].Destinations) != 1 {
		t.Errorf("requests %v, table %v; want one DelService, and two services", sent, k.Table)
	}
}

// TestPreflight verifies that Preflight changes nothing, and that a batch succeeds
// if Preflight returned no error.
func TestPreflight(t *testing.T) {
	for _, f := range faults {
		for _, count := range []int{0, 1, 2, 3, 20, maxCalls} {
			k := newBatchKernel()
			before := state(k)
			i := injectFault(k, f, 0, count)
			b := ipvs.NewClient(i, ipvstest.Family).Batch()
			err := b.Preflight(1000)
			name := fmt.Sprintf("fault %q in %d calls", f.name, count)
			if state(k) != before || len(k.Changes()) > 0 {
				t.Errorf("%s: the table changed", name)
			}
			if err != nil {
				continue
			}
			if i.end > i.calls && (f.send != nil || f.receive != nil) && !f.corruptsDump {
				t.Errorf("%s: Preflight returned no error", name)
			}
			i.end = 0
			addServices(b)
			failures, err := b.Commit()
			name += fmt.Sprintf(": %d failures, %v", len(failures), err)
			if checkBatch(t, name, k, failures, err) > 0 || err != nil {
				t.Errorf("%s; want no error and no lost acknowledgement after Preflight", name)
			}
		}
	}
	for capacity := 2; capacity <= 130; capacity += 1 + capacity/8 {
		k := newBatchKernel()
		b := ipvs.NewClient(&ipvstest.FaultySocket{Socket: k.Socket(), Capacity: capacity}, ipvstest.Family).Batch()
		if err := b.Preflight(1000); err != nil {
			t.Fatalf("capacity %d: %v", capacity, err)
		}
		addServices(b)
		failures, err := b.Commit()
		name := fmt.Sprintf("capacity %d: %d failures, %v", capacity, len(failures), err)
		if checkBatch(t, name, k, failures, err) > 0 || len(failures) != existing {
			t.Errorf("%s; want %d failures and no lost acknowledgement", name, existing)
		}
	}
}
