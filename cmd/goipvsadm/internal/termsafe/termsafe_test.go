// SPDX-License-Identifier: MIT

package termsafe

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"":            "",
		"eth0":        "eth0",
		"#c":          "#c",
		"ü":           "ü",
		`a\x1b`:       `a\x1b`,
		"e\x1b[31m":   `$'e\x1b[31m'`,
		"\u202e":      `$'\xe2\x80\xae'`,
		"8-bit\x9b":   `$'8-bit\x9b'`,
		"latin\xfc":   "latin\xfc",
		`\'` + "\x01": `$'\x5c\x27\x01'`,
		"$'eth0'":     `$'$\x27eth0\x27'`,
		"$'":          "$'",
		"new\nline":   `$'new\x0aline'`,
		"del\x7fete":  `$'del\x7fete'`,
	} {
		if got := Quote(word); got != want || Unquote(got) != word {
			t.Errorf("Quote(%q) = %q, want %q; Unquote gives %q", word, got, want, Unquote(got))
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"two\nlines, ü":      "two\nlines, ü",
		"\x1b[31m\n'\\'":     "\\x1b[31m\n'\\'",
		"isolate\u2066\x9b!": `isolate\xe2\x81\xa6\x9b!`,
	} {
		if got := Escape(text); got != want {
			t.Errorf("Escape(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("eth0")
	f.Add("$'x\\x1b'")
	f.Fuzz(func(t *testing.T, word string) {
		got := Quote(word)
		if Unquote(got) != word || HasControl(got) || strings.ContainsRune(got, '\n') {
			t.Errorf("Quote(%q) = %q; Unquote gives %q", word, got, Unquote(got))
		}
	})
}
