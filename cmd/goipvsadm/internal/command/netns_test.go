// SPDX-License-Identifier: MIT

package command

import "testing"

// TestParseNetNS checks that --netns, unlike other options, may precede the
// command.
func TestParseNetNS(t *testing.T) {
	for _, tt := range []struct {
		line, netns string
		verb        Verb
	}{
		{line: "-N web -C", netns: "web", verb: Flush},
		{line: "-C -N web", netns: "web", verb: Flush},
		{line: "--netns=web --set 1 2 3", netns: "web", verb: SetTimeouts},
		{line: "-Nweb -L -n", netns: "web", verb: List},
		{line: "-N web", netns: "web", verb: List},
		{line: "-L -N /proc/1/ns/net", netns: "/proc/1/ns/net", verb: List},
	} {
		var c Command
		err := testParser(t).Parse(splitWords(tt.line), &c)
		if err != nil || c.Verb != tt.verb || c.NetNS != tt.netns {
			t.Errorf("%s: command %s, namespace %q, error %v; want %s, %q", tt.line, c.Verb, c.NetNS, err, tt.verb, tt.netns)
		}
	}
	runLineTests(t, []lineTest{
		{line: "-N web -n", want: usageError},
		{line: "-N web foo", want: usageError},
		{line: "-N", want: usageError},
		{line: "-n -N web -L", want: usageError},
		{line: "-N a -L -N b", want: "2 multiple 'netns' options specified"},
		{line: "-L -N ''", want: "2 illegal network namespace specified"},
	})
}
