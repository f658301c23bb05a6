// What a program answered, and when two answers count as the same: always byte for
// byte, except where docs/COMPATIBILITY.md lists a deliberate difference.

package difftest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An Answer is what a command printed and how it ended. Status is the exit status,
// or minus the number of the signal that ended it.
type Result struct {
	Status         int
	Stdout, Stderr string
}

// String shows an answer with every byte visible.
func (a Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n", a.Status)
	for _, stream := range []struct{ name, text string }{{"stdout", a.Stdout}, {"stderr", a.Stderr}} {
		for _, line := range strings.SplitAfter(stream.text, "\n") {
			if line != "" {
				fmt.Fprintf(&b, "%s %q\n", stream.name, line)
			}
		}
	}
	return b.String()
}

// Texts are the two texts that each program words in its own way.
type Texts struct {
	Version, Help string
}

// blank puts a token where the program's own words stood.
func (t Texts) maskTexts(output string) string {
	output = strings.ReplaceAll(output, t.Help, "<help>\n")
	return strings.ReplaceAll(output, t.Version, "<version>\n")
}

var (
	savedThresholds  = regexp.MustCompile(`(?m)^(-a .* -w \d+)(?: -x \d+)?(?: -y \d+)?( --tun-type .*)?$`)
	lineNumberPrefix = regexp.MustCompile(`(?m)^line \d+: `)
	controlCharacter = regexp.MustCompile(`[\x00-\x09\x0b-\x1f\x7f]`)
)

// liars are the names of the comparison's hosts file that do not read back, as ipvsadm
// saves them or as the numbers that ours saves: IPv6 addresses, a name that is too long,
// and one that two hosts have.
var nonRoundTripNames = []struct {
	either *regexp.Regexp
	token  string
}{
	{regexp.MustCompile(` \[\S*`), " <IPv6>"},
	{regexp.MustCompile(` (?:a-name-of-sixty-three|10\.1\.1\.8:)\S*`), " <long>"},
	{regexp.MustCompile(` (?:multi|192\.168\.7\.[12]):`), " <multi>:"},
}

// withoutLiars puts a token for each.
func maskNonRoundTripNames(output string) string {
	for _, l := range nonRoundTripNames {
		output = l.either.ReplaceAllString(output, l.token)
	}
	return output
}

// asIpvsadm takes the deliberate differences out of our answer to a command, so that
// what is left must be what ipvsadm answers, and gives the status that ours must have.
// Each of them has a test of its own in deviations_kernel_test.go.
func removeKnownDifferences(c Command, ours Result, status int) (Result, int) {
	if isSave(c) {
		ours.Stdout = savedThresholds.ReplaceAllString(ours.Stdout, "$1$2")
	}
	if isRestore(c) {
		failed := len(lineNumberPrefix.FindAllString(ours.Stderr, -1))
		ours.Stderr = lineNumberPrefix.ReplaceAllString(ours.Stderr, "")
		status = restoreStatus(failed, status)
	}
	return ours, status
}

// restoreStatus is the status that -R must have in ours, that of the first line that
// failed, when ipvsadm has that of its last line. Both read on only after a line whose
// status is 255, so a failed line that was not the last one had 255.
func restoreStatus(failed, last int) int {
	switch {
	case failed == 0, failed == 1 && last != 0:
		return last
	default:
		return 255
	}
}

// Same compares our answer to a command with that of the real ipvsadm.
func Same(c Command, reference, ours Result, referenceTexts, ourTexts Texts) bool {
	ours, reference.Status = removeKnownDifferences(c, ours, reference.Status)
	reference.Stdout = referenceTexts.maskTexts(reference.Stdout)
	ours.Stdout = ourTexts.maskTexts(ours.Stdout)
	if isRestore(c) {
		reference.Stderr = controlCharacter.ReplaceAllStringFunc(reference.Stderr, func(s string) string { return fmt.Sprintf(`\x%02x`, s[0]) })
	}
	if isSave(c) && !isNumeric(c) {
		reference.Stdout, ours.Stdout = maskNonRoundTripNames(reference.Stdout), maskNonRoundTripNames(ours.Stdout)
	}
	return ours == reference
}

// command tells the short letter or the long name that the first option begins with.
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

// Without is an answer less the lines of another: what there is to say about two tables
// that differ.
func (a Result) Without(other Result) Result {
	return Result{
		Status: a.Status,
		Stdout: linesWithout(a.Stdout, other.Stdout),
		Stderr: linesWithout(a.Stderr, other.Stderr),
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

// Canonical brings the services of a listing, and the servers of each, into an order
// that does not depend on the kernel's.
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
