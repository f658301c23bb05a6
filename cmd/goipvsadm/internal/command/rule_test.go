package command

import "testing"

func TestRulesCannotDoAll(t *testing.T) {
	const try = "Try `NAME -h' or 'NAME --help' for more information."
	for _, tt := range []struct{ line, want string }{
		{"-A -t 192.0.2.1:80", ""},
		{"-L -n", ""},
		{"-S --all", ""},
		{"-Z", ""},
		{"-h", ""},
		{"-A -t 192.0.2.1:80 -w 1", "Illegal 'weight' option with the 'add-service' command"},
		{"-R", try},
		{"--check", try},
		{"--apply --verbose", try},
		{"--diff", try},
		{"--doctor", try},
		{"--doctor --probe -t 192.0.2.1:80", try},
		{"-C -N other", "Illegal 'netns' option in a rule"},
		{"-L --watch", "Illegal 'watch' option in a rule"},
	} {
		var cmd Command
		got := ""
		if err := testParser(t).ParseRule(words(tt.line), &cmd); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
}
