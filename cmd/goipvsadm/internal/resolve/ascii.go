// SPDX-License-Identifier: MIT

package resolve

import "strings"

// Files are parsed as by the C library: only ASCII white space separates words, and only
// ASCII letters have case. A no-break space (U+00A0) is part of a word.

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isSpaceRune(r rune) bool { return r < 0x80 && isSpace(byte(r)) }

// fields splits text around white space.
func fields(text string) []string { return strings.FieldsFunc(text, isSpaceRune) }

// trimSpace removes leading and trailing white space.
func trimSpace(text string) string { return strings.TrimFunc(text, isSpaceRune) }

// toLower converts text to lower case. Unlike strings.ToLower it preserves invalid
// UTF-8.
func toLower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
