package resolve

import "strings"

// To the C library, which this program reads the same files as, white space and
// letters with another case are ASCII's only. U+00A0 is part of a word.

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isBlank(r rune) bool { return r < 0x80 && isSpace(byte(r)) }

// split returns the words of text.
func split(text string) []string { return strings.FieldsFunc(text, isBlank) }

// trim returns text without the white space around it.
func trim(text string) string { return strings.TrimFunc(text, isBlank) }

// lower returns text with small letters for its capitals. Bytes that are not
// UTF-8, which package strings would change, stay.
func lower(text string) string {
	b := []byte(text)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
