package watch

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/listing"
	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/cmd/goipvsadm/internal/reading"
	"goipvsadm/ipvs"
)

// A View turns readings into lines. A line is printable ASCII, so that each
// byte of it takes one cell of a terminal.
type View struct {
	Formats []listing.Format // whose columns are shown besides the usual ones
	Exact   bool             // numbers in full
	Top     int              // how many services at most, the busiest first; 0 for all
	Names   listing.Namer
	Note    string // at the end of the first line
}

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
	s    *reading.Service
	d    *reading.Destination
	left string // address and what follows it
	need int    // bytes of it that must not be cut lightly
	all  uint64 // connections of s
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

func connections(d *reading.Destination) uint64 {
	return uint64(d.ActiveConns) + uint64(d.InactiveConns)
}

// Lines returns what a terminal of width columns and height lines shows of r.
// A width or height of 0 is as much as it takes.
func (v *View) Lines(r *reading.Reading, width, height int) []string {
	services := r.Services
	if v.Top > 0 {
		services = services[:min(v.Top, len(services))]
	}
	lines := []string{v.head(r)}
	const titles = 2
	if height > 0 && height <= len(lines)+titles {
		return cutLines(lines, width)
	}
	rows, more := v.rows(services, v.wanted(r), height-len(lines)-titles)
	lines = append(lines, v.table(rows, width)...)
	if more != "" {
		lines = append(lines, more)
	}
	return cutLines(lines, width)
}

// wanted is how many services there would be to show.
func (v *View) wanted(r *reading.Reading) int {
	if v.Top > 0 {
		return min(v.Top, r.Total)
	}
	return r.Total
}

func (v *View) head(r *reading.Reading) string {
	count := plural(r.Total, "service")
	if v.wanted(r) < r.Total {
		count = fmt.Sprintf("the busiest %d of %s", v.wanted(r), count)
	}
	return r.Time.Format(time.RFC3339) + "  " + count + v.Note
}

// rows returns the rows of services, at most height unless that is negative.
// Of all that are wanted, more says what is not among them.
func (v *View) rows(services []reading.Service, wanted, height int) (rows []row, more string) {
	all := wanted - len(services)
	for i := range services {
		all += 1 + len(services[i].Destinations)
	}
	if height < 0 {
		height = all
	}
	room := height
	if all > height {
		room--
	}
	servers := 0 // of the last service that is shown, those that are not
	shown := 0
	for i := range services {
		s := &services[i]
		if len(rows) == room {
			break
		}
		shown++
		rows = append(rows, v.serviceRow(s))
		n := min(len(s.Destinations), room-len(rows))
		rows = append(rows, v.serverRows(s, n)...)
		servers = len(s.Destinations) - n
	}
	if all <= height {
		return rows, ""
	}
	var left []string
	if servers > 0 {
		left = append(left, plural(servers, "more server"))
	}
	if wanted > shown {
		left = append(left, plural(wanted-shown, "more service"))
	}
	return rows, "... " + strings.Join(left, ", ")
}

func (v *View) serviceRow(s *reading.Service) row {
	t := listing.Table{Names: ascii{v.Names}}
	key := t.AppendService(nil, &ipvs.Service{ServiceKey: s.ServiceKey})
	left := t.AppendService(nil, &s.Service)
	return row{s: s, left: strings.TrimSpace(string(left)), need: len(strings.TrimSpace(string(key)))}
}

// serverRows returns the rows of the first n destinations of s.
func (v *View) serverRows(s *reading.Service, n int) []row {
	var all uint64
	for i := range s.Destinations {
		all += connections(&s.Destinations[i])
	}
	var rows []row
	for i := range n {
		d := &s.Destinations[i]
		left := ascii{v.Names}.Append([]byte("  -> "), d.AddrPort, s.Protocol)
		rows = append(rows, row{s, d, string(left), len(left), all})
	}
	return rows
}

// table lays out the titles and the rows.
func (v *View) table(rows []row, width int) []string {
	natural, need := len(titleService), minLeft
	for _, r := range rows {
		natural, need = max(natural, len(r.left)), max(need, r.need)
	}
	if width > 0 {
		need = min(need, max(minLeft, width/2))
	}
	cells := v.cells(rows)
	bar := barMax
	left := natural
	if width > 0 {
		cells, bar = narrow(cells, width-need)
		left = min(natural, width-barSpace(bar)-space(cells))
		if bar > 0 {
			bar = min(barMax, width-left-space(cells)-1)
		}
	}
	lines := []string{titleService}
	for i := range len(rows) + 1 {
		var line strings.Builder
		text := titleServer
		if i > 0 {
			text = rows[i-1].left
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
		lines = append(lines, strings.TrimRight(line.String(), " "))
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
		if c.format != listing.Plain && !slices.Contains(v.Formats, c.format) {
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
func narrow(cells []laidOut, width int) ([]laidOut, int) {
	bar := barMin
	for len(cells) > 0 && space(cells)+barSpace(bar) > width {
		i := 0
		for j := range cells {
			if cells[j].column.rank > cells[i].column.rank {
				i = j
			}
		}
		if bar > 0 && barRank > cells[i].column.rank {
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

func cutLines(lines []string, width int) []string {
	if width > 0 {
		for i := range lines {
			lines[i] = lines[i][:min(len(lines[i]), width)]
		}
	}
	return lines
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// ascii writes numbers instead of names that are not printable ASCII: it is
// not known how many cells of a terminal they take.
type ascii struct{ listing.Namer }

// Append appends ap by name or in numbers.
func (a ascii) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	b = a.Namer.Append(b, ap, p)
	if slices.ContainsFunc(b[start:], func(c byte) bool { return c < ' ' || c > '~' }) {
		return names.AppendNumeric(b[:start], ap)
	}
	return b
}
