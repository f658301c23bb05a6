// SPDX-License-Identifier: MIT

package tablefmt

import (
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// minServerWidth fits the protocol and address of every IPv4 server.
const minServerWidth = len("TCP 255.255.255.255:65535")

// A countColumn is a column of connection counts.
type countColumn struct {
	title string
	count func(*conncount.Server) uint64
}

// AppendCounts appends the connection counts by server and state: a title and the lines
// of CountLines.
func AppendCounts(b []byte, servers []conncount.Server, names Namer) []byte {
	if p, ok := names.(prefetcher); ok {
		var endpoints []resolve.Endpoint
		for i := range servers {
			endpoints = append(endpoints, resolve.Endpoint{AddrPort: servers[i].AddrPort, Protocol: servers[i].Protocol})
		}
		p.Prefetch(endpoints)
	}
	b = append(b, "IPVS connections by server and state\n"...)
	for _, line := range CountLines(servers, names) {
		b = append(append(b, line...), '\n')
	}
	return b
}

// CountLines returns the names of the columns, a line for each server and a line of
// sums. There is a column for each state that occurs, and one for templates if there
// are any.
func CountLines(servers []conncount.Server, names Namer) []string {
	sum := conncount.Sum(servers)
	columns := []countColumn{{"total", func(s *conncount.Server) uint64 { return s.Connections }}}
	for _, state := range sum.SortedStates() {
		columns = append(columns, countColumn{state, func(s *conncount.Server) uint64 { return s.States[state] }})
	}
	if sum.Templates > 0 {
		columns = append(columns, countColumn{"templates", func(s *conncount.Server) uint64 { return s.Templates }})
	}

	labels := []string{"pro server"}
	width := minServerWidth
	for i := range servers {
		s := &servers[i]
		label := append(padRight(nil, protocolName(s.Protocol), 3), ' ')
		label = names.Append(label, s.AddrPort, s.Protocol)
		labels, width = append(labels, string(label)), max(width, len(label))
	}
	labels = append(labels, "    total")

	lines := make([][]byte, len(labels))
	for i, label := range labels {
		lines[i] = padRight(nil, label, width)
	}
	for _, c := range columns {
		cells := []string{c.title}
		for i := range servers {
			cells = append(cells, strconv.FormatUint(c.count(&servers[i]), 10))
		}
		cells = append(cells, strconv.FormatUint(c.count(&sum), 10))
		width := 1 + max(len(c.title), len(cells[len(cells)-1])) // no count is longer than the sum
		for i, cell := range cells {
			lines[i] = append(pad(lines[i], len(lines[i]), width-len(cell)), cell...)
		}
	}
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = string(line)
	}
	return texts
}

// protocolName returns the name of a protocol in the connection table.
func protocolName(p ipvs.Protocol) string {
	if p == 0 { // the template of a firewall mark
		return "IP"
	}
	return p.String()
}
