package testnet

import (
	"bytes"
	"fmt"
	"strings"
)

// Screen is what a terminal shows, as far as the program makes use of it. It has a size
// after the first Resize.
type Screen struct {
	Alternate bool   // it is another screen than usual
	Hidden    bool   // the cursor is
	Err       string // what a terminal would not have taken well

	width, height int
	lines         [][]byte
	colours       [][]string // of each cell, as numbers of ISO 6429
	row, column   int
	colour        string // in which is written
	escape        []byte // an unfinished sequence

	// After a resize the program may be at work on a screen of the old size: what
	// does not fit is forgiven until it has shown one that does.
	resized, began, misfit bool
}

// Resize gives the screen another size. What fits of what it showed stays.
func (s *Screen) Resize(width, height int) {
	s.width, s.height = width, height
	s.resized, s.began = true, false
	lines, colours := make([][]byte, height), make([][]string, height)
	for i := range lines {
		lines[i], colours[i] = bytes.Repeat([]byte(" "), width), make([]string, width)
		if i < len(s.lines) {
			copy(lines[i], s.lines[i])
			copy(colours[i], s.colours[i])
		}
	}
	s.lines, s.colours = lines, colours
	s.row, s.column = min(s.row, height-1), min(s.column, width)
}

// String returns the lines without the blanks at their ends.
func (s *Screen) String() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

// Colours returns the colours of a line, each with what is written in it.
func (s *Screen) Colours(row int) []Run {
	var runs []Run
	for i, c := range s.lines[row] {
		if n := len(runs); n == 0 || runs[n-1].Colours != s.colours[row][i] {
			runs = append(runs, Run{Colours: s.colours[row][i]})
		}
		runs[len(runs)-1].Text += string(c)
	}
	return runs
}

// Run is a part of a line.
type Run struct {
	Colours string // as numbers of ISO 6429, "1;37;41"; empty for the usual ones
	Text    string
}

// Write shows what a program writes.
func (s *Screen) Write(text []byte) {
	for _, c := range text {
		switch {
		case len(s.escape) > 0 || c == '\x1b':
			s.escape = append(s.escape, c)
			if len(s.escape) > 2 && (c >= '@' && c <= '~') {
				s.sequence(string(s.escape))
				s.escape = nil
			}
		case c == '\r':
			s.column = 0
		case c == '\n' && s.row == s.height-1:
			if s.Alternate {
				s.fail("scrolls")
			}
		case c == '\n':
			s.row++
		case c < ' ' || c > '~':
			s.fail(fmt.Sprintf("writes %q", c))
		case s.column >= s.width:
			s.fail("writes beyond the last column")
		default:
			s.lines[s.row][s.column], s.colours[s.row][s.column] = c, s.colour
			s.column++
		}
	}
}

func (s *Screen) fail(what string) {
	s.misfit = true
	if s.Err == "" && !s.resized {
		s.Err = what
	}
}

func (s *Screen) sequence(text string) {
	if colour, ok := strings.CutSuffix(text, "m"); ok {
		s.colour = colour[len("\x1b["):]
		return
	}
	switch text {
	case "\x1b[?1049h":
		s.Alternate = true
		s.row, s.column = 0, 0
		s.clear(0, s.height)
	case "\x1b[?1049l":
		s.Alternate = false
		s.row, s.column = 0, 0
		s.clear(0, s.height)
	case "\x1b[?25l":
		s.Hidden = true
	case "\x1b[?25h":
		s.Hidden = false
	case "\x1b[H":
		s.row, s.column = 0, 0
		if s.began && !s.misfit {
			s.resized = false
		}
		s.began, s.misfit = true, false
	case "\x1b[K":
		s.clear(s.row, s.row+1)
	case "\x1b[J":
		s.clear(s.row, s.height)
	default:
		s.fail(fmt.Sprintf("sends %q", text))
	}
}

// clear clears lines, the first from the cursor on. At the right margin, a terminal may
// still be on the last column.
func (s *Screen) clear(from, to int) {
	column := min(s.column, s.width-1)
	for row := from; row < to; row++ {
		for i := column; i < s.width; i++ {
			s.lines[row][i], s.colours[row][i] = ' ', ""
		}
		column = 0
	}
}
