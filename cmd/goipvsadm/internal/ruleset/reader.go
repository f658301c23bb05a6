package ruleset

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// program is the word that saved rules may have before their commands.
const program = "ipvsadm"

// readBuffer is how much of the rules is read at a time.
const readBuffer = 256 << 10

// lineMax is how long a line may be: longer than any rule, and short enough to
// keep what is no text out of the memory.
const lineMax = 1 << 20

// ErrLineTooLong is the error of a longer line, with its newline.
var ErrLineTooLong = errors.New("longer than 1 MiB")

// A Reader splits rules into lines of words.
type Reader struct {
	s     *bufio.Scanner
	line  int
	words []string
}

// NewReader returns a Reader of the rules in r.
func NewReader(r io.Reader) *Reader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, readBuffer), lineMax)
	return &Reader{s: s}
}

// Next returns the words of the next line that has any, and its number, the
// first line being 1. The words are valid until the next call. At the end
// words is nil.
//
// Words are separated by blanks and tabs; nothing quotes them. A word that
// begins with # makes it and the rest of its line a comment. The name of the
// program may stand anywhere and means nothing. A NUL ends its word.
func (r *Reader) Next() (words []string, line int, err error) {
	for r.s.Scan() {
		r.line++
		r.split(r.s.Text())
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

// split makes words the words of text.
func (r *Reader) split(text string) {
	r.words = r.words[:0]
	nul := strings.IndexByte(text, 0) >= 0
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
		word := text[start:i]
		if nul {
			word, _, _ = strings.Cut(word, "\x00")
		}
		if word != program {
			r.words = append(r.words, word)
		}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
