package ruleset

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// program is a word that a Reader skips: like ipvsadm -R, it accepts rules that
// begin with the name of the program.
const program = "ipvsadm"

// bufferSize is the number of bytes read at a time.
const bufferSize = 256 << 10

// maxLine is the maximum length of a line, including its newline. It is far
// longer than any rule, and keeps binary input from filling the memory.
const maxLine = 1 << 20

// byteOrderMark is U+FEFF, with which some editors begin a file.
const byteOrderMark = "\ufeff"

// ErrLineTooLong is returned for a line longer than maxLine.
var ErrLineTooLong = errors.New("longer than 1 MiB")

// A Reader splits a ruleset into lines of words.
type Reader struct {
	s     *bufio.Scanner
	line  int      // number of the last line read
	words []string // reused by each call of Next
}

// NewReader returns a Reader of the ruleset in r.
func NewReader(r io.Reader) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, bufferSize), maxLine)
	return &Reader{s: s}
}

// Next returns the words of the next line that has any, and the number of the
// line, counted from 1. The words are valid until the next call. At the end of
// the ruleset words is nil. After an error, line is the last line before it.
//
// A byte-order mark at the beginning of the ruleset is skipped.
// Words are separated by spaces, tabs and carriage returns. There is no quoting.
// A # at the beginning of a word starts a comment. The word ipvsadm is skipped
// wherever it stands. A NUL ends its word: the rest of the word is skipped.
func (r *Reader) Next() (words []string, line int, err error) {
	for r.s.Scan() {
		text := r.s.Text()
		if r.line++; r.line == 1 {
			text = strings.TrimPrefix(text, byteOrderMark)
		}
		r.split(text)
		if len(r.words) > 0 {
			return r.words, r.line, nil
		}
	}
	err = r.s.Err()
	if err == bufio.ErrTooLong {
		err = ErrLineTooLong
	}
	return nil, r.line, err
}

// split splits text into r.words.
func (r *Reader) split(text string) {
	r.words = r.words[:0]
	hasNUL := strings.IndexByte(text, 0) >= 0
	for i := 0; i < len(text); {
		if isSpace(text[i]) {
			i++
			continue
		}
		if text[i] == '#' {
			return
		}
		start := i
		for i < len(text) && !isSpace(text[i]) {
			i++
		}
		word := text[start:i]
		if hasNUL {
			word, _, _ = strings.Cut(word, "\x00")
		}
		if word != program {
			r.words = append(r.words, word)
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
