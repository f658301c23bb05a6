// Package termsafe makes text safe to look at: others choose the names of network
// interfaces, hosts and calls, and could send with them to a terminal what is
// not for the eyes.
package termsafe

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden reports whether a character does more than be seen, or is not seen at
// all: control characters, those that turn the direction of text, and the like.
func IsControl(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// first returns the first character of a text that is not empty, and its size.
// A byte that is no UTF-8 is what it would be to an 8-bit terminal.
func decodeRune(text string) (r rune, size int) {
	r, size = utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		r = rune(text[0])
	}
	return r, size
}

// AnyHidden reports whether there is a hidden character in text.
func AnyHidden(text string) bool {
	for i := 0; i < len(text); {
		r, size := decodeRune(text[i:])
		if IsControl(r) {
			return true
		}
		i += size
	}
	return false
}

// Visible returns text with its hidden characters as \x1b, byte by byte. Those
// that end lines stay.
func Escape(text string) string {
	if !AnyHidden(text) {
		return text
	}
	return escape(text, func(r rune) bool { return IsControl(r) && r != '\n' })
}

func escape(text string, special func(rune) bool) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := decodeRune(text)
		for i := range size {
			if special(r) {
				fmt.Fprintf(&b, `\x%02x`, text[i])
			} else {
				b.WriteByte(text[i])
			}
		}
		text = text[size:]
	}
	return b.String()
}

// A word with hidden characters is written as bash and others read it.
const opening, closing = "$'", "'"

// Word returns word so that it can be seen, and Parse makes it what it was.
func Quote(word string) string {
	if _, quoted := cut(word); !quoted && !AnyHidden(word) {
		return word
	}
	return opening + escape(word, func(r rune) bool { return IsControl(r) || r == '\\' || r == '\'' }) + closing
}

// Parse returns the word that Word wrote. Any other it returns as it is.
func Unquote(word string) string {
	text, quoted := cut(word)
	if !quoted {
		return word
	}
	var b strings.Builder
	for len(text) > 0 {
		if len(text) >= 4 && text[:2] == `\x` {
			if c, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				text = text[4:]
				continue
			}
		}
		b.WriteByte(text[0])
		text = text[1:]
	}
	return b.String()
}

// cut returns what is between the marks of a quoted word.
func cut(word string) (text string, quoted bool) {
	text, opened := strings.CutPrefix(word, opening)
	text, closed := strings.CutSuffix(text, closing)
	return text, opened && closed
}
