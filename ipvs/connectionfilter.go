// SPDX-License-Identifier: MIT

package ipvs

import (
	"iter"
	"net/netip"
)

// A ConnectionFilter selects connections. A connection is selected if it matches
// all fields that are set.
type ConnectionFilter struct {
	Protocol    Protocol
	Client      netip.Prefix
	VIP         netip.AddrPort // port 0 matches all ports
	Destination netip.AddrPort // port 0 matches all ports
	State       string         // the kernel's name of the state, as in Connection
}

// Select returns the selected connections of seq, and its errors. Like seq, it
// reads one connection at a time.
func (f ConnectionFilter) Select(seq iter.Seq2[Connection, error]) iter.Seq2[Connection, error] {
	if f == (ConnectionFilter{}) {
		return seq
	}
	return func(yield func(Connection, error) bool) {
		for c, err := range seq {
			if (err != nil || f.Matches(&c)) && !yield(c, err) {
				return
			}
		}
	}
}

// Matches reports whether the filter selects c.
func (f ConnectionFilter) Matches(c *Connection) bool {
	switch {
	case f.Protocol != 0 && c.Protocol != f.Protocol:
	case f.Client.IsValid() && !f.Client.Contains(c.Client.Addr()):
	case f.VIP.IsValid() && c.Protocol == 0: // the template of a firewall mark has none
	case !matchesEndpoint(f.VIP, c.VIP):
	case !f.MatchesDestination(c.Destination):
	case f.State != "" && c.State != f.State:
	default:
		return true
	}
	return false
}

// MatchesDestination reports whether the filter selects connections to the
// destination ap.
func (f ConnectionFilter) MatchesDestination(ap netip.AddrPort) bool {
	return matchesEndpoint(f.Destination, ap)
}

func matchesEndpoint(want, got netip.AddrPort) bool {
	return !want.IsValid() || want.Addr() == got.Addr() && (want.Port() == 0 || want.Port() == got.Port())
}

// ConnectionStates lists the states of connections: those of TCP in the order of a
// connection's life, the one of UDP, those of SCTP that TCP lacks, and the one of
// templates in use.
var ConnectionStates = [...]string{
	"NONE", "SYN_SENT", "SYN_RECV", "SYNACK", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "LISTEN",
	"UDP",
	"INIT1", "INIT", "C-SENT", "C-REPLIED", "C-WAIT", "COOKIE", "C-ECHOED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED",
	"ASSURED",
}
