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

// A tableHeader holds the members of a table document that precede the services.
type tableHeader struct {
	Time    string `json:"time,omitempty"`
	Version string `json:"ipvs_version"`
	Size    uint32 `json:"connection_table_size"`
}

// NewTable starts a table on w.
func NewTable(w *bufio.Writer, info *ipvs.Info) (*Table, error) {
	return newTable(w, newTableHeader(info), "\n")
}

func newTableHeader(info *ipvs.Info) tableHeader {
	return tableHeader{Version: info.Version.String(), Size: info.ConnTableSize}
}

func newTable(w *bufio.Writer, h tableHeader, newline string) (*Table, error) {
	sw, err := newStreamWriter(w, h, "services", newline)
	return &Table{sw}, err
}

// Add writes a service with its destinations.
func (t *Table) Add(s *ipvs.Service, destinations []ipvs.Destination) error {
	v := newService(s)
	for i := range destinations {
		v.Servers = append(v.Servers, newServer(&destinations[i]))
	}
	return t.stream.add(&v)
}

// End completes the document.
func (t *Table) End() error { return t.stream.end() }

// Sample writes a sample that was taken at the given time, with the measured rates, as a
// table on one line. It returns the first error of services.
func Sample(w *bufio.Writer, info *ipvs.Info, at time.Time, services iter.Seq2[*sampler.Service, error]) error {
	h := newTableHeader(info)
	h.Time = formatTime(at)
	t, err := newTable(w, h, "")
	if err != nil {
		return err
	}
	for s, err := range services {
		if err != nil {
			return err
		}
		v := newService(&s.Service)
		v.Measured = (*measured)(s.Measured)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			server := newServer(&d.Destination)
			server.Measured = (*measured)(d.Measured)
			v.Servers = append(v.Servers, server)
		}
		if err := t.stream.add(&v); err != nil {
			return err
		}
	}
	return t.End()
}

func formatTime(t time.Time) string { return t.Format(time.RFC3339Nano) }
