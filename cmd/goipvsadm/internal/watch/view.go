package watch

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A View turns readings into lines. A line is printable ASCII, so that each
// byte of it takes one cell of a terminal.
type View struct {
	Formats []tablefmt.Format // whose columns are shown besides the usual ones
	Exact   bool              // numbers in full
	Top     int               // how many services at most, the first in order; 0 for all
	Names   tablefmt.Namer

	order  sampler.Order // of the readings
	filter string        // which rows are shown, if it is not empty
	offset int           // how many rows are above the first that is shown
	notes  []string      // at the end of the first line, the first to give way first
	mark   func(ipvs.ServiceKey, *sampler.Destination) Alert
}

// A Line is a line, and the mark that all of it has.
type Line struct {
	Text string
	Mark Alert
}

// chrome is how many lines are above the rows: the first, and titles.
const headerLines = 3

const (
	titleService = "Prot LocalAddress:Port Scheduler Flags"
	titleServer  = "  -> RemoteAddress:Port"

	// minLeft is what the addresses have on the narrowest terminal that shows
	// more than them: enough for any of IPv4.
	minLeft = len("  -> 255.255.255.255:65535")

	// The bar of a destination's share.
	barRank = 4
	barMin  = 8
	barMax  = 20
)

// A row is a service or, with d, a destination of it.
type row struct {
	s       *sampler.Service
	d       *sampler.Destination
	left    string // address and what follows it
	minLeft int    // bytes of it that must not be cut lightly
	all     uint64 // connections of s
	mark    Alert
}

// share returns which part of the connections of its service a destination
// has, if there are any: active and inactive ones, since those of UDP are all
// called inactive.
func (r *row) share() (part float64, ok bool) {
	if r.d == nil || r.all == 0 {
		return 0, false
	}
	return float64(connections(r.d)) / float64(r.all), true
}

func connections(d *sampler.Destination) uint64 {
	return uint64(d.ActiveConns) + uint64(d.InactiveConns)
}

// allConnections returns the connections of all servers of a service.
func allConnections(s *sampler.Service) (n uint64) {
	for i := range s.Destinations {
		n += connections(&s.Destinations[i])
	}
	return n
}

// Lines returns what a terminal of width columns and height lines shows of r.
// A width or height of 0 is as much as it takes. What is scrolled beyond the
// end is scrolled back.
func (v *View) Lines(r *sampler.Sample, width, height int) []Line {
	rows, services := v.rows(r)
	lines := []Line{{Text: v.head(r, services, width)}}
	if height > 0 && height <= headerLines {
		return cutLines(lines, width)
	}
	shown, more := v.page(rows, services, height-headerLines)
	lines = append(lines, v.table(shown, width)...)
	if more != "" {
		lines = append(lines, Line{Text: more})
	}
	return cutLines(lines, width)
}

// wanted is how many services there would be to show without a filter.
func (v *View) wanted(r *sampler.Sample) int {
	if v.Top > 0 {
		return min(v.Top, r.Total)
	}
	return r.Total
}

// head returns the first line. Where it does not fit, it is without what gives
// way first; how to get out of here stays to the last.
func (v *View) head(r *sampler.Sample, services, width int) string {
	count := humanize.Count(r.Total, "service")
	switch wanted := v.wanted(r); {
	case wanted < r.Total && v.order <= sampler.ByPackets:
		count = fmt.Sprintf("the busiest %d of %s", wanted, count)
	case wanted < r.Total:
		count = fmt.Sprintf("the first %d of %s by %v", wanted, count, v.order)
	case v.order != sampler.ByAddress:
		count += fmt.Sprintf(" by %v", v.order)
	}
	if v.filter != "" {
		count += fmt.Sprintf(", %d with %q", services, v.filter)
	}
	at := r.Time.Format(time.RFC3339)
	heads := [][]string{{at, count}}
	if len(v.notes) > 0 {
		heads = nil
		for i := range v.notes {
			heads = append(heads, []string{at, count, strings.Join(v.notes[i:], ", ")})
		}
		last := v.notes[len(v.notes)-1]
		heads = append(heads, []string{count, last}, []string{last})
	}
	var texts []string
	for _, h := range heads {
		texts = append(texts, strings.Join(h, "  "))
	}
	return firstThatFits(width, texts...)
}

// rows returns the rows of all services in r that the filter lets through, not
// yet filled in, and how many services there are, those included that were not
// read.
func (v *View) rows(r *sampler.Sample) (rows []row, services int) {
	read := r.Services
	if v.Top > 0 {
		read = read[:min(v.Top, len(read))]
	}
	for i := range read {
		s := &read[i]
		begin, all := len(rows), allConnections(s)
		rows = append(rows, row{s: s, all: all})
		whole := v.passes(&rows[begin])
		for j := range s.Destinations {
			server := row{s: s, d: &s.Destinations[j], all: all}
			if whole || v.passes(&server) {
				rows = append(rows, server)
			}
		}
		if !whole && len(rows) == begin+1 {
			rows = rows[:begin]
			continue
		}
		services++
	}
	return rows, services + v.wanted(r) - len(read)
}

// passes reports whether the filter is in the address of a row, by name or in
// numbers, or in what follows it. Upper and lower case are the same.
func (v *View) passes(r *row) bool {
	if v.filter == "" {
		return true
	}
	filter := strings.ToLower(v.filter)
	for _, n := range []tablefmt.Namer{resolve.Numeric{}, v.Names} {
		named := View{Names: n}
		text := *r
		named.fill(&text)
		if strings.Contains(strings.ToLower(text.left), filter) {
			return true
		}
	}
	return false
}

// page returns the rows that are shown, at most height unless that is negative.
// Of all services, more says what is not among them. Servers are never without
// their service above them.
func (v *View) page(rows []row, services, height int) (shown []row, more string) {
	inRows := 0
	for i := range rows {
		if rows[i].d == nil {
			inRows++
		}
	}
	all := len(rows) + services - inRows
	if height < 0 || all <= height {
		v.offset = 0
		return v.filled(rows), ""
	}
	room := height - 1
	v.offset = max(0, min(v.offset, len(rows)-room))
	end := min(v.offset+room, len(rows))
	shown = slices.Clone(rows[v.offset:end])
	if len(shown) > 0 && shown[0].d != nil {
		shown[0] = row{s: shown[0].s, all: shown[0].all}
	}
	servers, below := 0, services-inRows
	for i := end; i < len(rows); i++ {
		switch {
		case rows[i].d == nil:
			below++
		case below == services-inRows:
			servers++
		}
	}
	var left []string
	if v.offset > 0 {
		left = append(left, humanize.Count(v.offset, "line")+" above")
	}
	if servers > 0 {
		left = append(left, humanize.Count(servers, "more server"))
	}
	if below > 0 {
		left = append(left, humanize.Count(below, "more service"))
	}
	return v.filled(shown), "... " + strings.Join(left, ", ")
}

func (v *View) filled(rows []row) []row {
	for i := range rows {
		v.fill(&rows[i])
	}
	return rows
}

// fill fills in what the row of a service or destination begins with.
func (v *View) fill(r *row) {
	if r.d == nil {
		t := tablefmt.Table{Names: asciiNamer{v.Names}}
		key := t.AppendService(nil, &ipvs.Service{ServiceKey: r.s.ServiceKey})
		r.left = strings.TrimSpace(string(t.AppendService(nil, &r.s.Service)))
		r.minLeft = len(strings.TrimSpace(string(key)))
		return
	}
	r.left = string(asciiNamer{v.Names}.Append([]byte("  -> "), r.d.AddrPort, r.s.Protocol))
	r.minLeft = len(r.left)
	if v.mark != nil {
		r.mark = v.mark(r.s.ServiceKey, r.d)
		r.left = string(marks[r.mark].sign) + r.left[1:]
	}
}

// table lays out the titles and the rows.
func (v *View) table(rows []row, width int) []Line {
	natural, need := len(titleService), minLeft
	for _, r := range rows {
		natural, need = max(natural, len(r.left)), max(need, r.minLeft)
	}
	if width > 0 {
		need = min(need, max(minLeft, width/2))
	}
	cells := v.cells(rows)
	bar := barMax
	left := natural
	if width > 0 {
		cells, bar = dropColumns(cells, width-need)
		left = min(natural, width-barSpace(bar)-space(cells))
		if bar > 0 {
			bar = min(barMax, width-left-space(cells)-1)
		}
	}
	lines := []Line{{Text: titleService}}
	for i := range len(rows) + 1 {
		var line strings.Builder
		text, mark := titleServer, Unmarked
		if i > 0 {
			text, mark = rows[i-1].left, rows[i-1].mark
		}
		fmt.Fprintf(&line, "%-*s", max(left, 0), cut(text, left))
		for _, c := range cells {
			format := " %*s"
			if c.column.left {
				format = " %-*s"
			}
			fmt.Fprintf(&line, format, c.width, c.text[i])
		}
		if i > 0 && bar > 0 {
			line.WriteString(" " + rows[i-1].bar(bar))
		}
		lines = append(lines, Line{strings.TrimRight(line.String(), " "), mark})
	}
	return lines
}

// A laidOut column has the title and the cells of all rows.
type laidOut struct {
	column *column
	text   []string
	width  int
}

func (v *View) cells(rows []row) []laidOut {
	var cells []laidOut
	all := columns()
	for i := range all {
		c := &all[i]
		if c.format != tablefmt.Plain && !slices.Contains(v.Formats, c.format) {
			continue
		}
		l := laidOut{c, []string{c.title}, max(c.width, len(c.title))}
		for _, r := range rows {
			text := c.cell(v, &r)
			l.text = append(l.text, text)
			l.width = max(l.width, len(text))
		}
		cells = append(cells, l)
	}
	return cells
}

// narrow drops columns, or the bar, until the rest fits into width. It returns
// how long the bar is at least.
func dropColumns(cells []laidOut, width int) ([]laidOut, int) {
	bar := barMin
	for len(cells) > 0 && space(cells)+barSpace(bar) > width {
		i := 0
		for j := range cells {
			if cells[j].column.dropPriority > cells[i].column.dropPriority {
				i = j
			}
		}
		if bar > 0 && barRank > cells[i].column.dropPriority {
			bar = 0
			continue
		}
		cells = slices.Delete(cells, i, i+1)
	}
	return cells, bar
}

func space(cells []laidOut) int {
	n := 0
	for _, c := range cells {
		n += 1 + c.width
	}
	return n
}

func barSpace(bar int) int {
	if bar == 0 {
		return 0
	}
	return 1 + bar
}

func (r *row) bar(width int) string {
	part, ok := r.share()
	if !ok {
		return ""
	}
	n := int(math.Round(part * float64(width)))
	return strings.Repeat("#", n) + strings.Repeat(".", width-n)
}

// cut returns text in width cells, with a mark where some of it is missing.
func cut(text string, width int) string {
	if len(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return text[:width-1] + ">"
}

func cutLines(lines []Line, width int) []Line {
	if width > 0 {
		for i := range lines {
			lines[i].Text = lines[i].Text[:min(len(lines[i].Text), width)]
		}
	}
	return lines
}

// ascii writes numbers instead of names that are not printable ASCII: it is
// not known how many cells of a terminal they take.
type asciiNamer struct{ tablefmt.Namer }

// Append appends ap by name or in numbers.
func (a asciiNamer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	b = a.Namer.Append(b, ap, p)
	if slices.ContainsFunc(b[start:], func(c byte) bool { return c < ' ' || c > '~' }) {
		return resolve.AppendNumeric(b[:start], ap)
	}
	return b
}
