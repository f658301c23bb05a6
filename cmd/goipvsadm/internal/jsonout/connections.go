package jsonout

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"goipvsadm/ipvs"
)

// A connection is an entry of the connection table.
type connection struct {
	*virtual                 // nil for the template of a mark
	Mark          uint32     `json:"mark,omitzero"`
	ClientAddress netip.Addr `json:"client_address"`
	ClientPort    uint16     `json:"client_port"`
	ServerAddress netip.Addr `json:"server_address"`
	ServerPort    uint16     `json:"server_port"`
	State         string     `json:"state"`
	ExpiresIn     uint32     `json:"expires_in"`
	Engine        string     `json:"engine,omitempty"`
	EngineData    clientText `json:"engine_data,omitempty"`
	EngineBytes   []byte     `json:"engine_data_base64,omitempty"`
}

type virtual struct {
	Protocol string     `json:"protocol"`
	Address  netip.Addr `json:"virtual_address"`
	Port     uint16     `json:"virtual_port"`
}

// Connections writes the connections of seq as they come, the first of them at
// once. If seq begins with an error, nothing is written; if one comes later,
// the document ends there, so that nobody takes it for a whole one.
func Connections(w *bufio.Writer, seq iter.Seq2[ipvs.Connection, error]) error {
	var a *streamWriter
	for c, err := range seq {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		first := a == nil
		if first {
			if a, err = newConnections(w); err != nil {
				return err
			}
		}
		v := newConnection(&c)
		if err := a.add(&v); err != nil {
			return err
		}
		if first {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	if a == nil {
		var err error
		if a, err = newConnections(w); err != nil {
			return err
		}
	}
	return a.end()
}

func newConnections(w *bufio.Writer) (*streamWriter, error) {
	return newArray(w, struct{}{}, "connections", "\n")
}

func newConnection(c *ipvs.Connection) connection {
	v := connection{
		ClientAddress: c.Client.Addr(),
		ClientPort:    c.Client.Port(),
		ServerAddress: c.Destination.Addr(),
		ServerPort:    c.Destination.Port(),
		State:         c.State,
		ExpiresIn:     c.Expires,
		Engine:        c.Engine,
		EngineData:    clientText(c.EngineData),
	}
	if c.Protocol == 0 {
		v.Mark = markOf(c.VIP.Addr())
	} else {
		v.virtual = &virtual{lowerName(c.Protocol), c.VIP.Addr(), c.VIP.Port()}
	}
	if !utf8.ValidString(c.EngineData) {
		v.EngineBytes = []byte(c.EngineData)
	}
	return v
}

// markOf returns the mark that the kernel puts where the virtual address of a
// template would be, in its first four bytes.
func markOf(a netip.Addr) uint32 { return binary.BigEndian.Uint32(a.AsSlice()) }

// A clientText was chosen by a client. All that is not ASCII is escaped, since
// it might have a meaning for a terminal.
type clientText string

// MarshalJSON writes a string of printable ASCII.
func (t clientText) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := newEncoder(&b).Encode(string(t)); err != nil {
		return nil, err
	}
	var escaped []byte
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		switch {
		case r < 0x7f:
			escaped = append(escaped, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		}
	}
	return escaped, nil
}
