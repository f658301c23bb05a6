// SPDX-License-Identifier: MIT

package watch

import (
	"net/netip"
	"slices"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// A blockingResolver resolves a few addresses. Each Prefetch blocks until the test sends
// to proceed.
type blockingResolver struct {
	names      map[netip.AddrPort]string
	proceed    chan struct{}
	prefetched []resolve.Endpoint
}

func (r *blockingResolver) Prefetch(endpoints []resolve.Endpoint) {
	<-r.proceed
	r.prefetched = append(r.prefetched, endpoints...)
}

func (r *blockingResolver) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	if name, ok := r.names[ap]; ok {
		return append(b, name...)
	}
	return resolve.Numeric{}.Append(b, ap, p)
}

// TestAsyncNamer verifies that addresses are numeric until their names are known, and that
// Append does not block.
func TestAsyncNamer(t *testing.T) {
	a, b, c := ap("192.0.2.1:80"), ap("192.0.2.2:80"), ap("192.0.2.3:80")
	resolver := &blockingResolver{names: map[netip.AddrPort]string{a: "a:http", b: "b:http"}, proceed: make(chan struct{})}
	n := newAsyncNamer(resolver)
	defer n.close()
	text := func(ap netip.AddrPort) string { return string(n.Append(nil, ap, ipvs.TCP)) }

	if got := text(a); got != "192.0.2.1:80" {
		t.Errorf("before the lookup: got %s, want 192.0.2.1:80", got)
	}
	n.startLookup()
	text(a) // its lookup is running
	text(b)
	text(c)
	n.startLookup()
	resolver.proceed <- struct{}{}
	n.store(<-n.results)
	if text(a) != "a:http" || text(b) != "192.0.2.2:80" {
		t.Errorf("after the first lookup: got %s, %s; want a:http, 192.0.2.2:80", text(a), text(b))
	}
	n.startLookup()
	resolver.proceed <- struct{}{}
	n.store(<-n.results)
	if text(b) != "b:http" || text(c) != "192.0.2.3:80" {
		t.Errorf("after the second lookup: got %s, %s; want b:http, 192.0.2.3:80", text(b), text(c))
	}
	if n.startLookup(); n.busy {
		t.Error("an address without a name is looked up again")
	}
	if want := []resolve.Endpoint{{AddrPort: a, Protocol: ipvs.TCP}}; !slices.Equal(resolver.prefetched[:1], want) {
		t.Errorf("first lookup %v, want %v", resolver.prefetched[:1], want)
	}
}

// TestASCIINamer verifies that an address whose name is not ASCII is shown numerically.
func TestASCIINamer(t *testing.T) {
	a, b := ap("192.0.2.1:80"), ap("192.0.2.2:80")
	n := asciiNamer{&blockingResolver{names: map[netip.AddrPort]string{a: "bücher:http", b: "books:http"}}}
	if got := string(n.Append([]byte("x"), a, ipvs.TCP)); got != "x192.0.2.1:80" {
		t.Errorf("got %q, want x192.0.2.1:80", got)
	}
	if got := string(n.Append([]byte("x"), b, ipvs.TCP)); got != "xbooks:http" {
		t.Errorf("got %q, want xbooks:http", got)
	}
}
