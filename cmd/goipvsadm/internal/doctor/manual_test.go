package doctor

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	manualItem = regexp.MustCompile(`(?m)^\.It Cm ([a-z0-9-]+) No \((error|warning|hint)\)$`)
	identifier = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
)

// The manual lists every check with its severity, in the order of the tables,
// and no other.
func TestEveryCheckIsInTheManual(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/goipvsadm.8")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n.Sh DOCTOR\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	var listed, checks []string
	for _, m := range manualItem.FindAllStringSubmatch(section, -1) {
		listed = append(listed, m[1]+" "+m[2])
	}
	for _, c := range Checks() {
		checks = append(checks, c.ID+" "+c.Severity.String())
	}
	if !slices.Equal(listed, checks) {
		t.Errorf("the manual lists\n%s\nand there are\n%s", strings.Join(listed, "\n"), strings.Join(checks, "\n"))
	}
}

// Identifiers are for programs, texts for people.
func TestChecksAreWellFormed(t *testing.T) {
	known := make(map[string]bool)
	for _, c := range Checks() {
		if known[c.ID] || !identifier.MatchString(c.ID) {
			t.Errorf("%q is no identifier, or one of two checks", c.ID)
		}
		known[c.ID] = true
		for _, text := range []string{c.Title, c.Explanation} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: %q is not a line in a report", c.ID, text)
			}
		}
	}
}

// README shows the doctor in its tour.
func TestReadmeShowsTheDoctor(t *testing.T) {
	page, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(page), "\n## Features\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	for _, text := range []string{"$ goipvsadm --doctor", "seen:", "why:", "do:"} {
		if !strings.Contains(tour, text) {
			t.Errorf("README's tour does not have %q", text)
		}
	}
}
