// SPDX-License-Identifier: MIT

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
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"goipvsadm/ipvs"
)

// A connection is the JSON form of an ipvs.Connection.
type connection struct {
	*virtualAddr             // nil for the template of a firewall mark
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

type virtualAddr struct {
	Protocol string     `json:"protocol"`
	Address  netip.Addr `json:"virtual_address"`
	Port     uint16     `json:"virtual_port"`
}

// A connectionsHeader holds the members that precede the connections.
type connectionsHeader struct {
	Time string `json:"time,omitempty"`
}

// newConnectionsWriter starts a document whose array is called name. If t is not
// zero, the document has the time t and one line.
func newConnectionsWriter(w *bufio.Writer, name string, t time.Time) (*streamWriter, error) {
	if t.IsZero() {
		return newStreamWriter(w, connectionsHeader{}, name, "\n")
	}
	return newStreamWriter(w, connectionsHeader{formatTime(t)}, name, "")
}

// Connections writes the connections of seq while seq is read, and flushes the
// first one immediately. If t is not zero, the document has the time t and one line.
// If seq starts with an error, Connections returns the error and writes nothing.
// After a later error the document is left incomplete, so that it does not parse.
func Connections(w *bufio.Writer, seq iter.Seq2[ipvs.Connection, error], t time.Time) error {
	var sw *streamWriter
	for c, err := range seq {
		if err != nil {
			return errors.Join(err, w.Flush())
		}
		first := sw == nil
		if first {
			if sw, err = newConnectionsWriter(w, "connections", t); err != nil {
				return err
			}
		}
		v := newConnection(&c)
		if err := sw.add(&v); err != nil {
			return err
		}
		if first {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	if sw == nil {
		var err error
		if sw, err = newConnectionsWriter(w, "connections", t); err != nil {
			return err
		}
	}
	return sw.end()
}

func newConnection(c *ipvs.Connection) connection {
	v := connection{
		ClientAddress: c.Client.Addr(),
		ClientPort:    c.Client.Port(),
		ServerAddress: c.Destination.Addr(),
		ServerPort:    c.Destination.Port(),
		State:         c.State,
		ExpiresIn:     c.Expires,
		Engine:        c.PEName,
		EngineData:    clientText(c.PEData),
	}
	if c.Protocol == 0 {
		v.Mark = templateMark(c.VIP.Addr())
	} else {
		v.virtualAddr = &virtualAddr{lowerName(c.Protocol), c.VIP.Addr(), c.VIP.Port()}
	}
	if !utf8.ValidString(c.PEData) {
		v.EngineBytes = []byte(c.PEData)
	}
	return v
}

// templateMark returns the firewall mark of a persistence template, which the kernel
// stores in the first four bytes of the virtual address, in network byte order.
func templateMark(a netip.Addr) uint32 { return binary.BigEndian.Uint32(a.AsSlice()) }

// A clientText is text that a client sent. All but printable ASCII is escaped,
// because other characters could be control characters of a terminal.
type clientText string

// MarshalJSON encodes t as a JSON string of printable ASCII.
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
