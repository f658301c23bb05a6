// SPDX-License-Identifier: MIT

package command

import (
	"slices"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/help"
)

func TestHelpTopic(t *testing.T) {
	const service = "-t -u --sctp-service -f -6"
	for _, tt := range []struct{ topic, described, commands string }{
		{topic: "d", described: "-d " + service + " -r -j --drain --all-services"},
		{topic: "-d", described: "-d " + service + " -r -j --drain --all-services"},
		{topic: "delete-server", described: "-d " + service + " -r -j --drain --all-services"},
		{topic: "D", described: "-D " + service},
		{topic: "S", described: "-S -n --all"},
		{topic: "C", described: "-C"},
		{topic: "diff", described: "--diff --keep-weights --allow-empty"},
		{topic: "drain", described: "--drain", commands: "-d"},
		{topic: "--drain", described: "--drain", commands: "-d"},
		{topic: "weight", described: "-w", commands: "-a -e"},
		{topic: "n", described: "-n", commands: "-L -S --doctor --monitor"},
		{topic: "sort", described: "--sort", commands: "-L"},
		{topic: "syncid", described: "--syncid", commands: "--start-daemon --stop-daemon"},
		{topic: "netns", described: "-N"},
		{topic: ""},
		{topic: "-"},
		{topic: "="},
		{topic: "drai"},
		{topic: "Drain"},
		{topic: "-dn"},
	} {
		described, commands := HelpTopic(tt.topic)
		if got := strings.Join(described, " "); got != tt.described {
			t.Errorf("topic %q describes %q, want %q", tt.topic, got, tt.described)
		}
		if got := strings.Join(commands, " "); got != tt.commands {
			t.Errorf("topic %q has the commands %q, want %q", tt.topic, got, tt.commands)
		}
	}
}

// TestHelpTopicEveryFlag checks that each flag is a topic, and that the help text has an
// entry for it.
func TestHelpTopicEveryFlag(t *testing.T) {
	for _, topic := range HelpTopics() {
		described, _ := HelpTopic(topic)
		if !slices.ContainsFunc(described, func(flag string) bool { return strings.HasPrefix(flag, "-") }) || help.Excerpt(described) == "" {
			t.Errorf("no help on %s", topic)
		}
	}
}

// TestParseHelpTopics checks that the word after --help is a topic with DetailedErrors, but
// is ignored without them, as by ipvsadm.
func TestParseHelpTopics(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{line: "-h", want: ""},
		{line: "-h drain", want: "drain"},
		{line: "-h -d", want: "-d"},
		{line: "-h -d -t", want: "-d"},
		{line: "--help drain", want: "drain"},
		{line: "--help=drain", want: "drain"},
		{line: "--help=--drain", want: "--drain"},
		{line: "-N x -h drain", want: "drain"},
	} {
		p := testParser(t)
		p.DetailedErrors = true
		var c Command
		if err := p.Parse(splitWords(tt.line), &c); err != nil || c.Verb != Help || c.HelpTopic != tt.want {
			t.Errorf("%s: %s with topic %q, error %v; want %q", tt.line, c.Verb, c.HelpTopic, err, tt.want)
		}
		p.DetailedErrors = false
		if err := p.Parse(splitWords(tt.line), &c); err == nil && (c.Verb != Help || c.HelpTopic != "") {
			t.Errorf("%s: %s with topic %q as ipvsadm, want help", tt.line, c.Verb, c.HelpTopic)
		}
	}
}
