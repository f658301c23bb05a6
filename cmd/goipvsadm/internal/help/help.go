// SPDX-License-Identifier: MIT

// Package help holds the version and the help text of the program.
package help

import (
	_ "embed"
	"slices"
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

//go:embed summary.txt
var summary string

// VersionLine returns the output of --version for the program run as name. If
// name is not Name, the line begins like ipvsadm's, for scripts that parse the
// version of ipvsadm.
func VersionLine(name string) string {
	if name == Name {
		return Name + " " + Version + " (ipvsadm v1.31 and IPVS v" + ipvsVersion + ")\n"
	}
	return "ipvsadm v1.31 2019/12/24 (" + Name + " " + Version + " and IPVS v" + ipvsVersion + ")\n"
}

// Summary returns the output of -h for the program run as Name: the version line
// and the commands, on one screen.
func Summary() string {
	return VersionLine(Name) + strings.ReplaceAll(summary, "{name}", Name)
}

// Text returns the complete help for the program run as name: the version line,
// the commands and the options.
func Text(name string) string {
	helpEntry := "  -h, --help                     print this help"
	if name == Name {
		helpEntry = "  -h, --help [TOPIC]             print a summary, or help on a command or an\n" +
			continuationIndent + " option; with the TOPIC all, this text"
	}
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
		"{help}", helpEntry,
		"{schedulers}", schedulers.String(),
	).Replace(text)
}

// Excerpt returns the entries of the given flags from the help text, under the
// headings of their sections.
func Excerpt(flags []string) string {
	var excerpt strings.Builder
	isKept := false // the current section has a kept entry
	for section := range strings.SplitSeq(strings.TrimSuffix(Text(Name), "\n"), "\n\n") {
		heading, hasEntries, isKeptEntry := "", false, false
		var entries strings.Builder
		for line := range strings.Lines(section + "\n") {
			isNote := strings.HasPrefix(line, "    ") && line[4] != ' '
			spellings, _, ok := cutEntry(line)
			switch {
			case ok:
				hasEntries = true
				isKeptEntry = slices.ContainsFunc(spellings, func(s string) bool { return slices.Contains(flags, s) })
			case isNote: // lists the options of a command, which have separate entries
				isKeptEntry = false
			case line[0] != ' ':
				heading += line
			}
			if isKeptEntry {
				entries.WriteString(line)
			}
		}
		if hasEntries { // a paragraph without entries belongs to the section before it
			isKept = entries.Len() > 0
		}
		if isKept {
			excerpt.WriteString("\n" + heading + entries.String())
		}
	}
	return strings.TrimPrefix(excerpt.String(), "\n")
}

// Summaries returns a one-line description of each flag, parsed from the help
// text. The description of an entry continues on lines indented by
// continuationIndent or more.
func Summaries() map[string]string {
	summaries := make(map[string]string)
	lines := strings.Split(Text(Name), "\n")
	for i, line := range lines {
		spellings, description, ok := cutEntry(line)
		if !ok {
			continue
		}
		for _, next := range lines[i+1:] {
			if !strings.HasPrefix(next, continuationIndent) {
				break
			}
			description += next
		}
		for _, flag := range spellings {
			summaries[flag] = shorten(description)
		}
	}
	return summaries
}

// cutEntry returns the flags and the description of an entry of the help text: a
// line that begins with the spellings of a flag and its arguments, followed by at
// least two spaces and the description.
func cutEntry(line string) (flags []string, description string, ok bool) {
	spellings, description, ok := strings.Cut(strings.TrimPrefix(line, "  "), "  ")
	if !ok || !strings.HasPrefix(line, "  -") {
		return nil, "", false
	}
	for spelling := range strings.SplitSeq(spellings, ", ") {
		if !strings.HasPrefix(spelling, "-") {
			break
		}
		flag, _, _ := strings.Cut(spelling, " ")
		flag, _, _ = strings.Cut(flag, "[")
		flags = append(flags, flag)
	}
	return flags, description, true
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
