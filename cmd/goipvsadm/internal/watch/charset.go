// SPDX-License-Identifier: MIT

package watch

import (
	"math"
	"os"
	"strings"
	"unicode/utf8"
)

// A charset holds the characters with which a View draws. Each takes one terminal column.
type charset struct {
	ellipsis string   // replaces the omitted part of a text
	bar      []string // the parts of a bar, from empty to full
	levels   []string // the values of a history, from low to high
}

var (
	asciiChars   = charset{"...", []string{".", "#"}, []string{"_", ".", ":", "-", "=", "+", "*", "#"}}
	unicodeChars = charset{"…", []string{" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"}, []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}}
)

// useUTF8 reports whether the locale is UTF-8. It returns false on the Linux console,
// whose font lacks most block characters.
func useUTF8() bool {
	if os.Getenv("TERM") == "linux" {
		return false
	}
	for _, variable := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := os.Getenv(variable); locale != "" {
			locale = strings.ToLower(locale)
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// appendBar appends a bar of width columns of which a fraction is filled.
func (c *charset) appendBar(b []byte, fraction float64, width int) []byte {
	steps := len(c.bar) - 1 // per column
	filled := int(math.Round(fraction * float64(width*steps)))
	for range width {
		n := min(filled, steps)
		b = append(b, c.bar[n]...)
		filled -= n
	}
	return b
}

// appendHistory appends a character for each of values, relative to the highest one.
func (c *charset) appendHistory(b []byte, values []float32) []byte {
	var highest float32
	for _, v := range values {
		highest = max(highest, v)
	}
	for _, v := range values {
		level := 0
		if v > 0 {
			level = int(math.Ceil(float64(v / highest * float32(len(c.levels)-1))))
		}
		b = append(b, c.levels[level]...)
	}
	return b
}

// truncate truncates text, which is ASCII, to width.
func (c *charset) truncate(text string, width int) string {
	ellipsis := utf8.RuneCountInString(c.ellipsis)
	switch {
	case len(text) <= width:
		return text
	case width <= ellipsis:
		return text[:max(0, width)]
	}
	return text[:width-ellipsis] + c.ellipsis
}

// shortenLabel shortens a label, which is ASCII, to width. The address at its beginning,
// which is addressLen long, is shortened last.
func (c *charset) shortenLabel(label string, addressLen, width int) string {
	switch {
	case width < addressLen:
		return c.shortenMiddle(label[:addressLen], width)
	case width < addressLen+1+utf8.RuneCountInString(c.ellipsis):
		return label[:addressLen]
	}
	return c.truncate(label, width)
}

// shortenMiddle shortens text, which is ASCII, to width by omitting its middle.
func (c *charset) shortenMiddle(text string, width int) string {
	tail := (width - utf8.RuneCountInString(c.ellipsis)) / 2
	if len(text) <= width || tail < 1 {
		return c.truncate(text, width)
	}
	return c.truncate(text[:len(text)-tail], width-tail) + text[len(text)-tail:]
}

// cut returns the first width columns of text.
func cut[T string | []byte](text T, width int) T {
	if len(text) <= width {
		return text
	}
	for i := range string(text) {
		if width == 0 {
			return text[:i]
		}
		width--
	}
	return text
}
