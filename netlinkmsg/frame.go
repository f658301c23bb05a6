package netlinkmsg

import (
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
)

// A Frame is one netlink message of those that a receive brought.
type Frame struct {
	Header netlink.Header
	Body   []byte // what follows the header; shares the buffer
}

// Next splits the first message off b. Bytes that do not hold a message are
// an error.
func Split(b []byte) (f Frame, rest []byte, err error) {
	if len(b) < headerLen {
		return Frame{}, nil, fmt.Errorf("netlinkmsg: %d bytes where a netlink header is due", len(b))
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

// Errno returns what a message of the type Error or Done reports: 0 for
// success. A Done without a number, as old kernels send it, is a success.
func (f Frame) Errno() (syscall.Errno, error) {
	if len(f.Body) < 4 {
		if f.Header.Type == netlink.Done {
			return 0, nil
		}
		return 0, fmt.Errorf("netlinkmsg: error message of %d bytes", len(f.Body))
	}
	// The kernel sends errors negated.
	return syscall.Errno(-int32(native.Uint32(f.Body))), nil
}

// AddFlags adds flags to the message that b starts with.
func AddFlags(b []byte, flags netlink.HeaderFlags) {
	native.PutUint16(b[6:], native.Uint16(b[6:])|uint16(flags))
}
