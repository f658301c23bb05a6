package command

import "testing"

// The namespace may be named before the command, unlike all else.
func TestNamespaceFirst(t *testing.T) {
	const try = "255 Try `NAME -h' or 'NAME --help' for more information."
	for _, tt := range []struct {
		line, netns, want string
		verb              Verb
	}{
		{"-N web -C", "web", "", Flush},
		{"-C -N web", "web", "", Flush},
		{"--netns=web --set 1 2 3", "web", "", SetTimeouts},
		{"-Nweb -L -n", "web", "", List},
		{"-N web", "web", "", List},
		{"-L -N /proc/1/ns/net", "/proc/1/ns/net", "", List},
		{"-N web -n", "", try, 0},
		{"-N web foo", "", try, 0},
		{"-N", "", try, 0},
		{"-n -N web -L", "", try, 0},
		{"-N a -L -N b", "", "2 multiple 'netns' options specified", 0},
		{"-L -N ''", "", "2 illegal network namespace specified", 0},
	} {
		p := testParser(t)
		if tt.want != "" {
			if got := outcome(p, tt.line); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
			}
			continue
		}
		var c Command
		if err := p.Parse(words(tt.line), &c); err != nil || c.NetNS != tt.netns || c.Verb != tt.verb {
			t.Errorf("%s: %s in %q, %v", tt.line, c.Verb, c.NetNS, err)
		}
	}
}
