// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
)

// Counts writes the connection counts by server and state. If t is not zero, the document
// begins with the time t and is written on one line.
func Counts(w *bufio.Writer, servers []conncount.Server, t time.Time) error {
	sw, err := newConnectionsWriter(w, "connection_counts", t)
	if err != nil {
		return err
	}
	for i := range servers {
		if err := sw.add(func(b *builder) { b.counts(&servers[i]) }); err != nil {
			return err
		}
	}
	return sw.end()
}

func (b *builder) counts(s *conncount.Server) {
	if s.Protocol != 0 {
		b.lower("protocol", s.Protocol.String())
	}
	b.addr("server_address", s.AddrPort.Addr())
	b.uint("server_port", uint64(s.AddrPort.Port()))
	b.uint("connections", s.Connections)
	b.uint("templates", s.Templates)
	b.openArray("states")
	for _, state := range s.SortedStates() {
		b.openObject("")
		b.string("state", state)
		b.uint("connections", s.States[state])
		b.closeObject()
	}
	b.closeArray()
}
