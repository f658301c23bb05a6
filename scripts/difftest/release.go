// SPDX-License-Identifier: MIT

// Releases of the real ipvsadm. goipvsadm prints the messages of Debian 12's release (1.31-1).
// Messages that differ in a later release are translated to Debian 12's before the comparison.

package difftest

import "strings"

// Release is a release of the real ipvsadm. All of them print version 1.31; they are identified
// by their error message for Probe.
type Release struct {
	Name         string
	ProbeMessage string            // error output of Probe
	ToDebian12   map[string]string // lines of messages that differ, and Debian 12's text for each
}

// Probe is an invalid command for which each release has a different error message.
var Probe = Command{Args: []string{"ipvsadm", "-A", "-6", "-f", "1"}}

// Releases are the known releases; the first is that of Debian 12.
var Releases = []Release{
	{Name: "1.31 as in Debian 11 and 12", ProbeMessage: "-6 used before -f\n\n"},
	{Name: "1.31-5 as in Debian 13 and later", ProbeMessage: "-6 must follow -f\n\n",
		ToDebian12: map[string]string{"-6 must follow -f\n": "-6 used before -f\n"}},
}

// FindRelease returns the release with the given error message for Probe, or a Release without
// translations if it is unknown.
func FindRelease(probeMessage string) Release {
	for _, r := range Releases {
		if r.ProbeMessage == probeMessage {
			return r
		}
	}
	return Release{Name: "(unknown release: " + strings.TrimSpace(probeMessage) + ")", ProbeMessage: probeMessage}
}

// Translate converts error messages to those of Debian 12's release.
func (r Release) Translate(messages string) string {
	if len(r.ToDebian12) == 0 {
		return messages
	}
	var b strings.Builder
	for line := range strings.Lines(messages) {
		if translated, ok := r.ToDebian12[line]; ok {
			line = translated
		}
		b.WriteString(line)
	}
	return b.String()
}
