// SPDX-License-Identifier: MIT

// Package nltest records and replays netlink exchanges for tests.
//
// A recording is a text file of packets in hexadecimal, in groups with titles. A
// line "# TITLE" begins a group, a line "> HEX" is a sent packet, and a line
// "< HEX" is a received one. Recordings are in little-endian byte order; Read
// converts them to the byte order of the host.
package nltest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Packet contains the netlink messages sent or received with one system call.
type Packet struct {
	Sent bool // the packet was sent; if unset, it was received
	Data []byte
}

// Read returns the packets of a recording by title.
func Read(r io.Reader) (map[string][]Packet, error) {
	packets := make(map[string][]Packet)
	title := ""
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		switch kind {
		case "#":
			title = rest
		case ">", "<":
			b, err := hex.DecodeString(rest)
			if err != nil {
				return nil, fmt.Errorf("nltest: line %d: %w", n, err)
			}
			packets[title] = append(packets[title], Packet{Sent: kind == ">", Data: toNative(b)})
		default:
			return nil, fmt.Errorf("nltest: line %d begins with %q", n, kind)
		}
	}
	return packets, s.Err()
}

// Socket is the part of ipvs.Socket that is recorded and replayed.
type Socket interface {
	Send(b []byte) error
	Receive(b []byte) (int, error)
	Close() error
}

// Recorder is a Socket that forwards to another Socket and writes the packets to W.
type Recorder struct {
	Socket
	W io.Writer
}

// Send records b and sends it.
func (r *Recorder) Send(b []byte) error {
	fmt.Fprintf(r.W, "> %x\n", b)
	return r.Socket.Send(b)
}

// Receive receives a packet into b and records it.
func (r *Recorder) Receive(b []byte) (int, error) {
	n, err := r.Socket.Receive(b)
	fmt.Fprintf(r.W, "< %x\n", b[:n])
	return n, err
}

// Replay is a Socket that replays a recording: it expects the sent packets and
// returns the received ones, in the recorded order.
type Replay struct {
	Packets []Packet // packets not yet replayed
}

// next returns the next packet, which must have been sent or, if sent is not set,
// received.
func (r *Replay) next(sent bool) ([]byte, error) {
	if len(r.Packets) == 0 || r.Packets[0].Sent != sent {
		return nil, fmt.Errorf("nltest: unexpected call; %d recorded packets remain", len(r.Packets))
	}
	data := r.Packets[0].Data
	r.Packets = r.Packets[1:]
	return data, nil
}

// Send returns an error if b differs from the next packet of the recording.
func (r *Replay) Send(b []byte) error {
	want, err := r.next(true)
	if err != nil {
		return err
	}
	if string(b) != string(want) {
		return fmt.Errorf("nltest: sent %x, recorded %x", b, want)
	}
	return nil
}

// Receive copies the next packet of the recording into b.
func (r *Replay) Receive(b []byte) (int, error) {
	data, err := r.next(false)
	if err != nil {
		return 0, err
	}
	return copy(b, data), nil
}

// Close does nothing.
func (r *Replay) Close() error { return nil }
