//go:build kernel

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A cramped socket keeps the buffers that it has, and may say that they are
// larger than they are.
type cramped struct {
	*socket
	boasts bool
}

func (s *cramped) growBuffers(want batchLimits) batchLimits {
	if s.boasts {
		return want
	}
	return batchLimits{s.bufferSize(unix.SO_SNDBUF) - sndbufOverhead, s.bufferSize(unix.SO_RCVBUF) / ackTruesize}
}

// crampedClient returns a client with buffers of those sizes, as the kernel
// counts them.
func crampedClient(t *testing.T, send, receive int, boasts bool) *Client {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := c.s.(*socket)
	for option, size := range map[int]int{unix.SO_SNDBUF: send, unix.SO_RCVBUF: receive} {
		err := s.raw.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, size/2); err != nil {
				t.Fatal(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c.kernel = &cramped{s, boasts}
	return c
}

// TestKernelRoom fills buffers of all sizes with changes, of which most are
// refused: none is left out, and those that the kernel refused are told.
func TestKernelRoom(t *testing.T) {
	const changes = 300
	key := func(i int) ServiceKey {
		return AddrKey(TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(i >> 8), byte(i)}), 80))
	}
	fresh := func(i int) bool { return i%10 == 3 }
	clean, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer clean.Close()
	for _, tt := range []struct {
		send, receive      []int
		boasts, rehearsing bool
	}{
		{[]int{0, 6000, 9216, 16384, 32768}, []int{1 << 18}, false, false},
		{[]int{0, 9216}, []int{1 << 18}, true, false},
		{[]int{1 << 18}, []int{0, 3000, 4608, 9216, 16384, 32768, 65536, 87380}, false, false},
		{[]int{1 << 18}, []int{0, 3000, 4608, 9216, 16384, 32768, 65536, 87380}, true, true},
		{[]int{1 << 18}, []int{0, 3000, 4608, 9216, 16384, 32768, 65536, 87380}, true, false},
		{[]int{0}, []int{0}, false, false},
		{[]int{0}, []int{0}, true, false},
	} {
		for _, send := range tt.send {
			for _, receive := range tt.receive {
				name := fmt.Sprintf("send %d, receive %d, boasts %v, rehearses %v", send, receive, tt.boasts, tt.rehearsing)
				t.Run(name, func(t *testing.T) {
					checkErr(t, clean.RemoveAllServices(), nil)
					for i := range changes {
						if !fresh(i) {
							checkErr(t, clean.AddService(Service{ServiceKey: key(i), Scheduler: "rr"}), nil)
						}
					}
					b := crampedClient(t, send, receive, tt.boasts).Batch()
					if tt.rehearsing {
						checkErr(t, b.Preflight(changes), nil)
					}
					for i := range changes {
						b.AddService(Service{ServiceKey: key(i), Scheduler: "rr"})
					}
					failures, err := b.Commit()
					checkErr(t, err, nil)
					failed := make(map[int]error)
					for _, f := range failures {
						failed[f.Index] = f.Err
					}
					lost := 0
					for i := range changes {
						err := failed[i]
						if errors.Is(err, ErrAckLost) {
							lost++
						} else if fresh(i) != (err == nil) {
							t.Errorf("change %d: %v", i, err)
						}
						if !fresh(i) && !errors.Is(err, ErrServiceExists) {
							t.Errorf("change %d: %v", i, err)
						}
					}
					switch {
					case lost > 0 && (!tt.boasts || tt.rehearsing):
						t.Errorf("%d answers were lost", lost)
					case lost == 0 && tt.boasts && !tt.rehearsing && receive < 1<<16:
						t.Error("no answer was lost")
					}
					services, err := clean.Services()
					if checkErr(t, err, nil); len(services) != changes {
						t.Errorf("%d services", len(services))
					}
				})
			}
		}
	}
	checkErr(t, clean.RemoveAllServices(), nil)
}

// A lossy socket loses all answers that are there when it is read for one time,
// and says so.
type lossy struct {
	*socket
	at, reads int
}

func (s *lossy) Receive(b []byte) (int, error) {
	s.reads++
	if s.reads-1 != s.at {
		return s.socket.Receive(b)
	}
	s.setNonblocking(true)
	defer s.setNonblocking(false)
	for {
		if _, err := s.socket.Receive(b); err != nil {
			return 0, syscall.ENOBUFS
		}
	}
}

// TestKernelLoss loses the answers to each request of a walk in turn. Reading
// notices nothing of it; what is changed is so, or told as uncertain.
func TestKernelLoss(t *testing.T) {
	uncertain := 0
	reads := 1
	for at := 0; at < reads; at++ {
		var s *lossy
		c, err := Dial(WithSocketWrapper(func(inner Socket) Socket {
			s = &lossy{socket: inner.(*socket), at: at}
			return s
		}))
		if err != nil {
			t.Fatal(err)
		}
		settled := func(what string, err error) {
			if errors.Is(err, ErrAckLost) {
				uncertain++
			} else if err != nil {
				t.Errorf("%d: %s: %v", at, what, err)
			}
		}
		settled("flush", c.RemoveAllServices())
		settled("add", c.AddService(Service{ServiceKey: web, Scheduler: "rr"}))
		settled("edit", c.UpdateService(Service{ServiceKey: web, Scheduler: "wlc"}))
		b := c.Batch()
		for i := range destinations[:5] {
			b.AddDestination(web, destinations[i])
		}
		b.AddDestination(none, destinations[0])
		b.RemoveDestination(web, destinations[0].AddrPort)
		failures, err := b.Commit()
		checkErr(t, err, nil)
		for _, f := range failures {
			if f.Index == 5 {
				checkErr(t, f.Err, ErrNoService)
			} else {
				settled("batch", f.Err)
			}
		}
		service, err := c.Service(web)
		if checkErr(t, err, nil); service.Scheduler != "wlc" {
			t.Errorf("%d: service %+v", at, service)
		}
		services, err := c.ServicesConsistent()
		if checkErr(t, err, nil); len(services) != 1 {
			t.Errorf("%d: %d services", at, len(services))
		}
		left, err := c.Destinations(web)
		if checkErr(t, err, nil); len(left) != 4 {
			t.Errorf("%d: %d destinations", at, len(left))
		}
		_, err = c.Info()
		checkErr(t, err, nil)
		reads = max(reads, min(20, s.reads))
		settled("remove", c.RemoveService(web))
		c.Close()
	}
	t.Logf("%d reads, %d uncertain changes", reads, uncertain)
	if reads < 10 || uncertain == 0 {
		t.Error("that was no test")
	}
}

// TestKernelSaysNothing waits for an answer to nothing, which ends, and leaves
// the client as it was.
func TestKernelSaysNothing(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.s.(*socket).timeout = 20 * time.Millisecond
	for range 2 {
		if _, err := c.receive(); !errors.Is(err, ErrTimeout) {
			t.Errorf("error = %v", err)
		}
		c.mu.Lock()
		checkErr(t, c.flushReceiveQueue(nil), nil)
		c.mu.Unlock()
		_, err = c.Info()
		checkErr(t, err, nil)
	}
}

// TestKernelReadsInASmallBuffer reads a table through the smallest buffers.
func TestKernelReadsInASmallBuffer(t *testing.T) {
	c := crampedClient(t, 0, 0, false)
	checkErr(t, c.RemoveAllServices(), nil)
	for i := range 200 {
		checkErr(t, c.AddService(Service{ServiceKey: MarkKey(uint32(i+1), IPv4), Scheduler: "rr"}), nil)
		checkErr(t, c.AddDestination(MarkKey(1, IPv4), Destination{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 0)}), nil)
	}
	services, err := c.Services()
	if checkErr(t, err, nil); len(services) != 200 {
		t.Errorf("%d services", len(services))
	}
	destinations, err := c.Destinations(MarkKey(1, IPv4))
	if checkErr(t, err, nil); len(destinations) != 200 {
		t.Errorf("%d destinations", len(destinations))
	}
	_, err = c.Info()
	checkErr(t, err, nil)
	checkErr(t, c.RemoveAllServices(), nil)
}
