// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// TestKernelTimeout waits for a reply without having sent a request. The wait must time
// out, and the next request must succeed.
func TestKernelTimeout(t *testing.T) {
	c, err := Dial(WithTimeout(20 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if _, err := c.receive(); !errors.Is(err, ErrTimeout) {
			t.Errorf("error = %v, want ErrTimeout", err)
		}
		c.mu.Lock()
		checkErr(t, c.flushReceiveQueue(nil), nil)
		c.mu.Unlock()
		_, err = c.Info()
		checkErr(t, err, nil)
	}
}

// TestKernelReceiveTruncated reads a reply into a buffer that is too small for it.
func TestKernelReceiveTruncated(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := c.in
	c.in = in[:21]
	_, err = c.Info()
	if !errors.Is(err, errIncompleteReply) || !strings.Contains(err.Error(), "truncated to 21") {
		t.Errorf("error = %v, want a truncated datagram", err)
	}
	c.in = in
	_, err = c.Info()
	checkErr(t, err, nil)
}

// TestKernelRoundTripAllocations verifies that a round trip does not allocate memory:
// reading a large table takes many round trips.
func TestKernelRoundTripAllocations(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	request := netlinkmsg.AppendNoop(nil, nlmsgHeaderLen, netlink.Request|netlink.Acknowledge, 1)
	allocations := testing.AllocsPerRun(100, func() {
		err := c.send(request)
		if err == nil {
			_, err = c.receive()
		}
		if err != nil {
			t.Error(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want 0", allocations)
	}
}

// TestKernelPortID verifies that replies carry the port ID of the client's socket.
func TestKernelPortID(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	checkErr(t, c.send(netlinkmsg.AppendNoop(nil, nlmsgHeaderLen, netlink.Request|netlink.Acknowledge, 1)), nil)
	b, err := c.receive()
	checkErr(t, err, nil)
	f, _, err := netlinkmsg.Split(b)
	checkErr(t, err, nil)
	if c.portID == 0 || f.Header.PID != c.portID {
		t.Errorf("reply to port %d, the socket has port %d", f.Header.PID, c.portID)
	}
}

// TestKernelExtendedAck verifies that the text of the kernel's extended
// acknowledgement is part of the error. The kernel sends one if the interface name
// violates the policy of its attribute.
func TestKernelExtendedAck(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.StartDaemon(Daemon{State: Master, Interface: strings.Repeat("x", 20)})
	e := new(Error)
	if !errors.As(err, &e) || e.Message == "" || !strings.Contains(err.Error(), e.Message) {
		t.Errorf("error = %#v, want one with a Message", err)
	}
}
