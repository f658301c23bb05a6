package watch

import (
	"net/netip"

	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/ipvs"
)

// A Resolver is a Namer that looks up many names side by side.
type Resolver interface {
	listing.Namer
	Prefetch(endpoints []names.Endpoint)
}

// lateNames are numbers until the names are known: a name server may take long
// to answer, and the listing shall not wait.
type lateNames struct {
	known   map[names.Endpoint]string
	unknown map[names.Endpoint]bool // asked for since the last look-up
	asked   chan []names.Endpoint
	found   chan map[names.Endpoint]string
	busy    bool
}

// newLateNames returns names that r finds, in a goroutine of its own until the
// names are closed.
func newLateNames(r Resolver) *lateNames {
	n := &lateNames{
		known:   make(map[names.Endpoint]string),
		unknown: make(map[names.Endpoint]bool),
		asked:   make(chan []names.Endpoint, 1),
		found:   make(chan map[names.Endpoint]string, 1),
	}
	go func() {
		for endpoints := range n.asked {
			r.Prefetch(endpoints)
			found := make(map[names.Endpoint]string, len(endpoints))
			for _, e := range endpoints {
				found[e] = string(r.Append(nil, e.AddrPort, e.Protocol))
			}
			n.found <- found
		}
	}()
	return n
}

// Append appends ap by name if that is known yet.
func (n *lateNames) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	e := names.Endpoint{AddrPort: ap, Protocol: p}
	if name, ok := n.known[e]; ok {
		return append(b, name...)
	}
	n.unknown[e] = true
	return names.AppendNumeric(b, ap)
}

// look begins to look up what was not known when it was needed. The names come
// on found, and are to be learned.
func (n *lateNames) look() {
	if n.busy || len(n.unknown) == 0 {
		return
	}
	n.busy = true
	var endpoints []names.Endpoint
	for e := range n.unknown {
		endpoints = append(endpoints, e)
	}
	clear(n.unknown)
	n.asked <- endpoints
}

func (n *lateNames) learn(found map[names.Endpoint]string) {
	n.busy = false
	for e, name := range found {
		n.known[e] = name
	}
}

func (n *lateNames) close() { close(n.asked) }
