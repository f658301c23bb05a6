package watch

import (
	"net/netip"
	"slices"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// named gives some addresses names, once it may.
type named struct {
	names   map[netip.AddrPort]string
	may     chan struct{}
	fetched []resolve.Endpoint
}

func (n *named) Prefetch(endpoints []resolve.Endpoint) {
	<-n.may
	n.fetched = append(n.fetched, endpoints...)
}

func (n *named) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	if name, ok := n.names[ap]; ok {
		return append(b, name...)
	}
	return resolve.Numeric{}.Append(b, ap, p)
}

// Addresses are numbers until their names are known, and nobody waits.
func TestLateNames(t *testing.T) {
	a, b, c := ap("192.0.2.1:80"), ap("192.0.2.2:80"), ap("192.0.2.3:80")
	resolver := &named{names: map[netip.AddrPort]string{a: "a:http", b: "b:http"}, may: make(chan struct{})}
	n := newLateNames(resolver)
	defer n.close()
	text := func(ap netip.AddrPort) string { return string(n.Append(nil, ap, ipvs.TCP)) }

	if got := text(a); got != "192.0.2.1:80" {
		t.Errorf("before: %s", got)
	}
	n.startLookup()
	text(a) // is being looked up
	text(b)
	text(c)
	n.startLookup()
	resolver.may <- struct{}{}
	n.store(<-n.found)
	if text(a) != "a:http" || text(b) != "192.0.2.2:80" {
		t.Errorf("first answer: %s, %s", text(a), text(b))
	}
	n.startLookup()
	resolver.may <- struct{}{}
	n.store(<-n.found)
	if text(b) != "b:http" || text(c) != "192.0.2.3:80" {
		t.Errorf("second answer: %s, %s", text(b), text(c))
	}
	if n.startLookup(); n.busy {
		t.Error("what has no name is looked up again")
	}
	if want := []resolve.Endpoint{{AddrPort: a, Protocol: ipvs.TCP}}; !slices.Equal(resolver.fetched[:1], want) {
		t.Errorf("first looked up %v, want %v", resolver.fetched[:1], want)
	}
}

// A line has one cell a byte, so names of other characters are not shown.
func TestNamesThatAreNotASCII(t *testing.T) {
	a, b := ap("192.0.2.1:80"), ap("192.0.2.2:80")
	n := asciiNamer{&named{names: map[netip.AddrPort]string{a: "bücher:http", b: "books:http"}}}
	if got := string(n.Append([]byte("x"), a, ipvs.TCP)); got != "x192.0.2.1:80" {
		t.Errorf("%q", got)
	}
	if got := string(n.Append([]byte("x"), b, ipvs.TCP)); got != "xbooks:http" {
		t.Errorf("%q", got)
	}
}
