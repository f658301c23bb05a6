// SPDX-License-Identifier: MIT

package main

import (
	_ "embed"
	"fmt"
	"strings"
)

var (
	//go:embed rules.txt
	rulesText string
	//go:embed exceptions.txt
	exceptionsText string
)

// rule bans a word or a phrase.
type rule struct {
	pattern     string   // as in rules.txt
	words       []string // words of the pattern, in lower case; one may end with "*"
	replacement string
}

// ruleSet maps the first word of a pattern to the rules. If that word ends with "*", the key is its
// first prefixLen letters and "*".
type ruleSet map[string][]*rule

// prefixLen is the minimum number of letters before "*" in the first word of a pattern.
const prefixLen = 4

// exception allows a banned word or phrase in a file, or in all files if file is "*".
type exception struct {
	file, phrase string
	used         bool
}

// parseRules parses lines of the form "pattern: replacement".
func parseRules(text string) (ruleSet, error) {
	rules := make(ruleSet)
	for _, line := range contentLines(text) {
		pattern, replacement, ok := strings.Cut(line, ": ")
		words := strings.Fields(pattern)
		if !ok || len(words) == 0 {
			return nil, fmt.Errorf("rules.txt: want \"pattern: replacement\": %s", line)
		}
		key := words[0]
		if prefix, ok := strings.CutSuffix(key, "*"); ok {
			if len(prefix) < prefixLen {
				return nil, fmt.Errorf("rules.txt: %s: at least %d letters required before *", pattern, prefixLen)
			}
			key = prefix[:prefixLen] + "*"
		}
		rules[key] = append(rules[key], &rule{pattern: pattern, words: words, replacement: replacement})
	}
	return rules, nil
}

// parseExceptions parses lines of the form "file: phrase: reason".
func parseExceptions(text string) ([]*exception, error) {
	var exceptions []*exception
	for _, line := range contentLines(text) {
		fields := strings.SplitN(line, ": ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("exceptions.txt: want \"file: phrase: reason\": %s", line)
		}
		exceptions = append(exceptions, &exception{file: fields[0], phrase: fields[1]})
	}
	return exceptions, nil
}

// contentLines returns the lines of text that are neither empty nor comments.
func contentLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// find returns the rules whose pattern is at the beginning of words.
func (s ruleSet) find(words []word) []*rule {
	first := words[0].text
	candidates := s[first]
	if len(first) >= prefixLen {
		if more := s[first[:prefixLen]+"*"]; len(more) > 0 {
			candidates = append(candidates[:len(candidates):len(candidates)], more...)
		}
	}
	var found []*rule
	for _, r := range candidates {
		if r.matches(words) {
			found = append(found, r)
		}
	}
	return found
}

// matches reports whether the pattern of the rule is at the beginning of words.
func (r *rule) matches(words []word) bool {
	if len(words) < len(r.words) {
		return false
	}
	for i, pattern := range r.words {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		matches := words[i].text == prefix || isPrefix && strings.HasPrefix(words[i].text, prefix)
		if !matches {
			return false
		}
		// A phrase does not extend beyond the end of a sentence or clause.
		if i > 0 && words[i].afterStop {
			return false
		}
	}
	return true
}
