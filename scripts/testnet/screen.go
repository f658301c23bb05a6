// SPDX-License-Identifier: MIT

package testnet

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Screen emulates the part of a terminal that goipvsadm --watch uses. Call Resize before the
// first Write.
type Screen struct {
	Alternate    bool   // the alternate screen is active
	CursorHidden bool   // the cursor is hidden
	Err          string // first invalid or unsupported output; empty if none

	width, height  int
	lines          [][]rune
	colors         [][]string // color of each cell, as SGR parameters (ISO 6429)
	row, column    int
	color          string // SGR parameters for the next characters
	escapeSequence []byte // incomplete escape sequence
	character      []byte // incomplete UTF-8 character

	// After a resize the program may still be drawing for the old size. Errors are
	// ignored until it has drawn a complete valid frame.
	resizePending, frameStarted, frameInvalid bool
}

// Resize changes the size of the screen. Content that still fits is kept.
func (s *Screen) Resize(width, height int) {
	s.width, s.height = width, height
	s.resizePending, s.frameStarted = true, false
	lines, colors := make([][]rune, height), make([][]string, height)
	for i := range lines {
		lines[i], colors[i] = []rune(strings.Repeat(" ", width)), make([]string, width)
		if i < len(s.lines) {
			copy(lines[i], s.lines[i])
			copy(colors[i], s.colors[i])
		}
	}
	s.lines, s.colors = lines, colors
	s.row, s.column = min(s.row, height-1), min(s.column, width)
}

// String returns the lines without trailing blanks.
func (s *Screen) String() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

// Colors returns the text of a line, split where the color changes.
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

// TextRun is a part of a line in one color.
type TextRun struct {
	Colors string // SGR parameters (ISO 6429), such as "1;37;41"; empty for the default
	Text   string
}

// Write interprets the output of a program. Each character above ASCII takes one column.
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
				s.recordError("output scrolls the screen")
			}
		case c == '\n':
			s.row++
		case c < ' ' || c == '\x7f':
			s.recordError(fmt.Sprintf("unexpected byte %q", c))
		default:
			s.character = append(s.character, c)
			if utf8.FullRune(s.character) {
				r, _ := utf8.DecodeRune(s.character)
				s.character = nil
				s.print(r)
			}
		}
	}
}

// print shows a character at the cursor.
func (s *Screen) print(r rune) {
	switch {
	case r == utf8.RuneError:
		s.recordError("output is not UTF-8")
	case s.column >= s.width:
		s.recordError("output beyond the last column")
	default:
		s.lines[s.row][s.column], s.colors[s.row][s.column] = r, s.color
		s.column++
	}
}

// recordError marks the frame as invalid and stores the first error.
func (s *Screen) recordError(message string) {
	s.frameInvalid = true
	if s.Err == "" && !s.resizePending {
		s.Err = message
	}
}

// applySequence executes an escape sequence.
func (s *Screen) applySequence(text string) {
	if color, ok := strings.CutSuffix(text, "m"); ok {
		s.color = color[len("\x1b["):]
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
		s.recordError(fmt.Sprintf("unsupported escape sequence %q", text))
	}
}

// clear clears the rows from <= row < to, the first one only from the column of the cursor. A cursor
// after the last column is treated as in the last column, as on real terminals.
func (s *Screen) clear(from, to int) {
	column := min(s.column, s.width-1)
	for row := from; row < to; row++ {
		for i := column; i < s.width; i++ {
			s.lines[row][i], s.colors[row][i] = ' ', ""
		}
		column = 0
	}
}
