// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"

	"goipvsadm/cmd/goipvsadm/internal/watch"
)

// A progressLine is a line on a terminal that is overwritten in place. Without
// a terminal, nothing is written.
type progressLine struct {
	w     io.Writer
	width func() int // width of the terminal in columns; nil without a terminal
	shown bool
}

// newProgressLine returns a line that is written to w. tty is the file to which w
// writes; it must be a terminal that can erase lines, or nothing is written.
func newProgressLine(w, tty io.Writer) progressLine {
	f, ok := tty.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return progressLine{}
	}
	if _, _, err := watch.WindowSize(f); err != nil {
		return progressLine{}
	}
	return progressLine{w: w, width: func() int {
		width, _, err := watch.WindowSize(f)
		if err != nil {
			return 80
		}
		return width
	}}
}

const (
	carriageReturn = "\r"
	eraseToEnd     = "\x1b[K"
)

// show replaces the line with text, which must be ASCII.
func (l *progressLine) show(text string) {
	if l.width == nil {
		return
	}
	// Some terminals wrap a line that fills all columns.
	text = text[:min(len(text), max(l.width()-1, 0))]
	_, _ = io.WriteString(l.w, carriageReturn+text+eraseToEnd)
	l.shown = true
}

// clear erases the line.
func (l *progressLine) clear() {
	if l.shown {
		_, _ = io.WriteString(l.w, carriageReturn+eraseToEnd)
		l.shown = false
	}
}
