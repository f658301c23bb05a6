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
