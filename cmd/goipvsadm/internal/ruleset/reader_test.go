package ruleset

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// A numbered line and its words.
type numbered struct {
	Line  int
	Words []string
}

func readAll(r io.Reader) (all []numbered, err error) {
	reader := NewReader(r)
	for {
		words, line, err := reader.Next()
		if err != nil || words == nil {
			return all, err
		}
		all = append(all, numbered{line, append([]string(nil), words...)})
	}
}

func TestReader(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []numbered
	}{
		{"nothing", "", nil},
		{"empty lines count", "\n \t \n-C\n", []numbered{{3, []string{"-C"}}}},
		{"blanks and tabs", " -A \t-f  5", []numbered{{1, []string{"-A", "-f", "5"}}}},
		{"CRLF ends", "-A\r\n-C\r\n", []numbered{{1, []string{"-A"}}, {2, []string{"-C"}}}},
		{"a carriage return is a blank", "-A\r-f", []numbered{{1, []string{"-A", "-f"}}}},
		{"comments", "# -A\n-C # all\n-C#all\n", []numbered{{2, []string{"-C"}}, {3, []string{"-C#all"}}}},
		{"the program's name", "ipvsadm -C\nipvsadm\n-A ipvsadm ipvsadm -f 5\n/sbin/ipvsadm",
			[]numbered{{1, []string{"-C"}}, {3, []string{"-A", "-f", "5"}}, {4, []string{"/sbin/ipvsadm"}}}},
		{"a NUL ends its word", "-A\x00B -C\n\x00\n", []numbered{{1, []string{"-A", "-C"}}, {2, []string{""}}}},
		{"no quoting", `-A "a b" 'c'`, []numbered{{1, []string{"-A", `"a`, `b"`, "'c'"}}}},
		{"vertical tabs and form feeds are ordinary", "-A\v\f", []numbered{{1, []string{"-A\v\f"}}}},
		{"a line longer than the buffer", strings.Repeat("x ", readBuffer) + "\n-C",
			[]numbered{{1, strings.Fields(strings.Repeat("x ", readBuffer))}, {2, []string{"-C"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readAll(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReaderError(t *testing.T) {
	broken := errors.New("broken")
	got, err := readAll(io.MultiReader(strings.NewReader("-C\n"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("lines = %v, error = %v", got, err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add("ipvsadm -A -t 10.0.0.1:80 # web\r\n\n-C\x00")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readAll(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			for _, w := range l.Words {
				if strings.ContainsAny(w, " \t\r\n\x00") || strings.HasPrefix(w, "#") {
					t.Errorf("line %d has the word %q", l.Line, w)
				}
			}
		}
	})
}

// endless is a line that does not end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	e.read += len(b)
	return len(b), nil
}

func TestLineTooLong(t *testing.T) {
	for size, want := range map[int]error{lineMax - 1: nil, lineMax: ErrLineTooLong} {
		lines, err := readAll(strings.NewReader("-C\n" + strings.Repeat("x", size) + "\n-C\n"))
		if !errors.Is(err, want) || len(lines) == 0 {
			t.Errorf("a line of %d bytes: %d lines, error %v, want %v", size, len(lines), err, want)
		}
	}
	e := new(endless)
	if _, err := readAll(e); err != ErrLineTooLong || e.read > lineMax {
		t.Errorf("a line without an end: error %v after %d bytes", err, e.read)
	}
}
