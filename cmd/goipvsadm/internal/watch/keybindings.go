// SPDX-License-Identifier: MIT

package watch

import (
	"fmt"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// A keyResult is the action that the session must perform after a key was handled.
type keyResult int

const (
	redraw  keyResult = iota
	reorder           // sort the last sample again, and read the destinations that it lacks
	quit
)

// handleKey handles a key.
func (s *session) handleKey(k key) keyResult {
	switch s.mode {
	case modeFilter:
		return s.editFilter(k)
	case modeHelp:
		s.mode = modeTable
		if !k.isQuit() {
			return redraw
		}
	}
	switch {
	case k.isQuit():
		return quit
	case k.isHelp():
		s.mode = modeHelp
		return redraw
	case s.pressTimingKey(k):
		return redraw
	}
	if offset, ok := s.scroll(k, s.View.offset, headerLines); ok {
		s.View.offset = offset // View.visibleRows limits it to the end of the table
		s.readAll = true
		return reorder
	}
	switch k {
	case '/':
		s.mode, s.filterInput = modeFilter, s.View.filter
		return redraw
	case 's', 'S':
		s.Sampler.Order = s.Sampler.Order.Next()
		if s.View.Top > 0 && s.Sampler.Order == sampler.ByAddress {
			s.Sampler.Order = s.Sampler.Order.Next() // the order by address does not select the busiest services
		}
	case 'r', 'R':
		s.Sampler.DestinationOrder = s.Sampler.DestinationOrder.Next()
		return reorder
	case keyEscape:
		s.View.filter = ""
	default:
		return redraw
	}
	s.View.offset = 0
	s.readAll = true
	return reorder
}

// editFilter handles a key while a filter is entered. The filter is applied after every
// key.
func (s *session) editFilter(k key) keyResult {
	switch {
	case k == keyEnter || k == keyLineFeed:
		s.mode = modeTable
	case k == keyEscape:
		s.mode, s.filterInput = modeTable, ""
	case k == keyBackspace || k == keyCtrlH:
		s.filterInput = s.filterInput[:max(0, len(s.filterInput)-1)]
	case k == keyCtrlU:
		s.filterInput = ""
	case k >= ' ' && k <= '~':
		s.filterInput += string(rune(k))
	default:
		return redraw
	}
	s.View.filter, s.View.offset = s.filterInput, 0
	s.readAll = true
	return reorder
}

// filterPrompt returns the first line of the screen while a filter is entered. Long
// input is truncated at its beginning.
func filterPrompt(input string, width int) string {
	const keys = "  (Enter: keep, Esc: clear)"
	line := "Filter: " + input + "_"
	if len(line+keys) <= width {
		line += keys
	}
	return line[max(0, len(line)-width):]
}

// keyHelp describes the keys.
var keyHelp = [...]struct {
	text         string
	servicesOnly bool // the key has no effect on connections
}{
	{"Up, Down        scroll by one line", false},
	{"PgUp, PgDn      scroll by one page", false},
	{"Home, End       go to the first or last line", false},
	{"s               sort services by address, packets, connections or bytes", true},
	{"r               sort the servers of each service in the same ways", true},
	{"/               filter by text in an address, scheduler or flag", true},
	{"Esc             clear the filter", true},
	{"p               pause, continue", false},
	{"+, -            lengthen or shorten the interval by a second", false},
	{"h, ?, F1        show this help", false},
	{"q, Ctrl-C       quit", false},
}

// helpLines returns the help screen: the keys and the alerts.
func helpLines(width, height int) []Line {
	lines := []Line{{Text: helpTitle(width)}, {}}
	for _, k := range keyHelp {
		lines = append(lines, Line{Text: k.text})
	}
	lines = append(lines, Line{}, Line{Text: "Highlighted servers"})
	for a := Drained; int(a) < len(alertStyles); a++ {
		text := fmt.Sprintf("%c ->            %s", alertStyles[a].sign, alertStyles[a].meaning)
		lines = append(lines, Line{text, a, []span{{0, 1}}})
	}
	return truncateLines(lines[:min(len(lines), height)], width)
}

// helpTitle returns the first line of the help screen.
func helpTitle(width int) string {
	return firstThatFits(width, "Press any key to go back, q to quit", "q quits")
}

// firstThatFits returns the first of texts that is at most width long, or the last.
func firstThatFits(width int, texts ...string) string {
	for _, text := range texts {
		if width <= 0 || len(text) <= width {
			return text
		}
	}
	return texts[len(texts)-1]
}
