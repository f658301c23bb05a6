package watch

import (
	"fmt"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A View formats samples as lines of printable ASCII, in which each byte takes one
// terminal column.
type View struct {
	Formats []tablefmt.Format // formats whose columns are added to the default ones
	Exact   bool              // numbers are not abbreviated
	Top     int               // maximum number of services; 0 for all
	Names   tablefmt.Namer

	// Condition describes the services that the samples contain, such as "with server
	// 192.0.2.1". It is "" if they contain all.
	Condition string

	order  sampler.Order // order of the services in the samples
	filter string        // text that rows must contain; "" for all rows
	offset int           // number of rows scrolled off at the top
	notes  []string      // notes at the end of the header, least important first
	alert  func(ipvs.ServiceKey, *sampler.Destination) Alert
}

// A Line is a line with the alert that highlights it.
type Line struct {
	Text  string
	Alert Alert
}

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
	lines = append(lines, v.layOut(visible, width)...)
	if hidden != "" {
		lines = append(lines, Line{Text: hidden})
	}
	return truncateLines(lines, width)
}

// selectedServices returns the number of services that are shown without a filter.
func (v *View) selectedServices(sample *sampler.Sample) int {
	if v.Top > 0 {
		return min(v.Top, sample.Total)
	}
	return sample.Total
}

// header returns the first line: time, number of services and notes. matching is the
// number of services that match the filter.
func (v *View) header(sample *sampler.Sample, matching, width int) string {
	count := strings.TrimSpace(humanize.Count(sample.Total, "service") + " " + v.Condition)
	switch selected := v.selectedServices(sample); {
	case selected < sample.Total && v.order <= sampler.ByPackets:
		count = fmt.Sprintf("the busiest %d of %s", selected, count)
	case selected < sample.Total:
		count = fmt.Sprintf("the first %d of %s by %v", selected, count, v.order)
	case v.order != sampler.ByAddress:
		count += fmt.Sprintf(" by %v", v.order)
	}
	if v.filter != "" {
		count += fmt.Sprintf(", %d with %q", matching, v.filter)
	}
	return headLine(sample.Time, count, v.notes, width)
}

// minSubject is the number of columns from which on a subject is truncated and not
// dropped.
const minSubject = 20

// headLine returns the first line: the time t, a subject and notes. If the line is too
// long, notes are dropped from the left, then the time, and the subject is truncated or
// dropped. The last note is never dropped.
func headLine(t time.Time, subject string, notes []string, width int) string {
	timestamp := t.Format(time.RFC3339)
	if len(notes) == 0 {
		return timestamp + "  " + subject
	}
	var variants []string
	for i := range notes {
		variants = append(variants, timestamp+"  "+subject+"  "+strings.Join(notes[i:], ", "))
	}
	last := notes[len(notes)-1]
	variants = append(variants, subject+"  "+last)
	if room := width - len("  ") - len(last); room >= minSubject {
		variants = append(variants, truncate(subject, room)+"  "+last)
	}
	return firstThatFits(width, append(variants, last)...)
}

// truncateLines truncates lines to width, in place, unless width is 0.
func truncateLines(lines []Line, width int) []Line {
	if width > 0 {
		for i := range lines {
			lines[i].Text = lines[i].Text[:min(len(lines[i].Text), width)]
		}
	}
	return lines
}
