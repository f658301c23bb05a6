// SPDX-License-Identifier: MIT

package netprobe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// openPacketSocket opens a socket that captures the packets of all links that a filter
// accepts, or all packets if the filter is nil. Captured packets begin with the header
// of the network layer, such as IP or ARP. It requires CAP_NET_RAW.
func openPacketSocket(filter []unix.SockFilter) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	if filter != nil {
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	}
	if err == nil {
		// The protocol is set last, so that no packet is captured without the filter.
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: hostToNetwork(unix.ETH_P_ALL)})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("open packet socket: %w", err)
	}
	return fd, nil
}

// receivePacket receives the next captured packet. The error is EAGAIN if there is
// none.
func receivePacket(fd int, buffer []byte) (packet []byte, link int, outgoing bool, err error) {
	for {
		n, from, err := unix.Recvfrom(fd, buffer, 0)
		// ENETDOWN reports that a link was set down. The socket remains usable.
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN) {
			continue
		}
		if err != nil {
			return nil, 0, false, err
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok {
			return buffer[:n], l.Ifindex, l.Pkttype == unix.PACKET_OUTGOING, nil
		}
	}
}

// waitReadable waits until a descriptor is readable or the deadline has passed. It
// may return early.
func waitReadable(fd int, deadline time.Time) error {
	left := max(0, time.Until(deadline))
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("poll: %w", err)
	}
	return nil
}

// hostToNetwork returns a number in network byte order.
func hostToNetwork(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// Offsets by which a filter loads metadata of a packet (SKF_AD_*).
const (
	metadata         = 0xfffff000
	metadataProtocol = metadata + 0
	metadataType     = metadata + 4 // such as PACKET_HOST
)

// Instructions of a filter.
const (
	loadByte        = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
	loadHalf        = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
	loadIndexedByte = unix.BPF_LD | unix.BPF_B | unix.BPF_IND
	loadIndexedHalf = unix.BPF_LD | unix.BPF_H | unix.BPF_IND
	loadHeaderSize  = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // sets the index to the size of the IPv4 header
	jumpIfEqual     = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jumpIfAtLeast   = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	saveToIndex     = unix.BPF_MISC | unix.BPF_TAX
	loadFromIndex   = unix.BPF_MISC | unix.BPF_TXA
	returnSize      = unix.BPF_RET | unix.BPF_K // number of bytes to capture; 0 rejects the packet
)

// jump returns the offset of a jump between instructions of a filter.
func jump(from, to int) uint8 { return uint8(to - from - 1) }
