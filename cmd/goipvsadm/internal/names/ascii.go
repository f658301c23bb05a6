package names

import "strings"

// To the C library, which this program reads the same files as, white space and
// letters with another case are ASCII's only. U+00A0 is part of a word.

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isBlank(r rune) bool { return r < 0x80 && isSpace(byte(r)) }

// split returns the words of text.
func split(text string) []string {
	words := make([]string, 0, 4)
	start := 0
	for i := range len(text) {
		if !isSpace(text[i]) {
			continue
		}
		if start < i {
			words = append(words, text[start:i])
		}
		start = i + 1
	}
	if start < len(text) {
		words = append(words, text[start:])
	}
	return words
}

// trim returns text without the white space around it.
func trim(text string) string { return strings.TrimFunc(text, isBlank) }

// lower returns text with small letters for its capitals.
func lower(text string) string {
	var b []byte
	for i := range len(text) {
		if c := text[i]; 'A' <= c && c <= 'Z' {
			if b == nil {
				b = []byte(text)
			}
			b[i] = c + 'a' - 'A'
		}
	}
	if b == nil {
		return text
	}
	return string(b)
}
