// SPDX-License-Identifier: MIT

package ruleset

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// programName is a word that a Reader skips, because ipvsadm -R accepts rules that
// begin with the name of the program.
const programName = "ipvsadm"

// bufferSize is the maximum number of bytes per read.
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

// Next returns the words and the number of the next line, skipping lines without
// words. Lines are numbered from 1. The words are valid until the next call. At
// the end of the ruleset words is nil. With an error, line is the number of the
// last line before the error.
//
// A byte-order mark at the beginning of the ruleset is skipped.
// Words are separated by spaces, tabs and carriage returns. There is no quoting.
// A # at the beginning of a word starts a comment. The word ipvsadm is skipped
// at any position. If a word contains a NUL, the word ends before it.
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
		if word != programName {
			r.words = append(r.words, word)
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
