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
	element = regexp.MustCompile(`(?s)<text x="[^"]*" y="([^"]*)" [^>]*font-weight="(\w+)" fill="(#\w+)"[^>]*>([^<]*)</text>`)
	number  = regexp.MustCompile(`^[0-9.]+[KMG%]?$`)
	drawn   = regexp.MustCompile(`^[▁▂▃▄▅▆▇█▏▎▍▌▋▊▉]+$`)
)

// stableText returns the parts of an image that are the same in every recording: for each line, the
// addresses, the positions of numbers, and the markers and weights with their colors. Bars and
// histories are left out, since their presence depends on the traffic.
func stableText(image []byte) (lines []string) {
	y := ""
	for _, m := range element.FindAllStringSubmatch(string(image), -1) {
		text := m[4]
		if strings.Contains(text, "quits") {
			text = text[strings.LastIndex(text, "  "):]
		}
		var words []string
		for _, word := range strings.Fields(text) {
			switch {
			case number.MatchString(word):
				words = append(words, "0")
			case !drawn.MatchString(word):
				words = append(words, word)
			}
		}
		if m[1] != y {
			y = m[1]
			lines = append(lines, "")
		}
		if len(words) > 0 {
			lines[len(lines)-1] += m[2] + " " + m[3] + " " + strings.Join(words, " ") + "; "
		}
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
