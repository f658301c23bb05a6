// SPDX-License-Identifier: MIT

package watch

import (
	"os"
	"slices"
	"strings"
	"time"
)

// A head is the first line of a listing or screen.
type head struct {
	time    time.Time
	host    string
	subject string
	totals  []string // totals of the table; the first one is dropped last
	notes   []string // dropped from the left; the last one is never dropped
}

// minSubjectWidth is the smallest width to which a subject is truncated. If fewer
// columns are available, the subject is dropped.
const minSubjectWidth = 20

// text returns the line. If width is not 0 and the line is longer, parts are shortened or
// dropped, the least important first.
func (h *head) text(width int, chars *charset) string {
	timestamp, host, totals, notes := h.time.Format(time.RFC3339), h.host, h.totals, h.notes
	line := func() string {
		parts := []string{timestamp, host, h.subject, strings.Join(totals, ", "), strings.Join(notes, ", ")}
		return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "  ")
	}
	dropNote := func() { notes = notes[min(1, max(0, len(notes)-1)):] }
	for _, shorten := range []func(){
		func() { timestamp = h.time.Format(time.TimeOnly) },
		func() { host, _, _ = strings.Cut(host, ".") },
		dropNote,
		func() { totals = totals[:min(1, len(totals))] },
		dropNote,
		func() { host = "" },
		func() { totals = nil },
		func() { timestamp = "" },
	} {
		if width <= 0 || len(line()) <= width {
			return line()
		}
		shorten()
	}
	text := line()
	if len(text) <= width || len(notes) == 0 {
		return text
	}
	last := notes[len(notes)-1]
	if available := width - len("  ") - len(last); available >= minSubjectWidth {
		return chars.truncate(h.subject, available) + "  " + last
	}
	return last
}

// hostName returns the name of this host, or "" if it has characters that are not
// printable ASCII.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return name
}
