// SPDX-License-Identifier: MIT

package main

import (
	"go/scanner"
	"go/token"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// word is a word of a text.
type word struct {
	text      string // in lower case
	line      int
	afterStop bool // the word follows a punctuation mark
}

// appendWords appends the words of text, whose first line has the given number. Apostrophes
// and hyphens are part of a word.
func appendWords(words []word, text string, line int) []word {
	start := -1
	afterStop := true
	for i, c := range text + "\n" {
		if unicode.IsLetter(c) || start >= 0 && (c == '\'' || c == '-') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			if w := strings.Trim(text[start:i], "'-"); w != "" {
				words = append(words, word{text: strings.ToLower(w), line: line, afterStop: afterStop})
			}
			start, afterStop = -1, false
		}
		switch c {
		case '\n':
			line++
		case '.', ',', ';', ':', '?', '!', '(', ')', '|', '"', '`', '<', '>':
			afterStop = true
		}
	}
	return words
}

// wordsOf returns the words to check in a file, which depend on its type.
func wordsOf(file string, content []byte) []word {
	text := string(content)
	switch name := path.Base(file); {
	case strings.HasSuffix(name, ".go"):
		return goWords(content)
	case name == "help.txt", hasExtension(name, ".md", ".8", ".c", ".json"):
		return appendWords(nil, text, 1)
	case name == "LICENSE":
		return nil
	case !strings.Contains(name, "."), strings.HasPrefix(text, "#!"),
		hasExtension(name, ".yaml", ".bash", ".fish", ".overrides", ".preun"),
		path.Dir(file) == "testdata/differential":
		return hashCommentWords(text)
	}
	return nil
}

func hasExtension(name string, extensions ...string) bool {
	for _, extension := range extensions {
		if strings.HasSuffix(name, extension) {
			return true
		}
	}
	return false
}

// goWords returns the words of the comments and the string literals. Comments on consecutive lines
// are one text. Import paths and directives are skipped.
func goWords(source []byte) []word {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	var words []word
	lastCommentLine := -1
	inImport := false
	for {
		pos, tok, literal := s.Scan()
		line := file.Line(pos)
		switch tok {
		case token.IMPORT:
			inImport = true
		case token.CONST, token.FUNC, token.TYPE, token.VAR:
			inImport = false
		case token.EOF:
			return words
		case token.COMMENT:
			if strings.HasPrefix(literal, "//go:") {
				continue
			}
			n := len(words)
			words = appendWords(words, strings.TrimPrefix(literal, "//"), line)
			if len(words) > n && line == lastCommentLine+1 {
				// The sentence may continue from the line before.
				words[n].afterStop = endsSentence(source, file.Offset(pos))
			}
			lastCommentLine = line
		case token.STRING:
			text, err := strconv.Unquote(literal)
			if err != nil || inImport {
				continue
			}
			if literal[0] == '"' {
				// Escaped newlines do not change the line: all words are on this one.
				for _, w := range appendWords(nil, text, 0) {
					w.line = line
					words = append(words, w)
				}
			} else {
				words = appendWords(words, text, line)
			}
		}
	}
}

// endsSentence reports whether the text before offset, apart from white space, ends with a
// punctuation mark or an empty comment line.
func endsSentence(source []byte, offset int) bool {
	before := strings.TrimRight(string(source[max(0, offset-100):offset]), " \t\r\n")
	return before == "" || strings.ContainsRune(".,;:?!/", rune(before[len(before)-1]))
}

// hashCommentWords returns the words of the comments that begin with #, and of the help texts
// of make targets, which begin with ##.
func hashCommentWords(text string) []word {
	var words []word
	number := 0
	for line := range strings.Lines(text) {
		number++
		start := strings.Index(line, "#")
		for start > 0 && line[start-1] != ' ' && line[start-1] != '\t' {
			next := strings.Index(line[start+1:], "#")
			if next < 0 {
				start = -1
				break
			}
			start += 1 + next
		}
		if start < 0 || strings.HasPrefix(line[start:], "#!") {
			continue
		}
		comment := strings.TrimSpace(strings.TrimLeft(line[start:], "#"))
		n := len(words)
		words = appendWords(words, comment, number)
		if n > 0 && len(words) > n && words[n-1].line == number-1 {
			words[n].afterStop = false
		}
	}
	return words
}
