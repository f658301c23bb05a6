package watch

import (
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A Resolver is a Namer that looks up many names side by side.
type Resolver interface {
	tablefmt.Namer
	Prefetch(endpoints []resolve.Endpoint)
}

// lateNames are numbers until the names are known: a name server may take long
// to answer, and the listing shall not wait.
type asyncNamer struct {
	known   map[resolve.Endpoint]string
	unknown map[resolve.Endpoint]bool // asked for since the last look-up
	asked   chan []resolve.Endpoint
	found   chan map[resolve.Endpoint]string
	busy    bool
}

// newLateNames returns names that r finds, in a goroutine of its own until the
// names are closed.
func newLateNames(r Resolver) *asyncNamer {
	n := &asyncNamer{
		known:   make(map[resolve.Endpoint]string),
		unknown: make(map[resolve.Endpoint]bool),
		asked:   make(chan []resolve.Endpoint, 1),
		found:   make(chan map[resolve.Endpoint]string, 1),
	}
	go func() {
		for endpoints := range n.asked {
			r.Prefetch(endpoints)
			found := make(map[resolve.Endpoint]string, len(endpoints))
			for _, e := range endpoints {
				found[e] = string(r.Append(nil, e.AddrPort, e.Protocol))
			}
			n.found <- found
		}
	}()
	return n
}

// Append appends ap by name if that is known yet.
func (n *asyncNamer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	e := resolve.Endpoint{AddrPort: ap, Protocol: p}
	if name, ok := n.known[e]; ok {
		return append(b, name...)
	}
	n.unknown[e] = true
	return resolve.AppendNumeric(b, ap)
}

// look begins to look up what was not known when it was needed. The names come
// on found, and are to be learned.
func (n *asyncNamer) startLookup() {
	if n.busy || len(n.unknown) == 0 {
		return
	}
	n.busy = true
	var endpoints []resolve.Endpoint
	for e := range n.unknown {
		endpoints = append(endpoints, e)
	}
	clear(n.unknown)
	n.asked <- endpoints
}

func (n *asyncNamer) store(found map[resolve.Endpoint]string) {
	n.busy = false
	for e, name := range found {
		n.known[e] = name
	}
}

func (n *asyncNamer) close() { close(n.asked) }
