// SPDX-License-Identifier: MIT

package watch

import (
	"net/netip"
	"slices"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A Resolver is a Namer that can look up many names concurrently.
type Resolver interface {
	tablefmt.Namer
	Prefetch(endpoints []resolve.Endpoint)
}

// An asyncNamer looks up names in the background, so that a slow name server does not
// block the display. An endpoint is shown numerically until its name has been looked up.
type asyncNamer struct {
	names    map[resolve.Endpoint]string
	pending  map[resolve.Endpoint]bool // endpoints to look up next
	requests chan []resolve.Endpoint
	results  chan map[resolve.Endpoint]string
	busy     bool // a lookup is running
}

// newAsyncNamer returns an asyncNamer and starts its goroutine, which close stops.
func newAsyncNamer(resolver Resolver) *asyncNamer {
	n := &asyncNamer{
		names:    make(map[resolve.Endpoint]string),
		pending:  make(map[resolve.Endpoint]bool),
		requests: make(chan []resolve.Endpoint, 1),
		results:  make(chan map[resolve.Endpoint]string, 1),
	}
	go func() {
		for endpoints := range n.requests {
			resolver.Prefetch(endpoints)
			names := make(map[resolve.Endpoint]string, len(endpoints))
			for _, e := range endpoints {
				names[e] = string(resolver.Append(nil, e.AddrPort, e.Protocol))
			}
			n.results <- names
		}
	}()
	return n
}

// Append appends ap by name if the name is known, otherwise numerically.
func (n *asyncNamer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	e := resolve.Endpoint{AddrPort: ap, Protocol: p}
	if name, ok := n.names[e]; ok {
		return append(b, name...)
	}
	n.pending[e] = true
	return resolve.AppendNumeric(b, ap)
}

// startLookup starts a lookup of the pending endpoints, unless one is running. The
// caller must receive the result from n.results and pass it to store.
func (n *asyncNamer) startLookup() {
	if n.busy || len(n.pending) == 0 {
		return
	}
	n.busy = true
	var endpoints []resolve.Endpoint
	for e := range n.pending {
		endpoints = append(endpoints, e)
	}
	clear(n.pending)
	n.requests <- endpoints
}

// store adds the results of a lookup.
func (n *asyncNamer) store(names map[resolve.Endpoint]string) {
	n.busy = false
	for e, name := range names {
		n.names[e] = name
	}
}

// close stops the goroutine after the running lookup.
func (n *asyncNamer) close() { close(n.requests) }

// An asciiNamer replaces names that are not printable ASCII by numbers, because the
// width of other characters on the terminal is unknown.
type asciiNamer struct{ tablefmt.Namer }

// Append appends ap by name or numerically.
func (a asciiNamer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	b = a.Namer.Append(b, ap, p)
	if slices.ContainsFunc(b[start:], func(c byte) bool { return c < ' ' || c > '~' }) {
		return resolve.AppendNumeric(b[:start], ap)
	}
	return b
}
