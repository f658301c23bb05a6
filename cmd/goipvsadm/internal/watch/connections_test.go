// SPDX-License-Identifier: MIT

package watch

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"goipvsadm/cmd/goipvsadm/internal/conncount"
	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// testConnections yields n connections after a template.
func testConnections(n int) iter.Seq2[ipvs.Connection, error] {
	return func(yield func(ipvs.Connection, error) bool) {
		c := ipvs.Connection{Protocol: ipvs.TCP, Client: ap("192.0.2.7:0"), VIP: ap("10.0.0.1:80"),
			Destination: ap("10.0.1.1:80"), State: "ASSURED", Expires: 60}
		for port := range n + 1 {
			if port > 0 {
				c.Client, c.State = netip.AddrPortFrom(c.Client.Addr(), uint16(port)), "ESTABLISHED"
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// newConnectionSession returns a session with n connections on a screen of 80 columns and
// 24 lines without a keyboard.
func newConnectionSession(t *testing.T, w *ConnectionWatch, n int) *connectionSession {
	t.Helper()
	w.Read = func() iter.Seq2[ipvs.Connection, error] { return testConnections(n) }
	s := &connectionSession{
		Watch:   &Watch{Interval: 2 * time.Second, Connections: w, View: View{Names: resolve.Numeric{}}},
		display: &display{screen: &screen{terminal: os.Stdin}, interval: 2 * time.Second},
	}
	if err := s.read(); err != nil {
		t.Fatal(err)
	}
	s.current.time = time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC)
	return s
}

// joinLines returns the texts of lines, without trailing spaces.
func joinLines(lines []Line) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(line.Text, " ") + "\n")
	}
	return b.String()
}

func TestConnectionLines(t *testing.T) {
	for _, tt := range []struct {
		name          string
		watch         ConnectionWatch
		connections   int
		width, height int
		want          string
	}{
		{name: "all fit", watch: ConnectionWatch{Condition: "from 192.0.2.7"}, connections: 2, width: 80, height: 24, want: `
2026-11-21T07:30:00Z  2 connections from 192.0.2.7  every 2s
pro expire state       source             virtual            destination
TCP 01:00  ASSURED     192.0.2.7:0        10.0.0.1:80        10.0.1.1:80
TCP 01:00  ESTABLISHED 192.0.2.7:1        10.0.0.1:80        10.0.1.1:80
TCP 01:00  ESTABLISHED 192.0.2.7:2        10.0.0.1:80        10.0.1.1:80
`},
		{name: "more than fit", connections: 20000, width: 40, height: 5, want: `
07:30:00  20,000 connections  every 2s
pro expire state       source
TCP 01:00  ASSURED     192.0.2.7:0
TCP 01:00  ESTABLISHED 192.0.2.7:1
... 19,999 more lines
`},
		{name: "counts", watch: ConnectionWatch{Count: true, Condition: "in ESTABLISHED"}, connections: 12, width: 80, height: 24, want: `
2026-11-21T07:30:00Z  12 connections in ESTABLISHED  every 2s
pro server                total ESTABLISHED templates
TCP 10.0.1.1:80              12          12         1
    total                    12          12         1
`},
		{name: "long condition", watch: ConnectionWatch{Condition: "from 192.0.2.7 to TCP 10.0.0.1:80 on 10.0.1.1:80 in ESTABLISHED"},
			connections: 1, width: 60, height: 2, want: `
1 connection from 192.0.2.7 to TCP 10.0.0.1:80 ...  every 2s
pro expire state       source             virtual
`},
		{name: "one line", connections: 5, width: 80, height: 1, want: `
2026-11-21T07:30:00Z  5 connections  every 2s
`},
	} {
		s := newConnectionSession(t, &tt.watch, tt.connections)
		if got := joinLines(s.lines(tt.width, tt.height)); got != tt.want[1:] {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want[1:])
		}
	}
}

// TestConnectionKeys checks which of 2000 rows are shown on 24 lines after each key. The
// session keeps only the first 1000 rows.
func TestConnectionKeys(t *testing.T) {
	s := newConnectionSession(t, new(ConnectionWatch), 1999)
	for _, tt := range []struct {
		key           key
		first, hidden string
	}{
		{key: keyUp, first: "192.0.2.7:0 ", hidden: "... 1,979 more lines"},
		{key: keyDown, first: "192.0.2.7:1 ", hidden: "... 1 line above, 1,978 more lines"},
		{key: keyPageDown, first: "192.0.2.7:22 ", hidden: "... 22 lines above, 1,957 more lines"},
		{key: keyPageUp, first: "192.0.2.7:1 ", hidden: "... 1 line above, 1,978 more lines"},
		{key: keyEnd, first: "192.0.2.7:979 ", hidden: "... 979 lines above, 1,000 more lines"},
		{key: keyPageDown, first: "192.0.2.7:979 ", hidden: "... 979 lines above, 1,000 more lines"},
		{key: keyHome, first: "192.0.2.7:0 ", hidden: "... 1,979 more lines"},
		{key: 's', first: "192.0.2.7:0 ", hidden: "... 1,979 more lines"},
	} {
		if stop, err := s.pressKey(tt.key); stop || err != nil {
			t.Errorf("key %d: %v, %v", tt.key, stop, err)
		}
		lines := s.lines(80, 24)
		if len(lines) != 24 || !strings.Contains(lines[2].Text, tt.first) || lines[23].Text != tt.hidden {
			t.Errorf("key %d: %d lines, first %q, last %q", tt.key, len(lines), lines[2].Text, lines[len(lines)-1].Text)
		}
	}
	s.pressKey('?')
	if got := joinLines(s.lines(80, 24)); !strings.Contains(got, "scroll by one page") || strings.Contains(got, "sort services") {
		t.Errorf("help: %s", got)
	}
	s.pressKey('x')
	if got := joinLines(s.lines(80, 24)); !strings.Contains(got, "pro expire") {
		t.Errorf("after the help: %s", got)
	}
	s.pressKey('?')
	if stop, _ := s.pressKey('q'); !stop {
		t.Error("q does not quit")
	}
}

func TestWriteConnections(t *testing.T) {
	var b strings.Builder
	c := &ConnectionWatch{Read: func() iter.Seq2[ipvs.Connection, error] { return testConnections(1) }, Condition: "in UDP"}
	w := &Watch{Connections: c, Output: &b, View: View{Names: resolve.Numeric{}}}
	for i := range 2 {
		if err := w.writeNext(i == 0); err != nil {
			t.Fatal(err)
		}
	}
	listings := strings.Split(b.String(), "\n\n")
	if len(listings) != 2 || !strings.Contains(listings[0], "  connections in UDP\nIPVS connection entries\npro ") ||
		strings.Count(listings[1], "\nTCP 01:00") != 2 {
		t.Errorf("listings %q", listings)
	}
	b.Reset()
	c.Count = true
	if err := w.writeNext(true); err != nil || !strings.Contains(b.String(), "\nTCP 10.0.1.1:80               1           1         1\n") {
		t.Errorf("counts %q, error %v", b.String(), err)
	}
	c.Encode = func(now time.Time) error {
		counts, err := conncount.Count(c.Read())
		fmt.Fprintln(w.Output, now.IsZero(), len(counts))
		return err
	}
	b.Reset()
	if err := w.writeNext(false); err != nil || b.String() != "false 1\n" {
		t.Errorf("encoded %q, error %v", b.String(), err)
	}
}

func TestWatchConnectionsError(t *testing.T) {
	errTest := errors.New("test error")
	for _, count := range []bool{false, true} {
		c := &ConnectionWatch{Count: count, Read: func() iter.Seq2[ipvs.Connection, error] {
			return func(yield func(ipvs.Connection, error) bool) { yield(ipvs.Connection{}, errTest) }
		}}
		if _, err := c.sample(); err != errTest {
			t.Errorf("sample: %v", err)
		}
		w := &Watch{Connections: c, Output: io.Discard, View: View{Names: resolve.Numeric{}}}
		if err := w.writeNext(true); err != errTest {
			t.Errorf("listing: %v", err)
		}
	}
}
