// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// finding is a banned word or phrase in a file.
type finding struct {
	file        string
	line        int
	phrase      string // as in the file, in lower case
	replacement string
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: use %s instead", f.file, f.line, f.phrase, f.replacement)
}

// check returns the findings in all files below root, according to the embedded rules and
// exceptions. An unused exception is an error.
func check(root string) ([]finding, error) {
	rules, err := parseRules(rulesText)
	if err != nil {
		return nil, err
	}
	exceptions, err := parseExceptions(exceptionsText)
	if err != nil {
		return nil, err
	}
	var findings []finding
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			// Of test data, only the testdata directory at the root is checked.
			if name == ".git" || name == "build" || entry.Name() == "testdata" && name != "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, f := range rules.check(name, content) {
			if !allowed(exceptions, f) {
				findings = append(findings, f)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range exceptions {
		if !e.used {
			return findings, fmt.Errorf("exceptions.txt: unused exception: %s: %s", e.file, e.phrase)
		}
	}
	return findings, nil
}

// check returns the findings in a file.
func (s ruleSet) check(name string, content []byte) []finding {
	var findings []finding
	words := wordsOf(filepath.ToSlash(name), content)
	for i := range words {
		for _, r := range s.find(words[i:]) {
			findings = append(findings, finding{
				file:        filepath.ToSlash(name),
				line:        words[i].line,
				phrase:      join(words[i : i+len(r.words)]),
				replacement: r.replacement,
			})
		}
	}
	return findings
}

// join returns the words as a phrase.
func join(words []word) string {
	var texts []string
	for _, w := range words {
		texts = append(texts, w.text)
	}
	return strings.Join(texts, " ")
}

// allowed reports whether there is an exception for a finding, and marks it as used.
func allowed(exceptions []*exception, f finding) bool {
	for _, e := range exceptions {
		if (e.file == f.file || e.file == "*") && e.phrase == f.phrase {
			e.used = true
			return true
		}
	}
	return false
}
