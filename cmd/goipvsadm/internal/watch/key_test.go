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
		{"q", false, []key{'q'}, ""},
		{"\x1b[A\x1b[B", false, []key{keyUp, keyDown}, ""},
		{"\x1bOA\x1bOB\x1bOH\x1bOF", false, []key{keyUp, keyDown, keyHome, keyEnd}, ""},
		{"\x1b[5~\x1b[6~\x1b[H\x1b[F", false, []key{keyPageUp, keyPageDown, keyHome, keyEnd}, ""},
		{"\x1b[1~\x1b[4~\x1b[7~\x1b[8~", false, []key{keyHome, keyEnd, keyHome, keyEnd}, ""},
		{"\x1b", false, nil, "\x1b"},
		{"\x1b[", false, nil, "\x1b["},
		{"\x1b[5", false, nil, "\x1b[5"},
		{"\x1b", true, []key{keyEscape}, ""},
		{"\x1b[", true, []key{keyEscape, '['}, ""},
		{"\x1b\x1b[A", false, []key{keyEscape, keyUp}, ""},
		{"\x1bx", false, []key{keyEscape, 'x'}, ""},
		{"\x1b[1;5Aq", false, []key{keyUnknown, 'q'}, ""},
		{"\x1b[3~q", false, []key{keyUnknown, 'q'}, ""},
		{"\x1b[[Aq", false, []key{keyUnknown, 'q'}, ""},
		{"\x1b[5\x1b[A", false, []key{keyUnknown, keyUp}, ""},
		{"\xc3\xa4", false, []key{0xc3, 0xa4}, ""},
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
