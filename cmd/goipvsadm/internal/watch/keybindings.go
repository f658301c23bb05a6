package watch

import (
	"fmt"
	"math"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
)

// An effect is what a key did.
type keyResult int

const (
	nothing      keyResult = iota // but to the screen
	needFullRead                  // all of the table is wanted, perhaps in another order
	quit
)

// press does what a key says.
func (s *session) handleKey(k key) keyResult {
	switch s.mode {
	case typing:
		return s.typeFilter(k)
	case helping:
		s.mode = watching
		if k != 'q' && k != 'Q' {
			return nothing
		}
	}
	_, height := s.screen.size()
	page := max(height-headerLines-1, 1) // of the old one, a line stays
	switch k {
	case 'q', 'Q':
		return quit
	case '?':
		s.mode = helping
		return nothing
	case '/':
		s.mode, s.typed = typing, s.View.filter
		return nothing
	case 's', 'S':
		s.Reader.Order = s.Reader.Order.Next()
		if s.View.Top > 0 && s.Reader.Order == sampler.ByAddress {
			s.Reader.Order = s.Reader.Order.Next() // no first N of these are worth a look
		}
	case keyEscape:
		s.View.filter = ""
	case keyUp:
		return s.scroll(-1)
	case keyDown:
		return s.scroll(1)
	case keyPageUp:
		return s.scroll(-page)
	case keyPageDown:
		return s.scroll(page)
	case keyHome:
		return s.scroll(-math.MaxInt32)
	case keyEnd:
		return s.scroll(math.MaxInt32)
	default:
		return nothing
	}
	s.View.offset = 0
	s.steered = true
	return needFullRead
}

// scroll moves by so many lines, as far as there are any.
func (s *session) scroll(lines int) keyResult {
	s.View.offset = max(0, s.View.offset+lines)
	s.steered = true
	return needFullRead
}

// typeFilter takes a key of a filter, which holds while it is being typed.
func (s *session) typeFilter(k key) keyResult {
	switch {
	case k == keyEnter || k == keyLineFeed:
		s.mode = watching
	case k == keyEscape:
		s.mode, s.typed = watching, ""
	case k == keyBackspace || k == keyCtrlH:
		s.typed = s.typed[:max(0, len(s.typed)-1)]
	case k == keyCtrlU:
		s.typed = ""
	case k >= ' ' && k <= '~':
		s.typed += string(rune(k))
	default:
		return nothing
	}
	s.View.filter, s.View.offset = s.typed, 0
	s.steered = true
	return needFullRead
}

// prompt is the first line while a filter is being typed: its end, where it is
// too long.
func prompt(typed string, width int) string {
	const keys = "  (Enter keeps it, Esc drops it)"
	line := "Filter: " + typed + "_"
	if len(line+keys) <= width {
		line += keys
	}
	return line[max(0, len(line)-width):]
}

// keysHelp says what keys do.
var keysHelp = [...]string{
	"Up, Down        scroll by a line",
	"PgUp, PgDn      scroll by a page",
	"Home, End       to the beginning, to the end",
	"s               another order: address, packets, connections, bytes",
	"/               show only what has a text in its address or flags",
	"Esc             show everything again",
	"q, Ctrl-C       quit",
}

// help returns what the screen shows of what keys do and marks mean.
func help(width, height int) []Line {
	lines := []Line{{Text: firstThatFits(width, "Keys: any but q goes back, q quits", "q quits")}, {}}
	for _, text := range keysHelp {
		lines = append(lines, Line{Text: text})
	}
	lines = append(lines, Line{}, Line{Text: "A server is marked if"})
	for m := Drained; int(m) < len(marks); m++ {
		lines = append(lines, Line{fmt.Sprintf("%c ->            %s", marks[m].sign, marks[m].meaning), m})
	}
	return cutLines(lines[:min(len(lines), height)], width)
}

// firstThatFits returns the first of texts that fits into width, or the last.
func firstThatFits(width int, texts ...string) string {
	for _, text := range texts {
		if width <= 0 || len(text) <= width {
			return text
		}
	}
	return texts[len(texts)-1]
}
