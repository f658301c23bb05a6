// SPDX-License-Identifier: MIT

package jsonout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// marshal returns v as encoding/json writes it without escaping HTML characters.
func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestBuilderStrings compares strings with those of encoding/json. With U+FFFD, only the
// values are the same: encoding/json escapes it only in the place of invalid bytes.
func TestBuilderStrings(t *testing.T) {
	tests := []string{"", "a\xffb", "\xe2\x80", "a\ufffdb", "\U0010ffff"}
	for r := range rune(0x3000) {
		tests = append(tests, string(r)+"x", "x"+string(r))
	}
	for _, s := range tests {
		var b, ascii builder
		b.string("", s)
		ascii.asciiString("", s)
		if want := marshal(t, s); string(b) != want && !strings.ContainsRune(s, 0xfffd) {
			t.Errorf("%q = %s, want %s", s, b, want)
		}
		for _, text := range []builder{b, ascii} {
			var value string
			if err := json.Unmarshal(text, &value); err != nil || value != string([]rune(s)) {
				t.Errorf("%q = %s, which is %q, %v", s, text, value, err)
			}
		}
		if strings.ContainsFunc(string(ascii), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q in ASCII = %s", s, ascii)
		}
	}
}

// TestBuilderNumbers compares numbers with those of encoding/json.
func TestBuilderNumbers(t *testing.T) {
	for _, v := range []float64{0, 1, 0.5, 0.1, 1e-5, 1e-6, 9.99e-7, 1e-9, 1.5e-10, 1e-300, 1e20, 1e21, 1.25e99, math.MaxFloat64, -2.5, -1e-8} {
		var b builder
		b.float("", v)
		if want := marshal(t, v); string(b) != want {
			t.Errorf("%g = %s, want %s", v, b, want)
		}
	}
	var b builder
	b.openArray("")
	b.uint("", math.MaxUint64)
	b.int("", math.MinInt)
	b.bool("", true)
	b.closeArray()
	if want := fmt.Sprintf("[%d,%d,true]", uint64(math.MaxUint64), math.MinInt); string(b) != want {
		t.Errorf("%s, want %s", b, want)
	}
}
