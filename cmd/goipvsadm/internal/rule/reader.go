package rule

import (
	"bufio"
	"bytes"
	"io"
	"math"
)

// readBuffer is how much of the rules is read at a time.
const readBuffer = 64 << 10

// A Reader splits rules into lines of words.
type Reader struct {
	s     *bufio.Scanner
	line  int
	words []string
}

// NewReader returns a Reader of the rules in r.
func NewReader(r io.Reader) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, readBuffer), math.MaxInt)
	return &Reader{s: s}
}

// Next returns the words of the next line that has any, and its number, the
// first line being 1. The words are valid until the next call. At the end
// words is nil.
//
// Words are separated by blanks and tabs; nothing quotes them. A word that
// begins with # makes it and the rest of its line a comment. The name of the
// program may stand before the command. A NUL ends its line; a line that begins
// with one comes as one empty word, which no command is.
func (r *Reader) Next() (words []string, line int, err error) {
	for r.s.Scan() {
		r.line++
		text := r.s.Bytes()
		if i := bytes.IndexByte(text, 0); i == 0 {
			return []string{""}, r.line, nil
		} else if i > 0 {
			text = text[:i]
		}
		r.split(string(text))
		for len(r.words) > 0 && r.words[0] == "ipvsadm" {
			r.words = r.words[1:]
		}
		if len(r.words) > 0 {
			return r.words, r.line, nil
		}
	}
	return nil, r.line, r.s.Err()
}

// split makes words the words of text.
func (r *Reader) split(text string) {
	r.words = r.words[:0]
	for i := 0; i < len(text); {
		if blank(text[i]) {
			i++
			continue
		}
		if text[i] == '#' {
			return
		}
		start := i
		for i < len(text) && !blank(text[i]) {
			i++
		}
		r.words = append(r.words, text[start:i])
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
