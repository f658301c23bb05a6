// Package help holds the texts that the program prints about itself: its
// version and the summary of its commands and options.
package help

import (
	_ "embed"
	"strings"

	"goipvsadm/sched"
)

// Version is the version of goipvsadm. The linker may set another one.
var Version = "1.0.0"

// ipvsVersion is the version of IPVS whose interface the program speaks.
const ipvsVersion = "1.2.1"

// Name is the name under which the program is not mistaken for another.
const Name = "goipvsadm"

//go:embed help.txt
var text string

// VersionLine returns what --version prints of the program run under name.
// Under any name but its own it answers like ipvsadm, for scripts that look
// for the version of that.
func VersionLine(name string) string {
	if name == Name {
		return Name + " " + Version + " (ipvsadm v1.31 and IPVS v" + ipvsVersion + ")\n"
	}
	return "ipvsadm v1.31 2019/12/24 (" + Name + " " + Version + " and IPVS v" + ipvsVersion + ")\n"
}

// Text returns what --help prints of the program run under name: its version
// line, its commands and its options.
func Text(name string) string {
	var schedulers strings.Builder
	for i, s := range sched.All {
		if i > 0 {
			schedulers.WriteByte('\n')
		}
		schedulers.WriteString("      " + s.Name + strings.Repeat(" ", 6-len(s.Name)) + s.Summary)
	}
	return VersionLine(name) + strings.NewReplacer(
		"{name}", name,
		"{default}", sched.Default,
		"{schedulers}", schedulers.String(),
	).Replace(text)
}

// Summaries returns in a few words what each flag does. They are taken out of
// the text: a line that explains a flag begins with its spellings; what may
// follow them, and the explanation behind two blanks at least. The rest of that
// is indented.
func Summaries() map[string]string {
	all := make(map[string]string)
	lines := strings.Split(Text(Name), "\n")
	for i, line := range lines {
		spelled, explanation, ok := strings.Cut(strings.TrimPrefix(line, "  "), "  ")
		if !ok || !strings.HasPrefix(line, "  -") {
			continue
		}
		for _, more := range lines[i+1:] {
			if !strings.HasPrefix(more, continuationIndent) {
				break
			}
			explanation += more
		}
		summary := shorten(explanation)
		for spelling := range strings.SplitSeq(spelled, ", ") {
			if !strings.HasPrefix(spelling, "-") {
				break
			}
			flag, _, _ := strings.Cut(spelling, " ")
			flag, _, _ = strings.Cut(flag, "[")
			all[flag] = summary
		}
	}
	return all
}

// continued is the least indentation of the rest of an explanation.
const continuationIndent = "                              "

// shorten cuts an explanation down to its first words. Which other flag the
// one explained is for is no part of them.
func shorten(explanation string) string {
	words := strings.Fields(explanation)
	if len(words) > 2 && (words[0] == "with" || words[0] == "after") && len(words[1]) == 3 && strings.HasSuffix(words[1], ":") {
		words = words[2:]
	}
	summary := strings.Join(words, " ")
	for _, end := range []string{" (", "; ", ": "} {
		summary, _, _ = strings.Cut(summary, end)
	}
	return strings.TrimRight(summary, ".:")
}
