package watch

import (
	"reflect"
	"testing"
)

func TestDecodeKey(t *testing.T) {
	for _, tt := range []struct {
		input    string
		timedOut bool
		want     []key
		rest     string // input that was not decoded
	}{
		{input: "q", want: []key{'q'}},
		{input: "\x1b[A\x1b[B", want: []key{keyUp, keyDown}},
		{input: "\x1bOA\x1bOB\x1bOH\x1bOF", want: []key{keyUp, keyDown, keyHome, keyEnd}},
		{input: "\x1b[5~\x1b[6~\x1b[H\x1b[F", want: []key{keyPageUp, keyPageDown, keyHome, keyEnd}},
		{input: "\x1b[1~\x1b[4~\x1b[7~\x1b[8~", want: []key{keyHome, keyEnd, keyHome, keyEnd}},
		{input: "\x1b", rest: "\x1b"},
		{input: "\x1b[", rest: "\x1b["},
		{input: "\x1b[5", rest: "\x1b[5"},
		{input: "\x1b", timedOut: true, want: []key{keyEscape}},
		{input: "\x1b[", timedOut: true, want: []key{keyEscape, '['}},
		{input: "\x1b\x1b[A", want: []key{keyEscape, keyUp}},
		{input: "\x1bx", want: []key{keyEscape, 'x'}},
		{input: "\x1b[1;5Aq", want: []key{keyUnknown, 'q'}},
		{input: "\x1b[3~q", want: []key{keyUnknown, 'q'}},
		{input: "\x1b[[Aq\x1bOP\x1b[11~", want: []key{keyF1, 'q', keyF1, keyF1}},
		{input: "\x1b[[Bq", want: []key{keyUnknown, 'q'}},
		{input: "\x1b[5\x1b[A", want: []key{keyUnknown, keyUp}},
		{input: "\xc3\xa4", want: []key{0xc3, 0xa4}},
	} {
		var got []key
		b := []byte(tt.input)
		for len(b) > 0 {
			k, n := decodeKey(b, tt.timedOut)
			if n == 0 {
				break
			}
			got, b = append(got, k), b[n:]
		}
		if !reflect.DeepEqual(got, tt.want) || string(b) != tt.rest {
			t.Errorf("%q: got keys %v, rest %q; want %v, %q", tt.input, got, b, tt.want, tt.rest)
		}
	}
}
