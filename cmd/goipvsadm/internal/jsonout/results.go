// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"

	"goipvsadm/ipvs"
)

// A Result is the outcome of --all-services for a server in one service.
type Result struct {
	Server ipvs.DestinationKey
	Result string    // "changed", "unchanged", "not changed", "removed" or "not removed"
	Text   string    // description or error
	Cut    *CutConns // nil if no connections were cut
}

// CutConns are the numbers of connections that the removal of a server cut.
type CutConns struct {
	Active     uint32
	Persistent uint32
}

// Results writes the results of --all-services, one per line.
type Results struct{ stream *streamWriter }

// NewResults writes the beginning of the document.
func NewResults(w *bufio.Writer) (*Results, error) {
	sw, err := newStreamWriter(w, newObject(), "results", "\n")
	return &Results{sw}, err
}

// Add writes a result.
func (r *Results) Add(x *Result) error {
	return r.stream.add(func(b *builder) {
		b.serviceObject(&x.Server.Service)
		b.openObject("server")
		b.addrPort(x.Server.AddrPort)
		b.closeObject()
		b.string("result", x.Result)
		b.string("text", x.Text)
		if c := x.Cut; c != nil {
			b.openObject("connections_cut")
			b.uint("active", uint64(c.Active))
			b.uint("persistent", uint64(c.Persistent))
			b.closeObject()
		}
	})
}

// End writes the end of the document.
func (r *Results) End() error { return r.stream.end() }
