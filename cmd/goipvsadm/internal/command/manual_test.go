package command

import (
	"os"
	"slices"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/help"
	"goipvsadm/sched"
)

const manual = "../../../../docs/goipvsadm.8"

// explained returns what the manual explains: the flags that stand at the head
// of an item of a list, and the words that are there to be typed.
func explained(t *testing.T) (flags, words []string) {
	t.Helper()
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
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
				words = append(words, word)
			}
		}
	}
	return flags, words
}

// The manual and the summary of -h tell of every flag, the manual of no other.
func TestEveryFlagIsExplained(t *testing.T) {
	told, words := explained(t)
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
		if !slices.Contains(told, flag) {
			t.Errorf("the manual has no item for %s", flag)
		}
		if summaries[flag] == "" {
			t.Errorf("the summary does not explain %s", flag)
		}
	}
	for _, flag := range told {
		if !slices.Contains(all, flag) {
			t.Errorf("the manual explains %s, which does not exist", flag)
		}
	}
	for _, s := range sched.All {
		if !slices.Contains(words, s.Name) {
			t.Errorf("the manual does not explain the scheduler %s", s.Name)
		}
	}
}

// So it does of the flags of schedulers, of values that are words, and of limits.
func TestManualTellsOfValues(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, f := range sched.Flags {
		words = append(words, f.Name)
	}
	words = append(words, "ipip", "gue", "gre", "master", "backup", "sip", "prometheus", "openmetrics", defaultTimeout, "2678400", "2147483647", "65507")
	told := make(map[string]bool)
	for word := range strings.FieldsSeq(string(text)) {
		told[strings.Trim(word, ".,;")] = true
	}
	for _, word := range words {
		if !told[word] {
			t.Errorf("the manual does not mention %s", word)
		}
	}
}
