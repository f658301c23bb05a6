// SPDX-License-Identifier: MIT

package ipvs

// A Socket sends and receives netlink datagrams, each of which contains one or
// more messages. Dial returns a Client with a kernel socket; tests can implement
// Socket or use package ipvstest.
type Socket interface {
	// Send sends the messages in b with one system call. If it returns an error,
	// no message was sent.
	Send(b []byte) error

	// Receive reads one datagram into b and returns its length. It returns
	// ErrTimeout if none arrives in time, and an error if the datagram is longer
	// than b.
	Receive(b []byte) (int, error)

	Close() error
}

// A kernelSocket is a Socket with kernel buffers.
type kernelSocket interface {
	// growBuffers enlarges the socket's buffers if they are too small for want,
	// and returns the limits of the resulting buffers.
	growBuffers(want batchLimits) batchLimits

	// setNonblocking selects whether Receive returns ErrTimeout at once if no
	// datagram is queued.
	setNonblocking(on bool)

	// readOption reads a socket option of IPVS in the network namespace with the
	// given path, in which the socket must be. b contains the argument and is overwritten
	// with the result.
	readOption(netns string, option int, b []byte) error
}
