package command

import "testing"

// Options that only a listing has need no -L before them.
func TestImpliedCommand(t *testing.T) {
	p := testParser(t)
	for _, tt := range []struct{ line, same string }{
		{"-j", "-L -j"},
		{"-jn", "-L -jn"},
		{"--json --timeout", "-L --json --timeout"},
		{"-j -L", "-L -j"},
		{"-j --list -c", "-L -j -c"},
		{"-j --doctor", "--doctor -j"},
		{"--top 3 --doctor", "--doctor --top 3"},
		{"--top 5 -n", "-L --top 5 -n"},
		{"--watch", "-L --watch"},
		{"--watch=3 -t 192.0.2.1:80", "-L --watch=3 -t 192.0.2.1:80"},
		{"-N blue -j", "-L -N blue -j"},
		{"-j -t", "-L -j -t"},
		{"--top x", "-L --top x"},
	} {
		var c, same Command
		err, sameErr := p.Parse(words(tt.line), &c), error(nil)
		sameErr = p.Parse(words(tt.same), &same)
		if c != same || (err == nil) != (sameErr == nil) || err != nil && err.Error() != sameErr.Error() {
			t.Errorf("%s: %+v, %v; %s: %+v, %v", tt.line, c, err, tt.same, same, sameErr)
		}
	}
	for line, want := range map[string]string{
		"-j -C":       "2 invalid option `-C'",
		"-j -L -L":    "2 invalid option `-L'",
		"-j -A -t x":  "2 invalid option `-A'",
		"--all":       tryLine,
		"--drain":     tryLine,
		"--verbose":   tryLine,
		"-n -j":       tryLine,
		"-t web1 -j":  tryLine,
		"--top":       tryLine,
		"--json=yes":  tryLine,
		"--keep-weig": tryLine,
	} {
		if got := outcome(p, line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
