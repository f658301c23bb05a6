// SPDX-License-Identifier: MIT

package watch

import (
	"fmt"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A View formats samples as lines of characters that each take one terminal column.
type View struct {
	Formats []tablefmt.Format // formats whose columns are added to the default ones
	Exact   bool              // numbers are not abbreviated
	Top     int               // maximum number of services; 0 for all
	Names   tablefmt.Namer

	// Condition describes the services that the samples contain, such as "with server
	// 192.0.2.1". It is "" if they contain all.
	Condition string

	host        string        // name of this host
	utf8        bool          // the terminal or output supports UTF-8
	order       sampler.Order // order of the services in the samples
	serverOrder sampler.Order // order of the servers of each service
	filter      string        // text that rows must contain; "" for all rows
	offset      int           // number of rows scrolled off at the top
	notes       []string      // notes at the end of the header, least important first
	alert       func(ipvs.ServiceKey, *sampler.Destination) Alert
	history     *history // nil if no history is shown
}

// A Line is a line of text with the parts that are highlighted because of an alert.
type Line struct {
	Text       string
	Alert      Alert
	highlights []span
}

// A span is a part of a line, from a byte offset up to another one.
type span struct{ start, end int }

// headerLines is the number of lines above the rows: the header and two title lines.
const headerLines = 3

// Lines returns the lines that show sample on a terminal of width columns and height
// lines. A width or height of 0 means unlimited. An offset beyond the end is reduced.
func (v *View) Lines(sample *sampler.Sample, width, height int) []Line {
	rows, matching := v.rows(sample)
	lines := []Line{{Text: v.header(sample, matching, width)}}
	if height > 0 && height <= headerLines {
		return truncateLines(lines, width)
	}
	visible, hidden := v.visibleRows(rows, matching, height-headerLines)
	l := v.newLayout(visible, width)
	for _, title := range l.titles() {
		lines = append(lines, Line{Text: title})
	}
	for i := range visible {
		text, highlights := l.append(nil, &visible[i])
		lines = append(lines, Line{string(text), visible[i].alert, highlights})
	}
	if hidden != "" {
		lines = append(lines, Line{Text: hidden})
	}
	return truncateLines(lines, width)
}

// countSelected returns the number of services that are shown without a filter.
func (v *View) countSelected(sample *sampler.Sample) int {
	if v.Top > 0 {
		return min(v.Top, sample.Total)
	}
	return sample.Total
}

// header returns the first line: time, host, number of services, totals and notes.
// matching is the number of services that match the filter.
func (v *View) header(sample *sampler.Sample, matching, width int) string {
	count := strings.TrimSpace(humanize.Count(sample.Total, "service") + " " + v.Condition)
	switch selected := v.countSelected(sample); {
	case selected < sample.Total && v.order <= sampler.ByPackets:
		count = fmt.Sprintf("the busiest %d of %s", selected, count)
	case selected < sample.Total:
		count = fmt.Sprintf("the first %d of %s by %v", selected, count, v.order)
	case v.order != sampler.ByAddress:
		count += fmt.Sprintf(" by %v", v.order)
	}
	if v.serverOrder != sampler.ByAddress {
		count += fmt.Sprintf(", servers by %v", v.serverOrder)
	}
	if v.filter != "" {
		count += fmt.Sprintf(", %d with %q", matching, v.filter)
	}
	h := head{sample.Time, v.host, count, v.totals(sample), v.notes}
	return h.text(width, v.chars())
}

// totals returns the totals of sample for the header.
func (v *View) totals(sample *sampler.Sample) []string {
	r := sample.Measured
	if r == nil {
		return nil
	}
	rate := func(f float64, unit string) string { return string(v.appendRate(nil, f)) + unit }
	return []string{rate(r.Conns, " conn/s"), rate(r.InBytes, " B/s in"), rate(r.OutBytes, " B/s out")}
}

// chars returns the characters with which v draws.
func (v *View) chars() *charset {
	if v.utf8 {
		return &unicodeChars
	}
	return &asciiChars
}

// truncateLines truncates lines to width, in place, unless width is 0.
func truncateLines(lines []Line, width int) []Line {
	if width > 0 {
		for i := range lines {
			lines[i].Text = cut(lines[i].Text, width)
		}
	}
	return lines
}
