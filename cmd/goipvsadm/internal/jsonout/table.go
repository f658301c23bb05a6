// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"iter"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// A Table writes services with their destinations. Call Add for each service, then
// End.
type Table struct{ stream *streamWriter }

// NewTable starts a table on w.
func NewTable(w *bufio.Writer, info *ipvs.Info) (*Table, error) {
	return newTable(w, newObject(), info, "\n")
}

// newTable starts a table after the members in head.
func newTable(w *bufio.Writer, head builder, info *ipvs.Info, newline string) (*Table, error) {
	head.string("ipvs_version", info.Version.String())
	head.uint("connection_table_size", uint64(info.ConnTableSize))
	sw, err := newStreamWriter(w, head, "services", newline)
	return &Table{sw}, err
}

// Add writes a service with its destinations.
func (t *Table) Add(s *ipvs.Service, destinations []ipvs.Destination) error {
	return t.stream.add(func(b *builder) {
		b.service(s, nil)
		b.openArray("servers")
		for i := range destinations {
			b.server(&destinations[i], nil)
		}
		b.closeArray()
	})
}

// End completes the document.
func (t *Table) End() error { return t.stream.end() }

// Sample writes a sample that was taken at the given time, with the measured rates, as a
// table on one line. It returns the first error of services.
func Sample(w *bufio.Writer, info *ipvs.Info, at time.Time, services iter.Seq2[*sampler.Service, error]) error {
	t, err := newTable(w, newTimedObject(at), info, "")
	if err != nil {
		return err
	}
	for s, err := range services {
		if err != nil {
			return err
		}
		err = t.stream.add(func(b *builder) {
			b.service(&s.Service, s.Measured)
			b.openArray("servers")
			for i := range s.Destinations {
				d := &s.Destinations[i]
				b.server(&d.Destination, d.Measured)
			}
			b.closeArray()
		})
		if err != nil {
			return err
		}
	}
	return t.End()
}
