// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"net/netip"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
)

// counts is the JSON form of a conncount.Server.
type counts struct {
	Protocol    string       `json:"protocol,omitempty"`
	Address     netip.Addr   `json:"server_address"`
	Port        uint16       `json:"server_port"`
	Connections uint64       `json:"connections"`
	Templates   uint64       `json:"templates"`
	States      []stateCount `json:"states"`
}

type stateCount struct {
	State       string `json:"state"`
	Connections uint64 `json:"connections"`
}

// Counts writes the connection counts by server and state. If t is not zero, the document
// has the time t and one line.
func Counts(w *bufio.Writer, servers []conncount.Server, t time.Time) error {
	sw, err := newConnectionsWriter(w, "connection_counts", t)
	if err != nil {
		return err
	}
	for i := range servers {
		s := &servers[i]
		v := counts{"", s.AddrPort.Addr(), s.AddrPort.Port(), s.Connections, s.Templates, []stateCount{}}
		if s.Protocol != 0 {
			v.Protocol = lowerName(s.Protocol)
		}
		for _, state := range s.SortedStates() {
			v.States = append(v.States, stateCount{state, s.States[state]})
		}
		if err := sw.add(&v); err != nil {
			return err
		}
	}
	return sw.end()
}
