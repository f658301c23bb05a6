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

// stableText returns the parts of an image that are the same in every recording: colors, alert
// markers, addresses, and the positions of numbers.
func stableText(image []byte) (lines []string) {
	for _, m := range element.FindAllStringSubmatch(string(image), -1) {
		address, rest := m[3][:min(31, len(m[3]))], m[3][min(31, len(m[3])):]
		if strings.Contains(m[3], "quits") {
			address, rest = "", m[3][strings.Index(m[3], "  "):]
		}
		rest = numbers.ReplaceAllString(bars.ReplaceAllString(rest, "bar"), "0")
		lines = append(lines, m[1]+" "+m[2]+" "+spaces.ReplaceAllString(address+rest, " "))
	}
	return lines
}

// docs/watch.svg shows the current layout of --watch.
func TestWatchImageUpToDate(t *testing.T) {
	current, err := os.ReadFile("../../docs/watch.svg")
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := watchImage()
	if err != nil {
		t.Fatal(err)
	}
	if len(stableText(recorded)) < 12 {
		t.Errorf("the recorded image has too few lines:\n%s", recorded)
	}
	if diff := cmp.Diff(stableText(current), stableText(recorded)); diff != "" {
		t.Errorf("docs/watch.svg is outdated: run make docs-images\n%s", diff)
	}
}
