// SPDX-License-Identifier: MIT

package difftest

import "testing"

func TestFindRelease(t *testing.T) {
	for _, r := range Releases {
		if got := FindRelease(r.ProbeMessage); got.Name != r.Name {
			t.Errorf("FindRelease returned %s, want %s", got.Name, r.Name)
		}
		// The message for Probe is translated to that of Debian 12's release.
		if got := r.Translate(r.ProbeMessage); got != Releases[0].ProbeMessage {
			t.Errorf("%s: translated to %q, want %q", r.Name, got, Releases[0].ProbeMessage)
		}
		// Other lines are unchanged, even if they contain the same words.
		const other = "illegal real server address[:port] specified\nno -6 must follow -f\n"
		if got := r.Translate(other); got != other {
			t.Errorf("%s: translated to %q, want %q", r.Name, got, other)
		}
	}
	if got := FindRelease("unknown message\n"); got.Translate("-6 must follow -f\n") != "-6 must follow -f\n" {
		t.Errorf("%s has translations", got.Name)
	}
}
