// SPDX-License-Identifier: MIT

package watch

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	titleService = "Prot LocalAddress:Port Scheduler Flags"
	titleServer  = "  -> RemoteAddress:Port"

	// minLabelWidth is the width that columns leave for labels. It fits every IPv4
	// address.
	minLabelWidth = len("  -> 255.255.255.255:65535")

	// The bar at the end of a row shows the share of a server.
	barDropPriority = 9 // see column.dropPriority
	minBarWidth     = 8
	maxBarWidth     = 20
)

// A layout is the arrangement of rows in lines: the label, the columns and the bar.
type layout struct {
	view       *View
	width      int // width of the lines; 0 for unlimited
	labelWidth int
	columns    []sizedColumn
	barWidth   int    // 0 without a bar
	cell       []byte // buffer
}

// A sizedColumn is a column with its width.
type sizedColumn struct {
	column
	width int
}

// newLayout returns a layout for lines of the given width. If width is not 0, it drops
// columns and shortens labels to fit. Columns and labels are wide enough for rows; cells
// and labels of other rows may be wider.
func (v *View) newLayout(rows []row, width int) *layout {
	l := &layout{view: v, width: width, labelWidth: len(titleService), barWidth: maxBarWidth}
	for i := range rows {
		l.labelWidth = max(l.labelWidth, len(rows[i].label))
	}
	for _, c := range columns() {
		if !c.isShown(v) {
			continue
		}
		sized := sizedColumn{c, max(c.minWidth, len(c.title))}
		for i := range rows {
			l.cell = c.append(l.cell[:0], v, &rows[i])
			sized.width = max(sized.width, utf8.RuneCount(l.cell))
		}
		l.columns = append(l.columns, sized)
	}
	if width > 0 {
		l.dropColumns(width - min(typicalAddressWidth(rows), max(minLabelWidth, width/2)))
		l.labelWidth = min(l.labelWidth, width-barSpace(l.barWidth)-l.columnsWidth())
		if l.barWidth > 0 {
			l.barWidth = min(maxBarWidth, width-l.labelWidth-l.columnsWidth()-1)
		}
	}
	return l
}

// typicalAddressWidth returns a width that fits the address in at least three quarters
// of rows, so that a few long addresses do not displace the columns of all rows.
func typicalAddressWidth(rows []row) int {
	if len(rows) == 0 {
		return minLabelWidth
	}
	var widths []int
	for i := range rows {
		widths = append(widths, rows[i].addressLen)
	}
	slices.Sort(widths)
	return max(minLabelWidth, widths[(len(widths)-1)*3/4])
}

// dropColumns drops columns, and possibly the bar, until the others fit into width. It
// sets the bar to its minimum width.
func (l *layout) dropColumns(width int) {
	l.barWidth = minBarWidth
	for len(l.columns) > 0 && l.columnsWidth()+barSpace(l.barWidth) > width {
		i := 0
		for j := range l.columns {
			if l.columns[j].dropPriority > l.columns[i].dropPriority {
				i = j
			}
		}
		if l.barWidth > 0 && barDropPriority > l.columns[i].dropPriority {
			l.barWidth = 0
			continue
		}
		l.columns = slices.Delete(l.columns, i, i+1)
	}
}

// columnsWidth returns the width of the columns with a blank before each.
func (l *layout) columnsWidth() int {
	width := 0
	for i := range l.columns {
		width += 1 + l.columns[i].width
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

// titles returns the two title lines.
func (l *layout) titles() [2]string {
	b := []byte(l.view.chars().truncate(titleServer, l.maxLabelWidth()))
	b = appendBlanks(b, l.labelWidth-utf8.RuneCount(b))
	for i := range l.columns {
		c := &l.columns[i]
		b = c.pad(append(b, ' '), []byte(c.title))
	}
	return [2]string{titleService, strings.TrimRight(string(b), " ")}
}

// maxLabelWidth returns the maximum width of labels.
func (l *layout) maxLabelWidth() int {
	if l.width == 0 {
		return 1 << 30
	}
	return l.labelWidth
}

// append appends the line of r, without a newline. highlights are the parts to highlight
// if r has an alert: the sign, the weight and the bar.
func (l *layout) append(b []byte, r *row) (_ []byte, highlights []span) {
	start := len(b)
	mark := func(from int) {
		if r.alert != NoAlert {
			highlights = append(highlights, span{from - start, len(b) - start})
		}
	}
	if limit := l.maxLabelWidth(); len(r.label) <= limit {
		b = append(b, r.label...)
	} else {
		b = append(b, l.view.chars().shortenLabel(string(r.label), r.addressLen, limit)...)
	}
	b = appendBlanks(b, l.labelWidth-utf8.RuneCount(b[start:]))
	if r.alert != NoAlert {
		highlights = append(highlights, span{0, 1})
	}
	for i := range l.columns {
		c := &l.columns[i]
		l.cell = c.append(l.cell[:0], l.view, r)
		b = append(b, ' ')
		from := len(b)
		if b = c.pad(b, l.cell); c.isHighlighted {
			mark(from)
		}
	}
	if share, ok := r.share(); ok && l.barWidth > 0 {
		b = append(b, ' ')
		from := len(b)
		b = l.view.chars().appendBar(b, share, l.barWidth)
		mark(from)
	}
	for len(b) > start && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	if l.width > 0 {
		b = b[:start+len(cut(b[start:], l.width))]
	}
	return b, highlights
}

// appendRow appends the line of r, which lacks the fields that fillRow sets.
func (l *layout) appendRow(b []byte, r *row) []byte {
	l.view.fillRow(r)
	b, _ = l.append(b, r)
	return append(b, '\n')
}

// pad appends the text of a cell, padded to the width of the column.
func (c *sizedColumn) pad(b, text []byte) []byte {
	missing := c.width - utf8.RuneCount(text)
	if c.alignLeft {
		return appendBlanks(append(b, text...), missing)
	}
	return append(appendBlanks(b, missing), text...)
}

// appendBlanks appends n blanks, or none if n is negative.
func appendBlanks(b []byte, n int) []byte { return append(b, strings.Repeat(" ", max(n, 0))...) }
