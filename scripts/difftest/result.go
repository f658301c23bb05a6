// SPDX-License-Identifier: MIT

// Results of commands and their comparison. Results must be equal byte for byte, except for the
// intended differences listed in docs/COMPATIBILITY.md.

package difftest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Result is the output and exit status of a command.
type Result struct {
	Status         int // exit status, or the negative number of the signal that killed the command
	Stdout, Stderr string
}

// String formats r with quoted lines.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n", r.Status)
	for _, stream := range []struct{ name, text string }{{"stdout", r.Stdout}, {"stderr", r.Stderr}} {
		for _, line := range strings.SplitAfter(stream.text, "\n") {
			if line != "" {
				fmt.Fprintf(&b, "%s %q\n", stream.name, line)
			}
		}
	}
	return b.String()
}

// Texts are the outputs of -v and -h, which intentionally differ.
type Texts struct {
	Version, Help string
}

// maskTexts replaces the texts in the output of a program with tokens.
func (t Texts) maskTexts(output string) string {
	output = strings.ReplaceAll(output, t.Help, "<help>\n")
	return strings.ReplaceAll(output, t.Version, "<version>\n")
}

var (
	savedThresholds  = regexp.MustCompile(`(?m)^(-a .* -w \d+)(?: -x \d+)?(?: -y \d+)?( --tun-type .*)?$`)
	lineNumberPrefix = regexp.MustCompile(`(?m)^line \d+: `)
	controlCharacter = regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]`)
)

// nonRoundTripNames match the names in testdata's hosts file that ipvsadm -R cannot read back:
// names of IPv6 addresses, a name that is too long, and a name of two hosts. ipvsadm saves the
// names; goipvsadm saves the addresses, which the patterns also match.
var nonRoundTripNames = []struct {
	pattern *regexp.Regexp
	token   string
}{
	{regexp.MustCompile(` \[\S*`), " <IPv6>"},
	{regexp.MustCompile(` (?:a-name-of-sixty-three|10\.1\.1\.8:)\S*`), " <long>"},
	{regexp.MustCompile(` (?:multi|192\.168\.7\.[12]):`), " <multi>:"},
}

// maskNonRoundTripNames replaces the names in nonRoundTripNames, and their addresses, with tokens.
func maskNonRoundTripNames(output string) string {
	for _, n := range nonRoundTripNames {
		output = n.pattern.ReplaceAllString(output, n.token)
	}
	return output
}

// removeKnownDifferences removes the intended differences from goipvsadm's result of a command.
// Each difference is tested in known_differences_kernel_test.go.
func removeKnownDifferences(c Command, ours Result) Result {
	if isSave(c) {
		ours.Stdout = savedThresholds.ReplaceAllString(ours.Stdout, "$1$2")
	}
	if isRestore(c) {
		ours.Stderr = lineNumberPrefix.ReplaceAllString(ours.Stderr, "")
	}
	return ours
}

// Same reports whether goipvsadm's result of a command is equal to that of the real ipvsadm,
// apart from the known differences.
func Same(c Command, reference, ours Result, referenceTexts, ourTexts Texts) bool {
	ours = removeKnownDifferences(c, ours)
	reference.Stdout = referenceTexts.maskTexts(reference.Stdout)
	ours.Stdout = ourTexts.maskTexts(ours.Stdout)
	if isRestore(c) { // goipvsadm escapes control characters of the rules in errors
		reference.Stderr = controlCharacter.ReplaceAllStringFunc(reference.Stderr, func(s string) string { return fmt.Sprintf(`\x%02x`, s[0]) })
	}
	if isSave(c) && !isNumeric(c) {
		reference.Stdout, ours.Stdout = maskNonRoundTripNames(reference.Stdout), maskNonRoundTripNames(ours.Stdout)
	}
	return ours == reference
}

// commandName returns the first letter of the first short option, or the name of the first long
// option, whichever comes first.
func commandName(c Command) string {
	for _, arg := range c.Args[1:] {
		switch {
		case strings.HasPrefix(arg, "--") && len(arg) > 2:
			name, _, _ := strings.Cut(arg[2:], "=")
			return name
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			return arg[1:2]
		}
	}
	return ""
}

func isRestore(c Command) bool {
	return slices.Contains([]string{"R", "restore"}, commandName(c)) || c.Args[0] == "ipvsadm-restore"
}

func isSave(c Command) bool {
	return slices.Contains([]string{"S", "save"}, commandName(c)) || c.Args[0] == "ipvsadm-save" ||
		isRestore(c) && (strings.Contains(c.Stdin, "-S") || strings.Contains(c.Stdin, "--save"))
}

func isNumeric(c Command) bool {
	return slices.ContainsFunc(c.Args[1:], func(arg string) bool { return arg == "-n" || arg == "-Sn" || arg == "--numeric" })
}

// Without returns r without the output lines that are also in other.
func (r Result) Without(other Result) Result {
	return Result{
		Status: r.Status,
		Stdout: linesWithout(r.Stdout, other.Stdout),
		Stderr: linesWithout(r.Stderr, other.Stderr),
	}
}

func linesWithout(text, other string) string {
	others := make(map[string]int)
	for line := range strings.Lines(other) {
		others[line]++
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if others[line]--; others[line] < 0 {
			b.WriteString(line)
		}
	}
	return b.String()
}

// SortListing sorts the services of a listing or a saved table, and the servers of each service.
func SortListing(listing string) string {
	type service struct {
		head    string
		servers []string
	}
	var sections []string
	var services []service
	flush := func() {
		slices.SortFunc(services, func(a, b service) int { return strings.Compare(a.head, b.head) })
		for _, s := range services {
			slices.Sort(s.servers)
			sections = append(sections, s.head)
			sections = append(sections, s.servers...)
		}
		services = nil
	}
	for _, line := range strings.SplitAfter(listing, "\n") {
		switch {
		case isServiceLine(line):
			services = append(services, service{head: line})
		case len(services) > 0 && (strings.HasPrefix(line, "  ->") || strings.HasPrefix(line, "-a ")):
			last := &services[len(services)-1]
			last.servers = append(last.servers, line)
		default:
			flush()
			sections = append(sections, line)
		}
	}
	flush()
	return strings.Join(sections, "")
}

func isServiceLine(line string) bool {
	return slices.ContainsFunc([]string{"-A ", "TCP  ", "UDP  ", "SCTP ", "FWM  "}, func(prefix string) bool {
		return strings.HasPrefix(line, prefix)
	})
}
