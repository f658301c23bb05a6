// SPDX-License-Identifier: MIT

package watch

import (
	"math"
	"slices"
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A column is a column to the right of the addresses.
type column struct {
	title     string
	minWidth  int
	alignLeft bool

	// dropPriority determines which column is dropped first if the terminal is too
	// narrow: the one with the highest value.
	dropPriority int

	// shownWith is the format that adds the column; Plain if it is always shown.
	shownWith tablefmt.Format

	append cellFunc

	isHighlighted bool // cells are highlighted in rows with an alert
}

// isShown reports whether v shows the column if the terminal is wide enough.
func (c *column) isShown(v *View) bool {
	if c.title == historyTitle && v.history == nil {
		return false
	}
	return c.shownWith == tablefmt.Plain || slices.Contains(v.Formats, c.shownWith)
}

// historyTitle is the title of the column with the history of a row.
const historyTitle = "History"

// A cellFunc appends the text of a column in row r.
type cellFunc func(b []byte, v *View, r *row) []byte

// columns returns all columns in display order. It is a function and not a variable so
// that the program does not build the table at startup.
func columns() []column {
	return []column{
		// title, minWidth, alignLeft, dropPriority, shownWith, append, isHighlighted
		{"Forward", 7, true, 12, tablefmt.Plain, serverCell(func(b []byte, d *ipvs.Destination) []byte { return append(b, d.Method.String()...) }), false},
		{"Tunnel", 13, true, 0, tablefmt.TunnelInfo, serverCell(tablefmt.AppendTunnel), false},
		{"Weight", 6, false, 4, tablefmt.Plain, serverCell(func(b []byte, d *ipvs.Destination) []byte { return strconv.AppendUint(b, uint64(d.Weight), 10) }), true},
		{"Upper", 6, false, 0, tablefmt.Thresholds, serverCell(func(b []byte, d *ipvs.Destination) []byte { return strconv.AppendUint(b, uint64(d.UpperThreshold), 10) }), false},
		{"Lower", 6, false, 0, tablefmt.Thresholds, serverCell(func(b []byte, d *ipvs.Destination) []byte { return strconv.AppendUint(b, uint64(d.LowerThreshold), 10) }), false},
		{"Persist", 7, false, 0, tablefmt.PersistentConns, connsCell(func(d *ipvs.Destination) uint32 { return d.PersistentConns }), false},
		{"Active", 6, false, 2, tablefmt.Plain, connsCell(func(d *ipvs.Destination) uint32 { return d.ActiveConns }), false},
		{"InAct", 6, false, 5, tablefmt.Plain, connsCell(func(d *ipvs.Destination) uint32 { return d.InactiveConns }), false},
		{"Conns", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.Conns }), false},
		{"InPkts", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.InPackets }), false},
		{"OutPkts", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.OutPackets }), false},
		{"InBytes", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.InBytes }), false},
		{"OutBytes", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.OutBytes }), false},
		{"Conn/s", 6, false, 1, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.Conns }), false},
		{"InPkt/s", 7, false, 11, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.InPackets }), false},
		{"OutPkt/s", 8, false, 13, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.OutPackets }), false},
		{"InB/s", 6, false, 7, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.InBytes }), false},
		{"OutB/s", 6, false, 8, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.OutBytes }), false},
		{"Share", 5, false, 3, tablefmt.Plain, shareCell, false},
		{historyTitle, historyLength, false, 10, tablefmt.Plain, historyCell, false},
	}
}

// serverCell shows a value of a server. It is empty for services.
func serverCell(value func(b []byte, d *ipvs.Destination) []byte) cellFunc {
	return func(b []byte, _ *View, r *row) []byte {
		if r.server == nil {
			return b
		}
		return value(b, &r.server.Destination)
	}
}

// connsCell shows a number of connections: that of a server, or the sum over the
// servers of a service.
func connsCell(value func(*ipvs.Destination) uint32) cellFunc {
	return func(b []byte, v *View, r *row) []byte {
		if r.server != nil {
			return v.appendCount(b, uint64(value(&r.server.Destination)), 6)
		}
		var n uint64
		for i := range r.service.Destinations {
			n += uint64(value(&r.service.Destinations[i].Destination))
		}
		return v.appendCount(b, n, 6)
	}
}

// counterCell shows a counter of a service or server.
func counterCell(value func(*ipvs.Stats) uint64) cellFunc {
	return func(b []byte, v *View, r *row) []byte {
		if r.server != nil {
			return v.appendCount(b, value(&r.server.Stats), 8)
		}
		return v.appendCount(b, value(&r.service.Stats), 8)
	}
}

// rateCell shows a rate of a service or server, or a dash if it was not measured.
func rateCell(value func(*sampler.Rates) float64) cellFunc {
	return func(b []byte, v *View, r *row) []byte {
		measured := r.service.Measured
		if r.server != nil {
			measured = r.server.Measured
		}
		if measured == nil {
			return append(b, '-')
		}
		return v.appendRate(b, value(measured))
	}
}

// shareCell shows a server's share of the connections of its service.
func shareCell(b []byte, _ *View, r *row) []byte {
	share, ok := r.share()
	switch {
	case r.server == nil:
		return b
	case !ok:
		return append(b, '-')
	}
	return append(strconv.AppendInt(b, int64(math.Round(100*share)), 10), '%')
}

// historyCell shows the connections per second in the last samples.
func historyCell(b []byte, v *View, r *row) []byte {
	return v.chars().appendHistory(b, v.history.of(r))
}

// appendCount appends n, abbreviated if it has more than maxDigits digits.
func (v *View) appendCount(b []byte, n uint64, maxDigits int) []byte {
	start := len(b)
	b = strconv.AppendUint(b, n, 10)
	if v.Exact || len(b)-start <= maxDigits {
		return b
	}
	return append(b[:start], humanize.SI(float64(n))...)
}

// appendRate appends f, with one decimal if it is below 10 and not an integer, and
// abbreviated if it is 100,000 or more.
func (v *View) appendRate(b []byte, f float64) []byte {
	switch {
	case f < 9.95 && f != math.Trunc(f):
		return strconv.AppendFloat(b, f, 'f', 1, 64)
	case f < 99999.5:
		return strconv.AppendUint(b, uint64(math.RoundToEven(f)), 10)
	case v.Exact:
		return strconv.AppendFloat(b, f, 'f', 0, 64)
	}
	return append(b, humanize.SI(f)...)
}
