package watch

import (
	"math"
	"strconv"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A column stands behind the addresses.
type column struct {
	title string
	width int // at least
	left  bool

	// rank says which column gives way first on a narrow terminal: that with
	// the highest.
	dropPriority int

	// format is the one with which the column comes, Plain for always.
	format tablefmt.Format

	cell cell
}

// A cell returns the text of a row in a column.
type cell func(v *View, r *row) string

// columns returns all columns, in order. No start of the program makes them but
// one that watches.
func columns() []column {
	return []column{
		{"Forward", 7, true, 11, tablefmt.Plain, text(func(d *ipvs.Destination) string { return d.Method.String() })},
		{"Tunnel", 13, true, 0, tablefmt.TunnelInfo, text(func(d *ipvs.Destination) string { return string(tablefmt.AppendTunnel(nil, d)) })},
		{"Weight", 6, false, 7, tablefmt.Plain, text(func(d *ipvs.Destination) string { return strconv.FormatUint(uint64(d.Weight), 10) })},
		{"Upper", 6, false, 0, tablefmt.Thresholds, text(func(d *ipvs.Destination) string { return strconv.FormatUint(uint64(d.UpperThreshold), 10) })},
		{"Lower", 6, false, 0, tablefmt.Thresholds, text(func(d *ipvs.Destination) string { return strconv.FormatUint(uint64(d.LowerThreshold), 10) })},
		{"Persist", 7, false, 0, tablefmt.PersistentConns, sum(func(d *ipvs.Destination) uint32 { return d.PersistentConns })},
		{"Active", 6, false, 2, tablefmt.Plain, sum(func(d *ipvs.Destination) uint32 { return d.ActiveConns })},
		{"InAct", 6, false, 5, tablefmt.Plain, sum(func(d *ipvs.Destination) uint32 { return d.InactiveConns })},
		{"Conns", 8, false, 0, tablefmt.Stats, counter(func(s *ipvs.Stats) uint64 { return s.Conns })},
		{"InPkts", 8, false, 0, tablefmt.Stats, counter(func(s *ipvs.Stats) uint64 { return s.InPackets })},
		{"OutPkts", 8, false, 0, tablefmt.Stats, counter(func(s *ipvs.Stats) uint64 { return s.OutPackets })},
		{"InBytes", 8, false, 0, tablefmt.Stats, counter(func(s *ipvs.Stats) uint64 { return s.InBytes })},
		{"OutBytes", 8, false, 0, tablefmt.Stats, counter(func(s *ipvs.Stats) uint64 { return s.OutBytes })},
		{"Conn/s", 6, false, 1, tablefmt.Plain, figure(func(f *sampler.Rates) float64 { return f.Conns })},
		{"InPkt/s", 7, false, 9, tablefmt.Plain, figure(func(f *sampler.Rates) float64 { return f.InPackets })},
		{"OutPkt/s", 8, false, 10, tablefmt.Plain, figure(func(f *sampler.Rates) float64 { return f.OutPackets })},
		{"InB/s", 6, false, 6, tablefmt.Plain, figure(func(f *sampler.Rates) float64 { return f.InBytes })},
		{"OutB/s", 6, false, 8, tablefmt.Plain, figure(func(f *sampler.Rates) float64 { return f.OutBytes })},
		{"Share", 5, false, 3, tablefmt.Plain, percent},
	}
}

// text is a cell of destinations only.
func text(of func(*ipvs.Destination) string) cell {
	return func(_ *View, r *row) string {
		if r.d == nil {
			return ""
		}
		return of(&r.d.Destination)
	}
}

// sum is a number of connections, which a service has with all its
// destinations together.
func sum(of func(*ipvs.Destination) uint32) cell {
	return func(v *View, r *row) string {
		if r.d != nil {
			return v.amount(uint64(of(&r.d.Destination)), 6)
		}
		var n uint64
		for i := range r.s.Destinations {
			n += uint64(of(&r.s.Destinations[i].Destination))
		}
		return v.amount(n, 6)
	}
}

func counter(of func(*ipvs.Stats) uint64) cell {
	return func(v *View, r *row) string {
		if r.d != nil {
			return v.amount(of(&r.d.Stats), 8)
		}
		return v.amount(of(&r.s.Stats), 8)
	}
}

// figure is what was measured, or a dash if nothing was.
func figure(of func(*sampler.Rates) float64) cell {
	return func(v *View, r *row) string {
		measured := r.s.Measured
		if r.d != nil {
			measured = r.d.Measured
		}
		if measured == nil {
			return "-"
		}
		return v.rate(of(measured))
	}
}

func percent(_ *View, r *row) string {
	part, ok := r.share()
	switch {
	case r.d == nil:
		return ""
	case !ok:
		return "-"
	}
	return strconv.Itoa(int(math.Round(100*part))) + "%"
}
