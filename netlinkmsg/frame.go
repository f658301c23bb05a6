// SPDX-License-Identifier: MIT

package netlinkmsg

import (
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Frame is a netlink message as received: its header and its undecoded body.
type Frame struct {
	Header netlink.Header
	Body   []byte // message after the header; shares memory with the received bytes
}

// Split splits the first message off b. It returns an error if b does not begin
// with a complete message.
func Split(b []byte) (f Frame, rest []byte, err error) {
	if len(b) < headerLen {
		return Frame{}, nil, fmt.Errorf("netlinkmsg: %d bytes are too few for a netlink header", len(b))
	}
	n := native.Uint32(b)
	if n < headerLen || uint64(n) > uint64(len(b)) {
		return Frame{}, nil, fmt.Errorf("netlinkmsg: message of length %d in %d bytes", n, len(b))
	}
	f.Header = netlink.Header{
		Length:   n,
		Type:     netlink.HeaderType(native.Uint16(b[4:])),
		Flags:    netlink.HeaderFlags(native.Uint16(b[6:])),
		Sequence: native.Uint32(b[8:]),
		PID:      native.Uint32(b[12:]),
	}
	f.Body = b[headerLen:n]
	return f, b[min(align4(int(n)), len(b)):], nil
}

// Errno returns the errno in a message of type netlink.Error or netlink.Done, or
// 0 for success. Old kernels send Done messages without an errno; these mean
// success, too.
func (f Frame) Errno() (syscall.Errno, error) {
	if len(f.Body) < 4 {
		if f.Header.Type == netlink.Done {
			return 0, nil
		}
		return 0, fmt.Errorf("netlinkmsg: %d bytes are too few for an errno", len(f.Body))
	}
	// The message has the negated errno.
	return syscall.Errno(-int32(native.Uint32(f.Body))), nil
}

// AddFlags adds flags to the header of the message at the start of b.
func AddFlags(b []byte, flags netlink.HeaderFlags) {
	native.PutUint16(b[6:], native.Uint16(b[6:])|uint16(flags))
}
