// SPDX-License-Identifier: MIT

package watch

import (
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/humanize"
	"goipvsadm/cmd/goipvsadm/internal/tablefmt"
	"goipvsadm/ipvs"
)

// A ConnectionWatch makes a Watch display connections, or their counts by server and
// state, instead of services.
type ConnectionWatch struct {
	// Read reads the connections.
	Read func() iter.Seq2[ipvs.Connection, error]

	// Condition describes the connections that Read selects, such as "on
	// 192.0.2.1". It is "" if Read selects all connections.
	Condition string

	Count      bool // counts are displayed instead of connections
	WithEngine bool // listings, but not screens, have the columns of persistence engines

	// Encode, if not nil, writes the connections or the counts. Screen and Output are
	// then not used.
	Encode func(time.Time) error
}

// maxKeptConnections limits how many connections a screen can scroll through, so that
// memory use does not depend on the size of the table.
const maxKeptConnections = 1000

// A connectionSample is the selected part of the connection table at one time.
type connectionSample struct {
	time   time.Time
	total  uint64            // number of connections, without templates
	kept   []ipvs.Connection // the first ones, with templates; empty if counts are displayed
	unkept int               // number of connections and templates that are not in kept
	counts []conncount.Server
}

// sample reads the connections.
func (c *ConnectionWatch) sample() (*connectionSample, error) {
	s := &connectionSample{time: time.Now()}
	if c.Count {
		var err error
		s.counts, err = conncount.Count(c.Read())
		sum := conncount.Sum(s.counts)
		s.total = sum.Connections
		return s, err
	}
	for connection, err := range c.Read() {
		if err != nil {
			return nil, err
		}
		if !connection.IsTemplate() {
			s.total++
		}
		if len(s.kept) < maxKeptConnections {
			s.kept = append(s.kept, connection)
		} else {
			s.unkept++
		}
	}
	return s, nil
}

// describe returns subject with the condition.
func (c *ConnectionWatch) describe(subject string) string {
	return strings.TrimSpace(subject + " " + c.Condition)
}

// writeConnections writes a listing, preceded by an empty line unless it is the first.
func (w *Watch) writeConnections(first bool) error {
	c := w.Connections
	now := time.Now()
	if c.Encode != nil {
		return c.Encode(now)
	}
	names := w.View.Names
	if w.Names != nil {
		names = w.Names
	}
	h := head{time: now, host: w.View.host, subject: c.describe("connections")}
	title := h.text(0, w.View.chars()) + "\n"
	if !first {
		title = "\n" + title
	}
	if c.Count {
		counts, err := conncount.Count(c.Read())
		if err != nil {
			return err
		}
		_, err = w.Output.Write(tablefmt.AppendCounts([]byte(title), counts, names))
		return err
	}
	if _, err := io.WriteString(w.Output, title); err != nil {
		return err
	}
	return tablefmt.Connections(w.Output, c.Read(), names, c.WithEngine)
}

// A connectionSession shows the connections of a Watch.
type connectionSession struct {
	*Watch
	*display
	current *connectionSample
	offset  int // number of rows scrolled off at the top
	help    bool
}

// run shows the connections until a key or signal ends the session. It returns the
// signal, or nil for a key.
func (s *connectionSession) run() (os.Signal, error) {
	return s.show(s.display, s)
}

func (s *connectionSession) read() (err error) {
	s.current, err = s.Connections.sample()
	return err
}

// pressKey handles a key and reports whether it ends the session. After a key that
// scrolls, the offset may be beyond the end until lines is called.
func (s *connectionSession) pressKey(k key) (stop bool, err error) {
	wasHelp := s.help
	s.help = k.isHelp() && !wasHelp
	if wasHelp && !k.isQuit() || s.pressTimingKey(k) {
		return false, nil
	}
	if offset, ok := s.scroll(k, s.offset, connectionHeaderLines); ok {
		s.offset = offset
	}
	return k.isQuit(), nil
}

// connectionHeaderLines is the number of lines above the rows: the head line and the
// titles.
const connectionHeaderLines = 2

// lines returns the contents of the screen.
func (s *connectionSession) lines(width, height int) []Line {
	if s.help {
		lines := []Line{{Text: helpTitle(width)}, {}}
		for _, k := range keyHelp {
			if !k.servicesOnly {
				lines = append(lines, Line{Text: k.text})
			}
		}
		return truncateLines(lines[:min(len(lines), height)], width)
	}
	const withEngine = false // only listings have the columns of persistence engines
	c, sample := s.Connections, s.current
	first := head{time: sample.time, host: s.View.host, subject: c.describe(humanize.Count(sample.total, "connection")), notes: s.notes()}
	texts := []string{first.text(width, s.View.chars())}
	names := asciiNamer{s.View.Names}
	var title string
	var rows int
	var row func(i int) string
	if c.Count {
		counts := tablefmt.CountLines(sample.counts, names)
		title, rows = counts[0], len(counts)-1
		row = func(i int) string { return counts[1+i] }
	} else {
		title, rows = tablefmt.ConnectionTitle(withEngine), len(sample.kept)
		row = func(i int) string { return string(tablefmt.AppendConnection(nil, &sample.kept[i], names, withEngine)) }
	}
	texts = append(texts, title)
	capacity := max(height-connectionHeaderLines, 0)
	isPartial := rows+sample.unkept > capacity
	if isPartial {
		capacity = max(capacity-1, 0) // the last line has the number of hidden rows
	}
	s.offset = max(0, min(s.offset, rows-capacity))
	end := min(s.offset+capacity, rows)
	for i := s.offset; i < end; i++ {
		texts = append(texts, row(i))
	}
	if isPartial {
		texts = append(texts, hiddenRows(s.offset, rows-end+sample.unkept))
	}
	var lines []Line
	for _, text := range texts[:min(len(texts), height)] {
		lines = append(lines, Line{Text: strings.TrimRight(text, " \n")})
	}
	return truncateLines(lines, width)
}

// hiddenRows returns a text with the numbers of rows above and below the screen.
func hiddenRows(above, below int) string {
	var counts []string
	if above > 0 {
		counts = append(counts, humanize.Count(above, "line")+" above")
	}
	if below > 0 {
		counts = append(counts, humanize.Count(below, "more line"))
	}
	return "... " + strings.Join(counts, ", ")
}
