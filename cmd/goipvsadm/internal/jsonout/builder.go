// SPDX-License-Identifier: MIT

package jsonout

import (
	"bufio"
	"encoding/base64"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// A builder is JSON text that is being built. Its methods append a member to the object
// that was opened last, or, with the name "", an element to the array.
//
// encoding/json would take seven times as many instructions for a table.
type builder []byte

// newObject starts an object.
func newObject() builder { return builder("{") }

// newTimedObject starts an object whose first member is a time.
func newTimedObject(t time.Time) builder {
	b := newObject()
	b.startValue("time")
	b = append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	return b
}

// write closes the object and writes it as a line.
func (b *builder) write(w *bufio.Writer) error {
	b.closeObject()
	_, err := w.Write(append(*b, '\n'))
	return err
}

// startValue appends what precedes a value: a comma, except before the first one, and
// the name.
func (b *builder) startValue(name string) {
	if n := len(*b); n > 0 && (*b)[n-1] != '{' && (*b)[n-1] != '[' {
		*b = append(*b, ',')
	}
	if name != "" {
		*b = append(append(append(*b, '"'), name...), `":`...)
	}
}

func (b *builder) openObject(name string) {
	b.startValue(name)
	*b = append(*b, '{')
}

func (b *builder) closeObject() { *b = append(*b, '}') }

func (b *builder) openArray(name string) {
	b.startValue(name)
	*b = append(*b, '[')
}

func (b *builder) closeArray() { *b = append(*b, ']') }

func (b *builder) bool(name string, v bool) {
	b.startValue(name)
	*b = strconv.AppendBool(*b, v)
}

func (b *builder) uint(name string, v uint64) {
	b.startValue(name)
	*b = strconv.AppendUint(*b, v, 10)
}

func (b *builder) int(name string, v int) {
	b.startValue(name)
	*b = strconv.AppendInt(*b, int64(v), 10)
}

// float appends a finite number, with an exponent if it is very large or small, as
// JavaScript prints it.
func (b *builder) float(name string, v float64) {
	b.startValue(name)
	if abs := math.Abs(v); abs == 0 || 1e-6 <= abs && abs < 1e21 {
		*b = strconv.AppendFloat(*b, v, 'f', -1, 64)
		return
	}
	*b = strconv.AppendFloat(*b, v, 'e', -1, 64)
	if n := len(*b); string((*b)[n-4:n-1]) == "e-0" { // e-07 is e-7
		(*b)[n-2] = (*b)[n-1]
		*b = (*b)[:n-1]
	}
}

// string appends a string. Invalid UTF-8 is replaced by U+FFFD.
func (b *builder) string(name, s string) {
	b.startValue(name)
	*b = append(appendEscaped(append(*b, '"'), s, utf8.MaxRune), '"')
}

// asciiString appends text that a client sent. All but printable ASCII is escaped,
// because other characters could be control characters of a terminal.
func (b *builder) asciiString(name, s string) {
	b.startValue(name)
	*b = append(appendEscaped(append(*b, '"'), s, '~'), '"')
}

// nonempty appends a string unless it is empty.
func (b *builder) nonempty(name, s string) {
	if s != "" {
		b.string(name, s)
	}
}

// lower appends a name in ASCII in lower case.
func (b *builder) lower(name, s string) {
	b.startValue(name)
	*b = append(*b, '"')
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		*b = append(*b, c)
	}
	*b = append(*b, '"')
}

// strings appends an array of strings.
func (b *builder) strings(name string, list []string) {
	b.openArray(name)
	for _, s := range list {
		b.string("", s)
	}
	b.closeArray()
}

func (b *builder) addr(name string, a netip.Addr) {
	b.startValue(name)
	*b = append(*b, '"')
	if a.IsValid() {
		*b = a.AppendTo(*b)
	}
	*b = append(*b, '"')
}

// base64UnlessUTF8 appends s in base64 if it is not valid UTF-8, so that nothing is lost.
func (b *builder) base64UnlessUTF8(name, s string) {
	if !utf8.ValidString(s) {
		b.startValue(name)
		*b = append(base64.StdEncoding.AppendEncode(append(*b, '"'), []byte(s)), '"')
	}
}

// appendEscaped appends the text of a string literal. It escapes control characters, the
// line separators that JavaScript does not allow in a literal, U+FFFD, by which invalid
// bytes are replaced, and characters after last.
func appendEscaped(b []byte, s string, last rune) []byte {
	const hex = "0123456789abcdef"
	escape := func(r rune) {
		b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	for _, r := range s {
		switch {
		case ' ' <= r && r < utf8.RuneSelf && r <= last && r != '"' && r != '\\':
			b = append(b, byte(r))
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case '\b' <= r && r <= '\r' && r != '\v':
			b = append(b, '\\', "btn-fr"[r-'\b'])
		case r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError, last < r && r <= 0xffff:
			escape(r)
		case last < r:
			high, low := utf16.EncodeRune(r)
			escape(high)
			escape(low)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
