package jsonout

import (
	"bufio"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
)

// A Table writes services with their destinations: begin with NewTable, Add
// each service, and End.
type Table struct{ array *streamWriter }

// The head of a table.
type head struct {
	Time    string `json:"time,omitempty"`
	Version string `json:"ipvs_version"`
	Size    uint32 `json:"connection_table_size"`
}

// NewTable begins a table on w.
func NewTable(w *bufio.Writer, info *ipvs.Info) (*Table, error) {
	return newTable(w, newHead(info), "\n")
}

func newHead(info *ipvs.Info) head {
	return head{Version: info.Version.String(), Size: info.ConnTableSize}
}

func newTable(w *bufio.Writer, h head, newline string) (*Table, error) {
	a, err := newArray(w, h, "services", newline)
	return &Table{a}, err
}

// Add writes a service with its destinations.
func (t *Table) Add(s *ipvs.Service, destinations []ipvs.Destination) error {
	v := newService(s)
	for i := range destinations {
		v.Servers = append(v.Servers, newServer(&destinations[i]))
	}
	return t.array.add(&v)
}

// End ends the table.
func (t *Table) End() error { return t.array.end() }

// Reading writes a reading as a table on one line, with the time when it was
// made and the figures that were measured.
func Reading(w *bufio.Writer, info *ipvs.Info, r *sampler.Sample) error {
	h := newHead(info)
	h.Time = r.Time.Format(time.RFC3339Nano)
	t, err := newTable(w, h, "")
	if err != nil {
		return err
	}
	for i := range r.Services {
		s := &r.Services[i]
		v := newService(&s.Service)
		v.Measured = newMeasured(s.Measured)
		for j := range s.Destinations {
			d := &s.Destinations[j]
			server := newServer(&d.Destination)
			server.Measured = newMeasured(d.Measured)
			v.Servers = append(v.Servers, server)
		}
		if err := t.array.add(&v); err != nil {
			return err
		}
	}
	return t.End()
}
