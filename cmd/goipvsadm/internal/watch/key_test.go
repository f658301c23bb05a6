package watch

import (
	"reflect"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		typed string
		late  bool
		want  []key
		rest  string
	}{
		{typed: "q", want: []key{'q'}},
		{typed: "\x1b[A\x1b[B", want: []key{keyUp, keyDown}},
		{typed: "\x1bOA\x1bOB\x1bOH\x1bOF", want: []key{keyUp, keyDown, keyHome, keyEnd}},
		{typed: "\x1b[5~\x1b[6~\x1b[H\x1b[F", want: []key{keyPageUp, keyPageDown, keyHome, keyEnd}},
		{typed: "\x1b[1~\x1b[4~\x1b[7~\x1b[8~", want: []key{keyHome, keyEnd, keyHome, keyEnd}},
		{typed: "\x1b", rest: "\x1b"},
		{typed: "\x1b[", rest: "\x1b["},
		{typed: "\x1b[5", rest: "\x1b[5"},
		{typed: "\x1b", late: true, want: []key{keyEscape}},
		{typed: "\x1b[", late: true, want: []key{keyEscape, '['}},
		{typed: "\x1b\x1b[A", want: []key{keyEscape, keyUp}},
		{typed: "\x1bx", want: []key{keyEscape, 'x'}},
		{typed: "\x1b[1;5Aq", want: []key{keyUnknown, 'q'}},
		{typed: "\x1b[3~q", want: []key{keyUnknown, 'q'}},
		{typed: "\x1b[[Aq", want: []key{keyUnknown, 'q'}},
		{typed: "\x1b[5\x1b[A", want: []key{keyUnknown, keyUp}},
		{typed: "\xc3\xa4", want: []key{0xc3, 0xa4}},
	} {
		var got []key
		b := []byte(tt.typed)
		for len(b) > 0 {
			k, n := decode(b, tt.late)
			if n == 0 {
				break
			}
			got, b = append(got, k), b[n:]
		}
		if !reflect.DeepEqual(got, tt.want) || string(b) != tt.rest {
			t.Errorf("%q: %v and %q, want %v and %q", tt.typed, got, b, tt.want, tt.rest)
		}
	}
}
