// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"net/netip"

	"goipvsadm/ipvs"
)

// A Result is the outcome of --all-services for a server in one service.
type Result struct {
	Server ipvs.DestinationKey
	Result string // "changed", "unchanged", "not changed", "removed" or "not removed"
	Text   string // description or error
	Cut    *CutConns
}

// CutConns are the numbers of connections that the removal of a server cut.
type CutConns struct {
	Active     uint32 `json:"active"`
	Persistent uint32 `json:"persistent"`
}

// The JSON objects of a result.
type (
	serverAddress struct {
		Address netip.Addr `json:"address"`
		Port    uint16     `json:"port"`
	}

	result struct {
		Service *serviceKey   `json:"service"`
		Server  serverAddress `json:"server"`
		Result  string        `json:"result"`
		Text    string        `json:"text"`
		Cut     *CutConns     `json:"connections_cut,omitempty"`
	}
)

// Results writes the results of --all-services, one per line.
type Results struct{ stream *streamWriter }

// NewResults writes the beginning of the document.
func NewResults(w *bufio.Writer) (*Results, error) {
	sw, err := newStreamWriter(w, struct{}{}, "results", "\n")
	return &Results{sw}, err
}

// Add writes a result.
func (r *Results) Add(x *Result) error {
	ap := x.Server.AddrPort
	return r.stream.add(&result{newServiceKey(&x.Server.Service), serverAddress{ap.Addr(), ap.Port()}, x.Result, x.Text, x.Cut})
}

// End writes the end of the document.
func (r *Results) End() error { return r.stream.end() }
