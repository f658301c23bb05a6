// SPDX-License-Identifier: MIT

package command

import "testing"

func TestParseRule(t *testing.T) {
	const usageText = "Try `NAME -h' or 'NAME --help' for more information."
	for _, tt := range []struct {
		line    string
		wantErr string
	}{
		{line: "-A -t 192.0.2.1:80"},
		{line: "-L -n"},
		{line: "-S --all"},
		{line: "-Z"},
		{line: "-h"},
		{line: "-A -t 192.0.2.1:80 -w 1", wantErr: "Illegal 'weight' option with the 'add-service' command"},
		{line: "-R", wantErr: usageText},
		{line: "--check", wantErr: usageText},
		{line: "--apply --verbose", wantErr: usageText},
		{line: "--diff", wantErr: usageText},
		{line: "--doctor", wantErr: usageText},
		{line: "--monitor=5 -n", wantErr: usageText},
		{line: "--doctor --probe -t 192.0.2.1:80", wantErr: usageText},
		{line: "-C -N other", wantErr: "option 'netns' is not allowed in a rule"},
		{line: "-L --watch", wantErr: "option 'watch' is not allowed in a rule"},
	} {
		var cmd Command
		if err := testParser(t).ParseRule(splitWords(tt.line), &cmd); errorText(err) != tt.wantErr {
			t.Errorf("%s: error %q, want %q", tt.line, errorText(err), tt.wantErr)
		}
	}
}
