// Which ipvsadm the reference is. Ours follows Debian 12's (1.31-1); a later release has
// other words in places, and no difference that is only of that kind is one of ours.

package difftest

import "strings"

// A Release is a version of the real ipvsadm. All of 1.31 call themselves so; what one
// says when asked Probe tells them apart.
type Release struct {
	Name         string
	ProbeMessage string            // on standard error, to Probe
	ToDebian12   map[string]string // whole lines of its messages, to those of Debian 12's
}

// Probe is a mistake that each release has its own words for.
var Probe = Command{Args: []string{"ipvsadm", "-A", "-6", "-f", "1"}}

// Releases are those known, ours' model first.
var Releases = []Release{
	{Name: "1.31 as in Debian 11 and 12", ProbeMessage: "-6 used before -f\n\n"},
	{Name: "1.31-5 as in Debian 13 and later", ProbeMessage: "-6 must follow -f\n\n",
		ToDebian12: map[string]string{"-6 must follow -f\n": "-6 used before -f\n"}},
}

// FindRelease tells which release answers Probe so. An answer that none gives makes a
// release of that name, with nothing to translate.
func FindRelease(says string) Release {
	for _, r := range Releases {
		if r.ProbeMessage == says {
			return r
		}
	}
	return Release{Name: "unknown, which answers " + strings.TrimSpace(says), ProbeMessage: says}
}

// Translate gives the messages of a release the words of Debian 12's.
func (r Release) Translate(messages string) string {
	if len(r.ToDebian12) == 0 {
		return messages
	}
	var b strings.Builder
	for line := range strings.Lines(messages) {
		if model, ok := r.ToDebian12[line]; ok {
			line = model
		}
		b.WriteString(line)
	}
	return b.String()
}
