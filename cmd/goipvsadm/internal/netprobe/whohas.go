// SPDX-License-Identifier: MIT

package netprobe

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/netstate"
)

// A Query asks which hosts on a link have an address.
type Query struct {
	Link netstate.Link
	Addr netip.Addr

	// Source is the sender address of an ARP request. It must not be Addr: that would
	// announce that this machine has Addr. If it is invalid, the request is an ARP
	// probe (RFC 5227). For IPv6, the kernel chooses the source.
	Source netip.Addr
}

// A Reply reports that a host has an address.
type Reply struct {
	Link         int        // link index
	Addr         netip.Addr // address of the query
	HardwareAddr net.HardwareAddr
}

// A listener receives the replies to queries that have been sent.
type listener interface {
	read(deadline time.Time) ([]Reply, error)
	Close() error
}

// WhoHas sends all queries, by ARP and by neighbor discovery, and returns the
// distinct replies received within the given time. It requires CAP_NET_RAW.
func WhoHas(queries []Query, wait time.Duration) ([]Reply, error) {
	deadline := time.Now().Add(wait)
	listeners, err := sendQueries(queries)
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	if err != nil {
		return nil, err
	}
	type result struct {
		replies []Reply
		err     error
	}
	results := make(chan result)
	for _, l := range listeners {
		go func() {
			replies, err := l.read(deadline)
			results <- result{replies, err}
		}()
	}
	var replies []Reply
	var errs []error
	for range listeners {
		r := <-results
		replies = append(replies, r.replies...)
		errs = append(errs, r.err)
	}
	return distinct(replies), errors.Join(errs...)
}

// sendQueries opens a listener per link for ARP and one for neighbor discovery
// and sends the queries. It starts no goroutine, so the sockets belong to the
// network namespace of the calling thread. The caller must close the listeners,
// even if there is an error.
func sendQueries(queries []Query) ([]listener, error) {
	var arpQueries [][]Query      // by link
	position := make(map[int]int) // position of each link, by its index, in arpQueries
	var ndQueries []Query
	for _, q := range queries {
		if !q.Addr.Is4() {
			ndQueries = append(ndQueries, q)
			continue
		}
		i, ok := position[q.Link.Index]
		if !ok {
			i, arpQueries = len(arpQueries), append(arpQueries, nil)
			position[q.Link.Index] = i
		}
		arpQueries[i] = append(arpQueries[i], q)
	}
	var listeners []listener
	for _, qs := range arpQueries {
		l, err := sendARP(qs)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	if len(ndQueries) > 0 {
		l, err := sendSolicitations(ndQueries)
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// distinct removes duplicate replies in place.
func distinct(replies []Reply) []Reply {
	type key struct {
		link         int
		addr         netip.Addr
		hardwareAddr string
	}
	seen := make(map[key]bool)
	return slices.DeleteFunc(replies, func(r Reply) bool {
		k := key{r.Link, r.Addr, string(r.HardwareAddr)}
		duplicate := seen[k]
		seen[k] = true
		return duplicate
	})
}

// A querySet contains the queries to which replies are expected.
type querySet map[queryKey]bool

type queryKey struct {
	link int // link index, or 0 for any link
	addr netip.Addr
}

func newQuerySet(queries []Query) querySet {
	set := make(querySet, 2*len(queries))
	for _, q := range queries {
		set[queryKey{q.Link.Index, q.Addr}] = true
		set[queryKey{0, q.Addr}] = true
	}
	return set
}

// has reports whether there is a query for an address on a link; link 0 stands for
// any link.
func (s querySet) has(link int, addr netip.Addr) bool { return s[queryKey{link, addr}] }
