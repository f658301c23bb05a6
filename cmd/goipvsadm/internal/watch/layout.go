package watch

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
)

const (
	titleService = "Prot LocalAddress:Port Scheduler Flags"
	titleServer  = "  -> RemoteAddress:Port"

	// minLabelWidth is the width that columns leave for labels. It fits every IPv4
	// address.
	minLabelWidth = len("  -> 255.255.255.255:65535")

	// The bar at the end of a row shows the share of a server.
	barDropPriority = 4 // see column.dropPriority
	minBarWidth     = 8
	maxBarWidth     = 20
)

// layOut returns the two title lines and a line for each row: the label, the columns
// and the bar. If width is not 0, it drops columns and truncates labels to fit.
func (v *View) layOut(rows []row, width int) []Line {
	longestLabel, minLabel := len(titleService), minLabelWidth
	for _, r := range rows {
		longestLabel, minLabel = max(longestLabel, len(r.label)), max(minLabel, r.minLabel)
	}
	if width > 0 {
		minLabel = min(minLabel, max(minLabelWidth, width/2))
	}
	columns := v.fillColumns(rows)
	barWidth := maxBarWidth
	labelWidth := longestLabel
	if width > 0 {
		columns, barWidth = dropColumns(columns, width-minLabel)
		labelWidth = min(longestLabel, width-barSpace(barWidth)-columnsWidth(columns))
		if barWidth > 0 {
			barWidth = min(maxBarWidth, width-labelWidth-columnsWidth(columns)-1)
		}
	}
	lines := []Line{{Text: titleService}}
	for i := range len(rows) + 1 {
		var line strings.Builder
		label, alert := titleServer, NoAlert
		if i > 0 {
			label, alert = rows[i-1].label, rows[i-1].alert
		}
		fmt.Fprintf(&line, "%-*s", max(labelWidth, 0), truncate(label, labelWidth))
		for _, c := range columns {
			format := " %*s"
			if c.alignLeft {
				format = " %-*s"
			}
			fmt.Fprintf(&line, format, c.width, c.cells[i])
		}
		if i > 0 && barWidth > 0 {
			line.WriteString(" " + rows[i-1].bar(barWidth))
		}
		lines = append(lines, Line{strings.TrimRight(line.String(), " "), alert})
	}
	return lines
}

// A filledColumn is a column with its title and the cells of all rows.
type filledColumn struct {
	*column
	cells []string // the title, then one cell per row
	width int
}

// fillColumns returns the columns of the view's formats, filled for rows.
func (v *View) fillColumns(rows []row) []filledColumn {
	var filled []filledColumn
	all := columns()
	for i := range all {
		c := &all[i]
		if c.shownWith != tablefmt.Plain && !slices.Contains(v.Formats, c.shownWith) {
			continue
		}
		f := filledColumn{column: c, cells: []string{c.title}, width: max(c.minWidth, len(c.title))}
		for _, r := range rows {
			text := c.format(v, &r)
			f.cells = append(f.cells, text)
			f.width = max(f.width, len(text))
		}
		filled = append(filled, f)
	}
	return filled
}

// dropColumns drops columns, and possibly the bar, until the others fit into width. It
// returns the remaining columns, and the minimum width of the bar or 0 if it was dropped.
func dropColumns(columns []filledColumn, width int) ([]filledColumn, int) {
	barWidth := minBarWidth
	for len(columns) > 0 && columnsWidth(columns)+barSpace(barWidth) > width {
		i := 0
		for j := range columns {
			if columns[j].dropPriority > columns[i].dropPriority {
				i = j
			}
		}
		if barWidth > 0 && barDropPriority > columns[i].dropPriority {
			barWidth = 0
			continue
		}
		columns = slices.Delete(columns, i, i+1)
	}
	return columns, barWidth
}

// columnsWidth returns the width of columns with a blank before each.
func columnsWidth(columns []filledColumn) int {
	width := 0
	for _, c := range columns {
		width += 1 + c.width
	}
	return width
}

// barSpace returns the width of the bar with a blank before it, or 0 without a bar.
func barSpace(barWidth int) int {
	if barWidth == 0 {
		return 0
	}
	return 1 + barWidth
}

// bar returns a bar that shows the share of r, or "" if r has none.
func (r *row) bar(width int) string {
	share, ok := r.share()
	if !ok {
		return ""
	}
	n := int(math.Round(share * float64(width)))
	return strings.Repeat("#", n) + strings.Repeat(".", width-n)
}

// truncate truncates text to width, with > as the last character of truncated text.
func truncate(text string, width int) string {
	if len(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return text[:width-1] + ">"
}
