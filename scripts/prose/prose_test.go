// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testRules ban neutral words, so that prose reports nothing in this file.
const testRules = `
# comment
apple: pear
red apple*: green pear
light-blue: blue
cherr*: plum
`

var wantPattern = regexp.MustCompile(`want .*`)

func TestCheck(t *testing.T) {
	rules, err := parseRules(testRules)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// Lines with findings end with: want PHRASE, PHRASE.
			var want []string
			for i, line := range strings.Split(string(content), "\n") {
				if _, phrases, ok := strings.Cut(line, "want "); ok {
					for phrase := range strings.SplitSeq(phrases, ", ") {
						want = append(want, fmt.Sprintf("%d: %s", i+1, phrase))
					}
				}
			}
			// The expectations themselves are not part of the text.
			content = wantPattern.ReplaceAll(content, nil)
			var got []string
			for _, f := range rules.check(strings.TrimSuffix(filepath.Base(file), ".input"), content) {
				got = append(got, fmt.Sprintf("%d: %s", f.line, f.phrase))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestFindingString(t *testing.T) {
	f := finding{file: "a/b.go", line: 7, phrase: "red apples", replacement: "green pear"}
	if got, want := f.String(), "a/b.go:7: red apples: use green pear instead"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAllowed(t *testing.T) {
	exceptions, err := parseExceptions("a.go: apple: a reason: with a colon\n*: cherry: another one\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		finding finding
		want    bool
	}{
		{finding: finding{file: "a.go", phrase: "apple"}, want: true},
		{finding: finding{file: "b.go", phrase: "apple"}, want: false},
		{finding: finding{file: "a.go", phrase: "apples"}, want: false},
		{finding: finding{file: "b.go", phrase: "cherry"}, want: true},
	} {
		if got := allowed(exceptions, tt.finding); got != tt.want {
			t.Errorf("allowed(%v) = %v, want %v", tt.finding, got, tt.want)
		}
	}
	if !exceptions[0].used || !exceptions[1].used {
		t.Error("exceptions are not marked as used")
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{"apple", ": pear", "app*: pear"} {
		if _, err := parseRules(text); err == nil {
			t.Errorf("parseRules(%q) returned no error", text)
		}
	}
	if _, err := parseExceptions("a.go: apple"); err == nil {
		t.Error("parseExceptions accepted an exception without a reason")
	}
}

// The embedded rules are valid and not duplicated, and no replacement is banned itself.
func TestEmbeddedRules(t *testing.T) {
	rules, err := parseRules(rulesText)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseExceptions(exceptionsText); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, group := range rules {
		for _, r := range group {
			if seen[r.pattern] {
				t.Errorf("duplicate rule %s", r.pattern)
			}
			seen[r.pattern] = true
			if r.pattern != strings.ToLower(r.pattern) {
				t.Errorf("%s can never match: not in lower case", r.pattern)
			}
			for _, f := range rules.check("replacement.md", []byte(r.replacement)) {
				t.Errorf("the replacement of %s is banned: %v", r.pattern, f)
			}
		}
	}
}
