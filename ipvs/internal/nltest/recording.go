// Package nltest keeps what was said between a program and a kernel over
// netlink, so that tests can repeat it without that kernel.
//
// A recording is a text file. A line "# TITLE" opens each part of it; behind
// it stand the system calls, "> " for what was sent and "< " for what came,
// with the bytes in hexadecimal. The bytes are those of a little-endian
// machine; on a big-endian one they are turned around when they are read.
package nltest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// A Call is one system call.
type Packet struct {
	Sent bool
	Data []byte
}

// Read returns the calls under each title.
func Read(r io.Reader) (map[string][]Packet, error) {
	calls := make(map[string][]Packet)
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
			calls[title] = append(calls[title], Packet{kind == ">", toNative(b)})
		default:
			return nil, fmt.Errorf("nltest: line %d begins with %q", n, kind)
		}
	}
	return calls, s.Err()
}

// A Socket is what a recording can be made of: whole messages, sent and
// received.
type Socket interface {
	Send(b []byte) error
	Receive(b []byte) (int, error)
	Close() error
}

// A Recorder is a Socket that writes down what passes through another.
type Recorder struct {
	Socket
	W io.Writer
}

// Send sends b.
func (r *Recorder) Send(b []byte) error {
	fmt.Fprintf(r.W, "> %x\n", b)
	return r.Socket.Send(b)
}

// Receive receives into b.
func (r *Recorder) Receive(b []byte) (int, error) {
	n, err := r.Socket.Receive(b)
	fmt.Fprintf(r.W, "< %x\n", b[:n])
	return n, err
}

// A Replay is a Socket that answers from a recording. What is sent must be
// what was sent then.
type Replay struct {
	Calls []Packet // still to come
}

func (r *Replay) next(sent bool) ([]byte, error) {
	if len(r.Calls) == 0 || r.Calls[0].Sent != sent {
		return nil, fmt.Errorf("nltest: the recording goes another way, with %d calls to come", len(r.Calls))
	}
	data := r.Calls[0].Data
	r.Calls = r.Calls[1:]
	return data, nil
}

// Send compares b with what was sent.
func (r *Replay) Send(b []byte) error {
	want, err := r.next(true)
	if err != nil {
		return err
	}
	if string(b) != string(want) {
		return fmt.Errorf("nltest: sent %x where the recording has %x", b, want)
	}
	return nil
}

// Receive copies what came then into b.
func (r *Replay) Receive(b []byte) (int, error) {
	data, err := r.next(false)
	if err != nil {
		return 0, err
	}
	return copy(b, data), nil
}

// Close does nothing.
func (r *Replay) Close() error { return nil }
