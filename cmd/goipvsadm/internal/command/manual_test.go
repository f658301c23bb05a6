// SPDX-License-Identifier: MIT

package command

import (
	"os"
	"slices"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/sched"
)

func readManual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/goipvsadm.8")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// manualItems returns the flags and the keywords in the headings of the list
// items of the manual page.
func manualItems(t *testing.T) (flags, keywords []string) {
	t.Helper()
	for line := range strings.Lines(readManual(t)) {
		item, ok := strings.CutPrefix(line, ".It ")
		if !ok {
			continue
		}
		macro := ""
		for _, word := range strings.Fields(item) {
			switch {
			case word == "," || word == "|" || word == "=" || word == ":":
			case slices.Contains([]string{"Fl", "Ar", "Cm", "Ns", "Op", "No", "Pa", "Ev"}, word):
				macro = word
			case macro == "Fl":
				flags = append(flags, "-"+word)
			case macro == "Cm":
				keywords = append(keywords, word)
			}
		}
	}
	return flags, keywords
}

func TestFlagsDocumented(t *testing.T) {
	documented, keywords := manualItems(t)
	var all []string
	for i := range flags {
		f := &flags[i]
		if f.long != noLongName {
			all = append(all, "--"+f.long)
		}
		if f.short != "" {
			all = append(all, "-"+f.short)
		}
	}
	summaries := help.Summaries()
	for _, flag := range all {
		if !slices.Contains(documented, flag) {
			t.Errorf("the manual has no item for %s", flag)
		}
		if summaries[flag] == "" {
			t.Errorf("the help text has no summary of %s", flag)
		}
	}
	for _, flag := range documented {
		if !slices.Contains(all, flag) {
			t.Errorf("the manual documents %s, which does not exist", flag)
		}
	}
	for _, s := range sched.All {
		if !slices.Contains(keywords, s.Name) {
			t.Errorf("the manual has no item for the scheduler %s", s.Name)
		}
	}
}

// TestAddedFlagsDocumented verifies that the manual's section on compatibility lists the
// flags that ipvsadm lacks.
func TestAddedFlagsDocumented(t *testing.T) {
	_, section, _ := strings.Cut(readManual(t), "\n.Sh COMPATIBILITY\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	listed := make(map[string]bool)
	for line := range strings.Lines(section) {
		if fields := strings.Fields(line); fields[0] == ".Fl" {
			listed[fields[1]] = true
		}
	}
	for i := range flags {
		f := &flags[i]
		isAdded := f.option >= NetNS && f.option < numOptions
		if f.verb != 0 {
			isAdded = slices.Contains([]Verb{Check, Apply, Diff, Doctor, Monitor}, f.verb)
		}
		if isAdded != listed["-"+f.long] {
			t.Errorf("--%s: listed %t, want %t", f.long, listed["-"+f.long], isAdded)
		}
	}
}

func TestValuesDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for word := range strings.FieldsSeq(readManual(t)) {
		documented[strings.Trim(word, ".,;")] = true
	}
	values := []string{"ipip", "gue", "gre", "master", "backup", "sip", "prometheus", "openmetrics", defaultPersistence, "2678400", "2147483647", "65507"}
	for _, f := range sched.Flags {
		values = append(values, f.Name)
	}
	for _, value := range values {
		if !documented[value] {
			t.Errorf("the manual does not mention %s", value)
		}
	}
}
