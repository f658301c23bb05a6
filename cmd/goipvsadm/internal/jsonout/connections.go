// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"encoding/binary"
	"errors"
	"iter"
	"net/netip"
	"time"

	"goipvsadm/ipvs"
)

// newConnectionsWriter starts a document whose array is called name. If t is not
// zero, the document begins with the time t and is written on one line.
func newConnectionsWriter(w *bufio.Writer, name string, t time.Time) (*streamWriter, error) {
	if t.IsZero() {
		return newStreamWriter(w, newObject(), name, "\n")
	}
	return newStreamWriter(w, newTimedObject(t), name, "")
}

// Connections writes the connections of seq while seq is read, and flushes the
// first one immediately. If t is not zero, the document begins with the time t and is
// written on one line. If seq starts with an error, Connections returns the error and
// writes nothing. After a later error the document is left incomplete, so that it does
// not parse.
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
		if err := sw.add(func(b *builder) { b.connection(&c) }); err != nil {
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

func (b *builder) connection(c *ipvs.Connection) {
	if c.Protocol == 0 {
		if mark := templateMark(c.VIP.Addr()); mark != 0 {
			b.uint("mark", uint64(mark))
		}
	} else {
		b.lower("protocol", c.Protocol.String())
		b.addr("virtual_address", c.VIP.Addr())
		b.uint("virtual_port", uint64(c.VIP.Port()))
	}
	b.addr("client_address", c.Client.Addr())
	b.uint("client_port", uint64(c.Client.Port()))
	b.addr("server_address", c.Destination.Addr())
	b.uint("server_port", uint64(c.Destination.Port()))
	b.string("state", c.State)
	b.uint("expires_in", uint64(c.Expires))
	b.nonempty("engine", c.PEName)
	if c.PEData != "" {
		b.asciiString("engine_data", c.PEData)
	}
	b.base64UnlessUTF8("engine_data_base64", c.PEData)
}

// templateMark returns the firewall mark of a persistence template, which the kernel
// stores in the first four bytes of the virtual address, in network byte order.
func templateMark(a netip.Addr) uint32 { return binary.BigEndian.Uint32(a.AsSlice()) }
