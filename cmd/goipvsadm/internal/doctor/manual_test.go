// SPDX-License-Identifier: MIT

package doctor

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	manualItem = regexp.MustCompile(`(?m)^\.It Cm ([a-z0-9-]+) No \((error|warning|hint)\)$`)
	identifier = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
)

// TestManualListsAllChecks verifies that the manual page lists the checks with their
// severities, in the order of Checks.
func TestManualListsAllChecks(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/goipvsadm.8")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n.Sh DOCTOR\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	var documented, checks []string
	for _, m := range manualItem.FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1]+" "+m[2])
	}
	for _, c := range Checks() {
		checks = append(checks, c.ID+" "+c.Severity.String())
	}
	if diff := cmp.Diff(checks, documented); diff != "" {
		t.Errorf("checks -, manual +\n%s", diff)
	}
}

func TestChecksWellFormed(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range Checks() {
		if seen[c.ID] || !identifier.MatchString(c.ID) {
			t.Errorf("%q: duplicate or malformed identifier", c.ID)
		}
		seen[c.ID] = true
		for _, text := range []string{c.Title, c.Explanation} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "\n") {
				t.Errorf("%s: %q is empty, ends with a full stop or has several lines", c.ID, text)
			}
		}
	}
}

func TestReadmeShowsReport(t *testing.T) {
	page, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"$ goipvsadm --doctor", "seen:", "why:", "do:"} {
		if !strings.Contains(string(page), text) {
			t.Errorf("README.md does not contain %q", text)
		}
	}
}
