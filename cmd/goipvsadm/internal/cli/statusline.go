package cli

import (
	"io"
	"os"

	"goipvsadm/cmd/goipvsadm/internal/watch"
)

// A statusLine is a line on a terminal that is written over and over. Where
// there is no terminal, nothing is written.
type statusLine struct {
	w     io.Writer
	width func() int // of the terminal, in columns; nil if there is none
	shown bool
}

// newStatusLine returns a status line that is written to w, which ends in tty.
func newStatusLine(w, tty io.Writer) statusLine {
	f, ok := tty.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return statusLine{}
	}
	if _, _, err := watch.WindowSize(f); err != nil {
		return statusLine{}
	}
	return statusLine{w: w, width: func() int {
		width, _, err := watch.WindowSize(f)
		if err != nil {
			return 80 // it was a terminal
		}
		return width
	}}
}

// The line is written from its start, and what stood there before is erased.
const (
	lineStart = "\r"
	eraseRest = "\x1b[K"
)

// show writes text, which is ASCII, in place of what the line showed before.
func (l *statusLine) show(text string) {
	if l.width == nil {
		return
	}
	// A full line would wrap on some terminals.
	text = text[:min(len(text), max(l.width()-1, 0))]
	io.WriteString(l.w, lineStart+text+eraseRest)
	l.shown = true
}

// clear empties the line.
func (l *statusLine) clear() {
	if l.shown {
		io.WriteString(l.w, lineStart+eraseRest)
		l.shown = false
	}
}
