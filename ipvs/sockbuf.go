// SPDX-License-Identifier: MIT

package ipvs

import (
	"fmt"

	"github.com/mdlayher/netlink"

	"goipvsadm/netlinkmsg"
)

// This file adapts batches to the socket buffers. The requests of one send must fit
// the send buffer; otherwise the send fails with EMSGSIZE. The acknowledgements of
// failed requests are queued in the receive buffer; those that do not fit are
// dropped, and a receive fails with ENOBUFS. The kernel's defaults are about 208 KiB,
// but net.core.wmem_default and rmem_default can be smaller.

// batchLimits bounds one send.
type batchLimits struct {
	bytes int // size of the requests
	acks  int // number of acknowledgements that fit the receive buffer
}

// fullBatch has the limits that a full chunk requires. A request is shorter than 400
// bytes.
var fullBatch = batchLimits{bytes: 400 * batchSize, acks: batchSize}

const (
	// sndbufOverhead is the difference, in bytes, between the size of a send
	// buffer and the largest datagram that fits it.
	sndbufOverhead = 64

	// ackTruesize is the maximum size that the kernel charges to the receive
	// buffer for an acknowledgement: 768 bytes on Linux 6.1, or 1280 if it has a
	// long extended acknowledgement or repeats the request (before Linux 4.3).
	ackTruesize = 1536
)

// initLimits sets the limits of the client on first use.
func (c *Client) initLimits() {
	if c.limits != (batchLimits{}) {
		return
	}
	c.limits = fullBatch
	if c.kernel != nil {
		c.limits = c.kernel.growBuffers(fullBatch)
	}
	c.limits.acks = max(1, c.limits.acks)
}

// sendEnd returns the end of the longest range of requests that begins with index from
// and fits the limits, but at least from+1. The request at the end is not in the range.
func (k *chunk) sendEnd(from int) (end int) {
	end = min(len(k.requests), from+k.client.limits.acks)
	for end > from+1 && len(k.bytes(from, end)) > k.client.limits.bytes {
		end--
	}
	return end
}

// preflightMsgSize is the size, in bytes, of the no-ops that Preflight sends: the size
// of a typical change.
const preflightMsgSize = 256

// Preflight verifies that the kernel can receive a batch of the given number of
// changes and acknowledge all of them: it sends the same number of no-ops
// (NLMSG_NOOP), or as many as fit one send, and waits for their acknowledgements.
// If the socket buffers are too small for these, the client divides later batches
// into smaller sends. An error means that changes would not reach the kernel, or that
// their outcomes would be unknown.
func (b *Batch) Preflight(changes int) error {
	c := b.client
	c.acquire()
	defer c.mu.Unlock()
	c.initLimits()
	for {
		n := max(1, min(changes, c.limits.acks, c.limits.bytes/preflightMsgSize))
		sent, err := c.sendNoops(n)
		switch {
		case err == nil:
			return nil
		case n > 1 && !sent && isSendBufferError(err):
			c.limits.bytes = n / 2 * preflightMsgSize
		case n > 1 && sent && recoverable(err) && c.flushReceiveQueue(nil) == nil:
			c.limits.acks = n / 2
		default:
			return fmt.Errorf("ipvs: preflight: %w", err)
		}
	}
}

// sendNoops sends n no-ops with one system call and reads the acknowledgement of
// each.
func (c *Client) sendNoops(n int) (sent bool, err error) {
	var out []byte
	unacked := make(map[uint32]bool, n)
	first := c.seq.Add(uint32(n)) - uint32(n-1)
	for i := range uint32(n) {
		unacked[first+i] = true
		out = netlinkmsg.AppendNoop(out, preflightMsgSize, netlink.Request|netlink.Acknowledge, first+i)
	}
	if err := c.send(out); err != nil {
		return false, err
	}
	err = c.readReplies(first, first+uint32(n-1), func(f netlinkmsg.Frame) error {
		status, err := readStatus(f)
		if err == nil && status.errno == 0 {
			delete(unacked, f.Header.Sequence)
		}
		return err
	})
	if err == nil && len(unacked) > 0 {
		err = errIncompleteReply
	}
	return true, err
}
