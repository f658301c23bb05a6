// Package help holds the texts that the program prints about itself: its
// version and the summary of its commands and options.
package help

import (
	_ "embed"
	"regexp"
	"strings"
	"sync"

	"goipvsadm/sched"
)

// Version is the version of goipvsadm. The linker may set another one.
var Version = "1.0.0"

// ipvsVersion is the version of IPVS whose interface the program speaks.
const ipvsVersion = "1.2.1"

// own is the name under which the program is not mistaken for another.
const own = "goipvsadm"

//go:embed help.txt
var text string

// VersionLine returns what --version prints of the program run under name.
// Under any name but its own it answers like ipvsadm, for scripts that look
// for the version of that.
func VersionLine(name string) string {
	if name == own {
		return own + " " + Version + " (ipvsadm v1.31 and IPVS v" + ipvsVersion + ")\n"
	}
	return "ipvsadm v1.31 2019/12/24 (" + own + " " + Version + " and IPVS v" + ipvsVersion + ")\n"
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

// Summary returns in a few words what a flag does, "" for one that there is
// not.
func Summary(flag string) string { return summaries()[flag] }

// explained matches a line of the text that explains a flag: the flag's
// spellings and what may follow them, and the explanation, of which the rest
// is indented. Which other flag it is for is no part of that.
var explained = regexp.MustCompile(`(?m)^  (-[^ ,\[]+(?:, -[^ ,\[]+)*)\S*(?: \S+)* {2,}(?:(?:with|after) -\w: )?(.*(?:\n {30,}.*)*)`)

var summaries = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	for _, m := range explained.FindAllStringSubmatch(Text(own), -1) {
		summary := strings.Join(strings.Fields(m[2]), " ")
		for _, end := range []string{" (", "; ", ": "} {
			summary, _, _ = strings.Cut(summary, end)
		}
		for flag := range strings.SplitSeq(m[1], ", ") {
			all[flag] = strings.TrimRight(summary, ".:")
		}
	}
	return all
})
