// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// fixedBuffers is a kernelSocket whose buffers do not grow. If overstated is set,
// growBuffers returns larger limits than the buffers have.
type fixedBuffers struct {
	*socket
	overstated bool
}

func (s *fixedBuffers) growBuffers(want batchLimits) batchLimits {
	if s.overstated {
		return want
	}
	return batchLimits{bytes: s.bufferSize(unix.SO_SNDBUF) - sndbufOverhead, acks: s.bufferSize(unix.SO_RCVBUF) / ackTruesize}
}

// dialFixedBuffers returns a client with fixed buffers of the given sizes, as
// getsockopt reports them. The kernel raises sizes below its minimum.
func dialFixedBuffers(t *testing.T, send, receive int, overstated bool) *Client {
	t.Helper()
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := c.socket.(*socket)
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
	c.kernel = &fixedBuffers{socket: s, overstated: overstated}
	return c
}

// TestKernelSocketBuffers sends a batch, most of whose changes fail, through socket
// buffers of many sizes. Every change must be sent and every failure reported.
func TestKernelSocketBuffers(t *testing.T) {
	const changes = 300
	key := func(i int) ServiceKey {
		return AddrKey(TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, byte(i >> 8), byte(i)}), 80))
	}
	isNew := func(i int) bool { return i%10 == 3 }
	setup, err := Dial() // with regular buffers
	if err != nil {
		t.Fatal(err)
	}
	defer setup.Close()
	const large = 1 << 18
	receiveSizes := []int{0, 3000, 4608, 9216, 16384, 32768, 65536, 87380}
	for _, tt := range []struct {
		send, receive []int
		overstated    bool
		preflight     bool
	}{
		{send: []int{0, 6000, 9216, 16384, 32768}, receive: []int{large}},
		{send: []int{0, 9216}, receive: []int{large}, overstated: true},
		{send: []int{large}, receive: receiveSizes},
		{send: []int{large}, receive: receiveSizes, overstated: true, preflight: true},
		{send: []int{large}, receive: receiveSizes, overstated: true},
		{send: []int{0}, receive: []int{0}},
		{send: []int{0}, receive: []int{0}, overstated: true},
	} {
		for _, send := range tt.send {
			for _, receive := range tt.receive {
				name := fmt.Sprintf("send %d, receive %d, overstated %v, preflight %v", send, receive, tt.overstated, tt.preflight)
				t.Run(name, func(t *testing.T) {
					checkErr(t, setup.RemoveAllServices(), nil)
					for i := range changes {
						if !isNew(i) {
							checkErr(t, setup.AddService(Service{ServiceKey: key(i), Scheduler: "rr"}), nil)
						}
					}
					b := dialFixedBuffers(t, send, receive, tt.overstated).Batch()
					if tt.preflight {
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
					acksLost := 0
					for i := range changes {
						err := failed[i]
						if errors.Is(err, ErrAckLost) {
							acksLost++
						} else if isNew(i) != (err == nil) {
							t.Errorf("change %d: %v, want failure: %t", i, err, !isNew(i))
						}
						if !isNew(i) && !errors.Is(err, ErrServiceExists) {
							t.Errorf("change %d: %v, want ErrServiceExists", i, err)
						}
					}
					switch {
					case acksLost > 0 && (!tt.overstated || tt.preflight):
						t.Errorf("%d acknowledgements were lost, want none", acksLost)
					case acksLost == 0 && tt.overstated && !tt.preflight && receive < 1<<16:
						t.Error("no acknowledgement was lost")
					}
					services, err := setup.Services()
					if checkErr(t, err, nil); len(services) != changes {
						t.Errorf("%d services, want %d", len(services), changes)
					}
				})
			}
		}
	}
	checkErr(t, setup.RemoveAllServices(), nil)
}

// TestKernelSmallBuffersRead reads a table through the smallest socket buffers.
func TestKernelSmallBuffersRead(t *testing.T) {
	c := dialFixedBuffers(t, 0, 0, false)
	checkErr(t, c.RemoveAllServices(), nil)
	for i := range 200 {
		checkErr(t, c.AddService(Service{ServiceKey: MarkKey(uint32(i+1), IPv4), Scheduler: "rr"}), nil)
		checkErr(t, c.AddDestination(MarkKey(1, IPv4), Destination{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 0)}), nil)
	}
	services, err := c.Services()
	if checkErr(t, err, nil); len(services) != 200 {
		t.Errorf("%d services, want 200", len(services))
	}
	destinations, err := c.Destinations(MarkKey(1, IPv4))
	if checkErr(t, err, nil); len(destinations) != 200 {
		t.Errorf("%d destinations, want 200", len(destinations))
	}
	_, err = c.Info()
	checkErr(t, err, nil)
	checkErr(t, c.RemoveAllServices(), nil)
}
