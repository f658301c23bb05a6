//go:build kernel

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	element = regexp.MustCompile(`(?s)<text [^>]*font-weight="(\w+)" fill="(#\w+)"[^>]*>([^<]*)</text>`)
	numbers = regexp.MustCompile(`[0-9.]+[KMG]?`)
	bars    = regexp.MustCompile(`[#.]{3,}`)
	spaces  = regexp.MustCompile(` +`)
)

// lasting returns what a picture shows that is the same each time: colours, signs and addresses, and
// where figures are.
func stableText(picture []byte) (lines []string) {
	for _, m := range element.FindAllStringSubmatch(string(picture), -1) {
		address, rest := m[3][:min(31, len(m[3]))], m[3][min(31, len(m[3])):]
		if strings.Contains(m[3], "quits") {
			address, rest = "", m[3][strings.Index(m[3], "  "):]
		}
		rest = numbers.ReplaceAllString(bars.ReplaceAllString(rest, "bar"), "0")
		lines = append(lines, m[1]+" "+m[2]+" "+spaces.ReplaceAllString(address+rest, " "))
	}
	return lines
}

// The picture in README is what the program shows today.
func TestWatchImageUpToDate(t *testing.T) {
	have, err := os.ReadFile("../../docs/watch.svg")
	if err != nil {
		t.Fatal(err)
	}
	now, err := watchPicture()
	if err != nil {
		t.Fatal(err)
	}
	if len(stableText(now)) < 12 {
		t.Errorf("the picture is all but empty: %s", now)
	}
	if diff := cmp.Diff(stableText(have), stableText(now)); diff != "" {
		t.Errorf("docs/watch.svg is not what the program shows today: make docs-images\n%s", diff)
	}
}
