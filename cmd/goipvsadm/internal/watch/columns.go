package watch

import (
	"math"
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

	format cellFunc
}

// A cellFunc returns the text of a column in row r.
type cellFunc func(v *View, r *row) string

// columns returns all columns in display order. It is a function and not a variable so
// that the program does not build the table at startup.
func columns() []column {
	return []column{
		// title, minWidth, alignLeft, dropPriority, shownWith, format
		{"Forward", 7, true, 11, tablefmt.Plain, serverCell(func(d *ipvs.Destination) string { return d.Method.String() })},
		{"Tunnel", 13, true, 0, tablefmt.TunnelInfo, serverCell(func(d *ipvs.Destination) string { return string(tablefmt.AppendTunnel(nil, d)) })},
		{"Weight", 6, false, 7, tablefmt.Plain, serverCell(func(d *ipvs.Destination) string { return formatUint(d.Weight) })},
		{"Upper", 6, false, 0, tablefmt.Thresholds, serverCell(func(d *ipvs.Destination) string { return formatUint(d.UpperThreshold) })},
		{"Lower", 6, false, 0, tablefmt.Thresholds, serverCell(func(d *ipvs.Destination) string { return formatUint(d.LowerThreshold) })},
		{"Persist", 7, false, 0, tablefmt.PersistentConns, connsCell(func(d *ipvs.Destination) uint32 { return d.PersistentConns })},
		{"Active", 6, false, 2, tablefmt.Plain, connsCell(func(d *ipvs.Destination) uint32 { return d.ActiveConns })},
		{"InAct", 6, false, 5, tablefmt.Plain, connsCell(func(d *ipvs.Destination) uint32 { return d.InactiveConns })},
		{"Conns", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"InPkts", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"OutPkts", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"InBytes", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"OutBytes", 8, false, 0, tablefmt.Stats, counterCell(func(s *ipvs.Stats) uint64 { return s.OutBytes })},
		{"Conn/s", 6, false, 1, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.Conns })},
		{"InPkt/s", 7, false, 9, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.InPackets })},
		{"OutPkt/s", 8, false, 10, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.OutPackets })},
		{"InB/s", 6, false, 6, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.InBytes })},
		{"OutB/s", 6, false, 8, tablefmt.Plain, rateCell(func(r *sampler.Rates) float64 { return r.OutBytes })},
		{"Share", 5, false, 3, tablefmt.Plain, shareCell},
	}
}

// serverCell shows a value of a server. It is empty for services.
func serverCell(value func(*ipvs.Destination) string) cellFunc {
	return func(_ *View, r *row) string {
		if r.server == nil {
			return ""
		}
		return value(&r.server.Destination)
	}
}

// connsCell shows a number of connections: that of a server, or the sum over the
// servers of a service.
func connsCell(value func(*ipvs.Destination) uint32) cellFunc {
	return func(v *View, r *row) string {
		if r.server != nil {
			return v.formatCount(uint64(value(&r.server.Destination)), 6)
		}
		var n uint64
		for i := range r.service.Destinations {
			n += uint64(value(&r.service.Destinations[i].Destination))
		}
		return v.formatCount(n, 6)
	}
}

// counterCell shows a counter of a service or server.
func counterCell(value func(*ipvs.Stats) uint64) cellFunc {
	return func(v *View, r *row) string {
		if r.server != nil {
			return v.formatCount(value(&r.server.Stats), 8)
		}
		return v.formatCount(value(&r.service.Stats), 8)
	}
}

// rateCell shows a rate of a service or server, or a dash if it was not measured.
func rateCell(value func(*sampler.Rates) float64) cellFunc {
	return func(v *View, r *row) string {
		measured := r.service.Measured
		if r.server != nil {
			measured = r.server.Measured
		}
		if measured == nil {
			return "-"
		}
		return v.formatRate(value(measured))
	}
}

// shareCell shows a server's share of the connections of its service.
func shareCell(_ *View, r *row) string {
	share, ok := r.share()
	switch {
	case r.server == nil:
		return ""
	case !ok:
		return "-"
	}
	return strconv.Itoa(int(math.Round(100*share))) + "%"
}

func formatUint(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// formatCount formats n, abbreviated if it has more than maxDigits digits.
func (v *View) formatCount(n uint64, maxDigits int) string {
	s := strconv.FormatUint(n, 10)
	if v.Exact || len(s) <= maxDigits {
		return s
	}
	return humanize.SI(float64(n))
}

// formatRate formats f, with one decimal if it is below 10 and not an integer, and
// abbreviated if it is 100,000 or more.
func (v *View) formatRate(f float64) string {
	switch {
	case f < 9.95 && f != math.Trunc(f):
		return strconv.FormatFloat(f, 'f', 1, 64)
	case v.Exact || f < 99999.5:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return humanize.SI(f)
}
