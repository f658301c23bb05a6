// SPDX-License-Identifier: MIT

// Package conncount counts connections by server and state.
package conncount

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"goipvsadm/ipvs"
)

// A Server holds the connection counts of a server.
type Server struct {
	Protocol    ipvs.Protocol // 0 for the templates of firewall-mark services
	AddrPort    netip.AddrPort
	Connections uint64            // without persistence templates
	Templates   uint64            // persistence templates
	States      map[string]uint64 // Connections by state
}

type key struct {
	protocol ipvs.Protocol
	addrPort netip.AddrPort
}

// Count counts the connections of seq. It returns the servers in order of protocol,
// address and port.
func Count(seq iter.Seq2[ipvs.Connection, error]) ([]Server, error) {
	indices := make(map[key]int)
	var servers []Server
	for c, err := range seq {
		if err != nil {
			return nil, err
		}
		k := key{c.Protocol, c.Destination}
		i, ok := indices[k]
		if !ok {
			i = len(servers)
			indices[k] = i
			servers = append(servers, Server{Protocol: c.Protocol, AddrPort: c.Destination, States: make(map[string]uint64)})
		}
		s := &servers[i]
		if c.IsTemplate() {
			s.Templates++
			continue
		}
		s.Connections++
		s.States[c.State]++
	}
	slices.SortFunc(servers, func(a, b Server) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), a.AddrPort.Compare(b.AddrPort))
	})
	return servers, nil
}

// Sum returns the sums over servers.
func Sum(servers []Server) Server {
	sum := Server{States: make(map[string]uint64)}
	for i := range servers {
		s := &servers[i]
		sum.Connections += s.Connections
		sum.Templates += s.Templates
		for state, n := range s.States {
			sum.States[state] += n
		}
	}
	return sum
}

// SortedStates returns the states that occur in s, in the order of ipvs.ConnectionStates;
// others follow in alphabetical order.
func (s *Server) SortedStates() []string {
	rank := func(state string) int {
		if i := slices.Index(ipvs.ConnectionStates[:], state); i >= 0 {
			return i
		}
		return len(ipvs.ConnectionStates)
	}
	return slices.SortedFunc(maps.Keys(s.States), func(a, b string) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a, b))
	})
}
