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

// A liar is a socket that does what sockets may do on a bad day: of the calls
// to it, counted from 0, those from first up to last go wrong. Its queue is a
// kernel's: when it is full answers are dropped, and so are all that follow
// until it has been read to the end.
type faultySocket struct {
	ipvs.Socket
	lie         fault
	first, last int
	capacity    int // of the queue, 0 for no limit

	calls     int
	queue     [][]byte
	earlier   []byte // the last answer that was read
	congested bool
	overrun   bool // is to be told
}

// A lie is what becomes of one call. A nil function leaves the call alone.
// Answers that are lost are told (ENOBUFS), sooner or later, as the kernel does.
type fault struct {
	name    string
	dumps   bool // what a dump brings is no better than what was sent
	send    func(l *faultySocket, b []byte) error
	receive func(l *faultySocket, b []byte) (int, error)
}

// tooManyCalls is more than any exchange takes, however it goes.
const tooManyCalls = 20000

func (l *faultySocket) lies() bool {
	if l.calls > tooManyCalls {
		panic("this call does not end")
	}
	l.calls++
	return l.first < l.calls && l.calls <= l.last
}

func (l *faultySocket) Send(b []byte) error {
	if l.lies() && l.lie.send != nil {
		return l.lie.send(l, b)
	}
	return l.pass(b)
}

// pass sends b and takes the answers into the queue.
func (l *faultySocket) pass(b []byte) error {
	if err := l.Socket.Send(b); err != nil {
		return err
	}
	for {
		answer := make([]byte, 16<<10)
		n, err := l.Socket.Receive(answer)
		if err != nil {
			return nil
		}
		if l.congested || l.capacity > 0 && len(l.queue) == l.capacity {
			l.overrun = l.overrun || !l.congested
			l.congested = true
			continue
		}
		l.queue = append(l.queue, answer[:n])
	}
}

func (l *faultySocket) Receive(b []byte) (int, error) {
	if l.lies() && l.lie.receive != nil {
		return l.lie.receive(l, b)
	}
	return l.next(b)
}

// next reads the next answer.
func (l *faultySocket) next(b []byte) (int, error) {
	if l.overrun {
		l.overrun = false
		return 0, syscall.ENOBUFS
	}
	if len(l.queue) == 0 {
		return 0, ipvs.ErrTimeout
	}
	l.earlier = l.queue[0]
	l.queue = l.queue[1:]
	l.congested = l.congested && len(l.queue) > 0
	return copy(b, l.earlier), nil
}

func failSend(err error) func(*faultySocket, []byte) error {
	return func(*faultySocket, []byte) error { return err }
}

func failReceive(err error) func(*faultySocket, []byte) (int, error) {
	return func(*faultySocket, []byte) (int, error) { return 0, err }
}

// cut reads an answer and leaves of it what keep says.
func cut(keep func(n int) int) func(*faultySocket, []byte) (int, error) {
	return func(l *faultySocket, b []byte) (int, error) {
		n, err := l.next(b)
		return min(n, max(0, keep(n))), err
	}
}

var lies = []fault{
	{name: "the truth"},
	{name: "the send buffer is too small", send: failSend(syscall.EMSGSIZE)},
	{name: "no memory to send", send: failSend(syscall.ENOBUFS)},
	{name: "a signal while sending", send: failSend(syscall.EINTR)},
	{name: "sending is not allowed", send: failSend(syscall.EPERM)},
	{name: "the kernel says nothing", send: func(l *faultySocket, b []byte) error {
		queue := l.queue
		err := l.pass(b)
		l.queue = queue
		return err
	}},
	{name: "no memory for the answers", send: func(l *faultySocket, b []byte) error {
		queue := l.queue
		err := l.pass(b)
		l.queue, l.overrun = queue, true
		return err
	}},
	{name: "every other answer is lost", send: func(l *faultySocket, b []byte) error {
		n := len(l.queue)
		err := l.pass(b)
		i := 0
		l.queue = slices.DeleteFunc(l.queue, func([]byte) bool { i++; return i > n && i%2 == 0 })
		l.overrun = true
		return err
	}},
	{name: "answers come in another order", dumps: true, send: func(l *faultySocket, b []byte) error {
		n := len(l.queue)
		err := l.pass(b)
		if len(l.queue) > n {
			slices.Reverse(l.queue[n : len(l.queue)-1]) // all but the one that ends the exchange
		}
		return err
	}},
	{name: "the receive buffer overran", receive: failReceive(syscall.ENOBUFS)},
	{name: "a signal while reading", receive: failReceive(syscall.EINTR)},
	{name: "nothing comes in time", receive: failReceive(ipvs.ErrTimeout)},
	{name: "nothing to be read", receive: failReceive(syscall.EAGAIN)},
	{name: "the socket is closed", receive: failReceive(syscall.EBADF)},
	{name: "an answer is lost", receive: func(l *faultySocket, b []byte) (int, error) {
		l.overrun = true
		return l.next(b[:0])
	}},
	{name: "an answer comes twice", dumps: true, receive: func(l *faultySocket, b []byte) (int, error) {
		if l.earlier == nil {
			return l.next(b)
		}
		n := copy(b, l.earlier)
		l.earlier = nil
		return n, nil
	}},
	{name: "an answer to somebody else", receive: func(l *faultySocket, b []byte) (int, error) {
		m := netlinkmsg.Message{Command: netlinkmsg.NewService, Service: &ipvs.Service{ServiceKey: number(999)}}
		reply, err := m.Append(nil, ipvstest.Family, 0, 1<<31)
		return copy(b, reply), err
	}},
	{name: "an empty datagram", receive: cut(func(int) int { return 0 })},
	{name: "half a header", receive: cut(func(int) int { return 7 })},
	{name: "only a header", receive: cut(func(int) int { return 16 })},
	{name: "a datagram cut short", receive: cut(func(n int) int { return n - 3 })},
}

func number(i int) ipvs.ServiceKey {
	return ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80))
}

var (
	known  = number(500)
	server = ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.1:80"), Weight: 1}
)

// newTable returns a kernel with one service and two servers.
func newTable() *ipvstest.FakeKernel {
	second := ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.2:80"), Weight: 1}
	return &ipvstest.FakeKernel{
		Table: []ipvstest.Entry{{
			Service:      ipvs.Service{ServiceKey: known, Scheduler: "rr", Flags: ipvs.Hashed},
			Destinations: []ipvs.Destination{server, second},
		}},
		Timeouts: ipvs.Timeouts{TCP: 1, TCPFin: 2, UDP: 3},
		Daemons:  []ipvs.Daemon{{State: ipvs.Master, Interface: "lo"}},
	}
}

// state is what the methods can change.
func state(k *ipvstest.FakeKernel) string { return fmt.Sprint(k.Table, k.Timeouts, k.Daemons) }

// tell returns a method that reads, and compares what it returns.
func tell[T any](read func(*ipvs.Client) (T, error)) func(*ipvs.Client) (string, error) {
	return func(c *ipvs.Client) (string, error) {
		v, err := read(c)
		return fmt.Sprint(v), err
	}
}

// do returns a method that changes something.
func do(change func(*ipvs.Client) error) func(*ipvs.Client) (string, error) {
	return func(c *ipvs.Client) (string, error) { return "", change(c) }
}

var methods = []struct {
	name string
	call func(*ipvs.Client) (string, error)
}{
	{"Info", tell((*ipvs.Client).Info)},
	{"Services", tell((*ipvs.Client).Services)},
	{"Service", tell(func(c *ipvs.Client) (ipvs.Service, error) { return c.Service(known) })},
	{"Destinations", tell(func(c *ipvs.Client) ([]ipvs.Destination, error) { return c.Destinations(known) })},
	{"Timeouts", tell((*ipvs.Client).Timeouts)},
	{"Daemons", tell((*ipvs.Client).Daemons)},
	{"AddService", do(func(c *ipvs.Client) error {
		return c.AddService(ipvs.Service{ServiceKey: number(1), Scheduler: "rr"})
	})},
	{"AddService that exists", do(func(c *ipvs.Client) error {
		return c.AddService(ipvs.Service{ServiceKey: known, Scheduler: "wlc"})
	})},
	{"UpdateService", do(func(c *ipvs.Client) error {
		return c.UpdateService(ipvs.Service{ServiceKey: known, Scheduler: "wlc"})
	})},
	{"RemoveService", do(func(c *ipvs.Client) error { return c.RemoveService(known) })},
	{"RemoveService that is none", do(func(c *ipvs.Client) error { return c.RemoveService(number(1)) })},
	{"AddDestination", do(func(c *ipvs.Client) error {
		return c.AddDestination(known, ipvs.Destination{AddrPort: netip.MustParseAddrPort("10.9.0.9:80")})
	})},
	{"UpdateDestination", do(func(c *ipvs.Client) error {
		return c.UpdateDestination(known, ipvs.Destination{AddrPort: server.AddrPort, Weight: 9})
	})},
	{"RemoveDestination", do(func(c *ipvs.Client) error { return c.RemoveDestination(known, server.AddrPort) })},
	{"Zero", do((*ipvs.Client).Zero)},
	{"ZeroService", do(func(c *ipvs.Client) error { return c.ZeroService(known) })},
	{"Flush", do((*ipvs.Client).RemoveAllServices)},
	{"SetTimeouts", do(func(c *ipvs.Client) error { return c.SetTimeouts(ipvs.Timeouts{TCP: 77}) })},
	{"StartDaemon", do(func(c *ipvs.Client) error { return c.StartDaemon(ipvs.Daemon{State: ipvs.Backup, Interface: "lo"}) })},
	{"StopDaemon", do(func(c *ipvs.Client) error { return c.StopDaemon(ipvs.Master) })},
}

// Whatever a socket does, and whenever, every call ends, and what it says of
// the table is so: nothing told as done is not, nothing told as refused is.
func TestFaultInjection(t *testing.T) {
	const steps = 6
	for _, m := range methods {
		honest := newTable()
		before := state(honest)
		c, _ := honest.Dial()
		want, refused := m.call(c)
		after := state(honest)
		for _, lie := range lies {
			for first := range steps {
				for _, count := range []int{1, 2, 3, tooManyCalls} {
					k := newTable()
					l := &faultySocket{Socket: k.Socket(), lie: lie, first: first, last: first + count}
					got, err := m.call(ipvs.NewClient(l, ipvstest.Family))
					told := fmt.Sprintf("%s, %q in %d calls from %d on: %q, %v", m.name, lie.name, count, first, got, err)
					switch now := state(k); {
					case err == nil && lie.dumps && strings.HasPrefix(got, "["):
					case err == nil && (refused != nil || got != want || now != after):
						t.Errorf("%s: the table is %s", told, now)
					case err != nil && !errors.Is(err, ipvs.ErrAckLost) && now != before:
						t.Errorf("%s: the table changed to %s", told, now)
					case now != before && now != after:
						t.Errorf("%s: the table is neither what it was nor what it should be: %s", told, now)
					}
					if l.calls < l.first && count == 1 {
						break
					}
				}
			}
		}
	}
}

// A batch of services to add, of which every seventh exists already.
const batched = 300

func exists(i int) bool { return i%7 == 0 }

func batchTable() *ipvstest.FakeKernel {
	k := newTable()
	for i := range batched {
		if exists(i) {
			k.Table = append(k.Table, ipvstest.Entry{Service: ipvs.Service{ServiceKey: number(i), Scheduler: "rr"}})
		}
	}
	return k
}

// checkBatch compares what a batch says of each of its changes with the table.
func checkBatch(t *testing.T, told string, k *ipvstest.FakeKernel, failures []ipvs.ChangeError, err error) (lost int) {
	t.Helper()
	known := batched // changes whose outcome the batch knows
	sent := batched
	if err != nil {
		broken := new(ipvs.ConnLostError)
		if !errors.As(err, &broken) {
			t.Fatalf("%s: error = %v", told, err)
		}
		known, sent = broken.FirstUnknown, broken.FirstUnsent
	}
	added := make(map[ipvs.ServiceKey]int) // how often the kernel was asked to
	for _, m := range k.Requests {
		if m.Command == netlinkmsg.NewService {
			added[m.Service.ServiceKey]++
		}
	}
	there := make(map[ipvs.ServiceKey]bool)
	for _, e := range k.Table {
		there[e.Service.ServiceKey] = true
	}
	failed := make(map[int]error)
	for i, f := range failures {
		if i > 0 && failures[i-1].Index >= f.Index {
			t.Errorf("%s: failure %d behind %d", told, f.Index, failures[i-1].Index)
		}
		failed[f.Index] = f.Err
	}
	for i := range batched {
		err := failed[i]
		if errors.Is(err, ipvs.ErrAckLost) {
			lost++
		}
		switch {
		case i >= sent && (err != nil || added[number(i)] > 0):
			t.Errorf("%s: change %d was sent: %v", told, i, err)
		case i < known && err == nil && (exists(i) || !there[number(i)]):
			t.Errorf("%s: change %d is told as done", told, i)
		case err != nil && !errors.Is(err, ipvs.ErrAckLost) && !exists(i) && there[number(i)]:
			t.Errorf("%s: change %d is told as refused: %v", told, i, err)
		case i < known && exists(i) && !errors.Is(err, ipvs.ErrServiceExists) && !errors.Is(err, ipvs.ErrAckLost) && added[number(i)] > 0:
			t.Errorf("%s: change %d: %v", told, i, err)
		}
	}
	return lost
}

func sendBatch(s ipvs.Socket) ([]ipvs.ChangeError, error) {
	b := ipvs.NewClient(s, ipvstest.Family).Batch()
	for i := range batched {
		b.AddService(ipvs.Service{ServiceKey: number(i), Scheduler: "rr"})
	}
	return b.Commit()
}

func TestLiesToABatch(t *testing.T) {
	for _, lie := range lies {
		for _, first := range []int{0, 1, 2, 21, 45} {
			for _, count := range []int{1, 3, 50, tooManyCalls} {
				k := batchTable()
				l := &faultySocket{Socket: k.Socket(), lie: lie, first: first, last: first + count}
				failures, err := sendBatch(l)
				told := fmt.Sprintf("%q in %d calls from %d on: %d failures, %v", lie.name, count, first, len(failures), err)
				checkBatch(t, told, k, failures, err)
				if lie.name == "the truth" && (err != nil || len(failures) != (batched+6)/7) {
					t.Errorf("%s", told)
				}
			}
		}
	}
}

// A queue for any number of answers: every change is tried, every refusal
// told, and only of those behind the first loss is anything in doubt.
func TestOverrun(t *testing.T) {
	for capacity := 1; capacity <= 130; capacity += 1 + capacity/8 {
		k := batchTable()
		failures, err := sendBatch(&faultySocket{Socket: k.Socket(), capacity: capacity})
		told := fmt.Sprintf("room for %d: %d failures, %v", capacity, len(failures), err)
		lost := checkBatch(t, told, k, failures, err)
		if err != nil || lost > 128 {
			t.Errorf("%s, %d lost", told, lost)
		}
		if len(k.Table) != 1+batched {
			t.Errorf("%s: %d services", told, len(k.Table))
		}
	}
}

// What is tried again must not undo what was done in between.
func TestNothingTwice(t *testing.T) {
	k := newTable()
	l := &faultySocket{Socket: k.Socket(), lie: lies[slices.IndexFunc(lies, func(l fault) bool { return l.name == "no memory for the answers" })], last: 1}
	b := ipvs.NewClient(l, ipvstest.Family).Batch()
	b.RemoveService(known) // 0
	b.AddService(ipvs.Service{ServiceKey: known, Scheduler: "wlc"})
	b.AddDestination(known, server)
	b.AddService(ipvs.Service{ServiceKey: number(1), Scheduler: "rr"})    // 3: by itself
	b.AddDestination(number(1), server)                                   // 4
	b.UpdateService(ipvs.Service{ServiceKey: number(2), Scheduler: "rr"}) // 5: refused
	b.AddService(ipvs.Service{ServiceKey: number(3), Scheduler: "none"})  // 6: refused
	b.SetTimeouts(ipvs.Timeouts{TCP: 9})                                  // 7
	failures, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range failures {
		got = append(got, fmt.Sprintf("%d: %v", f.Index, f.Err))
	}
	want := []string{
		"0: ipvs: delete service TCP 10.0.1.244:80: the kernel's answer was lost: this may have been done or not",
		"1: ipvs: add service TCP 10.0.1.244:80: the kernel's answer was lost: this may have been done or not",
		"2: ipvs: add destination 10.9.0.1:80 of TCP 10.0.1.244:80: the kernel's answer was lost: this may have been done or not",
		"3: ipvs: add service TCP 10.0.0.1:80: service already exists (or done at the first try, whose answer was lost)",
		"4: ipvs: add destination 10.9.0.1:80 of TCP 10.0.0.1:80: destination already exists (or done at the first try, whose answer was lost)",
		"5: ipvs: edit service TCP 10.0.0.2:80: no such service",
		"6: ipvs: add service TCP 10.0.0.3:80: scheduler or persistence engine not found",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sent := make(map[netlinkmsg.Command]int)
	for _, m := range k.Changes() {
		sent[m.Command]++
	}
	if sent[netlinkmsg.DelService] != 1 || len(k.Table) != 2 || len(k.Table[0].Destinations) != 1 {
		t.Errorf("%v, the table is %v", sent, k.Table)
	}
}

// A rehearsal finds out how much goes through, and changes nothing.
func TestRehearse(t *testing.T) {
	for _, lie := range lies {
		for _, count := range []int{0, 1, 2, 3, 20, tooManyCalls} {
			k := batchTable()
			before := state(k)
			l := &faultySocket{Socket: k.Socket(), lie: lie, last: count}
			b := ipvs.NewClient(l, ipvstest.Family).Batch()
			err := b.Preflight(1000)
			if state(k) != before || len(k.Changes()) > 0 {
				t.Errorf("%q in %d calls: the table changed", lie.name, count)
			}
			if err != nil {
				continue
			}
			if l.last > l.calls && (lie.send != nil || lie.receive != nil) && !lie.dumps {
				t.Errorf("%q in %d calls passes", lie.name, count)
			}
			l.last = 0
			for i := range batched {
				b.AddService(ipvs.Service{ServiceKey: number(i), Scheduler: "rr"})
			}
			failures, err := b.Commit()
			told := fmt.Sprintf("%q in %d calls: %d failures, %v", lie.name, count, len(failures), err)
			if checkBatch(t, told, k, failures, err) > 0 || err != nil {
				t.Error(told)
			}
		}
	}
	for capacity := 2; capacity <= 130; capacity += 1 + capacity/8 {
		k := batchTable()
		b := ipvs.NewClient(&faultySocket{Socket: k.Socket(), capacity: capacity}, ipvstest.Family).Batch()
		if err := b.Preflight(1000); err != nil {
			t.Fatalf("room for %d: %v", capacity, err)
		}
		for i := range batched {
			b.AddService(ipvs.Service{ServiceKey: number(i), Scheduler: "rr"})
		}
		failures, err := b.Commit()
		told := fmt.Sprintf("room for %d: %d failures, %v", capacity, len(failures), err)
		if checkBatch(t, told, k, failures, err) > 0 || len(failures) != (batched+6)/7 {
			t.Error(told)
		}
	}
}
