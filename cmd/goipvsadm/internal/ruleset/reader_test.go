// SPDX-License-Identifier: MIT

package ruleset

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// A numberedLine is a line as returned by Reader.Next.
type numberedLine struct {
	Line  int
	Words []string
}

func readAll(r io.Reader) (lines []numberedLine, err error) {
	reader := NewReader(r)
	for {
		words, line, err := reader.Next()
		if err != nil || words == nil {
			return lines, err
		}
		lines = append(lines, numberedLine{Line: line, Words: append([]string(nil), words...)})
	}
}

func TestReader(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []numberedLine
	}{
		{name: "empty", want: nil},
		{name: "empty lines are counted", text: "\n \t \n-C\n", want: []numberedLine{{Line: 3, Words: []string{"-C"}}}},
		{name: "spaces and tabs", text: " -A \t-f  5", want: []numberedLine{{Line: 1, Words: []string{"-A", "-f", "5"}}}},
		{name: "CRLF", text: "-A\r\n-C\r\n", want: []numberedLine{{Line: 1, Words: []string{"-A"}}, {Line: 2, Words: []string{"-C"}}}},
		{name: "carriage return separates words", text: "-A\r-f", want: []numberedLine{{Line: 1, Words: []string{"-A", "-f"}}}},
		{name: "byte-order mark", text: "\ufeff# rules\n\ufeff-C\n", want: []numberedLine{{Line: 2, Words: []string{"\ufeff-C"}}}},
		{name: "comments", text: "# -A\n-C # all\n-C#all\n", want: []numberedLine{{Line: 2, Words: []string{"-C"}}, {Line: 3, Words: []string{"-C#all"}}}},
		{name: "program name", text: "ipvsadm -C\nipvsadm\n-A ipvsadm ipvsadm -f 5\n/sbin/ipvsadm",
			want: []numberedLine{{Line: 1, Words: []string{"-C"}}, {Line: 3, Words: []string{"-A", "-f", "5"}}, {Line: 4, Words: []string{"/sbin/ipvsadm"}}}},
		{name: "NUL ends its word", text: "-A\x00B -C\n\x00\n", want: []numberedLine{{Line: 1, Words: []string{"-A", "-C"}}, {Line: 2, Words: []string{""}}}},
		{name: "no quoting", text: `-A "a b" 'c'`, want: []numberedLine{{Line: 1, Words: []string{"-A", `"a`, `b"`, "'c'"}}}},
		{name: "vertical tab and form feed do not separate words", text: "-A\v\f", want: []numberedLine{{Line: 1, Words: []string{"-A\v\f"}}}},
		{name: "line longer than the buffer", text: strings.Repeat("x ", bufferSize) + "\n-C",
			want: []numberedLine{{Line: 1, Words: strings.Fields(strings.Repeat("x ", bufferSize))}, {Line: 2, Words: []string{"-C"}}}},
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
	errRead := errors.New("read error")
	got, err := readAll(io.MultiReader(strings.NewReader("-C\n"), iotest.ErrReader(errRead)))
	if !errors.Is(err, errRead) || len(got) != 1 {
		t.Errorf("lines = %v, error = %v", got, err)
	}
}

// FuzzReader checks that no word contains a separator or begins a comment.
func FuzzReader(f *testing.F) {
	f.Add("ipvsadm -A -t 10.0.0.1:80 # web\r\n\n-C\x00")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := readAll(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			for _, word := range line.Words {
				if strings.ContainsAny(word, " \t\r\n\x00") || strings.HasPrefix(word, "#") {
					t.Errorf("line %d contains the word %q", line.Line, word)
				}
			}
		}
	})
}

// infiniteLine is a reader of a line without end.
type infiniteLine struct{ read int }

func (l *infiniteLine) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	l.read += len(b)
	return len(b), nil
}

func TestReaderLineTooLong(t *testing.T) {
	for _, tt := range []struct {
		length  int // without the newline
		wantErr error
	}{
		{length: maxLine - 1, wantErr: nil},
		{length: maxLine, wantErr: ErrLineTooLong},
	} {
		lines, err := readAll(strings.NewReader("-C\n" + strings.Repeat("x", tt.length) + "\n-C\n"))
		if !errors.Is(err, tt.wantErr) || len(lines) == 0 {
			t.Errorf("line of %d bytes: %d lines, error %v, want error %v", tt.length, len(lines), err, tt.wantErr)
		}
	}
	line := new(infiniteLine)
	if _, err := readAll(line); err != ErrLineTooLong || line.read > maxLine {
		t.Errorf("line without end: error %v after %d bytes", err, line.read)
	}
}
