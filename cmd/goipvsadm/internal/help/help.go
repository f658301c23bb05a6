// Package help holds the version and the help text of the program.
package help

import (
	_ "embed"
	"strings"

	"goipvsadm/sched"
)

// Version is the version of goipvsadm. Release builds set it with -ldflags -X.
var Version = "1.0.0"

// ipvsVersion is the version of the IPVS interface that the program uses.
const ipvsVersion = "1.2.1"

// Name is the program's own name, as opposed to that of ipvsadm.
const Name = "goipvsadm"

//go:embed help.txt
var text string

// VersionLine returns the output of --version for the program run as name. If
// name is not Name, the line begins like ipvsadm's, for scripts that parse the
// version of ipvsadm.
func VersionLine(name string) string {
	if name == Name {
		return Name + " " + Version + " (ipvsadm v1.31 and IPVS v" + ipvsVersion + ")\n"
	}
	return "ipvsadm v1.31 2019/12/24 (" + Name + " " + Version + " and IPVS v" + ipvsVersion + ")\n"
}

// Text returns the output of --help for the program run as name: the version
// line, the commands and the options.
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

// Summaries returns a one-line description of each flag, parsed from the help
// text. An entry is a line that begins with the spellings of a flag and its
// arguments, followed by at least two spaces and the description, which
// continues on lines indented by continuationIndent or more.
func Summaries() map[string]string {
	summaries := make(map[string]string)
	lines := strings.Split(Text(Name), "\n")
	for i, line := range lines {
		spellings, description, ok := strings.Cut(strings.TrimPrefix(line, "  "), "  ")
		if !ok || !strings.HasPrefix(line, "  -") {
			continue
		}
		for _, next := range lines[i+1:] {
			if !strings.HasPrefix(next, continuationIndent) {
				break
			}
			description += next
		}
		summary := shorten(description)
		for spelling := range strings.SplitSeq(spellings, ", ") {
			if !strings.HasPrefix(spelling, "-") {
				break
			}
			flag, _, _ := strings.Cut(spelling, " ")
			flag, _, _ = strings.Cut(flag, "[")
			summaries[flag] = summary
		}
	}
	return summaries
}

// continuationIndent is the minimum indentation of continuation lines.
const continuationIndent = "                              "

// shorten returns the first clause of a description, without a leading
// condition such as "with -p:" or "after -f:".
func shorten(description string) string {
	words := strings.Fields(description)
	if len(words) > 2 && (words[0] == "with" || words[0] == "after") && len(words[1]) == 3 && strings.HasSuffix(words[1], ":") {
		words = words[2:]
	}
	summary := strings.Join(words, " ")
	for _, end := range []string{" (", "; ", ": "} {
		summary, _, _ = strings.Cut(summary, end)
	}
	return strings.TrimRight(summary, ".:")
}
