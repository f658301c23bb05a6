// SPDX-License-Identifier: MIT

// Package termsafe escapes control characters in strings from untrusted sources,
// such as interface names, host names and SIP Call-IDs, so that printing them
// cannot send control sequences to a terminal.
package termsafe

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsControl reports whether r is a control character, a format character (such
// as those that change the direction of text) or a line or paragraph separator:
// Unicode categories Cc, Cf, Zl and Zp.
func IsControl(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// decodeRune returns the first rune of text, which must not be empty, and its
// size in bytes. A byte that is not valid UTF-8 decodes as Latin-1, as on an 8-bit
// terminal.
func decodeRune(text string) (r rune, size int) {
	r, size = utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && size == 1 {
		r = rune(text[0])
	}
	return r, size
}

// HasControl reports whether text contains a rune for which IsControl holds.
func HasControl(text string) bool {
	for i := 0; i < len(text); {
		r, size := decodeRune(text[i:])
		if IsControl(r) {
			return true
		}
		i += size
	}
	return false
}

// Escape returns text with each byte of its control characters, except newlines,
// replaced by an escape such as \x1b.
func Escape(text string) string {
	if !HasControl(text) {
		return text
	}
	return escape(text, func(r rune) bool { return IsControl(r) && r != '\n' })
}

func escape(text string, mustEscape func(rune) bool) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := decodeRune(text)
		for i := range size {
			if mustEscape(r) {
				fmt.Fprintf(&b, `\x%02x`, text[i])
			} else {
				b.WriteByte(text[i])
			}
		}
		text = text[size:]
	}
	return b.String()
}

// quotePrefix and quoteSuffix enclose a quoted word, as $'…' in bash.
const quotePrefix, quoteSuffix = "$'", "'"

// Quote returns word, quoted if it contains control characters or is itself of the
// form $'…'. Unquote reverses Quote.
func Quote(word string) string {
	if _, quoted := cutQuotes(word); !quoted && !HasControl(word) {
		return word
	}
	return quotePrefix + escape(word, func(r rune) bool { return IsControl(r) || r == '\\' || r == '\'' }) + quoteSuffix
}

// Unquote reverses Quote. It returns a word that is not of the form $'…' unchanged.
func Unquote(word string) string {
	text, quoted := cutQuotes(word)
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

// cutQuotes returns the text between $' and ' if word has both.
func cutQuotes(word string) (text string, quoted bool) {
	text, hasPrefix := strings.CutPrefix(word, quotePrefix)
	text, hasSuffix := strings.CutSuffix(text, quoteSuffix)
	return text, hasPrefix && hasSuffix
}
