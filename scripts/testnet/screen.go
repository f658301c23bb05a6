package testnet

import (
	"bytes"
	"fmt"
	"strings"
)

// Screen is what a terminal shows, as far as the program makes use of it. It has a size
// after the first Resize.
type Screen struct {
	Alternate    bool   // it is another screen than usual
	CursorHidden bool   // the cursor is
	Err          string // what a terminal would not have taken well

	width, height  int
	lines          [][]byte
	colors         [][]string // of each cell, as numbers of ISO 6429
	row, column    int
	color          string // in which is written
	escapeSequence []byte // an unfinished sequence

	// After a resize the program may be at work on a screen of the old size: what
	// does not fit is forgiven until it has shown one that does.
	resizePending, frameStarted, frameInvalid bool
}

// Resize gives the screen another size. What fits of what it showed stays.
func (s *Screen) Resize(width, height int) {
	s.width, s.height = width, height
	s.resizePending, s.frameStarted = true, false
	lines, colours := make([][]byte, height), make([][]string, height)
	for i := range lines {
		lines[i], colours[i] = bytes.Repeat([]byte(" "), width), make([]string, width)
		if i < len(s.lines) {
			copy(lines[i], s.lines[i])
			copy(colours[i], s.colors[i])
		}
	}
	s.lines, s.colors = lines, colours
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
func (s *Screen) Colors(row int) []TextRun {
	var runs []TextRun
	for i, c := range s.lines[row] {
		if n := len(runs); n == 0 || runs[n-1].Colors != s.colors[row][i] {
			runs = append(runs, TextRun{Colors: s.colors[row][i]})
		}
		runs[len(runs)-1].Text += string(c)
	}
	return runs
}

// Run is a part of a line.
type TextRun struct {
	Colors string // as numbers of ISO 6429, "1;37;41"; empty for the usual ones
	Text   string
}

// Write shows what a program writes.
func (s *Screen) Write(text []byte) {
	for _, c := range text {
		switch {
		case len(s.escapeSequence) > 0 || c == '\x1b':
			s.escapeSequence = append(s.escapeSequence, c)
			if len(s.escapeSequence) > 2 && (c >= '@' && c <= '~') {
				s.applySequence(string(s.escapeSequence))
				s.escapeSequence = nil
			}
		case c == '\r':
			s.column = 0
		case c == '\n' && s.row == s.height-1:
			if s.Alternate {
				s.recordError("scrolls")
			}
		case c == '\n':
			s.row++
		case c < ' ' || c > '~':
			s.recordError(fmt.Sprintf("writes %q", c))
		case s.column >= s.width:
			s.recordError("writes beyond the last column")
		default:
			s.lines[s.row][s.column], s.colors[s.row][s.column] = c, s.color
			s.column++
		}
	}
}

func (s *Screen) recordError(what string) {
	s.frameInvalid = true
	if s.Err == "" && !s.resizePending {
		s.Err = what
	}
}

func (s *Screen) applySequence(text string) {
	if colour, ok := strings.CutSuffix(text, "m"); ok {
		s.color = colour[len("\x1b["):]
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
		s.CursorHidden = true
	case "\x1b[?25h":
		s.CursorHidden = false
	case "\x1b[H":
		s.row, s.column = 0, 0
		if s.frameStarted && !s.frameInvalid {
			s.resizePending = false
		}
		s.frameStarted, s.frameInvalid = true, false
	case "\x1b[K":
		s.clear(s.row, s.row+1)
	case "\x1b[J":
		s.clear(s.row, s.height)
	default:
		s.recordError(fmt.Sprintf("sends %q", text))
	}
}

// clear clears lines, the first from the cursor on. At the right margin, a terminal may
// still be on the last column.
func (s *Screen) clear(from, to int) {
	column := min(s.column, s.width-1)
	for row := from; row < to; row++ {
		for i := column; i < s.width; i++ {
			s.lines[row][i], s.colors[row][i] = ' ', ""
		}
		column = 0
	}
}
